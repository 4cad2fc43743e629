//! Why a stage lets nobody through: what the client is told, and apart from it the cause for the audit line.

use std::{borrow::Cow, time::Duration};

use crate::domain::{DenialReason, UNAVAILABLE};

/// A stage's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whose doing it is.
    pub kind: RefusalKind,
    /// What happened, for the operator alone. Never holds a credential.
    pub cause: Cow<'static, str>,
    /// In how long the same request may be let through; only what is refused for a time has it.
    pub retry_after: Option<Duration>,
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
        Self { kind: RefusalKind::Denied(reason), cause: cause.into(), retry_after: None }
    }

    /// A denial that is over after some time.
    pub fn denied_for(
        retry_after: Duration,
        reason: DenialReason,
        cause: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { retry_after: Some(retry_after), ..Self::denied(reason, cause) }
    }

    /// An outage.
    pub fn unavailable(cause: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: RefusalKind::Unavailable, cause: cause.into(), retry_after: None }
    }

    /// Whether it is denied for this reason.
    #[must_use]
    pub fn is(&self, reason: DenialReason) -> bool {
        self.kind == RefusalKind::Denied(reason)
    }

    /// Whether it is about what somebody may not do (403), whoever they are.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        matches!(self.kind, RefusalKind::Denied(reason) if reason.status() == 403)
    }

    /// In how many seconds the client may come back: whole ones, rounded up, at least 1.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let retry_after = self.retry_after?;
        let begun = u64::from(retry_after.subsec_nanos() > 0);
        Some((retry_after.as_secs() + begun).max(1))
    }
}
