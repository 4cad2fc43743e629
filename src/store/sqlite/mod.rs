//! Records in one SQLite file.
//!
//! - WAL: readers never wait for the writer.
//! - `synchronous = FULL`: a commit is on the disk before it is acknowledged.
//! - Every change takes the write lock at its beginning (`BEGIN IMMEDIATE`), so it never has to give up
//!   half-way because another process came first.
//! - Times are kept to the millisecond.
//!
//! The file must lie on a local disk: WAL does not work over network file systems.

mod audit;
mod backup;
mod columns;
mod failure;
mod identity;
mod keys;
mod members;
mod open;
mod organizations;
mod projects;
mod requests;
mod secrets;
mod selection;
mod sessions;
mod usage;

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{
    Executor, Row, Sqlite, SqliteConnection, SqlitePool, Transaction,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::{Change, Changes, Kept, Mark, Page, PageRequest, StoreError, Version};

use self::{
    columns::Stored,
    selection::{Order, Selection},
};

/// The most changes that are read at once.
const CHANGES_MAX: i64 = 4096;

/// Selects rows of a table together with the store's version. One statement reads one snapshot; the outer join
/// gives the version even where there is no row.
macro_rules! snapshot {
    ($table:literal, $condition:literal $(, $beside:expr)?) => {
        concat!(
            "SELECT (SELECT coalesce(max(version), 0) FROM changes) AS version, ",
            $($beside, ", ",)?
            $table,
            ".* FROM (SELECT 1) AS one LEFT JOIN ",
            $table,
            " ON ",
            $condition
        )
    };
}
use snapshot;

pub use backup::{BackupError, Contents};

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Records in one SQLite file, shared with any number of other processes. Clones share their connections.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    pool: SqlitePool,
    /// A connection for the change table alone, so that revocations do not queue behind look-ups.
    changes: SqlitePool,
    path: Arc<Path>,
}

impl SqliteStore {
    /// How long the server and the commands wait for a lock before they give up.
    pub const PATIENCE: Duration = Duration::from_secs(5);

    /// Opens the file, makes it where it is missing (mode 0600), and brings its schema up to date.
    /// `patience` is how long this and every later operation waits for a lock or a free connection.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], naming the file: the folder is missing, the file is no database, damaged,
    /// read-only, locked for longer than `patience`, or of a newer version of this program.
    pub async fn open(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        Self::opened(path, open::open(path, patience).await)
    }

    /// Opens the file without changing anything: it has to be there, and its schema to be that of this program.
    /// Waits as [`SqliteStore::open`] does.
    ///
    /// # Errors
    ///
    /// As [`SqliteStore::open`]; also a file that is missing or was written by an older version of this program.
    pub async fn open_as_it_is(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        Self::opened(path, open::open_as_it_is(path, patience).await)
    }

    fn opened(path: &Path, opened: Result<open::Pools, failure::Failure>) -> Result<Self, StoreError> {
        match opened {
            Ok(open::Pools { all: pool, changes }) => Ok(Self { pool, changes, path: path.into() }),
            Err(failure) => Err(failure.of(path)),
        }
    }

    /// The number of the schema that this program reads and writes.
    #[must_use]
    pub fn schema_version() -> i64 {
        open::newest().unwrap_or_default()
    }

    /// Whether anything could be changed now: takes the right to write, and gives it back.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], naming the file: it is read-only, or locked for too long.
    pub async fn try_to_write(&self) -> Result<(), StoreError> {
        self.begin().await?.rollback().await.map_err(|error| self.failed(error))
    }

    /// Closes all connections; the last one of all processes folds the write-ahead log into the file.
    pub async fn close(&self) {
        self.changes.close().await;
        self.pool.close().await;
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        failure::Failure::from(error).of(&self.path)
    }

