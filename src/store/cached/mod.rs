//! The cache in front of a store, on the path of every Check.
//!
//! It remembers what the store holds, and never what was decided: expiry, revocation and scopes are judged by
//! whoever asks. Known and unknown names are remembered apart, so that a million random keys push out no known
//! one. Errors are not remembered. `fences` says how a change in the store reaches what is remembered.

mod alike;
mod breaker;
mod fences;
mod flights;
mod follow;
mod memory;
mod meters;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};

use crate::{
    config::CacheLimits,
    domain::{CredentialHash, KeyId, KeyUsage, SessionRecord, Timestamp},
};

use super::{Finds, Kept, Lookups, SessionStore, StoreError, UsageStore, Version};

use self::{
    breaker::Breaker,
    fences::Fences,
    flights::Loaded,
    memory::{Known, LOADS_MAX, Moment},
    meters::Errors,
};

pub(super) use alike::Alike;
pub(super) use memory::{Memories, Memory};

/// How often a load begins anew because what it brought is stale already.
const LOAD_ATTEMPTS: usize = 3;

/// A store that remembers what it was asked. Clones share what they remember.
#[derive(Debug)]
pub struct CachedStore<S> {
    shared: Arc<Shared<S>>,
}

#[derive(Debug)]
struct Shared<S> {
    store: S,
    memories: Memories,
    fences: Fences,
    /// When the cache was made.
    made: Instant,
    load_timeout: Duration,
    errors: Errors,
    breaker: Breaker,
    /// Up to which version the store's changes are in force here.
    reached: watch::Sender<Version>,
}

impl<S> Clone for CachedStore<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S: Lookups> CachedStore<S> {
    /// Puts a cache in front of `store`; `limits` holds for each kind of records. A Check that has to wait for the
    /// store longer than `load_timeout`, in all, is told that it failed; and so is a single load. The metrics recorder must be installed before,
    /// as the handles are resolved here.
    ///
    /// Changes that other processes make come into force by [`CachedStore::follow`] only: run it beside.
    #[must_use]
    pub fn new(store: S, limits: CacheLimits, load_timeout: Duration) -> Self {
        let shared = Shared {
            store,
            memories: Memories::new(limits),
            fences: Fences::new(),
            made: Instant::now(),
            load_timeout,
            errors: Errors::new(),
            breaker: Breaker::new(),
            reached: watch::Sender::new(Version::default()),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Up to which version the store's changes are in force here, as [`CachedStore::follow`] goes on.
    #[must_use]
    pub fn reached(&self) -> watch::Receiver<Version> {
        self.shared.reached.subscribe()
    }

    /// The store itself, past everything remembered.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.shared.store
    }

    /// Begins to ask on behalf of one Check, which waits for all answers together no longer than `load_timeout`.
    /// The clock is read here, once for all look-ups of the Check.
    #[must_use]
    pub fn inquire(&self) -> Inquiry<'_, S> {
        let now = Instant::now();
        let deadline = now + self.shared.load_timeout;
        Inquiry { store: self, now: self.shared.moment(now), deadline, only_remembers: false }
    }

    /// Reads what is remembered under this name again. Until it is read, and if it cannot be, what is remembered
    /// is served on.
    async fn refresh<R: Kept>(&self, name: &R::Name) -> Result<(), Arc<StoreError>>
    where
        S: Finds<R>,
    {
        if R::memory(&self.shared.memories).known.contains_key(name) {
            self.shared.read::<R>(name).await?;
        }
        Ok(())
    }
}

/// What one Check asks of the store, until a deadline for all of it.
#[derive(Debug)]
pub struct Inquiry<'a, S> {
    store: &'a CachedStore<S>,
    /// When it began: what is remembered then is remembered until it ends.
    now: Moment,
    deadline: Instant,
    only_remembers: bool,
}

impl<S> Clone for Inquiry<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Inquiry<'_, S> {}

