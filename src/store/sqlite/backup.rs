//! The whole store in one file, taken while it is used, and put back while it is not.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt, fchown},
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode},
};
use tempfile::NamedTempFile;
use tokio::time::MissedTickBehavior;

use crate::{
    domain::Timestamp,
    store::{SqlStore, StoreError},
};

use super::{Sqlite, failure::Failure, open};

/// How often it is told how far a backup has come.
const PROGRESS_PAUSE: Duration = Duration::from_secs(1);
/// How long the right to a store's file is waited for that nobody should use.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// Its size in bytes.
    pub bytes: u64,
    /// How many keys, whatever their status.
    pub keys: u64,
    /// When administrators changed something last; `None` if they never did.
    pub changed: Option<Timestamp>,
}

/// Why a backup was not made or not put back. The store is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It would replace something.
    #[error("{0} is there already, expected the name of a file that is not: a backup replaces nothing")]
    Exists(PathBuf),
    /// A file cannot be read or written.
    #[error("{path} cannot be read or written: {error}")]
    File {
        /// The file or its folder.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file is no whole backup that this program made.
    #[error("{path} is no backup that can be put back: {why}")]
    NoBackup {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// Somebody works on the store.
    #[error(
        "{0} is in use, and whoever uses it would go on with what was there: stop every Doorward that has it open, and ask again"
    )]
    InUse(PathBuf),
    /// What is there cannot be put aside in good order.
    #[error(
        "{path} cannot be replaced: {why}: move it away, together with the files of its name that end with `-wal` and `-shm`, and ask again"
    )]
    Unreplaceable {
        /// The store's file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Sqlite {
    /// Writes all that the store holds at this moment into a new file for its owner alone (mode 0600), while the store is
    /// used. `progress` is told now and then how many bytes are written, and of how many at most.
    ///
    /// # Errors
    ///
    /// There is a file already, it cannot be written, or the store cannot be read. Nothing is left behind.
    pub async fn backup(&self, to: &Path, progress: impl FnMut(u64, u64)) -> Result<Contents, BackupError> {
        if to.symlink_metadata().is_ok() {
            return Err(BackupError::Exists(to.to_owned()));
        }
        let copy = beside(to)?;
        self.copy_into(copy.path(), progress).await?;
        let contents = examine(copy.path()).await.map_err(|why| no_backup(to, why))?;
        copy.as_file().sync_all().map_err(|error| failed(to, error))?;
        let kept = copy.persist_noclobber(to);
        kept.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists(to.to_owned()),
            _ => failed(to, error.error),
        })?;
        sync_folder(to)?;
        Ok(contents)
    }

    /// Puts a backup in the place of the store at `path`, or where none is: whole, or not at all. Nobody may have the store
    /// open. It has the owner and the mode of the file that was there; otherwise it is for whoever asks alone.
    ///
    /// # Errors
    ///
    /// The file is no backup or of a newer version of this program; the store is in use, or damaged.
    pub async fn restore(backup: &Path, path: &Path) -> Result<Contents, BackupError> {
        // What stands beside it is of it, and nobody would read that.
        if let Some(log) =
            [extended(backup, "-wal"), extended(backup, "-journal")].iter().find(|it| it.exists())
        {
            let why = format!("{} belongs to it: `doorward store backup` makes one file", log.display());
            return Err(no_backup(backup, why));
        }
        examine(backup).await.map_err(|why| no_backup(backup, why))?;
        // What is renamed over a link would take the place of the link.
        let path = &*fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let copy = beside(path)?;
        let copied = File::open(backup).and_then(|mut source| io::copy(&mut source, &mut copy.as_file()));
        copied.map_err(|error| failed(backup, error))?;
        // It is opened as a server would, which brings its schema up to date.
        let opened = Self::open(copy.path(), SqlStore::PATIENCE).await;
        opened.map_err(|error| no_backup(backup, error.to_string()))?.close().await;
        let contents = examine(copy.path()).await.map_err(|why| no_backup(backup, why))?;
        let owned = belong_as(copy.as_file(), path).and_then(|()| copy.as_file().sync_all());
        owned.map_err(|error| failed(path, error))?;

        let alone = sole(path).await?;
        copy.persist(path).map_err(|error| failed(path, error.error))?;
        sync_folder(path)?;
        if let Some(alone) = alone {
            // It was the file that is no more.
            let _ = alone.close().await;
        }
        Ok(contents)
    }

    async fn copy_into(&self, to: &Path, mut progress: impl FnMut(u64, u64)) -> Result<(), BackupError> {
        let (pages, size): (i64, i64) =
            sqlx::query_as("SELECT page_count, page_size FROM pragma_page_count(), pragma_page_size()")
                .fetch_one(&self.pool)
                .await
                .map_err(|error| self.failed(error))?;
        let file = to.to_str().ok_or_else(|| {
            let found = format!("its name or that of its folder is no text: {}", to.display());
            failed(to, io::Error::new(io::ErrorKind::InvalidFilename, found))
        })?;
        let most = u64::try_from(pages.saturating_mul(size)).unwrap_or_default();
        let copying = sqlx::query("VACUUM INTO ?1").bind(file).execute(&self.pool);
        let mut copying = std::pin::pin!(copying);
        let mut ticks = tokio::time::interval(PROGRESS_PAUSE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                copied = &mut copying => {
                    copied.map_err(|error| self.failed(error))?;
                    return Ok(());
                }
                _ = ticks.tick() => progress(fs::metadata(to).map_or(0, |metadata| metadata.len()), most),
            }
        }
    }
}

