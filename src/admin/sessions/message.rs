//! A session's record as a message of the admin API.

use crate::{
    admin::{
        json::wire,
        proto::{
            Session,
            session::{Membership, Status},
        },
    },
    domain::{self, SessionRecord, SessionStatus, Timestamp},
};

impl Session {
    /// The message about a session, as it is at `now`.
    #[must_use]
    pub fn of(record: &SessionRecord, now: Timestamp) -> Self {
        let status = match record.status(now) {
            SessionStatus::Active => Status::Active,
            SessionStatus::Expired => Status::Expired,
            SessionStatus::Idle => Status::Idle,
            SessionStatus::Ended => Status::Ended,
        };
        let membership = |membership: &domain::Membership| Membership {
            organization: membership.organization.to_string(),
            scopes: membership.scopes.iter().map(ToString::to_string).collect(),
        };
        Self {
            id: record.id.to_string(),
            apis: record.apis.iter().map(ToString::to_string).collect(),
            user: record.user.to_string(),
            organizations: record.memberships.iter().map(membership).collect(),
            scopes: record.scopes.iter().map(ToString::to_string).collect(),
            status: status.into(),
            created: Some(wire(record.created)),
            expires: Some(wire(record.expires)),
            idle: record.idle.and_then(|idle| idle.try_into().ok()),
            used: record.idle.map(|_| wire(record.used)),
            ended: record.ended.map(wire),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use crate::store::fixture::Sample;

    use super::*;

    #[test]
    fn a_session_in_json_tells_all_but_its_token() {
        let record = SessionRecord {
            idle: Some(Duration::from_millis(7_200_500)),
            ended: Some(Timestamp::UNIX_EPOCH),
            ..SessionRecord::sample(1)
        };
        let expected = json!({
            "id": "session_1",
            "apis": ["payments"],
            "user": "ada",
            "organizations": [{ "organization": "acme", "scopes": ["read"] }],
            "scopes": [],
            "status": "ended",
            "created": "1970-01-01T00:00:00Z",
            "expires": "9999-12-30T22:00:00.999999999Z",
            "idle": "7200.500s",
            "used": "1970-01-01T00:00:00Z",
            "ended": "1970-01-01T00:00:00Z"
        });
        let message = Session::of(&record, Timestamp::UNIX_EPOCH);
        assert_eq!(serde_json::to_value(message).expect("JSON"), expected);

        let endless = Session::of(&SessionRecord::sample(1), Timestamp::UNIX_EPOCH);
        let json = serde_json::to_value(endless).expect("JSON");
        for absent in ["idle", "used", "ended"] {
            assert_eq!(json.get(absent), None, "{absent}");
        }
    }
}
