//! PostgreSQL: a store that many replicas share.
//!
//! - A commit is durable before it is acknowledged, as the server's `synchronous_commit` says.
//! - Changes are made one at a time: each takes an advisory lock at its beginning and keeps it until it is committed.
//!   So versions of the change table grow in commit order, which a sequence alone does not promise, and whoever has seen
//!   one version has seen all before it.
//! - Each change tells a channel that there is something to read: whoever listens need not wait for their next poll.

mod connect;
mod failure;
mod schema;

use std::{fmt, sync::Arc, time::Duration};

use sqlx::{PgPool, Transaction, postgres::PgListener};
use tokio::sync::Mutex;

use crate::config::PostgresLocation;

use super::{StoreError, sql::Lane};

/// The channel that tells of changes.
const CHANNEL: &str = "doorward_changes";
/// How long it takes to listen anew after that failed. Meanwhile changes are polled.
const LISTEN_PAUSE: Duration = Duration::from_secs(1);
/// What holds the right to change, among the advisory locks of the database: the bytes of `doorward`.
const CHANGE_LOCK: i64 = i64::from_be_bytes(*b"doorward");

/// A database, with this process' connections to it.
#[derive(Clone)]
pub(super) struct Postgres {
    pool: PgPool,
    /// Connections for the change table alone, so that revocations do not queue behind look-ups.
    changes: PgPool,
    listener: Arc<Mutex<Option<PgListener>>>,
    /// Host, port and database.
    place: Arc<str>,
}

/// Says where it is; connections and their passwords are no matter.
impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Postgres {
    /// Connects, and brings the schema up to date. `patience` is how long this and every later change waits for a lock or
    /// a connection.
    pub(super) async fn open(server: &PostgresLocation, patience: Duration) -> Result<Self, StoreError> {
        let opened = Self::connect(server, patience).await?;
        let migrated = schema::migrate(&opened.pool).await;
        migrated.map_err(|failure| failure.of(&opened.place)).map(|()| opened)
    }

    /// Connects, and changes nothing.
    pub(super) async fn open_as_it_is(
        server: &PostgresLocation,
        patience: Duration,
    ) -> Result<Self, StoreError> {
        let opened = Self::connect(server, patience).await?;
        let examined = schema::expect_newest(&opened.pool).await;
        examined.map_err(|failure| failure.of(&opened.place)).map(|()| opened)
    }

    async fn connect(server: &PostgresLocation, patience: Duration) -> Result<Self, StoreError> {
        let place: Arc<str> = server.to_string().into();
        match connect::pools(server, patience).await {
            Ok((pool, changes)) => Ok(Self { pool, changes, listener: Arc::default(), place }),
            Err(failure) => Err(failure.of(&place)),
        }
    }

    /// The number of the schema that this program reads and writes.
    pub(super) fn newest_schema() -> Option<i64> {
        schema::newest()
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn pool(&self, lane: Lane) -> &PgPool {
        match lane {
            Lane::All => &self.pool,
            Lane::Changes => &self.changes,
        }
    }

    /// Begins a change, once nobody else is making one.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, sqlx::Postgres>, sqlx::Error> {
        let mut change = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(CHANGE_LOCK).execute(&mut *change).await?;
        Ok(change)
    }

    /// The same for a long time, in which nothing happens.
    pub(super) async fn begin_long(&self) -> Result<Transaction<'static, sqlx::Postgres>, sqlx::Error> {
        let mut change = self.begin().await?;
        stay(&mut change).await?;
        Ok(change)
    }

    /// Begins to read what is there when it is first asked, and nothing that is written later, for a long time.
    pub(super) async fn begin_view(&self) -> Result<Transaction<'static, sqlx::Postgres>, sqlx::Error> {
        let mut view = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
        stay(&mut view).await?;
        Ok(view)
    }

    /// Begins to write what needs no order.
    pub(super) async fn begin_unordered(&self) -> Result<Transaction<'static, sqlx::Postgres>, sqlx::Error> {
        self.pool.begin().await
    }

    pub(super) async fn try_to_write(&self) -> Result<(), sqlx::Error> {
        let mut change = self.begin().await?;
        // Fails where the server or the user may only read.
        sqlx::query("DELETE FROM requests WHERE false").execute(&mut *change).await?;
        change.rollback().await
    }

    /// Returns when another process has changed something, or may have while nobody listened here.
    pub(super) async fn woken(&self) {
        let mut listener = self.listener.lock().await;
        loop {
            let heard = match &mut *listener {
                Some(listening) => listening.try_recv().await,
                None => match self.listen().await {
                    // What was told before is not heard any more.
                    Ok(listening) => {
                        *listener = Some(listening);
                        return;
                    }
                    Err(error) => Err(error),
                },
            };
            if let Ok(Some(_)) = heard {
                // One reading sees all that was told until now.
                while listener.as_mut().and_then(PgListener::next_buffered).is_some() {}
                return;
            }
            *listener = None;
            tokio::time::sleep(LISTEN_PAUSE).await;
        }
    }

    async fn listen(&self) -> Result<PgListener, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.changes).await?;
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }

    pub(super) async fn close(&self) {
        // Whoever listens holds it; they are gone when a store is closed.
        if let Ok(mut listener) = self.listener.try_lock() {
            *listener = None;
        }
        self.changes.close().await;
        self.pool.close().await;
    }

    pub(super) fn failed(&self, error: sqlx::Error) -> StoreError {
        failure::Failure::from(error).of(&self.place)
    }

    pub(super) fn duplicate(error: &sqlx::Error) -> Option<StoreError> {
        failure::duplicate(error)
    }
}

/// Keeps a transaction open, however long nothing is asked in it.
async fn stay(open: &mut Transaction<'static, sqlx::Postgres>) -> Result<(), sqlx::Error> {
    sqlx::query("SET LOCAL idle_in_transaction_session_timeout = 0").execute(&mut **open).await.map(drop)
}

/// Commits a change, and tells everybody who listens that there is one.
pub(super) async fn commit_and_tell(
    mut change: Transaction<'static, sqlx::Postgres>,
) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(&mut *change).await?;
    change.commit().await
}
