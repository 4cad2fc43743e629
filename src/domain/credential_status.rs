//! Whether a key or a secret is good at a moment.

use super::Timestamp;

/// Whether a key or a secret is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialStatus {
    /// It may be used.
    Active,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

impl CredentialStatus {
    /// The status at `now`. What is both revoked and expired counts as revoked.
    pub(super) fn at(now: Timestamp, expires: Option<Timestamp>, revoked: Option<Timestamp>) -> Self {
        if revoked.is_some() {
            Self::Revoked
        } else if expires.is_some_and(|expires| expires <= now) {
            Self::Expired
        } else {
            Self::Active
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}
