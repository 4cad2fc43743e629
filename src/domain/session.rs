//! Sessions: an opaque token in a cookie, kept as its hash.

use std::{sync::Arc, time::Duration};

use super::{ApiName, CredentialHash, Membership, ScopeSet, SessionId, Timestamp, UserId};

/// What the store knows of a session. The token itself is nowhere in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// The SHA-256 of its token.
    pub hash: CredentialHash,
    /// The APIs that it serves; to every other API it is unknown.
    pub apis: Vec<ApiName>,
    /// Who signed in.
    pub user: UserId,
    /// The organizations in which they may act, each once.
    pub memberships: Arc<[Membership]>,
    /// What they may do in each of them.
    pub scopes: ScopeSet,
    /// When they signed in.
    pub created: Timestamp,
    /// When the session ends in any case.
    pub expires: Timestamp,
    /// How long it lives without being used.
    pub idle: Option<Duration>,
    /// When it was used last, to within a part of `idle`.
    pub used: Timestamp,
    /// When it was ended.
    pub ended: Option<Timestamp>,
}

/// Whether a session is good at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionStatus {
    /// It may be used.
    Active,
    /// Its time is over.
    Expired,
    /// It was not used for too long.
    Idle,
    /// It was ended.
    Ended,
}

impl SessionStatus {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Idle => "idle",
            Self::Ended => "ended",
        }
    }
}

impl SessionRecord {
    /// Whether the session is good at `now`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> SessionStatus {
        let idle_ends = self.idle.and_then(|idle| self.used.checked_add(idle).ok());
        if self.ended.is_some() {
            SessionStatus::Ended
        } else if self.expires <= now {
            SessionStatus::Expired
        } else if idle_ends.is_some_and(|ends| ends <= now) {
            SessionStatus::Idle
        } else {
            SessionStatus::Active
        }
    }
}
