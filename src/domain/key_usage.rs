//! How a key is used.

use super::Timestamp;

/// That a key was used: how often, and when last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUsage {
    /// How many requests it opened the door to.
    pub uses: u64,
    /// When the last of them came.
    pub used: Timestamp,
}

impl KeyUsage {
    /// One use, at this moment.
    #[must_use]
    pub fn once(used: Timestamp) -> Self {
        Self { uses: 1, used }
    }

    /// Both taken together: the sum of the uses, and the later moment.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { uses: self.uses.saturating_add(other.uses), used: self.used.max(other.used) }
    }
}
