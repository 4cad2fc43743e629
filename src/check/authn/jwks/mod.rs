//! The keys of issuers: read and judged (`key`, `set`), fetched (`fetch`), kept fresh (`source`, by what is `known`), and
//! shared by all policies that need them (`issuers`).

mod address;
mod fetch;
#[cfg(test)]
pub(super) mod fixture;
mod issuers;
mod key;
mod known;
mod roca;
mod set;
mod source;

pub use issuers::{IssuerKeys, Issuers};
pub use key::{Fingerprint, Key, Unusable};
pub use set::{KeySet, SET_BYTES_MAX, SetFault};
pub use source::{NoKey, Source};
