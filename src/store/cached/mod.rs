//! The cache in front of a key store, on the path of every Check.
//!
//! It remembers who a key belongs to, and never what was decided: expiry, revocation and scopes are judged by
//! whoever asks. Known and unknown keys are remembered apart, so that a million random keys push out no known
//! one. Errors are not remembered. `fences` says how a change in the store reaches what is remembered.

mod fences;
mod follow;
mod meters;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use moka::future::Cache;
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    config::CacheLimits,
    domain::{ApiName, CredentialHash, Environment, KeyId, KeyRecord, PlanName, ProjectId, Scope},
};

use super::{KeyStore, StoreError};

use self::{
    fences::{Fences, Stamp},
    meters::Meters,
};

/// The most look-ups that may be under way in the store. Well-formed keys can be made up for nothing, so a flood
/// of them must be refused before it becomes a queue.
const LOADS_MAX: usize = 4096;
/// How often a load begins anew because what it brought is stale already.
const LOAD_ATTEMPTS: usize = 3;
/// The most unknown keys that are remembered as such.
const UNKNOWN_MAX: u64 = 65_536;
/// What an entry occupies beside its texts: the record, the hash, and moka's own bookkeeping.
const ENTRY_BYTES: usize = size_of::<KeyRecord>() + 300;
/// What an `Arc<str>` and the pointer to it occupy beside their text.
const TEXT_BYTES: usize = 32;

/// A key store that remembers what it was asked. Clones share what they remember.
#[derive(Debug)]
pub struct CachedKeys<S> {
    shared: Arc<Shared<S>>,
}

#[derive(Debug)]
struct Shared<S> {
    store: S,
    known: Cache<CredentialHash, Known>,
    unknown: Cache<CredentialHash, Stamp>,
    fences: Fences,
    load_timeout: Duration,
    turns: Semaphore,
    meters: Meters,
}

/// A key that the store has, and where that was read.
#[derive(Debug, Clone)]
struct Known {
    record: Arc<KeyRecord>,
    stamp: Stamp,
}

/// Why a load brought no record. To moka both are errors, which it hands to everyone who waits for this load
/// and does not remember.
#[derive(Debug)]
enum NotLoaded {
    Unknown(Stamp),
    Failed(Arc<StoreError>),
}

impl<S> Clone for CachedKeys<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S: KeyStore> CachedKeys<S> {
    /// Puts a cache in front of `store`. Whoever has to wait for the store longer than `load_timeout` is told
    /// that it failed. The metrics recorder must be installed before, as the handles are resolved here.
    ///
    /// Changes that other processes make come into force by [`CachedKeys::follow`] only: run it beside.
    #[must_use]
    pub fn new(store: S, limits: CacheLimits, load_timeout: Duration) -> Self {
        let known = Cache::builder()
            .max_capacity(limits.capacity_bytes)
            .weigher(|_, known: &Known| bytes(&known.record))
            .time_to_live(limits.positive)
            .build();
        let unknown = Cache::builder().max_capacity(UNKNOWN_MAX).time_to_live(limits.negative).build();
        let shared = Shared {
            store,
            known,
            unknown,
            fences: Fences::new(),
            load_timeout,
            turns: Semaphore::new(LOADS_MAX),
            meters: Meters::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The key with this hash, or `None` if the store has none.
    ///
    /// # Errors
    ///
    /// Whatever the store could not do, or [`StoreError::Unavailable`] if it took too long. Nothing is known
    /// about the key then.
    pub async fn find(&self, hash: CredentialHash) -> Result<Option<Arc<KeyRecord>>, Arc<StoreError>> {
        let shared = &self.shared;
        if let Some(known) = shared.known.get(&hash).await
            && shared.fences.admit(&hash, known.stamp)
        {
            shared.meters.hits.increment(1);
            return Ok(Some(known.record));
        }
        if let Some(stamp) = shared.unknown.get(&hash).await
            && shared.fences.admit(&hash, stamp)
        {
            shared.meters.negative_hits.increment(1);
            return Ok(None);
        }
        shared.meters.misses.increment(1);
        // A task of its own: a caller who gives up takes nobody else's load away, and the next one finds it
        // done. Otherwise a store slower than Envoy's patience would never be remembered.
        let loading = tokio::spawn(Arc::clone(shared).load_fresh(hash));
        match tokio::time::timeout(shared.load_timeout, loading).await {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(panicked)) => Err(unavailable(panicked.to_string())),
            Err(_) => Err(Arc::new(too_slow(shared.load_timeout))),
        }
    }
}

impl<S: KeyStore> Shared<S> {
    /// Loads until what was loaded is not already stale: another load may have begun before a change that is
    /// in force by now.
    async fn load_fresh(
        self: Arc<Self>,
        hash: CredentialHash,
    ) -> Result<Option<Arc<KeyRecord>>, Arc<StoreError>> {
        for _ in 0..LOAD_ATTEMPTS {
            self.drop_stale(hash).await;
            let (record, stamp) = match self.known.try_get_with(hash, self.load(hash)).await {
                Ok(known) => (Some(known.record), known.stamp),
                Err(not_loaded) => match &*not_loaded {
                    NotLoaded::Unknown(stamp) => (None, *stamp),
                    NotLoaded::Failed(error) => return Err(Arc::clone(error)),
                },
            };
            if self.fences.admit(&hash, stamp) {
                return Ok(record);
            }
        }
        Err(unavailable("it tells of an older state than it did before".to_owned()))
    }