impl<S: Lookups> Inquiry<'_, S> {
    /// Until when the Check waits, for whatever it waits.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The same, answered by what is remembered alone: all else is unavailable.
    #[must_use]
    pub fn only_remembering(self) -> Self {
        Self { only_remembers: true, ..self }
    }

    /// Whether it is answered by what is remembered alone.
    #[must_use]
    pub fn only_remembers(&self) -> bool {
        self.only_remembers
    }

    /// The record with this name, or `None` if the store has none. What is remembered is found without waiting.
    ///
    /// # Errors
    ///
    /// Whatever the store could not do, or [`StoreError::Unavailable`] if it took too long. Nothing is known
    /// about the record then.
    pub async fn find<R: Kept>(&self, name: &R::Name) -> Result<Option<Arc<R::Known>>, Arc<StoreError>>
    where
        S: Finds<R>,
    {
        let shared = &self.store.shared;
        match R::memory(&shared.memories).recall(name, &shared.fences, self.now) {
            Some(known) => Ok(known.record),
            // Boxed, so that a Check that finds everything remembered does not carry what a load needs.
            None => Box::pin(self.load::<R>(name)).await,
        }
    }

    /// The same, read from the store after this was called, or together with others who ask for it just now;
    /// what is read is remembered. For what changes without a mark, as the last use of a session does.
    ///
    /// # Errors
    ///
    /// As with [`Inquiry::find`]; what was remembered is forgotten all the same.
    pub async fn find_anew<R: Kept>(&self, name: &R::Name) -> Result<Option<Arc<R::Known>>, Arc<StoreError>>
    where
        S: Finds<R>,
    {
        if !self.only_remembers {
            R::memory(&self.store.shared.memories).known.remove(name);
        }
        Box::pin(self.load::<R>(name)).await
    }

    async fn load<R: Kept>(&self, name: &R::Name) -> Result<Option<Arc<R::Known>>, Arc<StoreError>>
    where
        S: Finds<R>,
    {
        let shared = &self.store.shared;
        if self.only_remembers {
            return Err(unavailable("it is not asked what is not remembered".to_owned()));
        }
        let memory = R::memory(&shared.memories);
        memory.meters.misses.increment(1);
        match self.load_anew::<R>(name).await {
            Err(error) if matches!(*error, StoreError::Unavailable(_)) => {
                let known = memory.recall_in_grace(name, &shared.fences, self.now);
                known.map_or(Err(error), |known| Ok(known.record))
            }
            loaded => loaded,
        }
    }

    async fn load_anew<R: Kept>(&self, name: &R::Name) -> Result<Option<Arc<R::Known>>, Arc<StoreError>>
    where
        S: Finds<R>,
    {
        let shared = &self.store.shared;
        for _ in 0..LOAD_ATTEMPTS {
            let loading = shared.join_load::<R>(name, self.now);
            let known = tokio::time::timeout_at(self.deadline, loading)
                .await
                .unwrap_or_else(|_| Err(Arc::new(too_slow(shared.load_timeout))))?;
            // The load may have begun before a change that is in force by now.
            if shared.fences.admit(known.stamp) {
                return Ok(known.record);
            }
        }
        Err(unavailable("it tells of an older state than it did before".to_owned()))
    }
}

impl<S: Lookups + SessionStore> CachedStore<S> {
    /// Notes in the store when these sessions were used, and reads again what is remembered of them. That needs
    /// no load on the path of a Check.
    ///
    /// # Errors
    ///
    /// Whatever the store could not do. Then some uses may be noted and others not.
    pub async fn touch(&self, uses: &[(CredentialHash, Timestamp)]) -> Result<(), Arc<StoreError>> {
        self.shared.store.touch(uses).await.map_err(|error| {
            self.shared.errors.count();
            Arc::new(error)
        })?;
        for (hash, _) in uses {
            self.refresh::<SessionRecord>(hash).await?;
        }
        Ok(())
    }
}

