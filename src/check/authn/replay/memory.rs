//! Uses that this process alone remembers.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    sync::{Mutex, PoisonError},
};

use crate::domain::Timestamp;

use super::{CLOCK_STEP_SECONDS, Use};

/// How many parts the memory has, each under a lock of its own.
const SHARDS: usize = 16;
/// The most uses that one part remembers; together they are a million, which occupy some 100 MB.
const SHARD_USES_MAX: usize = 1024 * 1024 / SHARDS;
/// What the memory says of a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    /// It is the first, and is remembered from now on.
    First,
    /// It was seen before.
    Again,
    /// It cannot be remembered, as there is no room: nothing is forgotten before its time.
    Full,
}

/// Remembers uses, from none on. Clones would not share it, so there are none.
pub(super) struct Memory {
    shards: [Mutex<Shard>; SHARDS],
    shard_uses_max: usize,
}

/// Shows how many uses there are.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uses = |shard: &Mutex<Shard>| shard.lock().unwrap_or_else(PoisonError::into_inner).seen.len();
        write!(f, "{}", self.shards.iter().map(uses).sum::<usize>())
    }
}

/// A part of the memory.
#[derive(Default)]
struct Shard {
    seen: HashSet<Use>,
    /// The same uses, by the second after which they are forgotten.
    by_end: BTreeMap<i64, Vec<Use>>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::with_room_for(SHARD_USES_MAX)
    }
}

impl Memory {
    fn with_room_for(shard_uses_max: usize) -> Self {
        Self { shards: Default::default(), shard_uses_max }
    }

    /// Notes a use that could be repeated until the end of the second `until`. Of any number of calls at once
    /// with the same use, one is told that it is the first.
    pub(super) fn note(&self, used: Use, until: Timestamp, now: Timestamp) -> Noted {
        let Some(shard) = self.shards.get(used.part(SHARDS)) else {
            return Noted::Full;
        };
        // A shard is whole between any two of its statements: a panic elsewhere leaves nothing half done.
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.forget(now.as_second());
        shard.note(used, until.as_second().saturating_add(CLOCK_STEP_SECONDS), self.shard_uses_max)
    }
}

impl Shard {
    /// Forgets what ended before this second, and gives its memory back.
    fn forget(&mut self, now: i64) {
        while let Some(entry) = self.by_end.first_entry()
            && *entry.key() < now
        {
            for used in entry.remove() {
                self.seen.remove(&used);
            }
        }
        if self.seen.capacity() > 4 * self.seen.len() + SHARDS {
            self.seen.shrink_to_fit();
        }
    }

    fn note(&mut self, used: Use, end: i64, uses_max: usize) -> Noted {
        if self.seen.contains(&used) {
            return Noted::Again;
        }
        if self.seen.len() >= uses_max {
            return Noted::Full;
        }
        self.seen.insert(used);
        self.by_end.entry(end).or_default().push(used);
        Noted::First
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    fn numbered(number: u32) -> Use {
        Use::of(&"notes".parse().expect("a name"), &"apollo".parse().expect("an id"), &number.to_be_bytes())
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a moment")
    }

    impl Memory {
        /// How many uses there is memory for.
        fn capacity(&self) -> usize {
            let capacity = |shard: &Mutex<Shard>| {
                let shard = shard.lock().expect("no panic");
                shard.seen.capacity() + shard.by_end.values().map(Vec::capacity).sum::<usize>()
            };
            self.shards.iter().map(capacity).sum()
        }
    }

    #[test]
    fn a_use_is_forgotten_when_it_could_not_be_repeated_and_not_before() {
        let replays = Memory::default();
        let note = |now| replays.note(numbered(1), second(300), second(now));
        assert_eq!(note(0), Noted::First);
        for now in [0, 299, 300, 301, 300 + CLOCK_STEP_SECONDS] {
            assert_eq!(note(now), Noted::Again, "{now}");
        }
        assert_eq!(note(301 + CLOCK_STEP_SECONDS), Noted::First);
    }

    #[test]
    fn a_clock_that_is_set_back_a_little_brings_nothing_back() {
        let replays = Memory::default();
        assert_eq!(replays.note(numbered(1), second(300), second(300)), Noted::First);
        assert_eq!(replays.note(numbered(2), second(700), second(300 + CLOCK_STEP_SECONDS)), Noted::First);
        assert_eq!(replays.note(numbered(1), second(300), second(300)), Noted::Again);
    }

    #[test]
    fn what_is_forgotten_gives_its_memory_back() {
        let replays = Memory::default();
        for number in 0..10_000 {
            assert_eq!(replays.note(numbered(number), second(300), second(0)), Noted::First);
        }
        assert!(replays.capacity() >= 20_000);
        assert_eq!(format!("{replays:?}"), "10000");
        // Each part forgets when it is asked next.
        for number in 10_000..10_200 {
            replays.note(numbered(number), second(900), second(600));
        }
        assert!(replays.capacity() < 2_000, "{}", replays.capacity());
    }

    #[test]
    fn without_room_nothing_is_forgotten_early_and_nothing_new_is_taken() {
        let replays = Memory::with_room_for(4);
        let noted: Vec<Noted> =
            (0..1_000).map(|number| replays.note(numbered(number), second(300), second(0))).collect();
        let taken = (0..1_000).filter(|number| noted[*number as usize] == Noted::First);
        assert_eq!(taken.clone().count(), 4 * SHARDS);
        for number in taken {
            assert_eq!(replays.note(numbered(number), second(300), second(300)), Noted::Again);
        }
        assert!(noted.iter().all(|noted| *noted != Noted::Again));
        let later = second(301 + CLOCK_STEP_SECONDS);
        assert_eq!(replays.note(numbered(2_000), second(900), later), Noted::First, "there is room again");
    }

    #[test]
    fn of_many_at_once_one_is_the_first() {
        let replays = Arc::new(Memory::default());
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let replays = Arc::clone(&replays);
                let note = move |number| replays.note(numbered(number), second(300), second(0));
                thread::spawn(move || (0..1_000).filter(|number| note(*number) == Noted::First).count())
            })
            .collect();
        let first: usize = threads.into_iter().map(|thread| thread.join().expect("no panic")).sum();
        assert_eq!(first, 1_000);
    }
}
