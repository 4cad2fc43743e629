//! The arithmetic of windows. No clock, no I/O.
//!
//! Time is cut into buckets of equal length, aligned to the Unix epoch. Tokens are charged to the current bucket. A
//! window counts the current bucket and so many *older* ones:
//!
//! - A **sliding** window of length *W* has buckets of *b* = ⌈*W*/60⌉ and counts 60 older ones. Any stretch of length
//!   *W* that ends in the current bucket began in one of these 61, as 60 *b* ≥ *W*. They are counted whole, so that
//!   the sum never exceeds the limit in *any* stretch of length *W*. The price is that a steady client gets
//!   60/61 of its limit, 98 %.
//! - A **fixed** window has buckets of *W* and counts no older ones.
//!
//! `redis/take.lua` is the same arithmetic where it runs on shared counters; a test holds one against the
//! other.

use std::time::Duration;

use smallvec::SmallVec;

use crate::domain::{Quota, WindowKind};

/// How many buckets make up a sliding window.
const SLIDING_BUCKETS: u64 = 60;

/// A stretch of time, cut into buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// The length of a bucket, in microseconds. Never 0.
    pub bucket_us: u64,
    /// How many buckets before the current one count.
    pub older: u64,
}

impl Window {
    /// A window of this kind and length.
    #[must_use]
    pub fn new(length: Duration, kind: WindowKind) -> Self {
        let length_us = micros(length).max(1);
        match kind {
            WindowKind::Sliding => {
                Self { bucket_us: length_us.div_ceil(SLIDING_BUCKETS), older: SLIDING_BUCKETS }
            }
            WindowKind::Fixed => Self { bucket_us: length_us, older: 0 },
        }
    }

    /// The bucket of a moment, in microseconds of Unix time.
    fn bucket(&self, now_us: u64) -> u64 {
        now_us / self.bucket_us
    }

    /// When what is charged to a bucket counts no longer.
    fn leaves_at_us(&self, bucket: u64) -> u64 {
        (bucket + self.older + 1) * self.bucket_us
    }

    /// How long what is charged counts at most.
    #[must_use]
    pub fn memory(&self) -> Duration {
        Duration::from_micros((self.older + 1) * self.bucket_us)
    }
}

/// A limit in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bound {
    /// The most tokens that are counted in the window.
    pub limit: u64,
    /// The window.
    pub window: Window,
}

impl Bound {
    /// The bound that a quota sets.
    #[must_use]
    pub fn new(quota: Quota, kind: WindowKind) -> Self {
        Self { limit: quota.limit.get().into(), window: Window::new(quota.period.duration(), kind) }
    }
}

/// What was charged in a window.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Buckets with what was charged to them, the oldest first. None is empty. One alone, as cold counters have it, is
    /// not allocated.
    charged: SmallVec<[(u64, u64); 1]>,
    /// All of it together.
    sum: u64,
}

/// The state of a window at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The current bucket.
    pub bucket: u64,
    /// When it ends, in microseconds from now.
    pub life_us: u64,
    /// How many tokens there are.
    pub room: u64,
}

impl Tally {
    /// Forgets what counts no longer and tells what is there. A clock that steps back does not bring old buckets back,
    /// unless it does by more than the window: then all is forgotten, for otherwise the bucket that it came from
    /// would be charged until the clock is there again.
    pub fn settle(&mut self, bound: &Bound, now_us: u64) -> State {
        let Bound { limit, window } = bound;
        let mut bucket = window.bucket(now_us);
        if let Some((last, _)) = self.charged.last() {
            if *last > bucket + window.older + 1 {
                *self = Self::default();
            } else {
                bucket = bucket.max(*last);
            }
        }
        let is_over = |(charged, _): &&(u64, u64)| charged + window.older < bucket;
        let over = self.charged.iter().take_while(is_over).count();
        if over > 0 {
            self.sum -= self.charged.drain(..over).map(|(_, count)| count).sum::<u64>();
        }
        let life_us = ((bucket + 1) * window.bucket_us).saturating_sub(now_us);
        State { bucket, life_us, room: limit.saturating_sub(self.sum) }
    }

    /// Charges tokens to the bucket that [`Tally::settle`] told.
    pub fn charge(&mut self, bucket: u64, amount: u64) {
        match self.charged.last_mut() {
            Some((last, count)) if *last == bucket => *count += amount,
            _ if amount > 0 => self.charged.push((bucket, amount)),
            _ => {}
        }
        self.sum += amount;
    }

