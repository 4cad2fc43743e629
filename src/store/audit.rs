//! What the audit log holds, and how it is read.
//!
//! Every change of a store adds its records within its own transaction, one for each record that it changes. A change
//! that changes nothing adds none, and nothing ever alters or removes one.

use serde_json::{Value, json};

use crate::domain::{
    ApiName, AuditRecord, Author, KeyRecord, Member, OrganizationId, OrganizationRecord, ProjectRecord,
    SecretRecord, SessionRecord, Timestamp,
};

use super::{Page, PageRequest, RecordKind, StoreError};

/// Which records of the audit log a list shows.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only what this administrator did.
    pub actor: Option<String>,
    /// Only changes of this kind of thing, by its code.
    pub kind: Option<String>,
    /// Only changes of what has this id.
    pub id: Option<String>,
    /// Only changes of what belongs to this organization.
    pub organization: Option<OrganizationId>,
    /// Only changes of what serves one of these APIs.
    pub apis: Option<Vec<ApiName>>,
    /// Only changes at this moment or later.
    pub since: Option<Timestamp>,
}

/// Something that was done to a record.
#[derive(Debug, Clone, Copy)]
pub struct Deed<'a> {
    /// When.
    pub at: Timestamp,
    /// What, such as `secret.reveal`.
    pub action: &'a str,
    /// The kind of the record.
    pub kind: RecordKind,
    /// Its id.
    pub id: &'a str,
    /// The organization that it belongs to, if to any.
    pub organization: Option<&'a OrganizationId>,
    /// The APIs that it serves.
    pub apis: &'a [ApiName],
}

/// Keeps the audit log.
pub trait AuditStore: Send + Sync {
    /// The records that the filter lets through, latest first.
    fn audit(
        &self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> impl Future<Output = Result<Page<AuditRecord>, StoreError>> + Send;

    /// Adds a record of what changes nothing and has to be known all the same.
    fn note(&self, deed: &Deed<'_>, by: &Author) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What the audit log tells of.
pub(crate) trait Audited: PartialEq + Sync {
    /// Its kind.
    const KIND: RecordKind;

    /// Its id.
    fn id(&self) -> &str;

    /// The organization that it belongs to, if to any.
    fn organization(&self) -> Option<&OrganizationId>;

    /// The APIs that it serves.
    fn apis(&self) -> &[ApiName];

    /// All that may be told of it: no hash, nothing sealed and no secret.
    fn facts(&self) -> Value;
}

impl Audited for KeyRecord {
    const KIND: RecordKind = RecordKind::Key;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn organization(&self) -> Option<&OrganizationId> {
        Some(&self.organization)
    }

    fn apis(&self) -> &[ApiName] {
        &self.apis
    }

    fn facts(&self) -> Value {
        json!({
            "hint": self.hint.as_str(),
            "name": self.name,
            "kind": self.kind.to_string(),
            "apis": texts(&self.apis),
            "organization": self.organization.as_str(),
            "project": text(self.project.as_ref()),
            "environment": text(self.environment.as_ref()),
            "scopes": texts(&self.scopes),
            "plan": text(self.plan.as_ref()),
            "sources": texts(&self.sources),
            "created": self.created,
            "expires": self.expires,
            "revoked": self.revoked,
            "rotated_from": text(self.rotated_from.as_ref()),
            "labels": self.labels,
        })
    }
}

impl Audited for OrganizationRecord {
    const KIND: RecordKind = RecordKind::Organization;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn organization(&self) -> Option<&OrganizationId> {
        Some(&self.id)
    }

    fn apis(&self) -> &[ApiName] {
        &self.apis
    }

    fn facts(&self) -> Value {
        json!({
            "name": self.name,
            "apis": texts(&self.apis),
            "plan": text(self.plan.as_ref()),
            "entitlements": texts(&self.entitlements),
            "suspended": self.suspended,
            "created": self.created,
        })
    }
}

impl Audited for ProjectRecord {
    const KIND: RecordKind = RecordKind::Project;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn organization(&self) -> Option<&OrganizationId> {
        Some(&self.organization)
    }

    fn apis(&self) -> &[ApiName] {
        &self.apis
    }

    fn facts(&self) -> Value {
        json!({
            "name": self.name,
            "apis": texts(&self.apis),
            "organization": self.organization.as_str(),
            "created": self.created,
        })
    }
}

/// Its id is that of the user.
impl Audited for Member {
    const KIND: RecordKind = RecordKind::Member;

    fn id(&self) -> &str {
        self.user.as_str()
    }

    fn organization(&self) -> Option<&OrganizationId> {
        Some(&self.organization)
    }

    fn apis(&self) -> &[ApiName] {
        &self.apis
    }

    fn facts(&self) -> Value {
        json!({
            "organization": self.organization.as_str(),
            "apis": texts(&self.apis),
            "scopes": texts(&self.scopes),
        })
    }
}

impl Audited for SecretRecord {
    const KIND: RecordKind = RecordKind::Secret;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn organization(&self) -> Option<&OrganizationId> {
        Some(&self.organization)
    }

    fn apis(&self) -> &[ApiName] {
        std::slice::from_ref(&self.api)
    }

    fn facts(&self) -> Value {
        json!({
            "api": self.api.as_str(),
            "organization": self.organization.as_str(),
            "project": self.project.as_str(),
            "sealing_key": self.sealed.key.as_str(),
            "created": self.created,
            "expires": self.expires,
            "revoked": self.revoked,
            "rotated_from": text(self.rotated_from.as_ref()),
        })
    }
}

/// It belongs to a user, who may act in several organizations.
impl Audited for SessionRecord {
    const KIND: RecordKind = RecordKind::Session;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn organization(&self) -> Option<&OrganizationId> {
        None
    }

    fn apis(&self) -> &[ApiName] {
        &self.apis
    }

    fn facts(&self) -> Value {
        let memberships = self.memberships.iter().map(|membership| {
            json!({ "organization": membership.organization.as_str(), "scopes": texts(&membership.scopes) })
        });
        json!({
            "user": self.user.as_str(),
            "apis": texts(&self.apis),
            "organizations": memberships.collect::<Vec<_>>(),
            "scopes": texts(&self.scopes),
            "created": self.created,
            "expires": self.expires,
            "idle_ms": self.idle.map(|idle| u64::try_from(idle.as_millis()).unwrap_or(u64::MAX)),
            "ended": self.ended,
        })
    }
}

fn texts<T: ToString>(list: impl IntoIterator<Item = T>) -> Vec<String> {
    list.into_iter().map(|element| element.to_string()).collect()
}

fn text<T: ToString>(optional: Option<&T>) -> Option<String> {
    optional.map(ToString::to_string)
}
