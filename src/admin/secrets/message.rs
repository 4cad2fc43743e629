//! A secret's record as a message of the admin API.

use crate::{
    admin::{
        json::wire,
        proto::{Secret, secret::Status},
    },
    domain::{CredentialStatus, SecretRecord, Timestamp},
};

impl Secret {
    /// The message about a secret, as it is at `now`.
    #[must_use]
    pub fn of(record: &SecretRecord, now: Timestamp) -> Self {
        let status = match record.status(now) {
            CredentialStatus::Active => Status::Active,
            CredentialStatus::Expired => Status::Expired,
            CredentialStatus::Revoked => Status::Revoked,
        };
        Self {
            id: record.id.to_string(),
            api: record.api.to_string(),
            project: record.project.to_string(),
            organization: record.organization.to_string(),
            sealing_key: record.sealed.key.to_string(),
            status: status.into(),
            created: Some(wire(record.created)),
            expires: record.expires.map(wire),
            revoked: record.revoked.map(wire),
            rotated_from: record.rotated_from.as_ref().map(ToString::to_string),
        }
    }
}