    /// Takes tokens out of a bucket again, as far as it still counts.
    pub fn give_back(&mut self, bucket: u64, amount: u64) {
        if let Ok(place) = self.charged.binary_search_by_key(&bucket, |(bucket, _)| *bucket)
            && let Some((_, count)) = self.charged.get_mut(place)
        {
            let returned = amount.min(*count);
            *count -= returned;
            self.sum -= returned;
            if *count == 0 {
                self.charged.remove(place);
            }
        }
    }

    /// When there will be room for `cost`, in microseconds from now; if there never will be, when the window is
    /// over. To be asked after [`Tally::settle`].
    #[must_use]
    pub fn due_us(&self, bound: &Bound, cost: u64, now_us: u64) -> u64 {
        let needed = (self.sum + cost).saturating_sub(bound.limit);
        let mut leaving = 0;
        let leaves = self.charged.iter().find(|(_, count)| {
            leaving += count;
            leaving >= needed
        });
        let last = || bound.window.bucket(now_us);
        let bucket = match leaves {
            _ if needed == 0 => return 0,
            Some((bucket, _)) => *bucket,
            None => self.charged.last().map_or_else(last, |(bucket, _)| *bucket),
        };
        bound.window.leaves_at_us(bucket).saturating_sub(now_us)
    }

    /// When the whole limit is there again if nothing more is charged, in microseconds of Unix time. An untouched
    /// sliding window is whole now, a fixed one has its end all the same.
    #[must_use]
    pub fn reset_at_us(&self, window: &Window, now_us: u64) -> u64 {
        match self.charged.last() {
            Some((bucket, _)) => window.leaves_at_us(*bucket),
            None if window.older == 0 => window.leaves_at_us(window.bucket(now_us)),
            None => now_us,
        }
    }

    /// Whether nothing counts any more.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.charged.is_empty()
    }
}