impl<S: Lookups + UsageStore> CachedStore<S> {
    /// Adds uses of keys to those that the store keeps. Nothing that is remembered depends on them.
    ///
    /// # Errors
    ///
    /// Whatever the store could not do. Then none is added.
    pub async fn add_uses(&self, uses: &[(KeyId, KeyUsage)]) -> Result<(), Arc<StoreError>> {
        self.shared.store.add_uses(uses).await.map_err(|error| {
            self.shared.errors.count();
            Arc::new(error)
        })
    }
}

impl<S: Lookups> Shared<S> {
    fn moment(&self, at: Instant) -> Moment {
        Moment::after(at.saturating_duration_since(self.made))
    }

    /// Waits for the load of this name that is under way, or begins one, unless it is remembered by now.
    async fn join_load<R: Kept>(self: &Arc<Self>, name: &R::Name, now: Moment) -> Loaded<R>
    where
        S: Finds<R>,
    {
        let memory = R::memory(&self.memories);
        let remembered = || memory.recall_known(name, &self.fences, now);
        // A task of its own: a caller who gives up takes nobody else's load away, and the next one finds it
        // done. Otherwise a store slower than Envoy's patience would never be remembered.
        let begin = |waiting| drop(tokio::spawn(Arc::clone(self).load::<R>(name.clone(), waiting)));
        let mut flight = match memory.flights.join(name, remembered, begin) {
            Ok(flight) => flight,
            Err(known) => return Ok(known),
        };
        let broke_off = || unavailable("a look-up broke off".to_owned());
        let landed = flight.wait_for(Option::is_some).await.map_err(|_| broke_off())?;
        landed.clone().unwrap_or_else(|| Err(broke_off()))
    }

    /// Loads for those who wait.
    async fn load<R: Kept>(self: Arc<Self>, name: R::Name, waiting: watch::Sender<Option<Loaded<R>>>)
    where
        S: Finds<R>,
    {
        let loaded = self.read::<R>(&name).await;
        R::memory(&self.memories).flights.land(&name);
        waiting.send_replace(Some(loaded));
    }

    /// Asks the store, and remembers what it says.
    async fn read<R: Kept>(&self, name: &R::Name) -> Loaded<R>
    where
        S: Finds<R>,
    {
        let memory = R::memory(&self.memories);
        let Ok(_turn) = memory.turns.try_acquire() else {
            return Err(unavailable(format!("{LOADS_MAX} look-ups are under way already")));
        };
        let began = Instant::now();
        if !self.breaker.admits(self.moment(began)) {
            return Err(unavailable("it has not answered for a while".to_owned()));
        }
        let epoch = self.fences.epoch();
        let asking = Finds::<R>::find(&self.store, name);
        let answer = tokio::time::timeout(self.load_timeout, asking).await;
        let ended = Instant::now();
        memory.meters.load_seconds.record(ended - began);
        let found = answer.unwrap_or_else(|_| Err(too_slow(self.load_timeout)));
        match &found {
            Err(StoreError::Unavailable(_)) => self.breaker.failed(self.moment(ended)),
            _ => self.breaker.succeeded(),
        }
        let found = found.map_err(|error| {
            self.errors.count();
            Arc::new(error)
        })?;
        let stamp = epoch.stamp(&R::mark(name), found.version);
        let (record, record_bytes) = found.record.map(|record| record.known(&self.memories.alike)).unzip();
        let known = Known { record: record.map(Arc::new), stamp };
        memory.remember(name, known.clone(), record_bytes.unwrap_or_default(), self.moment(ended));
        Ok(known)
    }
}

fn unavailable(cause: String) -> Arc<StoreError> {
    Arc::new(StoreError::Unavailable(cause))
}

fn too_slow(timeout: Duration) -> StoreError {
    StoreError::Unavailable(format!("no answer within {} ms", timeout.as_millis()))
}
