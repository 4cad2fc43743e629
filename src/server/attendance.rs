//! Saying in the store that this server is there, and how far it knows the store's changes: so that whoever changes
//! something learns when no server answers any more from what was before.

use std::time::Duration;

use tokio::{sync::watch, time::timeout};
use tracing::{error, info, warn};

use crate::store::{ReplicaStore, SqlStore, StoreError, Version};

/// How long saying that it is there may take when the server begins.
const BEGINNING_TIME: Duration = Duration::from_secs(1);
/// How long saying that it is no more may take when the server ends.
const LEAVING_TIME: Duration = Duration::from_secs(1);
/// What is added to the time for which a server counts: it may have read something just before the store was gone.
const MARGIN: Duration = Duration::from_secs(10);

/// One server among those that share a store.
pub(super) struct Attendance<S> {
    store: S,
    name: String,
    reached: watch::Receiver<Version>,
    /// How long it may answer from what it remembers without having reached the store.
    remembers: Duration,
}

impl<S: ReplicaStore> Attendance<S> {
    /// A server with this name, which no other has, knows the changes as `reached` tells, and remembers what it reads for
    /// as long as `remembers`.
    pub(super) fn new(
        store: S,
        name: String,
        reached: watch::Receiver<Version>,
        remembers: Duration,
    ) -> Self {
        Self { store, name, reached, remembers: remembers + MARGIN }
    }

    /// Says that it is there, before it answers anything. Where that cannot be said in time it goes on without: whoever keeps
    /// it from writing keeps others from changing anything, and [`Attendance::keep`] says it as soon as it can.
    pub(super) async fn begin(&mut self) {
        match timeout(BEGINNING_TIME, self.attend()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the store could not be told that this server is there"),
            Err(_) => warn!("the store could not be told in time that this server is there"),
        }
    }

    async fn attend(&mut self) -> Result<(), StoreError> {
        let reached = *self.reached.borrow_and_update();
        self.store.attend(&self.name, reached, self.remembers).await
    }

    /// Says so again and again, and at once when it knows more, for ever. When that begins to fail and when it succeeds
    /// again is logged.
    pub(super) async fn keep(mut self) {
        let mut failing = false;
        loop {
            // Whoever tells how far it is does so until the server ends.
            let _ = timeout(SqlStore::ATTENDING, self.reached.changed()).await;
            match self.attend().await {
                Ok(()) if failing => {
                    info!("the store can be told again that this server is there");
                    failing = false;
                }
                Err(error) if !failing => {
                    error!(%error, "the store cannot be told that this server is there: it is tried again");
                    failing = true;
                }
                Ok(()) => {}
                Err(_) => tokio::time::sleep(SqlStore::ATTENDING).await,
            }
        }
    }
}

/// Says that the server with this name is no more.
pub(super) async fn end(store: &impl ReplicaStore, name: &str) {
    match timeout(LEAVING_TIME, store.leave(name)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "the store could not be told that this server is no more"),
        Err(_) => warn!("the store could not be told in time that this server is no more"),
    }
}
