//! What went wrong with the file, in words that tell the operator what to do.

use std::{fmt, io, path::Path};

use sqlx::migrate::MigrateError;

use crate::store::StoreError;

/// Why the file cannot be used, without its name.
#[derive(Debug)]
pub(super) struct Failure(String);

impl Failure {
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// The failure with the name of the file that it concerns.
    pub(super) fn of(self, path: &Path) -> StoreError {
        StoreError::Unavailable(format!("{}: {}", path.display(), self.0))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        if let Some(sentence) = primary_code(&error).and_then(sentence) {
            return Self::new(sentence);
        }
        match error {
            sqlx::Error::PoolTimedOut => Self::new("every connection is busy"),
            sqlx::Error::PoolClosed => Self::new("it is closed already"),
            other => Self(other.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::new("its folder does not exist: create it first"),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::new(
                "it may not be written to: give this user the right to write to the file and its folder",
            ),
            _ => Self(error.to_string()),
        }
    }
}

impl From<MigrateError> for Failure {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self(format!("its schema is not the one that this program made: {other}")),
        }
    }
}

/// Whether another process holds a lock.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(5 | 6))
}

/// The error for an id or hash that is there already, or for what was replaced already, if `error` says so.
pub(super) fn duplicate(error: &sqlx::Error) -> Option<StoreError> {
    let error = error.as_database_error().filter(|error| error.is_unique_violation())?;
    // SQLite says: UNIQUE constraint failed: table.column
    let (_, place) = error.message().rsplit_once(' ')?;
    let (table, column) = place.split_once('.')?;
    StoreError::exists(table, column)
}

/// The lowest byte of SQLite's result code, which tells the kind: <https://www.sqlite.org/rescode.html>.
fn primary_code(error: &sqlx::Error) -> Option<u8> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    extended.to_le_bytes().first().copied()
}

fn sentence(primary_code: u8) -> Option<&'static str> {
    Some(match primary_code {
        5 | 6 => "another process holds a lock on it for too long",
        8 => "it may not be written to: give this user the right to write to the file and its folder",
        11 => "it is damaged: restore it from a backup",
        13 => "the disk is full",
        14 => "it cannot be opened: is it a file that this user may read and write?",
        26 => "it is not an SQLite database",
        _ => return None,
    })
}
