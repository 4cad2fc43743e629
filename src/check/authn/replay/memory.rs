//! Uses that this process alone remembers.
//!
//! No signer takes all of its room: one may have as many uses there as could be added. So whoever signs without measure gets half
//! of it, two of them a third each, and the rest is left for all others ("Dynamic queue length thresholds for shared-memory
//! packet switches", Choudhury and Hahne, IEEE/ACM Transactions on Networking 6 (2), 1998, with α = 1).

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::domain::Timestamp;

use super::{CLOCK_STEP_SECONDS, Signer, Use};

/// How many parts the memory has, each under a lock of its own.
const SHARDS: usize = 16;
/// The most uses that one part remembers; together they are a million, which occupy some 150 MB.
const SHARD_USES_MAX: usize = 1024 * 1024 / SHARDS;

/// What the memory says of a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is the first, and is remembered from now on.
    First,
    /// It was seen before.
    Again,
    /// It cannot be remembered, as there is no room for its signer: nothing is forgotten before its time.
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
        let uses = |shard: &Mutex<Shard>| shard.lock().unwrap_or_else(PoisonError::into_inner).ends.len();
        write!(f, "{}", self.shards.iter().map(uses).sum::<usize>())
    }
}

/// A part of the memory.
#[derive(Default)]
struct Shard {
    /// The second after which each use is forgotten.
    ends: HashMap<Kept, i64>,
    /// The same, in the order of their ends.
    by_end: BTreeSet<(i64, Kept)>,
    /// How many of them each signer has. Whoever has none is not among them.
    held: HashMap<Signer, usize>,
}

/// A use as it is kept: who signed, and of the hash as much as tells one use from another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Kept {
    hash: [u8; 24],
    signer: Signer,
}

impl From<&Use> for Kept {
    fn from(Use { hash, signer }: &Use) -> Self {
        Self { hash: hash.first_chunk().copied().unwrap_or_default(), signer: *signer }
    }
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
    pub(super) fn note(&self, used: Use, until: Timestamp, now: Timestamp) -> Answer {
        let used = Kept::from(&used);
        let Some(mut shard) = self.shard(&used) else {
            return Answer::Full;
        };
        shard.forget_ended(now.as_second());
        shard.note(used, until.as_second().saturating_add(CLOCK_STEP_SECONDS), self.shard_uses_max)
    }

    /// Forgets a use before its time.
    pub(super) fn forget(&self, used: &Use) {
        let used = Kept::from(used);
        if let Some(mut shard) = self.shard(&used) {
            shard.forget(&used);
        }
    }