    /// Begins a change.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(|error| self.failed(error))
    }

    async fn commit(&self, change: Transaction<'static, Sqlite>) -> Result<(), StoreError> {
        change.commit().await.map_err(|error| self.failed(error))
    }

    /// The one record that a statement selects.
    async fn one<T: Stored>(
        &self,
        statement: Statement<'_>,
        on: impl Executor<'_, Database = Sqlite>,
    ) -> Result<T, StoreError> {
        let row = statement.fetch_optional(on).await.map_err(|error| self.failed(error))?;
        columns::read(&row.ok_or(StoreError::NotFound(T::KIND))?)
    }

    /// All records that a statement selects.
    async fn all<T: Stored>(&self, statement: Statement<'_>) -> Result<Vec<T>, StoreError> {
        let rows = statement.fetch_all(&self.pool).await.map_err(|error| self.failed(error))?;
        rows.iter().map(columns::read).collect()
    }

    /// A page of what is selected.
    async fn page<T: Stored>(
        &self,
        selection: Selection,
        order: Order,
        page: &PageRequest,
    ) -> Result<Page<T>, StoreError> {
        let mut selection = selection.page(order, page)?;
        let rows = selection.statement().fetch_all(&self.pool).await.map_err(|error| self.failed(error))?;
        let size = selection::size(page);
        let last = rows.get(size - 1).filter(|_| rows.len() > size);
        let next = last.map(|row| order.place(row)).transpose().map_err(|error| self.failed(error))?;
        let records: Result<_, _> = rows.iter().take(size).map(columns::read).collect();
        Ok(Page { records: records?, next })
    }

    /// The same, as a change finds them.
    async fn all_within<T: Stored>(
        &self,
        statement: Statement<'_>,
        change: &mut SqliteConnection,
    ) -> Result<Vec<T>, StoreError> {
        let rows = statement.fetch_all(change).await.map_err(|error| self.failed(error))?;
        rows.iter().map(columns::read).collect()
    }

    /// All records that a `snapshot!` selects, and its version.
    async fn look_up<T: Stored>(&self, snapshot: Statement<'_>) -> Result<(Vec<T>, Version), StoreError> {
        let rows = snapshot.fetch_all(&self.pool).await.map_err(|error| self.failed(error))?;
        let first = rows.first().ok_or_else(|| StoreError::Corrupt("it tells no version".to_owned()))?;
        let version = self.version_in(first)?;
        if columns::is_absent(first) {
            return Ok((Vec::new(), version));
        }
        let records: Result<_, _> = rows.iter().map(columns::read).collect();
        Ok((records?, version))
    }

    /// Runs a statement that changes something; returns how many rows it did.
    async fn run(&self, statement: Statement<'_>, change: &mut SqliteConnection) -> Result<u64, StoreError> {
        let done = statement.execute(change).await;
        let done = done.map_err(|error| failure::duplicate(&error).unwrap_or_else(|| self.failed(error)))?;
        Ok(done.rows_affected())
    }

    /// Writes down that the record with this name has changed.
    async fn note<R: Kept>(&self, name: &R::Name, change: &mut SqliteConnection) -> Result<(), StoreError> {
        let mark = R::mark(name);
        let noted = sqlx::query("INSERT INTO changes (hash) VALUES (?1)").bind(mark.as_bytes().as_slice());
        self.run(noted, change).await.map(drop)
    }

    fn version_in(&self, row: &SqliteRow) -> Result<Version, StoreError> {
        let version: i64 = row.try_get("version").map_err(|error| self.failed(error))?;
        u64::try_from(version)
            .map(Version)
            .map_err(|_| StoreError::Corrupt(format!("the change table has the version {version}")))
    }
}

impl Changes for SqliteStore {
    async fn changes(&self, since: Version) -> Result<Vec<Change>, StoreError> {
        let rows =
            sqlx::query("SELECT version, hash FROM changes WHERE version > ?1 ORDER BY version LIMIT ?2")
                .bind(i64::try_from(since.0).unwrap_or(i64::MAX))
                .bind(CHANGES_MAX)
                .fetch_all(&self.changes)
                .await
                .map_err(|error| self.failed(error))?;
        let change = |row: &SqliteRow| {
            let version = self.version_in(row)?;
            let bytes: &[u8] = row.try_get("hash").map_err(|error| self.failed(error))?;
            let mark = Mark::from_bytes(bytes).map_err(|error| {
                StoreError::Corrupt(format!("change {}, column hash: {error}", version.0))
            })?;
            Ok(Change { version, mark })
        };
        rows.iter().map(change).collect()
    }

    async fn version(&self) -> Result<Version, StoreError> {
        let row = sqlx::query("SELECT coalesce(max(version), 0) AS version FROM changes")
            .fetch_one(&self.changes)
            .await
            .map_err(|error| self.failed(error))?;
        self.version_in(&row)
    }
}
