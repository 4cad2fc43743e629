//! Keys in one SQLite file.
//!
//! - WAL: readers never wait for the writer.
//! - `synchronous = FULL`: a commit is on the disk before it is acknowledged.
//! - Every change takes the write lock at its beginning (`BEGIN IMMEDIATE`), so it never has to give up
//!   half-way because another process came first.
//! - Times are kept to the millisecond.
//!
//! The file must lie on a local disk: WAL does not work over network file systems.

mod failure;
mod identity;
mod open;
mod row;

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{Row, Sqlite, SqliteConnection, SqlitePool, Transaction, sqlite::SqliteRow};

use crate::domain::{ApiName, CredentialHash, KeyId, KeyRecord, Timestamp};

use super::{Change, Found, KeyFilter, KeyStore, StoreError, Version};

/// The most changes that are read at once.
const CHANGES_MAX: i64 = 4096;

/// Keys in one SQLite file, shared with any number of other processes. Clones share their connections.
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
        let path = Arc::from(path);
        match open::open(&path, patience).await {
            Ok(open::Pools { all: pool, changes }) => Ok(Self { pool, changes, path }),
            Err(failure) => Err(failure.of(&path)),
        }
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

    async fn read(&self, id: &KeyId, connection: &mut SqliteConnection) -> Result<KeyRecord, StoreError> {
        let row = sqlx::query("SELECT * FROM keys WHERE id = ?1")
            .bind(id.as_str())
            .fetch_optional(connection)
            .await
            .map_err(|error| self.failed(error))?
            .ok_or_else(|| StoreError::NotFound(id.clone()))?;
        row::read(&row)
    }

    async fn add(&self, record: &KeyRecord, change: &mut SqliteConnection) -> Result<(), StoreError> {
        row::insert(record)
            .execute(&mut *change)
            .await
            .map_err(|error| failure::duplicate(&error).unwrap_or_else(|| self.failed(error)))?;
        self.note(record.hash, change).await
    }

    /// Writes down that the key with this hash has changed.
    async fn note(&self, hash: CredentialHash, change: &mut SqliteConnection) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO changes (hash) VALUES (?1)")
            .bind(hash.as_bytes().as_slice())
            .execute(change)
            .await
            .map_err(|error| self.failed(error))?;
        Ok(())
    }

    fn version_in(&self, row: &SqliteRow) -> Result<Version, StoreError> {
        let version: i64 = row.try_get("version").map_err(|error| self.failed(error))?;
        u64::try_from(version)
            .map(Version)
            .map_err(|_| StoreError::Corrupt(format!("the change table has the version {version}")))
    }
}

impl KeyStore for SqliteStore {
    async fn find(&self, hash: CredentialHash) -> Result<Found, StoreError> {
        // One statement reads one snapshot; the outer join gives the version even where there is no key.
        let row = sqlx::query(
            "SELECT (SELECT coalesce(max(version), 0) FROM changes) AS version, keys.* \
             FROM (SELECT 1) LEFT JOIN keys ON keys.hash = ?1",
        )
        .bind(hash.as_bytes().as_slice())
        .fetch_one(&self.pool)
        .await
        .map_err(|error| self.failed(error))?;
        let version = self.version_in(&row)?;
        let record = if row::is_absent(&row) { None } else { Some(row::read(&row)?) };
        Ok(Found { record, version })
    }

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
            let hash = CredentialHash::from_bytes(bytes).map_err(|error| {
                StoreError::Corrupt(format!("change {}, column hash: {error}", version.0))
            })?;
            Ok(Change { version, hash })
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

    async fn get(&self, id: &KeyId) -> Result<KeyRecord, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(|error| self.failed(error))?;
        self.read(id, &mut connection).await
    }

    async fn list(&self, filter: &KeyFilter) -> Result<Vec<KeyRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM keys WHERE ?1 IS NULL OR instr(' ' || apis || ' ', ' ' || ?1 || ' ') > 0 \
             ORDER BY created, number",
        )
        .bind(filter.api.as_ref().map(ApiName::as_str))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.failed(error))?;
        rows.iter().map(row::read).collect()
    }

    async fn insert(&self, records: &[KeyRecord]) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        for record in records {
            self.add(record, &mut change).await?;
        }
        self.commit(change).await
    }

    async fn rotate(
        &self,
        old: &KeyId,
        successor: &KeyRecord,
        overlap_ends: Timestamp,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let before = self.read(old, &mut change).await?;
        if before.revoked.is_some() {
            return Err(StoreError::Revoked(before.id));
        }
        sqlx::query("UPDATE keys SET expires = min(coalesce(expires, ?2), ?2) WHERE id = ?1")
            .bind(old.as_str())
            .bind(overlap_ends.as_millisecond())
            .execute(&mut *change)
            .await
            .map_err(|error| self.failed(error))?;
        self.note(before.hash, &mut change).await?;
        self.add(successor, &mut change).await?;
        self.commit(change).await
    }

    async fn revoke(&self, id: &KeyId, at: Timestamp) -> Result<KeyRecord, StoreError> {
        let mut change = self.begin().await?;
        let before = self.read(id, &mut change).await?;
        if before.revoked.is_some() {
            return Ok(before);
        }
        sqlx::query("UPDATE keys SET revoked = ?2 WHERE id = ?1")
            .bind(id.as_str())
            .bind(at.as_millisecond())
            .execute(&mut *change)
            .await
            .map_err(|error| self.failed(error))?;
        self.note(before.hash, &mut change).await?;
        let after = self.read(id, &mut change).await?;
        self.commit(change).await?;
        Ok(after)
    }
}
