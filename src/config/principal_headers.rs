//! `principal_headers`: under which names the upstream reads who is asking.

use crate::domain::HeaderName;

/// The names of the principal headers. All differ, even after folding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalHeaders {
    /// The principal's id.
    pub id: HeaderName,
    /// Its kind.
    pub kind: HeaderName,
    /// Its organization.
    pub organization: HeaderName,
    /// Its project.
    pub project: HeaderName,
    /// Its environment.
    pub environment: HeaderName,
    /// Its scopes and all that they imply, with spaces between.
    pub scopes: HeaderName,
    /// Its plan.
    pub plan: HeaderName,
    /// The id of the credential that proved it.
    pub credential: HeaderName,
}

impl PrincipalHeaders {
    /// All names, in a fixed order.
    #[must_use]
    pub fn all(&self) -> [&HeaderName; 8] {
        [
            &self.id,
            &self.kind,
            &self.organization,
            &self.project,
            &self.environment,
            &self.scopes,
            &self.plan,
            &self.credential,
        ]
    }
}
