//! Why a stage lets nobody through: what the client is told, and apart from it the cause for the audit line.

use std::borrow::Cow;

use crate::domain::{DenialReason, UNAVAILABLE};

/// A stage's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whose doing it is.
    pub kind: RefusalKind,
    /// What happened, for the operator alone. Never holds a credential.
    pub cause: Cow<'static, str>,
}

/// Whose doing a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The caller's: the request is denied.
    Denied(DenialReason),
    /// Ours: the answer could not be found out.
    Unavailable,
}

impl RefusalKind {
    /// The stable code: the denial reason's, or `unavailable`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Denied(reason) => reason.code(),
            Self::Unavailable => UNAVAILABLE,
        }
    }
}

impl Refusal {
    /// A denial.
    pub fn denied(reason: DenialReason, cause: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: RefusalKind::Denied(reason), cause: cause.into() }
    }

    /// An outage.
    pub fn unavailable(cause: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: RefusalKind::Unavailable, cause: cause.into() }
    }
}
