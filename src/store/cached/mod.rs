//! The cache in front of a store, on the path of every Check.
//!
//! It remembers what the store holds, and never what was decided: expiry, revocation and scopes are judged by
//! whoever asks. Known and unknown names are remembered apart, so that a million random keys push out no known
//! one. Errors are not remembered. `fences` says how a change in the store reaches what is remembered.

mod fences;
mod follow;
mod memory;
mod meters;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    config::CacheLimits,
    domain::{CredentialHash, SessionRecord, Timestamp},
};

use super::{Finds, Kept, Lookups, SessionStore, StoreError};

use self::{
    fences::Fences,
    memory::{Known, LOADS_MAX, NotLoaded},
    meters::Errors,
};

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
    load_timeout: Duration,
    errors: Errors,
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
            load_timeout,
            errors: Errors::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The store itself, past everything remembered.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.shared.store
    }

    /// Begins to ask on behalf of one Check, which waits for all answers together no longer than `load_timeout`.
    #[must_use]
    pub fn inquire(&self) -> Inquiry<'_, S> {
        let deadline = Instant::now() + self.shared.load_timeout;
        Inquiry { store: self, deadline, only_remembers: false }
    }

    /// Reads what is remembered under this name again. Until it is read, and if it cannot be, what is remembered
    /// is served on.
    async fn refresh<R: Kept>(&self, name: &R::Name) -> Result<(), Arc<StoreError>>
    where
        S: Finds<R>,
    {
        let known = &R::memory(&self.shared.memories).known;
        if !known.contains_key(name) {
            return Ok(());
        }
        match self.shared.read(name).await {
            Ok(fresh) => known.insert(name.clone(), fresh).await,
            Err(NotLoaded::Unknown(_)) => known.invalidate(name).await,
            Err(NotLoaded::Failed(error)) => return Err(error),
        }
        Ok(())
    }
}

/// What one Check asks of the store, until a deadline for all of it.
#[derive(Debug)]
pub struct Inquiry<'a, S> {
    store: &'a CachedStore<S>,
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

    /// The record with this name, or `None` if the store has none.
    ///
    /// # Errors
    ///
    /// Whatever the store could not do, or [`StoreError::Unavailable`] if it took too long. Nothing is known
    /// about the record then.
    pub async fn find<R: Kept>(&self, name: &R::Name) -> Result<Option<Arc<R>>, Arc<StoreError>>
    where
        S: Finds<R>,
    {
        let shared = &self.store.shared;
        match R::memory(&shared.memories).recall(name, &shared.fences).await {
            Some(known) => Ok(known.record),
            None => self.load(name).await,
        }
    }

    /// The same, read from the store after this was called, or together with others who ask for it just now;
    /// what is read is remembered. For what changes without a mark, as the last use of a session does.
    ///
    /// # Errors
    ///
    /// As with [`Inquiry::find`]; what was remembered is forgotten all the same.
    pub async fn find_anew<R: Kept>(&self, name: &R::Name) -> Result<Option<Arc<R>>, Arc<StoreError>>
    where
        S: Finds<R>,
    {
        if !self.only_remembers {
            R::memory(&self.store.shared.memories).known.invalidate(name).await;
        }
        self.load(name).await
    }

    async fn load<R: Kept>(&self, name: &R::Name) -> Result<Option<Arc<R>>, Arc<StoreError>>
    where
        S: Finds<R>,
    {
        let shared = &self.store.shared;
        if self.only_remembers {
            return Err(unavailable("it is not asked what is not remembered".to_owned()));
        }
        R::memory(&shared.memories).meters.misses.increment(1);
        // A task of its own: a caller who gives up takes nobody else's load away, and the next one finds it
        // done. Otherwise a store slower than Envoy's patience would never be remembered.
        let loading = tokio::spawn(Arc::clone(shared).load_fresh(name.clone()));
        match tokio::time::timeout_at(self.deadline, loading).await {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(panicked)) => Err(unavailable(panicked.to_string())),
            Err(_) => Err(Arc::new(too_slow(shared.load_timeout))),
        }
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

impl<S> Shared<S> {
    /// Loads until what was loaded is not already stale: another load may have begun before a change that is
    /// in force by now.
    async fn load_fresh<R: Kept>(self: Arc<Self>, name: R::Name) -> Result<Option<Arc<R>>, Arc<StoreError>>
    where
        S: Finds<R>,
    {
        let memory = R::memory(&self.memories);
        for _ in 0..LOAD_ATTEMPTS {
            memory.drop_stale(&name, &self.fences).await;
            let known = match memory.known.try_get_with_by_ref(&name, self.read(&name)).await {
                Ok(known) => known,
                Err(not_loaded) => match &*not_loaded {
                    NotLoaded::Unknown(stamp) => Known { record: None, stamp: *stamp },
                    NotLoaded::Failed(error) => return Err(Arc::clone(error)),
                },
            };
            if self.fences.admit(known.stamp) {
                return Ok(known.record);
            }
        }
        Err(unavailable("it tells of an older state than it did before".to_owned()))
    }

    /// Asks the store; moka sees to it that only one does so for one name at a time.
    async fn read<R: Kept>(&self, name: &R::Name) -> Result<Known<R>, NotLoaded>
    where
        S: Finds<R>,
    {
        let memory = R::memory(&self.memories);
        let Ok(_turn) = memory.turns.try_acquire() else {
            let error = unavailable(format!("{LOADS_MAX} look-ups are under way already"));
            return Err(NotLoaded::Failed(error));
        };
        let epoch = self.fences.epoch();
        let began = Instant::now();
        let answer = tokio::time::timeout(self.load_timeout, self.store.find(name)).await;
        memory.meters.load_seconds.record(began.elapsed());
        let found = answer.unwrap_or_else(|_| Err(too_slow(self.load_timeout))).map_err(|error| {
            self.errors.count();
            NotLoaded::Failed(Arc::new(error))
        })?;
        let stamp = epoch.stamp(&R::mark(name), found.version);
        if found.record.is_none() && !R::NAMED_BY_PRINCIPALS {
            memory.unknown.insert(name.clone(), stamp).await;
            return Err(NotLoaded::Unknown(stamp));
        }
        Ok(Known { record: found.record.map(Arc::new), stamp })
    }
}

fn unavailable(cause: String) -> Arc<StoreError> {
    Arc::new(StoreError::Unavailable(cause))
}

fn too_slow(timeout: Duration) -> StoreError {
    StoreError::Unavailable(format!("no answer within {} ms", timeout.as_millis()))
}
