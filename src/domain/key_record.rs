//! What is known of an API key.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc, time::Duration};

use ipnet::IpNet;

use super::{
    ApiName, CredentialHash, CredentialStatus, Environment, KeyHint, KeyId, OrganizationId, PlanName,
    PrincipalKind, ProjectId, ScopeSet, Timestamp,
};

/// What an API key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// An application.
    ApiKey,
    /// Trusted automation of an organization.
    ServiceKey,
}

impl KeyKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::ApiKey, Self::ServiceKey];

    /// The kind of principal that such a key proves.
    #[must_use]
    pub fn principal(self) -> PrincipalKind {
        match self {
            Self::ApiKey => PrincipalKind::ApiKey,
            Self::ServiceKey => PrincipalKind::ServiceKey,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.principal().code())
    }
}

impl FromStr for KeyKind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.principal().code() == text)
            .ok_or("expected `api_key` or `service_key`")
    }
}

/// The record of one API key. The key itself is nowhere in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key's id.
    pub id: KeyId,
    /// The SHA-256 of the key.
    pub hash: CredentialHash,
    /// What lists show of the key.
    pub hint: KeyHint,
    /// What its owner calls it.
    pub name: String,
    /// What it stands for.
    pub kind: KeyKind,
    /// The APIs that it serves; to every other API it is unknown.
    pub apis: Vec<ApiName>,
    /// The organization that it belongs to.
    pub organization: OrganizationId,
    /// The one project that it is confined to; `None` reaches every project of the organization.
    pub project: Option<ProjectId>,
    /// The environment that it is for, where the API has environments.
    pub environment: Option<Environment>,
    /// What it may do, as given: implied scopes are not written out.
    pub scopes: ScopeSet,
    /// Its own plan.
    pub plan: Option<PlanName>,
    /// The addresses that it may be used from; empty is everywhere.
    pub sources: Vec<IpNet>,
    /// When it was created.
    pub created: Timestamp,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// The key that it replaces.
    pub rotated_from: Option<KeyId>,
    /// The first key of the chain of rotations that it stands in; its own id if it replaces none. What is counted
    /// by key is counted by this, so that rotating a key resets nothing.
    pub lineage: KeyId,
    /// Whatever its owner wants to find it by, by their names. What a Check looks up has none of them.
    pub labels: BTreeMap<String, String>,
}

impl KeyRecord {
    /// The age at which it is time to rotate a key, or to revoke one that nobody used as long.
    pub const OLD: Duration = Duration::from_hours(90 * 24);

    /// Whether the key is good at `now`. A key that is both revoked and expired counts as revoked.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> CredentialStatus {
        CredentialStatus::at(now, self.expires, self.revoked)
    }

    /// Whether the key works at `now` and was made `age` ago or earlier, so that it is time to rotate it.
    #[must_use]
    pub fn is_past(&self, age: Duration, now: Timestamp) -> bool {
        let due = self.created.checked_add(age);
        self.status(now) == CredentialStatus::Active && due.is_ok_and(|due| due <= now)
    }
}

/// What a Check needs of a key's record, kept small because millions of them are remembered: what is equal in many
/// keys is shared, and what no Check reads is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// The key's id.
    pub id: KeyId,
    /// What it stands for.
    pub kind: KeyKind,
    /// The APIs that it serves; to every other API it is unknown.
    pub apis: Arc<[ApiName]>,
    /// The organization that it belongs to.
    pub organization: OrganizationId,
    /// The one project that it is confined to; `None` reaches every project of the organization.
    pub project: Option<ProjectId>,
    /// The environment that it is for, where the API has environments.
    pub environment: Option<Environment>,
    /// What it may do, as given: implied scopes are not written out.
    pub scopes: ScopeSet,
    /// Its own plan.
    pub plan: Option<PlanName>,
    /// The addresses that it may be used from; empty is everywhere.
    pub sources: Box<[IpNet]>,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// The first key of the chain of rotations that it stands in, as in [`KeyRecord`].
    pub lineage: KeyId,
}

impl KnownKey {
    /// Whether the key is good at `now`, as [`KeyRecord::status`] says.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> CredentialStatus {
        CredentialStatus::at(now, self.expires, self.revoked)
    }
}

impl From<KeyRecord> for KnownKey {
    fn from(record: KeyRecord) -> Self {
        // Most keys replace none. Theirs is one text for both.
        let lineage = if record.lineage == record.id { record.id.clone() } else { record.lineage };
        Self {
            lineage,
            id: record.id,
            kind: record.kind,
            apis: record.apis.into(),
            organization: record.organization,
            project: record.project,
            environment: record.environment,
            scopes: record.scopes,
            plan: record.plan,
            sources: record.sources.into(),
            expires: record.expires,
            revoked: record.revoked,
        }
    }
}
