//! A store that does what a test tells it.

use std::{
    any::Any,
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::Semaphore;

use crate::store::{
    Change, Changes, Finds, Found, Kept, Mark, RecordKind, StoreError, Version, fixture::Sample,
};

/// Clones are handles to the same store.
#[derive(Debug, Clone, Default)]
pub(super) struct Scripted(Arc<Script>);

#[derive(Debug)]
struct Script {
    state: Mutex<State>,
    failing: AtomicBool,
    /// A look-up reads its answer, and passes here before it gives it.
    gate: Semaphore,
    loads: AtomicUsize,
    polls: AtomicUsize,
    /// How many changes are told at once.
    batch: AtomicUsize,
    /// How long that takes.
    telling_ms: AtomicU64,
}

#[derive(Debug, Clone, Default)]
struct State {
    records: HashMap<(RecordKind, Mark), Arc<dyn Any + Send + Sync>>,
    changes: Vec<Change>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            failing: AtomicBool::new(false),
            gate: Semaphore::new(1_000_000),
            loads: AtomicUsize::new(0),
            polls: AtomicUsize::new(0),
            batch: AtomicUsize::new(usize::MAX),
            telling_ms: AtomicU64::new(0),
        }
    }
}

impl Scripted {
    /// Adds the record, or puts it in the place of the one with its name.
    pub(super) fn put<R: Sample>(&self, record: R) {
        self.change::<R>(&record.name());
        self.put_unnoted(record);
    }

    /// The same without telling of it.
    pub(super) fn put_unnoted<R: Sample>(&self, record: R) {
        let name = (R::KIND, R::mark(&record.name()));
        self.0.state.lock().expect("no panic").records.insert(name, Arc::new(record));
    }

    /// Takes the record with this name away.
    pub(super) fn remove<R: Kept>(&self, name: &R::Name) {
        self.change::<R>(name);
        self.0.state.lock().expect("no panic").records.remove(&(R::KIND, R::mark(name)));
    }

    fn change<R: Kept>(&self, name: &R::Name) {
        let mut state = self.0.state.lock().expect("no panic");
        let version = Version(state.changes.len() as u64 + 1);
        state.changes.push(Change { version, mark: R::mark(name) });
    }

    /// Goes back to where nothing had happened yet.
    pub(super) fn restore_empty(&self) {
        *self.0.state.lock().expect("no panic") = State::default();
    }

    pub(super) fn fail(&self, failing: bool) {
        self.0.failing.store(failing, Ordering::SeqCst);
    }

    pub(super) fn close_gate(&self) {
        self.0.gate.forget_permits(usize::MAX);
    }

    pub(super) fn open_gate(&self) {
        self.0.gate.add_permits(1_000_000);
    }

    pub(super) fn loads(&self) -> usize {
        self.0.loads.load(Ordering::SeqCst)
    }

    /// Waits until so many loads have read their answer.
    pub(super) async fn loads_begun(&self, loads: usize) {
        while self.loads() < loads {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until whoever follows has seen everything that has happened so far.
    pub(super) async fn polled(&self) {
        // The poll that is under way now may have read the changes already; the two after it have not.
        let seen = self.0.polls.load(Ordering::SeqCst) + 3;
        while self.0.polls.load(Ordering::SeqCst) < seen {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Tells so many changes at once from now on, and takes so long for that.
    pub(super) fn tell_slowly(&self, batch: usize, telling: Duration) {
        self.0.batch.store(batch, Ordering::SeqCst);
        let telling_ms = u64::try_from(telling.as_millis()).expect("a short time");
        self.0.telling_ms.store(telling_ms, Ordering::SeqCst);
    }

    fn state(&self) -> Result<State, StoreError> {
        if self.0.failing.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("scripted".to_owned()));
        }
        Ok(self.0.state.lock().expect("no panic").clone())
    }
}

impl<R: Kept> Finds<R> for Scripted {
    async fn find(&self, name: &R::Name) -> Result<Found<R>, StoreError> {
        let read = self.state();
        self.0.loads.fetch_add(1, Ordering::SeqCst);
        self.0.gate.acquire().await.expect("never closed").forget();
        let state = read?;
        let record = state
            .records
            .get(&(R::KIND, R::mark(name)))
            .map(|record| record.downcast_ref::<R>().expect("it is of this kind").clone());
        Ok(Found { record, version: Version(state.changes.len() as u64) })
    }
}

impl Changes for Scripted {
    async fn changes(&self, since: Version) -> Result<Vec<Change>, StoreError> {
        self.0.polls.fetch_add(1, Ordering::SeqCst);
        let mut changes = self.state()?.changes;
        changes.retain(|change| change.version > since);
        changes.truncate(self.0.batch.load(Ordering::SeqCst));
        match self.0.telling_ms.load(Ordering::SeqCst) {
            0 => {}
            telling_ms => tokio::time::sleep(Duration::from_millis(telling_ms)).await,
        }
        Ok(changes)
    }

    async fn version(&self) -> Result<Version, StoreError> {
        self.0.polls.fetch_add(1, Ordering::SeqCst);
        Ok(Version(self.state()?.changes.len() as u64))
    }
}
