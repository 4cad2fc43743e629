//! A store that does what a test tells it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::sync::Semaphore;

use crate::{
    domain::{CredentialHash, KeyId, KeyRecord, Timestamp},
    store::{Change, Found, KeyFilter, KeyStore, StoreError, Version},
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
}

#[derive(Debug, Clone, Default)]
struct State {
    records: HashMap<CredentialHash, KeyRecord>,
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
        }
    }
}

impl Scripted {
    /// Adds the record, or puts it in the place of the one with its hash.
    pub(super) fn put(&self, record: KeyRecord) {
        let mut state = self.0.state.lock().expect("no panic");
        let version = Version(state.changes.len() as u64 + 1);
        state.changes.push(Change { version, hash: record.hash });
        state.records.insert(record.hash, record);
    }

    pub(super) fn revoke(&self, record: &KeyRecord) {
        self.put(KeyRecord { revoked: Some(Timestamp::UNIX_EPOCH), ..record.clone() });
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
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    fn state(&self) -> Result<State, StoreError> {
        if self.0.failing.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("scripted".to_owned()));
        }
        Ok(self.0.state.lock().expect("no panic").clone())
    }
}

fn not_scripted<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("not scripted".to_owned()))
}

impl KeyStore for Scripted {
    async fn find(&self, hash: CredentialHash) -> Result<Found, StoreError> {
        let read = self.state();
        self.0.loads.fetch_add(1, Ordering::SeqCst);
        self.0.gate.acquire().await.expect("never closed").forget();
        let state = read?;
        Ok(Found { record: state.records.get(&hash).cloned(), version: Version(state.changes.len() as u64) })
    }

    async fn changes(&self, since: Version) -> Result<Vec<Change>, StoreError> {
        self.0.polls.fetch_add(1, Ordering::SeqCst);
        let mut changes = self.state()?.changes;
        changes.retain(|change| change.version > since);
        Ok(changes)
    }

    async fn version(&self) -> Result<Version, StoreError> {
        self.0.polls.fetch_add(1, Ordering::SeqCst);
        Ok(Version(self.state()?.changes.len() as u64))
    }

    async fn get(&self, _: &KeyId) -> Result<KeyRecord, StoreError> {
        not_scripted()
    }

    async fn list(&self, _: &KeyFilter) -> Result<Vec<KeyRecord>, StoreError> {
        not_scripted()
    }

    async fn insert(&self, _: &[KeyRecord]) -> Result<(), StoreError> {
        not_scripted()
    }

    async fn rotate(&self, _: &KeyId, _: &KeyRecord, _: Timestamp) -> Result<(), StoreError> {
        not_scripted()
    }

    async fn revoke(&self, _: &KeyId, _: Timestamp) -> Result<KeyRecord, StoreError> {
        not_scripted()
    }
}
