//! Records for tests.

use crate::domain::{CredentialHash, KeyKind, KeyRecord, ScopeSet, Timestamp};

/// A record like no other: `number` makes its id and its hash.
pub(crate) fn record(number: u32) -> KeyRecord {
    KeyRecord {
        id: format!("key_{number}").parse().expect("an id"),
        hash: CredentialHash::of(&format!("sk_live_{number}")),
        hint: "sk_live_...".parse().expect("a hint"),
        name: format!("Key {number}"),
        kind: KeyKind::ApiKey,
        apis: vec!["payments".parse().expect("a name")],
        organization: "acme".parse().expect("an id"),
        project: None,
        environment: Some("live".parse().expect("a name")),
        scopes: ScopeSet::new(vec!["read".parse().expect("a scope")]).expect("one scope"),
        plan: None,
        sources: Vec::new(),
        created: Timestamp::UNIX_EPOCH,
        expires: None,
        revoked: None,
        rotated_from: None,
    }
}
