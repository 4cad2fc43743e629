//! `credentials`: what an API accepts as proof of who is asking.

use crate::domain::{Environment, HeaderName, KeyPrefix};

/// One kind of credential that an API accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// An API key.
    ApiKey(ApiKeyCredential),
}

/// The form of an API's keys and where they stand in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyCredential {
    /// How keys begin, longest prefix first, so that the first that fits is the right one.
    pub prefixes: Vec<PrefixRule>,
    /// Whether keys without checksum are looked up, too.
    pub checksum: ChecksumRule,
    /// Where a key may stand.
    pub from: Vec<KeyPlace>,
}

/// How the keys of one environment begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixRule {
    /// The prefix.
    pub prefix: KeyPrefix,
    /// Its environment; `None` where the product has none.
    pub environment: Option<Environment>,
}

/// Whether keys need a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumRule {
    /// A key without one is refused without a look-up.
    Required,
    /// Keys made elsewhere are accepted as well.
    Optional,
}

/// A place in the request where a key may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// A header: the key is its whole value, or what follows the scheme.
    Header {
        /// Its name.
        name: HeaderName,
        /// The authentication scheme before the key (RFC 9110, section 11.1), compared without case.
        scheme: Option<String>,
    },
    /// A query parameter.
    Query {
        /// Its name.
        name: String,
        /// The environments whose keys may stand here; empty is all.
        environments: Vec<Environment>,
    },
}
