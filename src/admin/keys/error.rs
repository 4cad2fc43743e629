//! Why a key cannot be made or changed.

use std::io;

use crate::{
    admin::problem::{Problem, lines},
    domain::{CredentialStatus, KeyId},
    store::StoreError,
};

use super::import::LineProblems;

/// Why a key cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Some fields are not as they should be.
    #[error("{}", lines(.0))]
    Invalid(Vec<Problem>),
    /// A key that is no longer good is not replaced.
    #[error("the key {id} is {}, so it cannot be rotated: create a new one", status.code())]
    Ended {
        /// The key.
        id: KeyId,
        /// What it is instead of active.
        status: CredentialStatus,
    },
    /// A key is replaced once.
    #[error("the key {0} was rotated already: rotate the key that replaced it")]
    Replaced(KeyId),
    /// The lines of an import that cannot be taken over; nothing was.
    #[error("nothing was imported\n{0}")]
    Import(LineProblems),
    /// The import cannot be read.
    #[error("the import cannot be read after line {line}: {error}")]
    Read {
        /// The last line that was read.
        line: usize,
        /// What happened.
        error: io::Error,
    },
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Problem> for KeyError {
    fn from(problem: Problem) -> Self {
        Self::Invalid(vec![problem])
    }
}
