//! Where records are kept: the traits, their implementations, and the cache in front of them.

mod audit;
mod cached;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod kept;
mod keys;
mod organizations;
mod page;
mod postgres;
mod replicas;
mod secrets;
mod sessions;
mod sql;
mod sqlite;
mod usage;

use std::fmt::Debug;

use crate::domain::{
    KeyRecord, MemberRecord, OrganizationRecord, ProjectRecord, ProjectSecrets, SessionRecord,
};

pub(crate) use audit::Audited;
pub use audit::{AuditFilter, AuditStore, Deed};
pub use cached::{CachedStore, Inquiry};
pub use error::{StoreError, UniqueField};
pub use kept::{Kept, Mark, MarkError, RecordKind};
pub use keys::{KeyEdit, KeyFilter, KeyStore};
pub use organizations::{
    MemberFilter, MemberStore, OrganizationEdit, OrganizationFilter, OrganizationStore, ProjectFilter,
    ProjectStore,
};
pub use page::{Cursor, CursorError, Page, PageRequest, every_page};
pub use replicas::{ReplicaStore, Spread};
pub use secrets::{ACTIVE_SECRETS_MAX, SecretFilter, SecretStore};
pub use sessions::{SessionFilter, SessionStore};
pub use sql::{CopyError, CopyProgress, CopyStage, DocumentsRead, SqlStore};
pub use sqlite::{BackupError, Contents, Sqlite};
pub use usage::UsageStore;

/// Counts the changes of a store: greater is later. 0 stands before the first change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Version(pub u64);

/// What a look-up found, and the store's version in the very snapshot that it was read from.
#[derive(Debug, Clone)]
pub struct Found<R> {
    /// The record, if there is one with this name.
    pub record: Option<R>,
    /// The last change that the answer knows of.
    pub version: Version,
}

/// One change of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Its place among all changes.
    pub version: Version,
    /// The record that it concerns.
    pub mark: Mark,
}

/// Finds records of one kind.
pub trait Finds<R: Kept>: Send + Sync {
    /// The record with this name.
    fn find(&self, name: &R::Name) -> impl Future<Output = Result<Found<R>, StoreError>> + Send;
}

/// Tells what has changed.
pub trait Changes: Debug + Send + Sync + 'static {
    /// The changes after `since`, in order: all of them, or the first of very many. None means that there are
    /// no more.
    fn changes(&self, since: Version) -> impl Future<Output = Result<Vec<Change>, StoreError>> + Send;

    /// The version of the last change.
    fn version(&self) -> impl Future<Output = Result<Version, StoreError>> + Send;

    /// Returns when something may have changed since this was called last, sooner than the next poll would see it. Where
    /// nobody tells of changes it never returns; what it misses the next poll sees.
    fn woken(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

/// All that a Check asks of a store.
pub trait Lookups:
    Finds<KeyRecord>
    + Finds<SessionRecord>
    + Finds<OrganizationRecord>
    + Finds<ProjectRecord>
    + Finds<MemberRecord>
    + Finds<ProjectSecrets>
    + Changes
{
}

impl<S> Lookups for S where
    S: Finds<KeyRecord>
        + Finds<SessionRecord>
        + Finds<OrganizationRecord>
        + Finds<ProjectRecord>
        + Finds<MemberRecord>
        + Finds<ProjectSecrets>
        + Changes
{
}
