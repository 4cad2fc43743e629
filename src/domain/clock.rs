//! Time: as an argument, so that tests can hold it; and as people write it.

use std::sync::atomic::{AtomicI64, Ordering};

/// A moment, to the nanosecond, in UTC.
pub use jiff::Timestamp;

/// Tells the time of day.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is told to move.
#[derive(Debug)]
pub struct ManualClock {
    microseconds: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `start`, cut to whole seconds.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self { microseconds: AtomicI64::new(start.as_second() * 1_000_000) }
    }

    /// Moves the clock forward by so many seconds.
    pub fn advance(&self, seconds: u32) {
        self.microseconds.fetch_add(i64::from(seconds) * 1_000_000, Ordering::SeqCst);
    }

    /// Sets the clock to a moment, cut to whole microseconds.
    pub fn set(&self, moment: Timestamp) {
        self.microseconds.store(moment.as_microsecond(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.microseconds.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}

/// Reads a date (its beginning in UTC) or an RFC 3339 date and time.
///
/// # Errors
///
/// What was expected.
pub fn parse_moment(text: &str) -> Result<Timestamp, &'static str> {
    const EXPECTED: &str =
        "expected a date such as 2030-12-31, or a date and time such as 2030-12-31T23:59:59Z";
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(to_the_millisecond(moment));
    }
    // A date alone, exactly: jiff would read a date and time without an offset as well, and drop the time.
    if text.len() != "2030-12-31".len() {
        return Err(EXPECTED);
    }
    let date: jiff::civil::Date = text.parse().map_err(|_| EXPECTED)?;
    let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| EXPECTED)?;
    Ok(midnight.timestamp())
}

/// Cuts a time to the millisecond, as stores do, so that an answer agrees with every later one.
#[must_use]
pub fn to_the_millisecond(moment: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(moment.as_millisecond()).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_or_a_date_and_time() {
        for (text, expected) in [
            ("2030-12-31", "2030-12-31T00:00:00Z"),
            ("2030-12-31T23:59:59+01:00", "2030-12-31T22:59:59Z"),
            ("2030-12-31T23:59:59.1239Z", "2030-12-31T23:59:59.123Z"),
        ] {
            assert_eq!(parse_moment(text).map(|moment| moment.to_string()), Ok(expected.to_owned()));
        }
        for bad in ["", "tomorrow", "90", "2030-13-01", "2030-12-31T23:59:59", "2030-12-31 23:59"] {
            assert!(parse_moment(bad).is_err(), "{bad}");
        }
    }
}
