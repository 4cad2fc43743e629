//! Keeping the secrets with which projects sign.

use crate::domain::{
    ApiName, Author, OrganizationId, ProjectId, ProjectSecrets, SealedSecret, SealingKeyId, SecretId,
    SecretRecord, Timestamp,
};

use super::{Changes, Finds, Page, PageRequest, StoreError};

/// The most secrets of one project that may be active for one API at once: the old and the new one while they
/// are rotated.
pub const ACTIVE_SECRETS_MAX: u32 = 2;

/// Which secrets a list shows.
#[derive(Debug, Clone, Default)]
pub struct SecretFilter {
    /// Only secrets that serve one of these APIs.
    pub apis: Option<Vec<ApiName>>,
    /// Only secrets of this organization.
    pub organization: Option<OrganizationId>,
    /// Only secrets of this project.
    pub project: Option<ProjectId>,
}

/// Keeps sealed secrets, their times to the millisecond. As with keys, a change is durable before it is
/// acknowledged, and writes its mark into the change table and its records into the audit log within its own
/// transaction.
pub trait SecretStore: Finds<ProjectSecrets> + Changes {
    /// The secret that this very request made within the day before `at`, if it made one. [`StoreError::RequestReused`]
    /// if the id is that of another request of the same author.
    fn secret_made_for(
        &self,
        by: &Author,
        at: Timestamp,
    ) -> impl Future<Output = Result<Option<SecretRecord>, StoreError>> + Send;

    /// Adds a secret. What a request makes is remembered with it for a day; the same request again is
    /// [`StoreError::Repeated`]. [`StoreError::TwoSecretsActive`] if more than [`ACTIVE_SECRETS_MAX`] of its project would
    /// be active for its API when it is created.
    fn insert_secret(
        &self,
        record: &SecretRecord,
        by: &Author,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The secret with this id.
    fn secret(&self, id: &SecretId) -> impl Future<Output = Result<SecretRecord, StoreError>> + Send;

    /// The secrets that the filter lets through, oldest first, those that have ended included.
    fn secrets(
        &self,
        filter: &SecretFilter,
        page: &PageRequest,
    ) -> impl Future<Output = Result<Page<SecretRecord>, StoreError>> + Send;

    /// Adds the secret that replaces `old` and ends the old one at `overlap_ends` (or earlier, where it ended
    /// earlier anyway): both, or nothing. A secret can be replaced once, a revoked one cannot, and no more may
    /// be active than by [`SecretStore::insert_secret`], which remembers requests alike.
    fn rotate_secret(
        &self,
        old: &SecretId,
        successor: &SecretRecord,
        overlap_ends: Timestamp,
        by: &Author,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Revokes a secret at once and for ever; one that is revoked already stays as it was.
    /// Returns the record as it is now.
    fn revoke_secret(
        &self,
        id: &SecretId,
        at: Timestamp,
        by: &Author,
    ) -> impl Future<Output = Result<SecretRecord, StoreError>> + Send;

    /// Puts `new` in the place of `expected`, the same secret under another sealing key. Returns whether it did:
    /// the secret may be gone, or sealed anew already.
    fn reseal(
        &self,
        id: &SecretId,
        expected: &SealedSecret,
        new: &SealedSecret,
        at: Timestamp,
        by: &Author,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// All secrets that are sealed under another key than this one, oldest first.
    fn secrets_not_sealed_under(
        &self,
        key: &SealingKeyId,
    ) -> impl Future<Output = Result<Vec<SecretRecord>, StoreError>> + Send;
}
