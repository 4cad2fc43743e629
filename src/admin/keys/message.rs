//! A key's record as a message of the admin API.

use crate::{
    admin::{
        json::wire,
        proto::{
            Key,
            key::{Kind, Status},
        },
    },
    domain::{CredentialStatus, KeyKind, KeyRecord, KeyUsage, Timestamp},
};

impl Key {
    /// The message about a key, as it is at `now`.
    #[must_use]
    pub fn of(record: &KeyRecord, now: Timestamp) -> Self {
        let kind = match record.kind {
            KeyKind::ApiKey => Kind::ApiKey,
            KeyKind::ServiceKey => Kind::ServiceKey,
        };
        let status = match record.status(now) {
            CredentialStatus::Active => Status::Active,
            CredentialStatus::Expired => Status::Expired,
            CredentialStatus::Revoked => Status::Revoked,
        };
        Self {
            id: record.id.to_string(),
            hint: record.hint.as_str().to_owned(),
            name: record.name.clone(),
            kind: kind.into(),
            apis: record.apis.iter().map(ToString::to_string).collect(),
            organization: record.organization.to_string(),
            project: record.project.as_ref().map(ToString::to_string),
            environment: record.environment.as_ref().map(ToString::to_string),
            scopes: record.scopes.iter().map(ToString::to_string).collect(),
            plan: record.plan.as_ref().map(ToString::to_string),
            sources: record.sources.iter().map(ToString::to_string).collect(),
            status: status.into(),
            created: Some(wire(record.created)),
            expires: record.expires.map(wire),
            revoked: record.revoked.map(wire),
            rotated_from: record.rotated_from.as_ref().map(ToString::to_string),
            labels: record.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            used: None,
            uses: None,
        }
    }

    /// The same, with how the key was used; `None` if it was not.
    #[must_use]
    pub fn with_usage(self, usage: Option<&KeyUsage>) -> Self {
        Self {
            used: usage.map(|usage| wire(usage.used)),
            uses: Some(usage.map_or(0, |usage| usage.uses)),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::store::fixture::record;

    use super::*;

    #[test]
    fn a_key_in_json_reads_as_it_is_written_in_an_import() {
        let message = Key::of(&record(1), Timestamp::UNIX_EPOCH);
        assert_eq!(
            serde_json::to_value(message).expect("JSON"),
            json!({
                "id": "key_1",
                "hint": "sk_live_...",
                "name": "Key 1",
                "kind": "api_key",
                "apis": ["payments"],
                "organization": "acme",
                "environment": "live",
                "scopes": ["read"],
                "sources": [],
                "status": "active",
                "created": "1970-01-01T00:00:00Z",
                "labels": {}
            })
        );
    }

    #[test]
    fn how_a_key_was_used_is_told_by_whoever_knows_it() {
        let used: Timestamp = "2030-01-02T03:04:05.678Z".parse().expect("a moment");
        let usage = KeyUsage { uses: 7, used };
        for (usage, uses, used) in
            [(None, json!(0), json!(null)), (Some(&usage), json!(7), json!("2030-01-02T03:04:05.678Z"))]
        {
            let message = Key::of(&record(1), Timestamp::UNIX_EPOCH).with_usage(usage);
            let json = serde_json::to_value(message).expect("JSON");
            assert_eq!((&json["uses"], &json["used"]), (&uses, &used));
        }
    }

    #[test]
    fn a_moment_before_1970_keeps_its_time() {
        let early: Timestamp = "1969-12-31T23:59:59.25Z".parse().expect("a moment");
        let message = Key::of(
            &KeyRecord { expires: Some(early), revoked: Some(early), ..record(1) },
            Timestamp::UNIX_EPOCH,
        );
        let json = serde_json::to_value(message).expect("JSON");
        assert_eq!(json["expires"], "1969-12-31T23:59:59.25Z");
        assert_eq!(json["status"], "revoked");
    }
}
