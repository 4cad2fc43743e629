//! Opening the file: made for its owner alone, configured, and brought up to date.

use std::{fs::OpenOptions, io, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, SqliteConnection, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::Instant;

use super::{
    failure::{Failure, is_busy},
    identity::Identity,
};

/// Connections of one process: each is a thread.
const CONNECTIONS_MAX: u32 = 4;
/// The pause before a lock is tried again that SQLite itself does not wait for.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

static MIGRATOR: Migrator = sqlx::migrate!("src/store/migrations/sqlite");

/// The connections to one file.
pub(super) struct Pools {
    /// For everything.
    pub(super) all: SqlitePool,
    /// For the change table alone.
    pub(super) changes: SqlitePool,
}

/// A database in the memory of this process.
pub(super) struct InMemory {
    /// One connection for everything: several would lock one another's tables.
    pub(super) pool: SqlitePool,
    /// Keeps the database, whatever becomes of the pool's.
    pub(super) anchor: SqliteConnection,
}

/// Makes a database in memory.
pub(super) async fn in_memory() -> Result<InMemory, Failure> {
    let memory = "sqlite::memory:".parse::<SqliteConnectOptions>()?;
    let memory = memory.foreign_keys(true).disable_statement_logging();
    let anchor = memory.connect().await?;
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false)
        .connect_with(memory)
        .await?;
    migrate(&pool).await?;
    Ok(InMemory { pool, anchor })
}

pub(super) async fn open(path: &Path, patience: Duration) -> Result<Pools, Failure> {
    if path.is_dir() {
        return Err(Failure::new("it is a folder, where a file was expected"));
    }
    create_private(path)?;
    let file = options(path, patience).journal_mode(SqliteJournalMode::Wal);
    let pools = Pools::connect(path, file, patience).await?;
    migrate(&pools.all).await?;
    Ok(pools)
}

/// Opens the file as it is: it has to be there, and its schema to be ours.
pub(super) async fn open_as_it_is(path: &Path, patience: Duration) -> Result<Pools, Failure> {
    if !path.exists() {
        return Err(Failure::new("it is not there yet: `doorward serve` and `doorward keys create` make it"));
    }
    let pools = Pools::connect(path, options(path, patience), patience).await?;
    if examine(&pools.all).await? {
        return Ok(pools);
    }
    Err(Failure::new(
        "its schema is not that of this version: `doorward serve` and `doorward keys list` bring it up to date",
    ))
}

impl Pools {
    async fn connect(
        path: &Path,
        file: SqliteConnectOptions,
        patience: Duration,
    ) -> Result<Self, sqlx::Error> {
        let identity = Arc::new(Identity::of(path));
        let all = connect(&file, patience, CONNECTIONS_MAX, &identity).await?;
        let changes = connect(&file, patience, 1, &identity).await?;
        Ok(Self { all, changes })
    }
}

fn options(path: &Path, patience: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(patience)
        // A slow statement would be logged whole, with the places of thousands of values.
        .disable_statement_logging()
}

/// Makes the file where it is missing. SQLite gives its write-ahead log the mode of the file.
///
/// A file that is there is left alone: closing a second handle to it would drop the locks that this process
/// holds on it (POSIX, `fcntl`).
fn create_private(path: &Path) -> io::Result<()> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match created {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
}

/// Connects. SQLite does not wait for a lock while it switches a fresh file to WAL, so that is tried again.
async fn connect(
    file: &SqliteConnectOptions,
    patience: Duration,
    connections_max: u32,
    identity: &Arc<Identity>,
) -> Result<SqlitePool, sqlx::Error> {
    let pool = SqlitePoolOptions::new()
        .max_connections(connections_max)
        // Longer than the wait for a lock, so that a lock is told as such.
        .acquire_timeout(patience * 2)
        // A connection to a file does not go stale while the file is there.
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false)
        .before_acquire({
            let identity = Arc::clone(identity);
            move |_, connection| {
                let is_current = identity.is_of_connection(connection.age);
                Box::pin(async move { Ok(is_current) })
            }
        });
    let deadline = Instant::now() + patience;
    loop {
        match pool.clone().connect_with(file.clone()).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

/// Brings the schema up to date under the write lock, so that of several processes one does it and the
/// others find it done. With nothing to do there is no lock: a long import keeps no server from starting.
async fn migrate(pool: &SqlitePool) -> Result<(), Failure> {
    if examine(pool).await? {
        return Ok(());
    }
    let mut change = pool.begin_with("BEGIN IMMEDIATE").await?;
    // `run` would make this future one that no task can be spawned from.
    MIGRATOR.run_direct(None, &mut *change, false).await?;
    change.commit().await?;
    Ok(())
}

/// Whether the schema of the file is up to date. One of a newer program is none that this one can use.
async fn examine(pool: &SqlitePool) -> Result<bool, Failure> {
    let found = schema_version(pool).await?;
    if found > newest() {
        return Err(Failure::new("a newer version of this program has written it: upgrade this program"));
    }
    Ok(found == newest())
}

/// The number of the last migration that this program knows.
pub(super) fn newest() -> Option<i64> {
    MIGRATOR.iter().map(|migration| migration.version).max()
}

/// The number of the last migration that the file has seen; `None` for a fresh one.
async fn schema_version(pool: &SqlitePool) -> Result<Option<i64>, sqlx::Error> {
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'")
            .fetch_one(pool)
            .await?;
    if tables == 0 {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(pool).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_commit_waits_for_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys.db");
        let pool = open(&path, Duration::from_secs(5)).await.expect("it opens").all;
        let setting = async |pragma: &'static str| {
            let value: String = sqlx::query_scalar(pragma).fetch_one(&pool).await.expect("read");
            value
        };
        assert_eq!(setting("PRAGMA journal_mode").await, "wal");
        // 2 is FULL.
        assert_eq!(setting("SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous").await, "2");
        assert_eq!(setting("SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys").await, "1");
    }
}
