//! Configuration: file and environment → a raw tree → [`Config`], made of domain types.
//!
//! One file per section. Whoever holds a [`Config`] holds something that was checked whole.

pub mod api;
pub mod cache;
pub mod credential;
pub mod denials;
pub mod listen;
pub mod principal_headers;
pub mod shutdown;
pub mod store;

use std::time::Duration;

pub use api::{Access, Ambiguity, Api, ClientAddress, Route};
pub use cache::CacheLimits;
pub use credential::{ApiKeyCredential, ChecksumRule, Credential, KeyPlace, PrefixRule};
pub use denials::{Denials, Hole, Part, Template};
pub use listen::{CheckAddress, CheckListener, Listen, Transport};
pub use principal_headers::PrincipalHeaders;
pub use shutdown::Shutdown;
pub use store::StoreLocation;

/// All that one process of Doorward is told, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub listen: Listen,
    /// Where keys are kept.
    pub store: StoreLocation,
    /// How much of the store is remembered, and for how long.
    pub cache: CacheLimits,
    /// How Envoy is told that the answer could not be found out.
    pub outage: Outage,
    /// The time that one Check may take before it is answered as unavailable; shorter than Envoy's own.
    pub budget: Duration,
    /// How it ends.
    pub shutdown: Shutdown,
    /// The products guarded. No host stands in two of them and no name is used twice.
    pub apis: Vec<Api>,
}

/// How Envoy is told that the answer could not be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// By `error_response`, which Envoy honours from 1.37 on.
    ErrorResponse,
    /// By a gRPC error, for older ones.
    GrpcError,
}