/// An empty file in the folder of `path`, for its owner alone. It is gone again unless it is put in a place.
fn beside(path: &Path) -> Result<NamedTempFile, BackupError> {
    let folder = folder(path);
    tempfile::Builder::new()
        .prefix(".doorward-")
        .suffix(".new")
        .tempfile_in(folder)
        .map_err(|error| failed(folder, error))
}

/// Gives a file to the owner of the one at `path`, with the same mode, if one is there: a server may run as somebody else.
fn belong_as(file: &File, path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) => {
            fchown(file, Some(there.uid()), Some(there.gid()))?;
            file.set_permissions(there.permissions())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Reads a file that nobody else uses, from its first byte to its last.
async fn examine(path: &Path) -> Result<Contents, String> {
    let bytes = fs::metadata(path).map_err(|error| error.to_string())?.len();
    let said = |error: sqlx::Error| Failure::from(error).to_string();
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
    let mut file = options.connect().await.map_err(said)?;
    let contents = contents(&mut file, bytes).await;
    // Nothing was changed.
    let _ = file.close().await;
    contents
}

async fn contents(file: &mut SqliteConnection, bytes: u64) -> Result<Contents, String> {
    let said = |error: sqlx::Error| Failure::from(error).to_string();
    let found: String =
        sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut *file).await.map_err(said)?;
    if found != "ok" {
        return Err(format!("it is damaged: {found}"));
    }
    let tables: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('keys', '_sqlx_migrations')",
    )
    .fetch_one(&mut *file)
    .await
    .map_err(said)?;
    if tables != 2 {
        return Err("it is a database of something else".to_owned());
    }
    let version: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(&mut *file)
        .await
        .map_err(said)?;
    if version > open::newest() {
        return Err("a newer version of this program has written it: upgrade this program".to_owned());
    }
    let keys: i64 =
        sqlx::query_scalar("SELECT count(*) FROM keys").fetch_one(&mut *file).await.map_err(said)?;
    // Older versions had no audit log.
    let is_audited: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'audit'")
        .fetch_one(&mut *file)
        .await
        .map_err(said)?;
    let changed: Option<i64> = if is_audited == 1 {
        sqlx::query_scalar("SELECT max(at) FROM audit").fetch_one(&mut *file).await.map_err(said)?
    } else {
        None
    };
    let changed = changed.map(Timestamp::from_millisecond).transpose().map_err(|error| error.to_string())?;
    Ok(Contents { bytes, keys: u64::try_from(keys).unwrap_or_default(), changed })
}

/// The right to the file of the store, which nobody else has then; `None` if there is none. What its write-ahead log held
/// is in it, so that none is left beside it.
async fn sole(path: &Path) -> Result<Option<SqliteConnection>, BackupError> {
    let unreplaceable = |why: String| BackupError::Unreplaceable { path: path.to_owned(), why };
    if !path.exists() {
        if extended(path, "-wal").exists() {
            return Err(unreplaceable("its write-ahead log is there without it".to_owned()));
        }
        return Ok(None);
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(LOCK_PATIENCE)
        .locking_mode(SqliteLockingMode::Exclusive)
        .journal_mode(SqliteJournalMode::Delete);
    let taking = async {
        let mut file = options.connect().await?;
        // Whoever locks so keeps what was taken once.
        sqlx::raw_sql("BEGIN EXCLUSIVE; COMMIT").execute(&mut file).await?;
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut file).await?;
        Ok::<_, sqlx::Error>((file, mode))
    };
    match taking.await {
        Ok((file, mode)) if mode == "delete" => Ok(Some(file)),
        Ok(_) => Err(BackupError::InUse(path.to_owned())),
        Err(error) if super::failure::is_busy(&error) => Err(BackupError::InUse(path.to_owned())),
        Err(error) => Err(unreplaceable(Failure::from(error).to_string())),
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// After this the name of the file outlasts a loss of power, too.
fn sync_folder(path: &Path) -> Result<(), BackupError> {
    let folder = folder(path);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(folder, error))
}

fn extended(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn failed(path: &Path, error: io::Error) -> BackupError {
    BackupError::File { path: path.to_owned(), error }
}

fn no_backup(path: &Path, why: String) -> BackupError {
    BackupError::NoBackup { path: path.to_owned(), why }
}
