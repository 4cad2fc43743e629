//! Where keys are kept: the trait, its implementations, and the cache in front of them.

mod cached;
#[cfg(test)]
pub(crate) mod fixture;
mod sqlite;

use std::fmt;

use crate::domain::{ApiName, CredentialHash, KeyId, KeyRecord, Timestamp};

pub use cached::CachedKeys;
pub use sqlite::SqliteStore;

/// Counts the changes of a store: greater is later. 0 stands before the first change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Version(pub u64);

/// What a look-up found, and the store's version in the very snapshot that it was read from.
#[derive(Debug, Clone)]
pub struct Found {
    /// The key, if there is one with this hash.
    pub record: Option<KeyRecord>,
    /// The last change that the answer knows of.
    pub version: Version,
}

/// One change of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Its place among all changes.
    pub version: Version,
    /// The key that it concerns.
    pub hash: CredentialHash,
}

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, is locked for too long, or is damaged: nothing is known about the key.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What it holds makes no sense to this program.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
    /// A key with this id, hash or predecessor is there already.
    #[error("a key with this {0} is there already")]
    Exists(UniqueField),
    /// No key has this id. It is not repeated: what was asked for may be a key, by mistake.
    #[error("no key has this id")]
    NotFound(KeyId),
    /// The key is revoked, so nothing may replace it.
    #[error("the key {0} is revoked")]
    Revoked(KeyId),
}

/// What no two keys of a store share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UniqueField {
    /// The key's id.
    Id,
    /// The hash of the key.
    Hash,
    /// The key that it replaces.
    Predecessor,
}

impl fmt::Display for UniqueField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "id",
            Self::Hash => "hash",
            Self::Predecessor => "predecessor",
        })
    }
}

/// Which keys a list shows.
#[derive(Debug, Clone, Default)]
pub struct KeyFilter {
    /// Only keys that serve this API.
    pub api: Option<ApiName>,
}

/// Keeps key records, their times to the millisecond. A change is durable before it is acknowledged, and
/// writes its version into the change table within its own transaction.
pub trait KeyStore: Send + Sync + fmt::Debug + 'static {
    /// The key with this hash.
    fn find(&self, hash: CredentialHash) -> impl Future<Output = Result<Found, StoreError>> + Send;

    /// The changes after `since`, in order: all of them, or the first of very many. None means that there are
    /// no more.
    fn changes(&self, since: Version) -> impl Future<Output = Result<Vec<Change>, StoreError>> + Send;

    /// The version of the last change.
    fn version(&self) -> impl Future<Output = Result<Version, StoreError>> + Send;

    /// The key with this id.
    fn get(&self, id: &KeyId) -> impl Future<Output = Result<KeyRecord, StoreError>> + Send;

    /// The keys that the filter lets through, oldest first.
    fn list(&self, filter: &KeyFilter) -> impl Future<Output = Result<Vec<KeyRecord>, StoreError>> + Send;

    /// Adds all these keys, or none of them.
    fn insert(&self, records: &[KeyRecord]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Adds the key that replaces `old` and ends the old one at `overlap_ends` (or earlier, where it ended
    /// earlier anyway): both, or nothing. A key can be replaced once, and a revoked one cannot.
    fn rotate(
        &self,
        old: &KeyId,
        successor: &KeyRecord,
        overlap_ends: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Revokes a key at once and for ever; one that is revoked already stays as it was.
    /// Returns the record as it is now.
    fn revoke(&self, id: &KeyId, at: Timestamp)
    -> impl Future<Output = Result<KeyRecord, StoreError>> + Send;
}
