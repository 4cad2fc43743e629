//! The whole way: a client, a real Envoy, Doorward as it is shipped, and an upstream that tells what arrived.
//!
//! Each suite is a file. All of them run in parallel and in any order, on processes of their own that end with
//! them. Where a real part is missing the run fails: nothing is skipped.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by ending"
)]

mod harness;
#[expect(dead_code, reason = "another suite uses the rest")]
#[path = "../issuer/mod.rs"]
mod issuer;
#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../redis/mod.rs"]
mod redis_servers;

mod bad_input;
mod bytes;
mod denials;
mod documents;
mod fragments;
mod jwks;
mod lifecycle;
mod limits;
mod matrix;
mod naughty;
mod outage;
mod products;
mod sessions;
mod shared_limits;
mod shared_store;
mod signatures;
mod sockets;
mod spoofing;
mod stripping;
mod transport;
mod usage;
