//! Why a secret cannot be made, changed or read back.

use crate::{
    admin::problem::{Problem, lines},
    domain::{CredentialStatus, OpenError, SealError, SecretId},
    store::StoreError,
};

/// Why a secret cannot be made, changed or read back.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Some fields are not as they should be.
    #[error("{}", lines(.0))]
    Invalid(Vec<Problem>),
    /// There is no key to seal and open secrets with.
    #[error("the configuration has no `sealing`, expected a key under which secrets are kept")]
    NoSealing,
    /// A secret that is no longer good is not replaced.
    #[error("the secret {id} is {}, so it cannot be rotated: create a new one", status.code())]
    Ended {
        /// The secret.
        id: SecretId,
        /// What it is instead of active.
        status: CredentialStatus,
    },
    /// A secret is replaced once.
    #[error("the secret {0} was rotated already: rotate the secret that replaced it")]
    Replaced(SecretId),
    /// It cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// It cannot be opened.
    #[error("the secret {id} cannot be read back: {error}")]
    Open {
        /// The secret.
        id: SecretId,
        /// Why not.
        error: OpenError,
    },
    /// It is none that this program keeps.
    #[error("the secret {0} is no text")]
    NoText(SecretId),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Problem> for SecretError {
    fn from(problem: Problem) -> Self {
        Self::Invalid(vec![problem])
    }
}
