//! What is remembered of the store: known records and unknown names apart, for each kind of its own.
//!
//! `quick_cache` keeps them: a look-up of it takes 60 ns (`cargo bench --bench recall`) and writes to one lock among many.
//! It knows no time to live, so each entry says itself when it ends; one that has ended is overwritten by the
//! next load, or pushed out.

use std::{sync::Arc, thread, time::Duration};

use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};
use tokio::sync::Semaphore;

use crate::{
    config::CacheLimits,
    domain::{KeyRecord, MemberRecord, OrganizationRecord, ProjectRecord, ProjectSecrets, SessionRecord},
    store::{Kept, kept::shared},
};

use super::{
    alike::Alike,
    fences::{Fences, Stamp},
    flights::Flights,
    meters::Meters,
};

/// The most look-ups of one kind that may be under way in the store. Well-formed keys can be made up for
/// nothing, so a flood of them must be refused before it becomes a queue.
pub(super) const LOADS_MAX: usize = 4096;
/// How many unknown names of one kind are remembered, if they are hashes.
const UNKNOWN_MAX: u64 = 65_536;
/// Of how many entries that it pushed out a cache knows that it did, in parts of those that it holds.
const GHOSTS: f64 = 0.1;
/// What `quick_cache` keeps beside an entry: 16 bytes in its slab, up to 12 in its index, and its part of a ghost.
const ENTRY_BYTES: usize = 40;
/// Into how many parts a cache is divided for each core, each with a lock of its own.
const SHARDS_PER_CORE: usize = 4;
/// The part of a cache that one of its locks guards is no smaller, in bytes, unless all of it is: a record that does not fit
/// into such a part is never remembered.
const SHARD_BYTES_MIN: u64 = 4 << 20;

/// What is remembered of every kind.
#[derive(Debug)]
pub struct Memories {
    pub(super) alike: Alike,
    pub(in crate::store) keys: Memory<KeyRecord>,
    pub(in crate::store) sessions: Memory<SessionRecord>,
    pub(in crate::store) organizations: Memory<OrganizationRecord>,
    pub(in crate::store) projects: Memory<ProjectRecord>,
    pub(in crate::store) members: Memory<MemberRecord>,
    pub(in crate::store) secrets: Memory<ProjectSecrets>,
}

impl Memories {
    pub(super) fn new(limits: CacheLimits) -> Self {
        Self {
            alike: Alike::default(),
            keys: Memory::new(limits),
            sessions: Memory::new(limits),
            organizations: Memory::new(limits),
            projects: Memory::new(limits),
            members: Memory::new(limits),
            secrets: Memory::new(limits),
        }
    }
}

/// What is remembered of one kind.
#[derive(Debug)]
pub struct Memory<R: Kept> {
    pub(super) known: Entries<R, Known<R>>,
    pub(super) unknown: Entries<R, Stamp>,
    pub(super) flights: Flights<R>,
    pub(super) turns: Semaphore,
    pub(super) meters: Meters,
    /// How long what is known is remembered.
    positive: Duration,
    /// How long what is unknown is remembered.
    negative: Duration,
    /// How much longer what is known counts while the store does not answer.
    grace: Duration,
}

type Entries<R, V> = Cache<<R as Kept>::Name, Entry<V>, Weigher>;

/// What the store said about a name, and where that was read. There is no record if its absence is remembered
/// for as long as its presence.
#[derive(Debug, Clone)]
pub(super) struct Known<R: Kept> {
    pub(super) record: Option<Arc<R::Known>>,
    pub(super) stamp: Stamp,
}

/// Something remembered.
#[derive(Debug, Clone)]
pub(super) struct Entry<V> {
    value: V,
    ends: Moment,
    /// What the entry occupies with all that belongs to it.
    bytes: u32,
}

/// Milliseconds since the cache was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

impl Moment {
    pub(super) fn after(time: Duration) -> Self {
        Self(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn milliseconds(self) -> u64 {
        self.0
    }

    fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(Self::after(time).0))
    }
}

/// Weighs an entry by what it says that it occupies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weigher;

impl<N, V> Weighter<N, Entry<V>> for Weigher {
    fn weight(&self, _: &N, entry: &Entry<V>) -> u64 {
        entry.bytes.into()
    }
}

