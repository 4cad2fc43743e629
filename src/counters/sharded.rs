//! A map from the names of counters, in parts that are locked one by one.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use foldhash::{SharedSeed, quality::SeedableRandomState};
use hashbrown::HashTable;
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
///
/// A name is hashed once, for its part and its place there, and by a fast hash that each map seeds anew.
/// Clients can choose no names but addresses, and do not see what they are hashed to.
pub(super) struct Sharded<V> {
    shards: Box<[Padded<V>; SHARDS]>,
    hasher: SeedableRandomState,
}

/// A part with cache lines of its own: whoever locks it disturbs nobody who locks the next.
#[repr(align(128))]
struct Padded<V>(Mutex<Shard<V>>);

/// A part of the map.
struct Shard<V> {
    values: HashTable<(Box<[u8]>, V)>,
    /// With how many values those that are idle are looked for again.
    sweep_at: usize,
    /// When they were last looked for.
    swept: Option<Instant>,
}

/// Where the value of a name is, or can be. Nobody else touches that part of the map meanwhile.
pub(super) struct Place<'a, V> {
    shard: &'a mut Shard<V>,
    key: &'a [u8],
    hash: u64,
    hasher: &'a SeedableRandomState,
}

impl<V> Sharded<V> {
    pub(super) fn new() -> Self {
        let shard = |_| Padded(Mutex::new(Shard::new()));
        let seed = RandomState::new().hash_one(());
        let hasher = SeedableRandomState::with_seed(seed, SharedSeed::global_random());
        Self { shards: Box::new(std::array::from_fn(shard)), hasher }
    }

    /// How many values there are, idle ones included.
    pub(super) fn len(&self) -> usize {
        let count = |shard: &Padded<V>| shard.0.lock().unwrap_or_else(PoisonError::into_inner).values.len();
        self.shards.iter().map(count).sum()
    }

    /// Does something at the place of a name.
    #[expect(clippy::indexing_slicing, reason = "the remainder is smaller than the number of shards")]
    pub(super) fn with<T>(&self, name: &CounterName, act: impl FnOnce(Place<'_, V>) -> T) -> T {
        let (key, hasher) = (name.key(), &self.hasher);
        let hash = hasher.hash_one(key);
        // The table takes its places from the lowest bits and the highest.
        let shard = &self.shards[(hash >> 32) as usize % SHARDS];
        // A shard is whole between any two of its statements: a panic elsewhere leaves nothing half done.
        let shard = &mut *shard.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(Place { shard, key, hash, hasher })
    }
}

impl<V> Shard<V> {
    fn new() -> Self {
        Self { values: HashTable::new(), sweep_at: FIRST_SWEEP, swept: None }
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

impl<'a, V: Default> Place<'a, V> {
    /// The value, if there is one.
    pub(super) fn get(self) -> Option<&'a mut V> {
        let Self { shard, key, hash, .. } = self;
        shard.values.find_mut(hash, |(known, _)| **known == *key).map(|(_, value)| value)
    }

    /// The value, made if there is none; `None` if there is no room for it. Idle ones may be dropped for it,
    /// and others never.
    pub(super) fn get_or_make(self, is_idle: impl Fn(&V) -> bool) -> Option<&'a mut V> {
        let Self { shard, key, hash, hasher } = self;
        let hash_of = |(key, _): &(Box<[u8]>, V)| hasher.hash_one(&**key);
        let place = shard.values.find_bucket_index(hash, |(known, _)| **known == *key);
        if let Some(place) = place {
            return shard.values.get_bucket_mut(place).map(|(_, value)| value);
        }
        if shard.values.len() >= shard.sweep_at && shard.may_sweep() {
            shard.values.retain(|(_, value)| !is_idle(value));
            shard.values.shrink_to(FIRST_SWEEP, hash_of);
            shard.sweep_at = (2 * shard.values.len()).clamp(FIRST_SWEEP, SHARD_VALUES_MAX);
        }
        if shard.values.len() >= SHARD_VALUES_MAX {
            return None;
        }
        let made = shard.values.insert_unique(hash, (key.into(), V::default()), hash_of);
        Some(&mut made.into_mut().1)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_flood_of_names_into_a_full_part_is_cheap_and_takes_nobodys_place() {
        let (mut shard, hasher) =
            (Shard::<()>::new(), SeedableRandomState::with_seed(1, SharedSeed::global_random()));
        let name = |number: usize| CounterName::new("shop", "client_address", &number.to_string());
        let mut make = |number: usize, is_idle: &dyn Fn(&()) -> bool| {
            let name = name(number);
            let place = Place {
                shard: &mut shard,
                key: name.key(),
                hash: hasher.hash_one(name.key()),
                hasher: &hasher,
            };
            place.get_or_make(is_idle).is_some()
        };
        for number in 0..SHARD_VALUES_MAX {
            assert!(make(number, &|()| false));
        }
        let looked_at = Cell::new(0);
        let is_idle = |(): &()| {
            looked_at.set(looked_at.get() + 1);
            false
        };
        let began = Instant::now();
        for number in SHARD_VALUES_MAX..SHARD_VALUES_MAX + 2_000 {
            assert!(!make(number, &is_idle));
        }
        let passed = began.elapsed().as_millis() / FULL_SWEEPS_EVERY.as_millis();
        let sweeps = 1 + usize::try_from(passed).expect("a short time");
        assert!(looked_at.get() <= (sweeps + 1) * SHARD_VALUES_MAX, "{} in {sweeps} sweeps", looked_at.get());
        assert!(make(0, &is_idle), "it is there");
        tokio::time::sleep(FULL_SWEEPS_EVERY).await;
        assert!(make(SHARD_VALUES_MAX, &|()| true), "there is room again");
    }
}
