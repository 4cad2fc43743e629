//! Uses of keys that the store does not know of yet.
//!
//! A Check takes a note and goes on; the notes are written beside the Checks. They decide nothing: a note that is lost costs a
//! count, and never an answer.

use std::{
    fmt,
    hash::BuildHasher,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use metrics::{Counter, counter, describe_counter};

use crate::{
    domain::{KeyId, KeyUsage, Timestamp},
    store::{CachedStore, Lookups, StoreError, UsageStore},
};

/// Counts uses for which there was no room.
const LOST: &str = "doorward_key_uses_lost_total";
/// How many parts the notes have, each under a lock of its own.
const SHARDS: usize = 16;
/// The most keys that one part has notes of; together they are 65 536, which occupy some 4 MB.
const SHARD_KEYS_MAX: usize = 65_536 / SHARDS;
/// The most keys whose uses are written in one change, so that others who change something wait for milliseconds.
const BATCH_MAX: usize = 512;

/// What was noted: how often keys were used, and when last.
pub struct Uses {
    shards: Box<[Shard; SHARDS]>,
    hasher: RandomState,
    lost: Counter,
}

type Notes = HashTable<(KeyId, KeyUsage)>;

/// A part with cache lines of its own: whoever locks it disturbs nobody who locks the next.
#[derive(Default)]
#[repr(align(128))]
struct Shard(Mutex<Notes>);

impl Shard {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        // Each change of the notes is one step, so a panic elsewhere leaves them whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows of how many keys there are notes.
impl fmt::Debug for Uses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shards.iter().map(|shard| shard.notes().len()).sum::<usize>())
    }
}

impl Default for Uses {
    fn default() -> Self {
        describe_counter!(LOST, "Uses of keys that were not counted, since there was no room.");
        Self { shards: Box::default(), hasher: RandomState::default(), lost: counter!(LOST) }
    }
}

impl Uses {
    /// Notes that a key was used at this moment.
    pub fn note(&self, id: &KeyId, at: Timestamp) {
        self.add(id, KeyUsage::once(at));
    }

    /// Adds to what is noted of a key. What finds no room is counted as lost.
    #[expect(clippy::indexing_slicing, reason = "the remainder is smaller than the number of shards")]
    fn add(&self, id: &KeyId, usage: KeyUsage) {
        let hash = self.hasher.hash_one(id);
        // The table takes its places from the lowest bits and the highest.
        let mut notes = self.shards[(hash >> 32) as usize % SHARDS].notes();
        if let Some((_, noted)) = notes.find_mut(hash, |(known, _)| known == id) {
            *noted = noted.and(usage);
        } else if notes.len() < SHARD_KEYS_MAX {
            notes.insert_unique(hash, (id.clone(), usage), |(id, _)| self.hasher.hash_one(id));
        } else {
            self.lost.increment(usage.uses);
        }
    }

    /// Writes what is noted. What could not be written is noted again.
    pub(super) async fn write<S: Lookups + UsageStore>(
        &self,
        store: &CachedStore<S>,
    ) -> Result<(), Arc<StoreError>> {
        let mut taken = self.take();
        while !taken.left.is_empty() {
            let rest = taken.left.len().saturating_sub(BATCH_MAX);
            store.add_uses(taken.left.get(rest..).unwrap_or_default()).await?;
            taken.left.truncate(rest);
        }
        Ok(())
    }

    /// Takes all notes away.
    fn take(&self) -> Taken<'_> {
        let mut left = Vec::new();
        for shard in self.shards.iter() {
            // As many come again, so that no Check waits for room to be made; and it is made here without the lock.
            let noted = shard.notes().len();
            let empty = HashTable::with_capacity(noted);
            left.extend(mem::replace(&mut *shard.notes(), empty));
        }
        Taken { uses: self, left }
    }
}

/// Notes that are being written. Those that are left when it is dropped, by an error or by whoever waits no longer, are noted
/// again.
struct Taken<'u> {
    uses: &'u Uses,
    left: Vec<(KeyId, KeyUsage)>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        for (id, usage) in &self.left {
            self.uses.add(id, *usage);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, thread};

    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a moment")
    }

    fn id(number: usize) -> KeyId {
        format!("key_{number}").parse().expect("an id")
    }

    /// All that is noted; it stays so.
    fn noted(uses: &Uses) -> HashMap<KeyId, KeyUsage> {
        uses.take().left.iter().cloned().collect()
    }

    fn used(number: usize, uses: u64, second: i64) -> (KeyId, KeyUsage) {
        (id(number), KeyUsage { uses, used: at(second) })
    }

    #[test]
    fn each_use_is_counted_and_the_last_moment_kept() {
        let uses = Uses::default();
        for (number, second) in [(1, 30), (2, 31), (1, 33), (1, 32)] {
            uses.note(&id(number), at(second));
        }
        assert_eq!(noted(&uses), HashMap::from([used(1, 3, 33), used(2, 1, 31)]));
    }

    #[test]
    fn uses_at_once_are_all_counted_while_notes_are_taken() {
        let (uses, mut written) = (Uses::default(), 0);
        let count = |left: &[(KeyId, KeyUsage)]| left.iter().map(|(_, usage)| usage.uses).sum::<u64>();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..20_000).for_each(|number| uses.note(&id(number % 100), at(1))));
            }
            for turn in 0..100 {
                let mut taken = uses.take();
                // Every other time it fails.
                if turn % 2 == 0 {
                    written += count(&mem::take(&mut taken.left));
                }
            }
        });
        assert_eq!(written + count(&uses.take().left), 40_000);
    }

    #[test]
    fn notes_are_bounded_and_what_finds_no_room_is_told() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let uses = metrics::with_local_recorder(&recorder, Uses::default);
        let lost = || {
            let page = recorder.handle().render();
            let line = page.lines().find_map(|line| line.strip_prefix(&format!("{LOST} ")));
            line.expect("it is told").parse::<usize>().expect("a number")
        };
        let asked = 2 * SHARDS * SHARD_KEYS_MAX;
        (0..asked).for_each(|number| uses.note(&id(number), at(30)));
        assert_eq!(noted(&uses).len(), SHARDS * SHARD_KEYS_MAX, "each part is full");
        assert_eq!(lost(), SHARDS * SHARD_KEYS_MAX);
        let (known, _) = noted(&uses).into_iter().next().expect("there are some");
        uses.note(&known, at(40));
        assert_eq!(noted(&uses)[&known], KeyUsage { uses: 2, used: at(40) }, "it has its place already");

        let taken = uses.take();
        (asked..2 * asked).for_each(|number| uses.note(&id(number), at(50)));
        drop(taken);
        assert_eq!(noted(&uses).len(), SHARDS * SHARD_KEYS_MAX);
        assert_eq!(lost(), 3 * SHARDS * SHARD_KEYS_MAX + 1, "those that were to be written found no room");
    }
}
