//! A secret's record as a message of the admin API.

use serde::{Serialize, Serializer};

use crate::{
    admin::{
        message::{code, wire},
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(crate) fn status<S: Serializer>(number: &i32, serializer: S) -> Result<S::Ok, S::Error> {
    let status = Status::try_from(*number).unwrap_or_default();
    code(status.as_str_name(), "STATUS_").serialize(serializer)
}
