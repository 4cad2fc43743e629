//! What is remembered of the store: known records and unknown names apart, for each kind of its own.

use std::sync::Arc;

use moka::future::Cache;
use tokio::sync::Semaphore;

use crate::{
    config::CacheLimits,
    domain::{KeyRecord, MemberRecord, OrganizationRecord, ProjectRecord, ProjectSecrets, SessionRecord},
    store::{Kept, StoreError},
};

use super::{
    fences::{Fences, Stamp},
    meters::Meters,
};

/// The most look-ups of one kind that may be under way in the store. Well-formed keys can be made up for
/// nothing, so a flood of them must be refused before it becomes a queue.
pub(super) const LOADS_MAX: usize = 4096;
/// What unknown names of one kind may occupy, in bytes: enough for 65,536 hashes.
pub(super) const UNKNOWN_BYTES_MAX: u64 = 65_536 * 360;
/// What moka's own bookkeeping of an entry occupies, roughly and never less.
const ENTRY_BYTES: usize = 300;

/// What is remembered of every kind.
#[derive(Debug)]
pub struct Memories {
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
    pub(super) known: Cache<R::Name, Known<R>>,
    pub(super) unknown: Cache<R::Name, Stamp>,
    pub(super) turns: Semaphore,
    pub(super) meters: Meters,
}

/// What the store said about a name, and where that was read. There is no record if its absence is remembered
/// for as long as its presence.
#[derive(Debug, Clone)]
pub(super) struct Known<R> {
    pub(super) record: Option<Arc<R>>,
    pub(super) stamp: Stamp,
}

/// Why a load brought nothing to remember among what is known. To moka both are errors, which it hands to
/// everyone who waits for this load and does not remember.
#[derive(Debug)]
pub(super) enum NotLoaded {
    Unknown(Stamp),
    Failed(Arc<StoreError>),
}

impl<R: Kept> Memory<R> {
    fn new(limits: CacheLimits) -> Self {
        Self {
            known: Cache::builder()
                .max_capacity(limits.capacity_bytes)
                .weigher(known_bytes)
                .time_to_live(limits.positive)
                .build(),
            unknown: Cache::builder()
                .max_capacity(UNKNOWN_BYTES_MAX)
                .weigher(unknown_bytes::<R>)
                .time_to_live(limits.negative)
                .build(),
            turns: Semaphore::new(LOADS_MAX),
            meters: Meters::new(R::KIND),
        }
    }

    /// What is remembered under this name and still holds.
    pub(super) async fn recall(&self, name: &R::Name, fences: &Fences) -> Option<Known<R>> {
        if let Some(known) = self.known.get(name).await
            && fences.admit(known.stamp)
        {
            let hits = if known.record.is_some() { &self.meters.hits } else { &self.meters.negative_hits };
            hits.increment(1);
            return Some(known);
        }
        if let Some(stamp) = self.unknown.get(name).await
            && fences.admit(stamp)
        {
            self.meters.negative_hits.increment(1);
            return Some(Known { record: None, stamp });
        }
        None
    }

    /// Makes room for a load: where there is an entry, moka does not load.
    pub(super) async fn drop_stale(&self, name: &R::Name, fences: &Fences) {
        if let Some(known) = self.known.get(name).await
            && !fences.admit(known.stamp)
        {
            self.known.invalidate(name).await;
        }
    }
}

fn known_bytes<R: Kept>(name: &R::Name, known: &Known<R>) -> u32 {
    let record = known.record.as_ref().map_or(0, |record| size_of::<R>() + record.bytes());
    entry_bytes::<R>(name, size_of::<Known<R>>() + record)
}

fn unknown_bytes<R: Kept>(name: &R::Name, _: &Stamp) -> u32 {
    entry_bytes::<R>(name, size_of::<Stamp>())
}

fn entry_bytes<R: Kept>(name: &R::Name, value: usize) -> u32 {
    let bytes = ENTRY_BYTES + size_of::<R::Name>() + R::name_bytes(name) + value;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
