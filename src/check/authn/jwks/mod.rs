//! The keys of issuers: read and judged (`key`, `set`), fetched (`fetch`), kept fresh (`source`, by what is `known`),
//! shared by all policies that need them (`issuers`), and asked for once by whoever looks after them (`inquiry`).

mod address;
mod fetch;
#[cfg(test)]
pub(super) mod fixture;
mod inquiry;
mod issuers;
mod key;
mod known;
mod roca;
mod set;
mod source;

pub use inquiry::{Inquired, InquiryFault, inquire};
pub use issuers::{IssuerKeys, Issuers};
pub use key::{Fingerprint, Key, Unusable};
pub use set::{KeySet, SET_BYTES_MAX, SetFault};
pub use source::{NoKey, Source};
