//! `cache`: how much of the store is remembered, and for how long.

use std::time::Duration;

/// The bounds of the cache in front of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// How long a known key is remembered.
    pub positive: Duration,
    /// How long it is remembered that a key is unknown.
    pub negative: Duration,
    /// What known keys may occupy, in bytes.
    pub capacity_bytes: u64,
}
