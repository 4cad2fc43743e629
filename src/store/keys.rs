//! Keeping keys.

use std::collections::BTreeMap;

use crate::domain::{
    ApiName, Author, CredentialStatus, KeyId, KeyRecord, OrganizationId, PlanName, ProjectId, ScopeSet,
    Timestamp,
};

use super::{Changes, Finds, Page, PageRequest, StoreError};

/// Which keys a list shows.
#[derive(Debug, Clone, Default)]
pub struct KeyFilter {
    /// Only keys that serve one of these APIs.
    pub apis: Option<Vec<ApiName>>,
    /// Only keys of this organization.
    pub organization: Option<OrganizationId>,
    /// Only keys that are confined to this project.
    pub project: Option<ProjectId>,
    /// Only keys that have this status at this moment.
    pub status: Option<(CredentialStatus, Timestamp)>,
    /// Only keys with a label of this name, and of this value if there is one.
    pub label: Option<(String, Option<String>)>,
    /// Only keys that were made at this moment or earlier.
    pub made_before: Option<Timestamp>,
    /// Only keys that expire at this moment or earlier.
    pub expires_before: Option<Timestamp>,
    /// Only keys that were made at this moment or earlier and not used after it.
    pub unused_since: Option<Timestamp>,
}

/// A change of one field of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyEdit {
    /// What its owner calls it.
    Name(String),
    /// What it may do.
    Scopes(ScopeSet),
    /// Its own plan.
    Plan(Option<PlanName>),
    /// From when on it is refused.
    Expires(Option<Timestamp>),
    /// All its labels.
    Labels(BTreeMap<String, String>),
}

/// Keeps key records, their times to the millisecond. A change is durable before it is acknowledged, and
/// writes its mark into the change table and its records into the audit log within its own transaction.
pub trait KeyStore: Finds<KeyRecord> + Changes {
    /// The key with this id.
    fn get(&self, id: &KeyId) -> impl Future<Output = Result<KeyRecord, StoreError>> + Send;

    /// The keys that the filter lets through, oldest first.
    fn list(
        &self,
        filter: &KeyFilter,
        page: &PageRequest,
    ) -> impl Future<Output = Result<Page<KeyRecord>, StoreError>> + Send;

    /// How many keys the filter lets through.
    fn count(&self, filter: &KeyFilter) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// The key that this very request made within the day before `at`, if it made one. [`StoreError::RequestReused`]
    /// if the id is that of another request of the same author.
    fn made_for(
        &self,
        by: &Author,
        at: Timestamp,
    ) -> impl Future<Output = Result<Option<KeyRecord>, StoreError>> + Send;

    /// Adds all these keys, or none of them. What a request makes is remembered with it for a day; the same request
    /// again is [`StoreError::Repeated`].
    fn insert(
        &self,
        records: &[KeyRecord],
        by: &Author,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Adds all these keys, which were made elsewhere, or none of them.
    fn import(
        &self,
        records: &[KeyRecord],
        by: &Author,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Makes all these changes, or none of them; whatever they do not name stays. [`StoreError::Revoked`] for a key
    /// that is revoked. Returns the record as it is now.
    fn update(
        &self,
        id: &KeyId,
        edits: &[KeyEdit],
        at: Timestamp,
        by: &Author,
    ) -> impl Future<Output = Result<KeyRecord, StoreError>> + Send;

    /// Adds the key that replaces `old` and ends the old one at `overlap_ends` (or earlier, where it ended
    /// earlier anyway): both, or nothing. A key can be replaced once, and a revoked one cannot.
    /// [`StoreError::Changed`] if it is no longer as `old` says: what was taken from it meanwhile must not live on in its
    /// successor. Requests are remembered as by [`KeyStore::insert`].
    fn rotate(
        &self,
        old: &KeyRecord,
        successor: &KeyRecord,
        overlap_ends: Timestamp,
        by: &Author,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Revokes a key at once and for ever; one that is revoked already stays as it was.
    /// Returns the record as it is now.
    fn revoke(
        &self,
        id: &KeyId,
        at: Timestamp,
        by: &Author,
    ) -> impl Future<Output = Result<KeyRecord, StoreError>> + Send;
}
