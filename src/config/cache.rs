//! `cache`: how much of the store is remembered, and for how long.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{duration::Span, place::Place, problem::Report, text::Text};

/// The bounds of the cache in front of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// How long a known record is remembered.
    pub positive: Duration,
    /// How long it is remembered that a stranger named something unknown.
    pub negative: Duration,
    /// What the known records of each kind may occupy, in bytes.
    pub capacity_bytes: u64,
    /// How much longer known records count while the store does not answer.
    pub grace: Duration,
}

/// How much of the store is remembered, and for how long.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Cache")]
pub(super) struct RawCache {
    /// How long a known key, session, organization, project, member or secret is remembered. Changing or revoking it
    /// does not wait for that. At most 1 hour.
    positive: Text<Span>,
    /// How long it is remembered that a key, session, project or secret is unknown. At most 1 hour.
    negative: Text<Span>,
    /// What the known records of each kind may occupy in memory, in bytes.
    #[schemars(range(min = 65_536))]
    capacity_bytes: u64,
    /// How much longer a known record is answered by while the store does not answer. So much longer, too, may what was
    /// revoked meanwhile be let in. At most 1 hour.
    grace: Text<Span>,
}

impl Default for RawCache {
    fn default() -> Self {
        Self {
            positive: Text::of_ms(60_000),
            negative: Text::of_ms(5_000),
            capacity_bytes: 64 * 1024 * 1024,
            grace: Text::of_ms(0),
        }
    }
}

impl RawCache {
    /// The longest life of an entry, in milliseconds.
    const LIFE_MS_MAX: u64 = 3_600_000;

    pub(super) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> CacheLimits {
        CacheLimits {
            positive: self.positive.within(1..=Self::LIFE_MS_MAX, &at.field("positive"), report),
            negative: self.negative.within(1..=Self::LIFE_MS_MAX, &at.field("negative"), report),
            capacity_bytes: self.capacity_bytes,
            grace: self.grace.within(0..=Self::LIFE_MS_MAX, &at.field("grace"), report),
        }
    }
}