impl<R: Kept> Memory<R> {
    fn new(limits: CacheLimits) -> Self {
        let unknown_bytes = entry_bytes::<R::Name, Stamp>(0);
        Self {
            known: entries::<R, _>(limits.capacity_bytes, known_bytes::<R>(0)),
            unknown: entries::<R, _>(UNKNOWN_MAX * u64::from(unknown_bytes), unknown_bytes),
            flights: Flights::new(),
            turns: Semaphore::new(LOADS_MAX),
            meters: Meters::new(R::KIND),
            positive: limits.positive,
            negative: limits.negative,
            grace: limits.grace,
        }
    }

    /// What is remembered under this name and still holds at `now`.
    pub(super) fn recall(&self, name: &R::Name, fences: &Fences, now: Moment) -> Option<Known<R>> {
        if let Some(known) = self.recall_known(name, fences, now) {
            let hits = if known.record.is_some() { &self.meters.hits } else { &self.meters.negative_hits };
            hits.increment(1);
            return Some(known);
        }
        let entry = self.unknown.get(name)?;
        if now < entry.ends && fences.admit(entry.value) {
            self.meters.negative_hits.increment(1);
            return Some(Known { record: None, stamp: entry.value });
        }
        None
    }

    /// The same among what is remembered for long, and not counted.
    pub(super) fn recall_known(&self, name: &R::Name, fences: &Fences, now: Moment) -> Option<Known<R>> {
        let entry = self.known.get(name)?;
        (now < entry.ends && fences.admit(entry.value.stamp)).then_some(entry.value)
    }

    /// What was remembered for long, has ended, and counts all the same while the store does not answer.
    pub(super) fn recall_in_grace(&self, name: &R::Name, fences: &Fences, now: Moment) -> Option<Known<R>> {
        let entry = self.known.get(name)?;
        let counts = now < entry.ends.plus(self.grace) && fences.admit(entry.value.stamp);
        counts.then(|| {
            self.meters.graces.increment(1);
            entry.value
        })
    }

    /// Remembers from `now` on what the store said of this name; `record_bytes` is what [`Kept::known`] says of the
    /// record. What it said before is forgotten.
    pub(super) fn remember(&self, name: &R::Name, known: Known<R>, record_bytes: usize, now: Moment) {
        let beside = R::name_bytes(name);
        if known.record.is_some() || R::NAMED_BY_PRINCIPALS {
            let bytes = known_bytes::<R>(beside + record_bytes);
            let entry = Entry { value: known, ends: now.plus(self.positive), bytes };
            self.known.insert(name.clone(), entry);
        } else {
            let bytes = entry_bytes::<R::Name, Stamp>(beside);
            let entry = Entry { value: known.stamp, ends: now.plus(self.negative), bytes };
            self.unknown.insert(name.clone(), entry);
            self.known.remove(name);
        }
    }
}

/// What an entry with a known record occupies, of which so many bytes lie elsewhere.
fn known_bytes<R: Kept>(beside: usize) -> u32 {
    entry_bytes::<R::Name, Known<R>>(shared(size_of::<R::Known>()) + beside)
}

fn entry_bytes<N, V>(beside: usize) -> u32 {
    let bytes = ENTRY_BYTES + size_of::<(N, Entry<V>)>() + beside;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// A cache of so many bytes for entries that occupy so many bytes at least.
#[expect(clippy::expect_used, reason = "only a missing capacity is an error")]
fn entries<R: Kept, V: Clone>(capacity_bytes: u64, entry_bytes: u32) -> Entries<R, V> {
    let shards = usize::try_from(capacity_bytes / SHARD_BYTES_MIN).unwrap_or(usize::MAX);
    let items = usize::try_from(capacity_bytes / u64::from(entry_bytes)).unwrap_or(usize::MAX);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let options = OptionsBuilder::new()
        .weight_capacity(capacity_bytes)
        .estimated_items_capacity(items)
        .shards(shards.clamp(1, SHARDS_PER_CORE * cores))
        .ghost_allocation(GHOSTS)
        .build()
        .expect("both capacities are given");
    Cache::with_options(options, Weigher, DefaultHashBuilder::default(), DefaultLifecycle::default())
}
