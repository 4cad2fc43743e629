//! Organizations, the projects that they own, and who belongs to them.

use std::{fmt, str::FromStr, sync::Arc};

use super::{ApiName, OrganizationId, PlanName, ProjectId, Scope, ScopeError, ScopeSet, Timestamp, UserId};

/// Something that an organization has bought, such as `sso`. It is written like a scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entitlement(Scope);

impl Entitlement {
    /// The entitlement as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Entitlement {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Entitlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the store knows of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationRecord {
    /// Its id.
    pub id: OrganizationId,
    /// What people call it.
    pub name: String,
    /// The APIs that it may use; to every other API it is unknown.
    pub apis: Vec<ApiName>,
    /// The plan of those of its credentials that have none of their own.
    pub plan: Option<PlanName>,
    /// What it has bought, in order and without repetition.
    pub entitlements: Vec<Entitlement>,
    /// Since when it is suspended: everything of it is refused.
    pub suspended: Option<Timestamp>,
    /// When it was created.
    pub created: Timestamp,
}

/// What the store knows of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRecord {
    /// Its id.
    pub id: ProjectId,
    /// What people call it.
    pub name: String,
    /// The APIs that it may use; to every other API it is unknown.
    pub apis: Vec<ApiName>,
    /// The organization that owns it.
    pub organization: OrganizationId,
    /// When it was created.
    pub created: Timestamp,
}

/// That somebody belongs to an organization, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// The organization.
    pub organization: OrganizationId,
    /// The APIs for which this holds; to every other API they are no member.
    pub apis: Vec<ApiName>,
    /// What they may do there, beside what they may do everywhere.
    pub scopes: ScopeSet,
}

/// That somebody belongs to an organization, and what they may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The organization.
    pub organization: OrganizationId,
    /// What they may do there, beside what they may do everywhere.
    pub scopes: ScopeSet,
}

/// What the store knows of a person: where they belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRecord {
    /// The person.
    pub user: UserId,
    /// The organizations that they belong to, each once, by their ids.
    pub memberships: Arc<[Membership]>,
}
