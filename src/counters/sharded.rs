//! A map from the names of counters, in parts that are locked one by one.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
};

use super::CounterName;

/// How many parts there are.
const SHARDS: usize = 64;
/// The most values of one part; together they are a million.
const SHARD_VALUES_MAX: usize = 1024 * 1024 / SHARDS;
/// A part is swept first when it has so many values.
const FIRST_SWEEP: usize = 64;

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
}

impl<V> Sharded<V> {
    pub(super) fn new() -> Self {
        let shard = |_| Mutex::new(Shard { values: HashMap::new(), sweep_at: FIRST_SWEEP });
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

impl<V: Default> Shard<V> {
    /// The value of this name, if there is one.
    pub(super) fn get(&mut self, name: &CounterName) -> Option<&mut V> {
        self.values.get_mut(name)
    }

    /// The value of this name, made if there is none; `None` if there is no room for it. Idle ones may be dropped for it,
    /// and others never.
    pub(super) fn get_or_make(&mut self, name: &CounterName, is_idle: impl Fn(&V) -> bool) -> Option<&mut V> {
        if !self.values.contains_key(name) {
            if self.values.len() >= self.sweep_at {
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
