//! Why something that was asked of the admin API is not done, in the standard model of errors (AIP-193).

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    admin::{KeyError, OrganizationError, Problem, SecretError, SessionError},
    store::StoreError,
};

/// Who gives the reasons, as `google.rpc.ErrorInfo` wants to know.
pub const ERROR_DOMAIN: &str = "doorward";

/// Why something is not done. No secret stands in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What kind of reason it is.
    pub code: Code,
    /// The stable code of the reason.
    pub reason: &'static str,
    /// What happened, and what to do.
    pub message: String,
    /// The fields of the request that are not as they should be, and what is wrong with them.
    pub fields: Vec<(String, String)>,
}

impl Fault {
    /// With a reason of its own.
    pub fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), fields: Vec::new() }
    }

    /// Some fields are not as they should be.
    #[must_use]
    pub fn invalid(fields: Vec<(String, String)>) -> Self {
        let message: Vec<String> = fields.iter().map(|(field, what)| format!("{field}: {what}")).collect();
        Self { fields, ..Self::new(Code::InvalidArgument, "field_invalid", message.join("\n")) }
    }

    /// One field is not as it should be.
    #[must_use]
    pub fn field(field: impl Into<String>, what: impl Into<String>) -> Self {
        Self::invalid(vec![(field.into(), what.into())])
    }

    /// These fields of `within`, a field of the request, are not as they should be.
    #[must_use]
    pub fn problems(within: &str, problems: &[Problem]) -> Self {
        let field = |problem: &Problem| {
            let what = format!("found {}, {}", problem.found, problem.expected);
            (path(within, problem.field), what)
        };
        Self::invalid(problems.iter().map(field).collect())
    }

    /// The role of the administrator does not suffice.
    #[must_use]
    pub fn role(message: impl Into<String>) -> Self {
        Self::new(Code::PermissionDenied, "role_too_low", message)
    }

    /// What would be made or changed lies beyond the administrator's reach.
    #[must_use]
    pub fn out_of_reach(message: impl Into<String>) -> Self {
        Self::new(Code::PermissionDenied, "out_of_reach", message)
    }

    /// There is nothing of this id, or the administrator may not know of it.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, "not_found", format!("no {what} has this id"))
    }

    /// It could not be found out just now.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, "unavailable", message)
    }

    /// We made a mistake.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, "internal", message)
    }

    /// It is as it should not be for this.
    fn precondition(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, reason, message)
    }
}

/// The path of a field within another; within none, itself.
pub(super) fn path(within: &str, field: &str) -> String {
    if within.is_empty() { field.to_owned() } else { format!("{within}.{field}") }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::Unavailable(_) => Self::new(Code::Unavailable, "store_unavailable", message),
            StoreError::Unread(_) => Self::new(Code::Unavailable, "document_refused", message),
            StoreError::ReadOnly => Self::precondition("store_read_only", message),
            StoreError::Corrupt(_) => Self::new(Code::Internal, "store_corrupt", message),
            StoreError::Exists(..) => Self::new(Code::AlreadyExists, "exists", message),
            StoreError::NotFound(_) => Self::new(Code::NotFound, "not_found", message),
            StoreError::Revoked(_) => Self::precondition("ended", message),
            StoreError::TwoSecretsActive => Self::precondition("two_secrets_active", message),
            StoreError::Changed(_) => Self::new(Code::Aborted, "changed", message),
            StoreError::Repeated => Self::new(Code::Aborted, "repeated", message),
            StoreError::Misplaced => Self::field("page_token", message),
            StoreError::RequestReused => Self::new(Code::AlreadyExists, "request_reused", message),
        }
    }
}

impl Fault {
    /// What kept a key from being made or changed; its fields stand in `within`.
    pub(super) fn of_key(within: &str, error: KeyError) -> Self {
        let message = error.to_string();
        match error {
            KeyError::Invalid(problems) => Self::problems(within, &problems),
            KeyError::Ended { .. } => Self::precondition("ended", message),
            KeyError::Replaced(_) => Self::precondition("replaced", message),
            KeyError::Import(_) | KeyError::Read { .. } => Self::field("content", message),
            KeyError::Store(error) => error.into(),
        }
    }

    /// What kept a secret from being made, changed or told.
    pub(super) fn of_secret(within: &str, error: SecretError) -> Self {
        let message = error.to_string();
        match error {
            SecretError::Invalid(problems) => Self::problems(within, &problems),
            SecretError::Ended { .. } => Self::precondition("ended", message),
            SecretError::Replaced(_) => Self::precondition("replaced", message),
            SecretError::Store(error) => error.into(),
            _ => Self::precondition("sealing", message),
        }
    }

    /// What kept a session from being made or ended.
    pub(super) fn of_session(within: &str, error: SessionError) -> Self {
        match error {
            SessionError::Invalid(problems) => Self::problems(within, &problems),
            SessionError::Store(error) => error.into(),
        }
    }

    /// What kept an organization, a project or a membership from being made or changed.
    pub(super) fn of_organization(within: &str, error: OrganizationError) -> Self {
        match error {
            OrganizationError::Invalid(problems) => Self::problems(within, &problems),
            OrganizationError::Store(error) => error.into(),
        }
    }
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        let mut details =
            ErrorDetails::with_error_info(fault.reason, ERROR_DOMAIN, HashMap::<String, String>::new());
        for (field, what) in fault.fields {
            details.add_bad_request_violation(field, what);
        }
        Self::with_error_details(fault.code, fault.message, details)
    }
}