/// Whole microseconds.
pub(super) fn micros(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START_US: u64 = 1_700_000_000_000_000;

    /// Every token that was ever charged, with its moment.
    #[derive(Default)]
    struct Log(Vec<(u64, u64)>);

    impl Log {
        /// What was charged in the stretch of `length_us` that ends with `end_us`.
        fn within(&self, end_us: u64, length_us: u64) -> u64 {
            let stretch = |at: u64| at <= end_us && at + length_us > end_us;
            self.0.iter().filter(|(at, _)| stretch(*at)).map(|(_, amount)| amount).sum()
        }
    }

    /// Takes `cost` if there is room.
    fn take(tally: &mut Tally, bound: &Bound, cost: u64, now_us: u64) -> bool {
        let state = tally.settle(bound, now_us);
        let admitted = state.room >= cost;
        if admitted {
            tally.charge(state.bucket, cost);
        }
        admitted
    }

    fn steps() -> impl Strategy<Value = Vec<(u64, u64)>> {
        // Pauses on every scale from a bucket's fraction to more than a window.
        let pause = prop_oneof![0_u64..40_000, 0_u64..2_000_000, 0_u64..90_000_000];
        proptest::collection::vec((pause, 1_u64..4), 1..300)
    }

    proptest! {
        #[test]
        fn no_stretch_of_a_sliding_window_holds_more_than_the_limit(steps in steps(), limit in 1_u64..40, seconds in prop_oneof![Just(1_u64), Just(60)]) {
            let length = Duration::from_secs(seconds);
            let bound = Bound { limit, window: Window::new(length, WindowKind::Sliding) };
            let (mut tally, mut log, mut now) = (Tally::default(), Log::default(), START_US);
            for (pause, cost) in steps {
                now += pause;
                if take(&mut tally, &bound, cost, now) {
                    log.0.push((now, cost));
                } else {
                    // What is refused would not fit into a stretch that is longer by one bucket.
                    prop_assert!(log.within(now, micros(bound.window.memory())) + cost > limit);
                }
                prop_assert!(log.within(now, micros(length)) <= limit);
            }
        }

        #[test]
        fn a_fixed_window_holds_the_limit_between_its_borders(steps in steps(), limit in 1_u64..40) {
            let bound = Bound { limit, window: Window::new(Duration::from_mins(1), WindowKind::Fixed) };
            let (mut tally, mut now, mut counted) = (Tally::default(), START_US, (0, 0));
            for (pause, cost) in steps {
                now += pause;
                let window = now / 60_000_000;
                if counted.0 != window {
                    counted = (window, 0);
                }
                let fits = counted.1 + cost <= limit;
                prop_assert_eq!(take(&mut tally, &bound, cost, now), fits, "exact, in both directions");
                counted.1 += if fits { cost } else { 0 };
            }
        }

        #[test]
        fn there_is_room_when_it_is_due_and_not_before(steps in steps(), limit in 1_u64..40, cost in 1_u64..4) {
            let bound = Bound { limit, window: Window::new(Duration::from_mins(1), WindowKind::Sliding) };
            let (mut tally, mut now) = (Tally::default(), START_US);
            for (pause, cost) in steps {
                now += pause;
                take(&mut tally, &bound, cost, now);
            }
            prop_assume!(cost <= limit);
            tally.settle(&bound, now);
            let due = tally.due_us(&bound, cost, now);
            if let Some(before) = due.checked_sub(1) {
                prop_assert!(tally.clone().settle(&bound, now + before).room < cost);
            }
            prop_assert!(tally.settle(&bound, now + due).room >= cost);
        }

        #[test]
        fn what_is_given_back_was_never_charged(steps in steps(), limit in 1_u64..40) {
            let bound = Bound { limit, window: Window::new(Duration::from_mins(1), WindowKind::Sliding) };
            let (mut tally, mut plain, mut now) = (Tally::default(), Tally::default(), START_US);
            for (number, (pause, cost)) in steps.into_iter().enumerate() {
                now += pause;
                let State { bucket, room, .. } = tally.settle(&bound, now);
                plain.settle(&bound, now);
                if number % 2 == 0 && room > 0 {
                    tally.charge(bucket, room);
                    tally.give_back(bucket, room);
                } else if room >= cost {
                    tally.charge(bucket, cost);
                    plain.charge(bucket, cost);
                }
                prop_assert_eq!(&tally.charged, &plain.charged);
                prop_assert_eq!(tally.sum, plain.sum);
            }
        }
    }

    #[test]
    fn a_steady_client_gets_60_of_61_parts_of_its_limit() {
        let bound = Bound { limit: 6_000, window: Window::new(Duration::from_mins(1), WindowKind::Sliding) };
        let mut tally = Tally::default();
        let admitted = (0..1_200_000_u64).filter(|step| take(&mut tally, &bound, 1, START_US + step * 1_000));
        let (admitted, asked_for) = (admitted.count() as u64, 20 * 6_000);
        assert!(admitted * 61 >= asked_for * 60, "{admitted} of {asked_for}");
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing_away_and_a_leap_back_locks_nobody_out() {
        let bound = Bound { limit: 3, window: Window::new(Duration::from_mins(1), WindowKind::Sliding) };
        let mut tally = Tally::default();
        for _ in 0..3 {
            assert!(take(&mut tally, &bound, 1, START_US));
        }
        assert!(!take(&mut tally, &bound, 1, START_US - 30_000_000), "half a window back");
        assert!(take(&mut tally, &bound, 1, START_US - 3_600_000_000), "an hour back");
    }

    #[test]
    fn a_reset_is_the_end_of_a_fixed_window_and_of_all_that_counts_in_a_sliding_one() {
        let minute = Duration::from_mins(1);
        for (kind, untouched, touched) in
            [(WindowKind::Fixed, 40_000_000, 40_000_000), (WindowKind::Sliding, 0, 61_000_000)]
        {
            let window = Window::new(minute, kind);
            let mut tally = Tally::default();
            assert_eq!(tally.reset_at_us(&window, START_US) - START_US, untouched);
            assert!(take(&mut tally, &Bound { limit: 1, window }, 1, START_US));
            assert_eq!(tally.reset_at_us(&window, START_US) - START_US, touched);
        }
    }

    #[test]
    fn what_costs_more_than_the_limit_is_told_to_wait_for_the_window() {
        let bound = Bound { limit: 3, window: Window::new(Duration::from_mins(1), WindowKind::Fixed) };
        let mut tally = Tally::default();
        tally.settle(&bound, START_US);
        assert_eq!(tally.due_us(&bound, 4, START_US), 40_000_000);
    }
}