    /// Makes room for a load: where there is an entry, moka does not load.
    async fn drop_stale(&self, hash: CredentialHash) {
        if let Some(known) = self.known.get(&hash).await
            && !self.fences.admit(&hash, known.stamp)
        {
            self.known.invalidate(&hash).await;
        }
    }

    /// Asks the store; moka sees to it that only one does so for one hash at a time.
    async fn load(&self, hash: CredentialHash) -> Result<Known, NotLoaded> {
        let Ok(_turn) = self.turns.try_acquire() else {
            let error = unavailable(format!("{LOADS_MAX} look-ups are under way already"));
            return Err(NotLoaded::Failed(error));
        };
        let epoch = self.fences.epoch();
        let began = Instant::now();
        let answer = tokio::time::timeout(self.load_timeout, self.store.find(hash)).await;
        self.meters.load_seconds.record(began.elapsed());
        let found = answer.unwrap_or_else(|_| Err(too_slow(self.load_timeout))).map_err(|error| {
            self.meters.errors.increment(1);
            NotLoaded::Failed(Arc::new(error))
        })?;
        let stamp = epoch.stamp(found.version);
        if let Some(record) = found.record {
            Ok(Known { record: Arc::new(record), stamp })
        } else {
            self.unknown.insert(hash, stamp).await;
            Err(NotLoaded::Unknown(stamp))
        }
    }
}

fn unavailable(cause: String) -> Arc<StoreError> {
    Arc::new(StoreError::Unavailable(cause))
}

fn too_slow(timeout: Duration) -> StoreError {
    StoreError::Unavailable(format!("no answer within {} ms", timeout.as_millis()))
}

/// What a record occupies in memory, roughly and never less.
fn bytes(record: &KeyRecord) -> u32 {
    let texts = [
        Some(record.id.as_str()),
        Some(record.hint.as_str()),
        Some(record.name.as_str()),
        Some(record.organization.as_str()),
        record.project.as_ref().map(ProjectId::as_str),
        record.environment.as_ref().map(Environment::as_str),
        record.plan.as_ref().map(PlanName::as_str),
        record.rotated_from.as_ref().map(KeyId::as_str),
    ];
    let single = texts.into_iter().flatten();
    let apis = record.apis.iter().map(ApiName::as_str);
    let scopes = record.scopes.iter().map(Scope::as_str);
    let text: usize = single.chain(apis).chain(scopes).map(|text| TEXT_BYTES + text.len()).sum();
    let sources = size_of_val(record.sources.as_slice());
    u32::try_from(ENTRY_BYTES + text + sources).unwrap_or(u32::MAX)
}
