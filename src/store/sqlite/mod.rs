//! SQLite: a store in one file.
//!
//! - WAL: readers never wait for the writer.
//! - `synchronous = FULL`: a commit is on the disk before it is acknowledged.
//! - Every change takes the write lock at its beginning (`BEGIN IMMEDIATE`).
//!
//! The file must lie on a local disk: WAL does not work over network file systems.

mod backup;
mod failure;
mod identity;
mod open;

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{SqliteConnection, SqlitePool, Transaction};
use tokio::sync::Mutex;

use super::{StoreError, sql::Lane};

pub use backup::{BackupError, Contents};

/// One SQLite file, with this process' connections to it.
#[derive(Debug, Clone)]
pub struct Sqlite {
    pool: SqlitePool,
    /// A connection for the change table alone, so that revocations do not queue behind look-ups.
    changes: SqlitePool,
    path: Arc<Path>,
    /// What is in memory only is there as long as a connection to it is: this one, which nobody uses.
    #[expect(dead_code, reason = "it is held")]
    anchor: Option<Arc<Mutex<SqliteConnection>>>,
}

impl Sqlite {
    /// Opens the file, makes it where it is missing (mode 0600), and brings its schema up to date.
    pub(super) async fn open(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        Self::opened(path, open::open(path, patience).await)
    }

    /// Opens the file without changing anything: it has to be there, and its schema to be that of this program.
    /// `patience` is how long this and every later operation waits for a lock or a free connection.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], naming the file: it is missing, no database, damaged, or of another version of this
    /// program.
    pub async fn open_as_it_is(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        Self::opened(path, open::open_as_it_is(path, patience).await)
    }

    fn opened(path: &Path, opened: Result<open::Pools, failure::Failure>) -> Result<Self, StoreError> {
        match opened {
            Ok(open::Pools { all: pool, changes }) => {
                Ok(Self { pool, changes, path: path.into(), anchor: None })
            }
            Err(failure) => Err(failure.of(path)),
        }
    }

    /// A fresh one in the memory of this process, which stands for the place `path`.
    pub(super) async fn in_memory(path: &Path) -> Result<Self, StoreError> {
        let opened = open::in_memory().await.map_err(|failure| failure.of(path))?;
        let open::InMemory { pool, anchor } = opened;
        Ok(Self {
            changes: pool.clone(),
            pool,
            path: path.into(),
            anchor: Some(Arc::new(Mutex::new(anchor))),
        })
    }

    /// The number of the schema that this program reads and writes.
    pub(super) fn newest_schema() -> Option<i64> {
        open::newest()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn pool(&self, lane: Lane) -> &SqlitePool {
        match lane {
            Lane::All => &self.pool,
            Lane::Changes => &self.changes,
        }
    }

    pub(super) async fn begin(&self) -> Result<Transaction<'static, sqlx::Sqlite>, sqlx::Error> {
        self.pool.begin_with("BEGIN IMMEDIATE").await
    }

    /// Begins to read what is there when it is first asked, and nothing that is written later.
    pub(super) async fn begin_view(&self) -> Result<Transaction<'static, sqlx::Sqlite>, sqlx::Error> {
        self.pool.begin().await
    }

    pub(super) async fn try_to_write(&self) -> Result<(), sqlx::Error> {
        self.begin().await?.rollback().await
    }

    /// Closes all connections; the last one of all processes folds the write-ahead log into the file.
    pub async fn close(&self) {
        self.changes.close().await;
        self.pool.close().await;
    }

    pub(super) fn failed(&self, error: sqlx::Error) -> StoreError {
        failure::Failure::from(error).of(&self.path)
    }

    pub(super) fn duplicate(error: &sqlx::Error) -> Option<StoreError> {
        failure::duplicate(error)
    }
}
