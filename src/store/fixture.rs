//! Records for tests.

use std::sync::Arc;

use crate::domain::{
    CredentialHash, KeyKind, KeyRecord, MemberRecord, Membership, OrganizationRecord, ProjectRecord,
    ProjectSecrets, ScopeSet, SealedSecret, SecretRecord, SessionRecord, Timestamp,
};

use super::{Kept, cached::Alike};

/// A key like no other: `number` makes its id and its hash.
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
        scopes: scopes(&["read"]),
        plan: None,
        sources: Vec::new(),
        created: Timestamp::UNIX_EPOCH,
        expires: None,
        revoked: None,
        rotated_from: None,
        lineage: format!("key_{number}").parse().expect("an id"),
        labels: std::collections::BTreeMap::new(),
    }
}

fn scopes(names: &[&str]) -> ScopeSet {
    let scopes = names.iter().map(|name| name.parse().expect("a scope")).collect();
    ScopeSet::new(scopes).expect("few scopes")
}

fn memberships(names: &[&str]) -> Arc<[Membership]> {
    let organization = "acme".parse().expect("an id");
    [Membership { organization, scopes: scopes(names) }].into()
}

/// A kind of records of which tests can make any number.
pub(crate) trait Sample: Kept<Known: PartialEq> + PartialEq {
    /// A record like no other.
    fn sample(number: u32) -> Self;

    /// The name that it is looked up by.
    fn name(&self) -> Self::Name;

    /// What a Check is told of it.
    fn told(self) -> Self::Known {
        self.known(&Alike::default()).0
    }

    /// The same record after a change that takes something away: a key revoked, a session ended.
    fn restricted(&self) -> Self;
}

impl Sample for KeyRecord {
    fn sample(number: u32) -> Self {
        record(number)
    }

    fn name(&self) -> CredentialHash {
        self.hash
    }

    fn restricted(&self) -> Self {
        Self { revoked: Some(Timestamp::UNIX_EPOCH), ..self.clone() }
    }
}

impl Sample for SessionRecord {
    fn sample(number: u32) -> Self {
        Self {
            id: format!("session_{number}").parse().expect("an id"),
            hash: CredentialHash::of(&format!("session {number}")),
            apis: vec!["payments".parse().expect("a name")],
            user: "ada".parse().expect("an id"),
            memberships: memberships(&["read"]),
            scopes: ScopeSet::default(),
            created: Timestamp::UNIX_EPOCH,
            expires: Timestamp::MAX,
            idle: None,
            used: Timestamp::UNIX_EPOCH,
            ended: None,
        }
    }

    fn name(&self) -> CredentialHash {
        self.hash
    }

    fn restricted(&self) -> Self {
        Self { ended: Some(Timestamp::UNIX_EPOCH), ..self.clone() }
    }
}

impl Sample for OrganizationRecord {
    fn sample(number: u32) -> Self {
        Self {
            id: format!("organization_{number}").parse().expect("an id"),
            name: "Acme".to_owned(),
            apis: vec!["payments".parse().expect("a name")],
            plan: None,
            entitlements: vec!["sso".parse().expect("an entitlement")],
            suspended: None,
            created: Timestamp::UNIX_EPOCH,
        }
    }

    fn name(&self) -> Self::Name {
        self.id.clone()
    }

    fn restricted(&self) -> Self {
        Self { suspended: Some(Timestamp::UNIX_EPOCH), ..self.clone() }
    }
}

impl Sample for ProjectRecord {
    fn sample(number: u32) -> Self {
        Self {
            id: format!("project_{number}").parse().expect("an id"),
            name: "Apollo".to_owned(),
            apis: vec!["payments".parse().expect("a name")],
            organization: "acme".parse().expect("an id"),
            created: Timestamp::UNIX_EPOCH,
        }
    }

    fn name(&self) -> Self::Name {
        self.id.clone()
    }

    fn restricted(&self) -> Self {
        Self { apis: Vec::new(), ..self.clone() }
    }
}

impl Sample for MemberRecord {
    fn sample(number: u32) -> Self {
        Self {
            user: format!("user_{number}").parse().expect("an id"),
            memberships: memberships(&["read", "write"]),
        }
    }

    fn name(&self) -> Self::Name {
        (self.user.clone(), "payments".parse().expect("a name"))
    }

    fn restricted(&self) -> Self {
        Self { memberships: memberships(&["read"]), ..self.clone() }
    }
}

impl Sample for ProjectSecrets {
    fn sample(number: u32) -> Self {
        let secret = SecretRecord {
            id: format!("secret_{number}").parse().expect("an id"),
            api: "payments".parse().expect("a name"),
            organization: "acme".parse().expect("an id"),
            project: format!("project_{number}").parse().expect("an id"),
            sealed: SealedSecret { key: "first".parse().expect("a name"), bytes: vec![7; 60] },
            created: Timestamp::UNIX_EPOCH,
            expires: None,
            revoked: None,
            rotated_from: None,
        };
        Self { secrets: [secret].into() }
    }

    fn name(&self) -> Self::Name {
        let secret = self.secrets.first().expect("one secret");
        (secret.api.clone(), secret.project.clone())
    }

    fn restricted(&self) -> Self {
        let revoked =
            |secret: &SecretRecord| SecretRecord { revoked: Some(Timestamp::UNIX_EPOCH), ..secret.clone() };
        Self { secrets: self.secrets.iter().map(revoked).collect() }
    }
}
