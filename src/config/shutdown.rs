//! `shutdown`: how a process ends without dropping a Check.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{duration::Span, place::Place, problem::Report, text::Text};

/// The two waits of an ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shutdown {
    /// How long it goes on serving after health says no: at least two probe intervals of Envoy.
    pub drain: Duration,
    /// How long running Checks may take after GOAWAY before they are cut off.
    pub deadline: Duration,
}

/// How a process ends without dropping a Check.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Shutdown")]
pub(super) struct RawShutdown {
    /// How long Checks are still answered after health says no. Let it cover two of Envoy's health probes,
    /// so that nobody asks any more when the connections are closed. At most 10 minutes.
    drain: Text<Span>,
    /// How long running Checks may then take before they are cut off. At most 10 minutes.
    deadline: Text<Span>,
}

impl Default for RawShutdown {
    fn default() -> Self {
        Self { drain: Text::of_ms(10_000), deadline: Text::of_ms(15_000) }
    }
}

impl RawShutdown {
    /// The longest wait, in milliseconds.
    const WAIT_MS_MAX: u64 = 600_000;

    pub(super) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> Shutdown {
        Shutdown {
            drain: self.drain.within(0..=Self::WAIT_MS_MAX, &at.field("drain"), report),
            deadline: self.deadline.within(0..=Self::WAIT_MS_MAX, &at.field("deadline"), report),
        }
    }
}
