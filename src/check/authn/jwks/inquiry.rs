//! Asking an issuer for its keys once, for whoever looks whether all is well.

use crate::{
    config::{JwtCredential, JwtKeys},
    domain::Timestamp,
};

use super::{
    KeySet,
    fetch::{self, FetchFault, Fetched},
    issuers,
};

/// What an issuer's keys are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquired {
    /// How many keys there are.
    pub count: usize,
    /// How many keys of the set cannot be used.
    pub skipped: usize,
    /// What time it is for the server that they came from.
    pub date: Option<Timestamp>,
}

/// Why an issuer's keys cannot be had. Nothing of it holds the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InquiryFault {
    /// The server cannot be reached.
    #[error("{0}")]
    Unreachable(String),
    /// What is there cannot be used, or may not be asked for.
    #[error("{0}")]
    Unusable(String),
}

/// Asks for the keys of a rule's tokens, past everything that is known.
///
/// # Errors
///
/// Why they cannot be had.
pub async fn inquire(rule: &JwtCredential) -> Result<Inquired, InquiryFault> {
    let fetched = match &rule.keys {
        JwtKeys::Jwks(keys) => fetch::jwks(keys).await?,
        JwtKeys::Discovery(keys) => fetch::discovered(keys, &rule.issuer).await?,
        JwtKeys::File(path) => {
            Fetched { set: issuers::read(path).map_err(InquiryFault::Unusable)?, date: None }
        }
        JwtKeys::Secret(secret) => Fetched { set: KeySet::of_secret(secret.expose()), date: None },
    };
    let Fetched { set, date } = fetched;
    Ok(Inquired { count: set.count(), skipped: set.skipped(), date })
}

impl From<FetchFault> for InquiryFault {
    fn from(fault: FetchFault) -> Self {
        let told = fault.to_string();
        match fault {
            FetchFault::Transport(_) | FetchFault::Status(_) => Self::Unreachable(told),
            _ => Self::Unusable(told),
        }
    }
}
