//! A map from the names of counters, in parts that are locked one by one.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::CounterName;

/// How many parts there are.
const SHARDS: usize = 64;
/// The most values of one part; together they are a million.
const SHARD_VALUES_MAX: usize = 1024 * 1024 / SHARDS;
/// A part is swept first when it has so many values.
const FIRST_SWEEP: usize = 64;
/// A part that is full, or nearly so, is swept no more often: a sweep looks at every value, and a flood of new names would
/// have one for each.
const FULL_SWEEPS_EVERY: Duration = Duration::from_millis(250);

/// A bounded map, empty at first.
pub(super) struct Sharded<V> {
    shards: [Mutex<Shard<V>>; SHARDS],
    hasher: RandomState,
}

/// A part of the map.
pub(super) struct Shard<V> {
    values: HashMap<CounterName, V>,
    /// With how many values those that are idle are looked for again.
    sweep_at: usize,
    /// When they were last looked for.
    swept: Option<Instant>,
}

impl<V> Sharded<V> {
    pub(super) fn new() -> Self {
        let shard = |_| Mutex::new(Shard::new());
        Self { shards: std::array::from_fn(shard), hasher: RandomState::new() }
    }

    /// How many values there are, idle ones included.
    pub(super) fn len(&self) -> usize {
        let count =
            |shard: &Mutex<Shard<V>>| shard.lock().unwrap_or_else(PoisonError::into_inner).values.len();
        self.shards.iter().map(count).sum()
    }

    /// Does something with the part in which the name stands. Nobody else touches that part meanwhile.
    #[expect(clippy::indexing_slicing, reason = "the remainder is smaller than the number of shards")]
    pub(super) fn with<T>(&self, name: &CounterName, act: impl FnOnce(&mut Shard<V>) -> T) -> T {
        #[expect(clippy::cast_possible_truncation, reason = "any part of the hash will do")]
        let shard = &self.shards[self.hasher.hash_one(name) as usize % SHARDS];
        // A shard is whole between any two of its statements: a panic elsewhere leaves nothing half done.
        act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<V> Shard<V> {
    fn new() -> Self {
        Self { values: HashMap::new(), sweep_at: FIRST_SWEEP, swept: None }
    }

    /// Whether it is not too soon to sweep again.
    fn may_sweep(&mut self) -> bool {
        let now = Instant::now();
        let is_soon = |swept: Instant| now.duration_since(swept) < FULL_SWEEPS_EVERY;
        let may = self.sweep_at < SHARD_VALUES_MAX || !self.swept.is_some_and(is_soon);
        if may {
            self.swept = Some(now);
        }
        may
    }
}

impl<V: Default> Shard<V> {
    /// The value of this name, if there is one.
    pub(super) fn get(&mut self, name: &CounterName) -> Option<&mut V> {
        self.values.get_mut(name)
    }

    /// The value of this name, made if there is none; `None` if there is no room for it. Idle ones may be dropped for it,
    /// and others never.
    pub(super) fn get_or_make(&mut self, name: &CounterName, is_idle: impl Fn(&V) -> bool) -> Option<&mut V> {
        if !self.values.contains_key(name) {
            if self.values.len() >= self.sweep_at && self.may_sweep() {
                self.values.retain(|_, value| !is_idle(value));
                self.values.shrink_to(FIRST_SWEEP);
                self.sweep_at = (2 * self.values.len()).clamp(FIRST_SWEEP, SHARD_VALUES_MAX);
            }
            if self.values.len() >= SHARD_VALUES_MAX {
                return None;
            }
        }
        Some(self.values.entry(name.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_flood_of_names_into_a_full_part_is_cheap_and_takes_nobodys_place() {
        let mut shard = Shard::<()>::new();
        let name = |number: usize| CounterName::new("shop", "client_address", &number.to_string());
        for number in 0..SHARD_VALUES_MAX {
            assert!(shard.get_or_make(&name(number), |()| false).is_some());
        }
        let looked_at = Cell::new(0);
        let is_idle = |(): &()| {
            looked_at.set(looked_at.get() + 1);
            false
        };
        let began = Instant::now();
        for number in SHARD_VALUES_MAX..SHARD_VALUES_MAX + 2_000 {
            assert!(shard.get_or_make(&name(number), is_idle).is_none());
        }
        let passed = began.elapsed().as_millis() / FULL_SWEEPS_EVERY.as_millis();
        let sweeps = 1 + usize::try_from(passed).expect("a short time");
        assert!(looked_at.get() <= (sweeps + 1) * SHARD_VALUES_MAX, "{} in {sweeps} sweeps", looked_at.get());
        assert!(shard.get(&name(0)).is_some());
        tokio::time::sleep(FULL_SWEEPS_EVERY).await;
        assert!(shard.get_or_make(&name(SHARD_VALUES_MAX), |()| true).is_some(), "there is room again");
    }
}