    fn shard(&self, used: &Kept) -> Option<MutexGuard<'_, Shard>> {
        let [first, ..] = used.hash;
        let shard = self.shards.get(usize::from(first) % SHARDS)?;
        // A shard is whole between any two of its statements: a panic elsewhere leaves nothing half done.
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shard {
    /// Forgets what ended before this second, and gives its memory back.
    fn forget_ended(&mut self, now: i64) {
        while let Some((_, used)) = self.by_end.first().filter(|(end, _)| *end < now).copied() {
            self.forget(&used);
        }
        if self.ends.capacity() > 4 * self.ends.len() + SHARDS {
            self.ends.shrink_to_fit();
        }
    }

    fn forget(&mut self, used: &Kept) {
        if let Some(end) = self.ends.remove(used) {
            self.by_end.remove(&(end, *used));
            if let Entry::Occupied(mut held) = self.held.entry(used.signer) {
                *held.get_mut() -= 1;
                if *held.get() == 0 {
                    held.remove();
                }
            }
        }
    }

    fn note(&mut self, used: Kept, end: i64, uses_max: usize) -> Answer {
        if self.ends.contains_key(&used) {
            return Answer::Again;
        }
        let held = self.held.get(&used.signer).copied().unwrap_or_default();
        if held >= uses_max.saturating_sub(self.ends.len()) {
            return Answer::Full;
        }
        self.held.insert(used.signer, held + 1);
        self.ends.insert(used, end);
        self.by_end.insert((end, used));
        Answer::First
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    fn numbered(number: u32) -> Use {
        signed_by("apollo", number)
    }

    fn signed_by(project: &str, number: u32) -> Use {
        Use::of(&"notes".parse().expect("a name"), &project.parse().expect("an id"), &number.to_be_bytes())
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a moment")
    }

    impl Memory {
        /// How many uses there is memory for.
        fn capacity(&self) -> usize {
            let capacity = |shard: &Mutex<Shard>| {
                let shard = shard.lock().expect("no panic");
                shard.ends.capacity() + shard.by_end.len() + shard.held.len()
            };
            self.shards.iter().map(capacity).sum()
        }
    }

    #[test]
    fn a_use_is_forgotten_when_it_could_not_be_repeated_and_not_before() {
        let replays = Memory::default();
        let note = |now| replays.note(numbered(1), second(300), second(now));
        assert_eq!(note(0), Answer::First);
        for now in [0, 299, 300, 301, 300 + CLOCK_STEP_SECONDS] {
            assert_eq!(note(now), Answer::Again, "{now}");
        }
        assert_eq!(note(301 + CLOCK_STEP_SECONDS), Answer::First);
    }

    #[test]
    fn a_clock_that_is_set_back_a_little_brings_nothing_back() {
        let replays = Memory::default();
        assert_eq!(replays.note(numbered(1), second(300), second(300)), Answer::First);
        assert_eq!(replays.note(numbered(2), second(700), second(300 + CLOCK_STEP_SECONDS)), Answer::First);
        assert_eq!(replays.note(numbered(1), second(300), second(300)), Answer::Again);
    }

    #[test]
    fn what_is_forgotten_gives_its_memory_back() {
        let replays = Memory::default();
        for number in 0..10_000 {
            assert_eq!(replays.note(numbered(number), second(300), second(0)), Answer::First);
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
        let replays = Memory::with_room_for(8);
        let noted: Vec<Answer> =
            (0..1_000).map(|number| replays.note(numbered(number), second(300), second(0))).collect();
        let taken = (0..1_000).filter(|number| noted[*number as usize] == Answer::First);
        assert_eq!(taken.clone().count(), 4 * SHARDS, "half of it");
        for number in taken {
            assert_eq!(replays.note(numbered(number), second(300), second(300)), Answer::Again);
        }
        assert!(noted.iter().all(|noted| *noted != Answer::Again));
        let later = second(301 + CLOCK_STEP_SECONDS);
        assert_eq!(replays.note(numbered(2_000), second(900), later), Answer::First, "there is room again");
    }

    #[test]
    fn whoever_signs_without_measure_leaves_room_for_others() {
        let replays = Memory::with_room_for(12);
        let flood = |project: &str| {
            let note = |number| replays.note(signed_by(project, number), second(300), second(0));
            (0..10_000).filter(|number| note(*number) == Answer::First).count()
        };
        // In turn, the first gets a half, the second half of the rest, and somebody else is let in all the same.
        assert_eq!(
            [flood("apollo"), flood("gemini"), flood("mercury")],
            [6 * SHARDS, 3 * SHARDS, 2 * SHARDS]
        );
        for number in 0..10_000 {
            replays.forget(&signed_by("apollo", number));
        }
        assert_eq!(flood("mercury"), 3 * SHARDS, "what is given back is there for all");
    }

    #[test]
    fn what_is_forgotten_before_its_time_can_be_noted_anew() {
        let replays = Memory::default();
        let note = |number| replays.note(numbered(number), second(300), second(0));
        assert_eq!([note(1), note(2)], [Answer::First; 2]);
        replays.forget(&numbered(1));
        replays.forget(&numbered(3));
        assert_eq!(format!("{replays:?}"), "1");
        assert_eq!([note(1), note(2)], [Answer::First, Answer::Again]);
        assert_eq!(replays.note(numbered(4), second(900), second(600)), Answer::First);
    }

    #[test]
    fn of_many_at_once_one_is_the_first() {
        let replays = Arc::new(Memory::default());
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let replays = Arc::clone(&replays);
                let note = move |number| replays.note(numbered(number), second(300), second(0));
                thread::spawn(move || (0..1_000).filter(|number| note(*number) == Answer::First).count())
            })
            .collect();
        let first: usize = threads.into_iter().map(|thread| thread.join().expect("no panic")).sum();
        assert_eq!(first, 1_000);
    }
}
