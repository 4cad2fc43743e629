//! The kinds of principals.

/// What kind of subject a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// An application, by its API key.
    ApiKey,
    /// Trusted automation of an organization, by its service key.
    ServiceKey,
    /// A project, by a signature made with its secret.
    Project,
    /// Nobody: the route asks for no credential.
    Anonymous,
}

impl PrincipalKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::User, Self::ApiKey, Self::ServiceKey, Self::Project, Self::Anonymous];

    /// The stable code: what headers, metadata and configuration say.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ApiKey => "api_key",
            Self::ServiceKey => "service_key",
            Self::Project => "project",
            Self::Anonymous => "anonymous",
        }
    }
}
