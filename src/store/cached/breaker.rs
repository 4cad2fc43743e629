//! Sparing a store that does not answer: after some failures in a row nobody waits for it, but for one who tries now and
//! then whether it is back. So a Check that needs it is refused at once, and a store that comes back is not met by all
//! who waited.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use metrics::{Gauge, describe_gauge, gauge};

use super::memory::Moment;

/// After how many failures in a row the store is spared.
const FAILURES_MAX: u32 = 5;
/// How long after a failure it is tried again, in milliseconds.
const TRIAL_PAUSE_MS: u64 = 250;
const OPEN: &str = "doorward_store_breaker_open";

/// What stands between the look-ups and the store.
pub(super) struct Breaker {
    /// Failures in a row.
    failures: AtomicU32,
    /// The moment of the next trial, in milliseconds since the cache was made.
    next_trial: AtomicU64,
    open: Gauge,
}

impl Breaker {
    pub(super) fn new() -> Self {
        describe_gauge!(
            OPEN,
            "Whether the store is spared look-ups, since it does not answer: 1, otherwise 0."
        );
        Self { failures: AtomicU32::new(0), next_trial: AtomicU64::new(0), open: gauge!(OPEN) }
    }

    /// Whether the store may be asked now. Of those who may although it did not answer, there is one at a time.
    pub(super) fn admits(&self, now: Moment) -> bool {
        if self.failures.load(Ordering::Acquire) < FAILURES_MAX {
            return true;
        }
        let next = self.next_trial.load(Ordering::Acquire);
        let then = now.milliseconds() + TRIAL_PAUSE_MS;
        now.milliseconds() >= next
            && self.next_trial.compare_exchange(next, then, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The store has answered.
    pub(super) fn succeeded(&self) {
        // Read first: while all is well nobody writes here.
        if self.failures.load(Ordering::Acquire) > 0
            && self.failures.swap(0, Ordering::AcqRel) >= FAILURES_MAX
        {
            self.open.set(0.0);
            tracing::info!("the store answers again");
        }
    }

    /// The store has not answered.
    pub(super) fn failed(&self, now: Moment) {
        let before = self
            .failures
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |failures| Some(failures.saturating_add(1)));
        let failures = before.unwrap_or_default().saturating_add(1);
        if failures >= FAILURES_MAX {
            self.next_trial.fetch_max(now.milliseconds() + TRIAL_PAUSE_MS, Ordering::AcqRel);
        }
        if failures == FAILURES_MAX {
            self.open.set(1.0);
            tracing::error!(
                "the store has not answered {FAILURES_MAX} times in a row: it is asked now and then only"
            );
        }
    }
}

impl std::fmt::Debug for Breaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Breaker")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(milliseconds: u64) -> Moment {
        Moment::after(Duration::from_millis(milliseconds))
    }

    #[test]
    fn a_store_that_fails_is_tried_now_and_then() {
        let breaker = Breaker::new();
        for _ in 1..FAILURES_MAX {
            breaker.failed(at(0));
            assert!(breaker.admits(at(0)), "some failures are none of the store's");
        }
        breaker.failed(at(10));
        assert!(!breaker.admits(at(259)));
        assert!(breaker.admits(at(260)), "one tries");
        assert!(!breaker.admits(at(260)), "and one only");
        breaker.failed(at(300));
        assert!(!breaker.admits(at(549)));
        assert!(breaker.admits(at(550)));
        breaker.succeeded();
        assert!(breaker.admits(at(550)) && breaker.admits(at(550)));
    }

    #[test]
    fn failures_that_answers_come_between_are_none_in_a_row() {
        let breaker = Breaker::new();
        for _ in 0..3 * FAILURES_MAX {
            breaker.failed(at(0));
            breaker.succeeded();
        }
        assert!(breaker.admits(at(0)));
    }
}
