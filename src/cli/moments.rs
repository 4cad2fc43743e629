//! Spans and moments, as they are written on the command line.

use std::time::Duration;

use crate::{
    admin::{Problem, json::wire},
    domain::{Timestamp, parse_moment},
};

use super::{Exit, Failure};

/// When a key or a secret expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    /// So long after its creation.
    In(Duration),
    /// At this moment.
    At(Timestamp),
}

impl Expiry {
    /// The moment, for what is created at `now`.
    ///
    /// # Errors
    ///
    /// No calendar reaches it.
    pub(super) fn moment(self, now: Timestamp) -> Result<prost_types::Timestamp, Failure> {
        let moment = match self {
            Self::At(moment) => moment,
            Self::In(duration) => now.checked_add(duration).map_err(|_| {
                let found = format!("{} days", duration.as_secs() / 86_400);
                let problem = Problem::new("expires", found, "expected a time that calendars reach");
                Failure::new(Exit::Usage, problem)
            })?,
        };
        Ok(wire(moment))
    }
}

/// Reads a duration.
pub(super) fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "expected a duration such as 24h")
}

/// Reads a duration or a moment.
pub(super) fn parse_expiry(text: &str) -> Result<Expiry, &'static str> {
    if let Ok(duration) = humantime::parse_duration(text) {
        return Ok(Expiry::In(duration));
    }
    parse_moment(text).map(Expiry::At).map_err(|_| {
        "expected a duration such as 90d, a date such as 2030-12-31, or a date and time such as 2030-12-31T23:59:59Z"
    })
}

/// A span of time as messages hold it.
///
/// # Errors
///
/// No message can hold it.
pub(super) fn span(duration: Duration) -> Result<prost_types::Duration, Failure> {
    prost_types::Duration::try_from(duration).map_err(|_| {
        Failure::new(Exit::Usage, format!("found {} seconds, expected fewer", duration.as_secs()))
    })
}
