//! The proven subject of a request.

use std::sync::Arc;

use crate::domain::{Environment, KeyRecord, OrganizationId, PlanName, PrincipalKind, ProjectId, ScopeSet};

/// Who is asking, proven. Only verification makes one.
#[derive(Debug, Clone)]
pub struct Principal(Subject);

#[derive(Debug, Clone)]
enum Subject {
    Anonymous,
    Key(Arc<KeyRecord>),
}

impl Principal {
    pub(super) fn anonymous() -> Self {
        Self(Subject::Anonymous)
    }

    pub(super) fn of_key(record: Arc<KeyRecord>) -> Self {
        Self(Subject::Key(record))
    }

    /// What kind of subject it is.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        match &self.0 {
            Subject::Anonymous => PrincipalKind::Anonymous,
            Subject::Key(record) => record.kind.principal(),
        }
    }

    /// The key that proved it, if a key did.
    #[must_use]
    pub fn key(&self) -> Option<&KeyRecord> {
        match &self.0 {
            Subject::Anonymous => None,
            Subject::Key(record) => Some(record),
        }
    }

    /// Its id. A key's principal is the key itself.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.key().map(|record| record.id.as_str())
    }

    /// The organization that it acts for.
    #[must_use]
    pub fn organization(&self) -> Option<&OrganizationId> {
        self.key().map(|record| &record.organization)
    }

    /// The one project that it is confined to.
    #[must_use]
    pub fn project(&self) -> Option<&ProjectId> {
        self.key()?.project.as_ref()
    }

    /// The environment that it is for.
    #[must_use]
    pub fn environment(&self) -> Option<&Environment> {
        self.key()?.environment.as_ref()
    }

    /// What it was given to do, without what that implies.
    #[must_use]
    pub fn scopes(&self) -> Option<&ScopeSet> {
        self.key().map(|record| &record.scopes)
    }

    /// Its own plan.
    #[must_use]
    pub fn plan(&self) -> Option<&PlanName> {
        self.key()?.plan.as_ref()
    }
}
