//! Why a request does not get in.

use std::time::Duration;

use tonic::Code;

use crate::admin::api::Fault;

/// Why a request does not get in: what the caller is told, and what the log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What the caller is told.
    pub fault: Fault,
    /// Why, for the log. No credential stands in it.
    pub cause: String,
    /// When asking again makes sense.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    fn new(code: Code, reason: &'static str, message: &str, cause: impl Into<String>) -> Self {
        let fault = Fault { code, reason, message: message.to_owned(), fields: Vec::new() };
        Self { fault, cause: cause.into(), retry_after: None }
    }

    /// A web page asks, or somebody under a name that is not this server's.
    pub(super) fn cross_site(cause: impl Into<String>) -> Self {
        let message = "no web page may ask here, and nobody under a name that is not this server's";
        Self::new(Code::PermissionDenied, "cross_site", message, cause)
    }

    /// Nothing says who asks.
    #[must_use]
    pub fn missing() -> Self {
        let message = "say who you are: `Authorization: Bearer …`, or a client certificate";
        Self::new(Code::Unauthenticated, "credential_missing", message, "nothing was presented")
    }

    /// What is presented proves nobody.
    #[must_use]
    pub fn invalid(cause: impl Into<String>) -> Self {
        let message = "what you presented proves no administrator";
        Self::new(Code::Unauthenticated, "credential_invalid", message, cause)
    }

    /// Whoever it is has no role, or it cannot be told which.
    pub(super) fn no_role(message: &str) -> Self {
        Self::new(Code::PermissionDenied, "role_missing", message, message)
    }

    /// Too much that proves nobody came from the same address.
    pub(super) fn too_many_attempts(wait: Duration) -> Self {
        let message = "too many bad credentials came from your address";
        let refusal = Self::new(Code::ResourceExhausted, "too_many_attempts", message, message);
        Self { retry_after: Some(wait), ..refusal }
    }

    /// It cannot be found out for now.
    #[must_use]
    pub fn unavailable(cause: impl Into<String>) -> Self {
        let message = "the issuer of the token cannot be asked for now";
        Self::new(Code::Unavailable, "unavailable", message, cause)
    }
}
