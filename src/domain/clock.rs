//! Time as an argument, so that tests can hold it.

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
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the machine's clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is told to move.
#[derive(Debug)]
pub struct ManualClock {
    seconds: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `start`, cut to whole seconds.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self {
            seconds: AtomicI64::new(start.as_second()),
        }
    }

    /// Moves the clock forward by so many seconds.
    pub fn advance(&self, seconds: u32) {
        self.seconds.fetch_add(i64::from(seconds), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.seconds.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}
