//! Those who manage keys and all the rest, and what they may do.

use std::{fmt, str::FromStr};

use super::{ApiName, OrganizationId, Scope};

/// What an administrator may do. Each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Look.
    Viewer,
    /// Change things.
    Editor,
    /// See secrets.
    Owner,
}

impl Role {
    /// All roles, from the least on.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Owner];

    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Role {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.code() == text).ok_or("expected `viewer`, `editor` or `owner`")
    }
}

/// What an administrator's role extends to. `None` is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// These APIs alone.
    pub apis: Option<Vec<ApiName>>,
    /// This organization alone.
    pub organization: Option<OrganizationId>,
    /// The scopes that may be granted: those that whoever is confined holds themselves. Without any confinement, all.
    pub scopes: Vec<Scope>,
}

impl Reach {
    /// Whether it ends anywhere.
    #[must_use]
    pub fn is_confined(&self) -> bool {
        self.apis.is_some() || self.organization.is_some()
    }
}

/// Somebody who manages keys and all the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Administrator {
    /// Who, as the audit log tells of them.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// With what.
    pub reach: Reach,
    /// From where they ask: an address, or `unix` and the id of the user.
    pub from: String,
}
