//! The data plane as a library: Checks in, answers out, with a real store and a clock that stands still.
//! What Envoy makes of the answers is tested in `end_to_end`.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what went wrong by ending"
)]
#![expect(clippy::large_stack_arrays, reason = "tables of cases are long")]

mod allowed;
mod attempts;
mod cookies;
mod credentials;
mod door;
mod flood;
mod fragments;
mod guards;
#[path = "../issuer/mod.rs"]
mod issuer;
mod jwks;
mod limits;
mod origins;
mod properties;
mod recorded;
#[path = "../redis/mod.rs"]
mod redis_servers;
mod refusals;
mod sessions;
mod shadow;
mod signatures;
mod slow;
mod tenancy;
mod tokens;
mod usage;
