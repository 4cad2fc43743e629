//! When a server is asked no more.

use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

/// So many failures in a row open a breaker.
const FAILURES_MAX: u32 = 3;

/// Closed as long as a server answers. What opened stays open: a server that answers again is reached by another
/// connection, which has a breaker of its own.
#[derive(Default)]
pub(super) struct Breaker {
    failures: AtomicU32,
    cause: OnceLock<Arc<str>>,
    /// Held while failures are counted, so that a late one never counts after a success.
    counting: Mutex<()>,
}

/// Shows whether it is open.
impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause() {
            Some(cause) => write!(f, "open: {cause}"),
            None => f.write_str("closed"),
        }
    }
}

impl Breaker {
    /// Why it is open; `None` if it is closed.
    pub(super) fn cause(&self) -> Option<&Arc<str>> {
        self.cause.get()
    }

    /// Opens it. The first cause is the one that is told.
    pub(super) fn open(&self, cause: &str) {
        self.cause.get_or_init(|| cause.into());
    }

    /// Notes an answer.
    pub(super) fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) > 0 {
            let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Notes a failure; tells whether it is open now.
    pub(super) fn failed(&self, cause: &str) -> bool {
        let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = self.failures.load(Ordering::Relaxed) + 1;
        self.failures.store(failures, Ordering::Relaxed);
        if failures >= FAILURES_MAX {
            self.open(cause);
        }
        self.cause.get().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_open_it_for_good() {
        let breaker = Breaker::default();
        for (number, failed, expected) in [
            (1, true, None),
            (2, true, None),
            (3, false, None),
            (4, true, None),
            (5, true, None),
            (6, true, Some("6th")),
            (7, false, Some("6th")),
            (8, true, Some("6th")),
        ] {
            if failed {
                assert_eq!(breaker.failed(&format!("{number}th")), expected.is_some());
            } else {
                breaker.succeeded();
            }
            assert_eq!(breaker.cause().map(AsRef::as_ref), expected, "{number}");
        }
    }

    #[test]
    fn what_is_told_is_why_it_opened() {
        let breaker = Breaker::default();
        assert_eq!(format!("{breaker:?}"), "closed");
        breaker.open("no server");
        breaker.open("something else");
        assert_eq!(format!("{breaker:?}"), "open: no server");
    }
}
