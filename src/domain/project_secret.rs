//! The secrets with which projects sign their requests.

use std::sync::Arc;

use super::{ApiName, OrganizationId, ProjectId, SealedSecret, SecretId, Timestamp};

/// What the store knows of one secret of a project. It can be read back, so it is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRecord {
    /// Its id.
    pub id: SecretId,
    /// The API that it serves; to every other API it is unknown.
    pub api: ApiName,
    /// The organization that owns the project.
    pub organization: OrganizationId,
    /// The project that signs with it.
    pub project: ProjectId,
    /// The secret, sealed.
    pub sealed: SealedSecret,
    /// When it was created.
    pub created: Timestamp,
    /// From when on it proves nothing.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// The secret that it replaces.
    pub rotated_from: Option<SecretId>,
}

impl SecretRecord {
    /// Whether a signature made with it proves anything at `now`.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

/// The secrets of one project for one API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSecrets {
    /// All of them, the youngest first, those that have ended included.
    pub secrets: Arc<[SecretRecord]>,
}
