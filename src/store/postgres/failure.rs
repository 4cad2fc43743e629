//! What went wrong with the database, in words that tell the operator what to do.

use std::fmt;

use sqlx::{error::DatabaseError, migrate::MigrateError};

use crate::store::StoreError;

/// Why the database cannot be used, without its name.
#[derive(Debug)]
pub(super) struct Failure(String);

impl Failure {
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// The failure with the name of the database that it concerns.
    pub(super) fn of(self, place: &str) -> StoreError {
        StoreError::Unavailable(format!("{place}: {}", self.0))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(DatabaseError::code);
        if let Some(sentence) = code.as_deref().and_then(sentence) {
            return Self::new(sentence);
        }
        match error {
            sqlx::Error::PoolTimedOut => Self::new(
                "no connection could be had in time: it does not answer, or every connection is busy",
            ),
            sqlx::Error::PoolClosed => Self::new("it is closed already"),
            sqlx::Error::Io(error) => Self(format!("it cannot be reached: {error}")),
            sqlx::Error::Tls(error) => Self(format!("TLS with it failed: {error}")),
            other => Self(other.to_string()),
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

/// Whether the server is not ready yet.
pub(super) fn is_starting(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(DatabaseError::code).is_some_and(|code| code == "57P03")
}

/// The error for an id or hash that is there already, or for what was replaced already, if `error` says so.
pub(super) fn duplicate(error: &sqlx::Error) -> Option<StoreError> {
    let error = error.as_database_error().filter(|error| error.is_unique_violation())?;
    let table = error.table()?;
    // A constraint of one column is named so by PostgreSQL itself.
    let column = error.constraint()?.strip_prefix(table)?.strip_prefix('_')?.strip_suffix("_key")?;
    StoreError::exists(table, column)
}

/// By SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn sentence(code: &str) -> Option<&'static str> {
    Some(match code {
        "25006" => "it can only be read: name the primary, or wait until it has become one",
        "28000" => "this user may not connect to it, or not from here, or not without TLS",
        "28P01" => "the user or the password is refused",
        "3D000" => "the database is not there: create it first",
        "42501" => "this user may not do so: give it the right to create and change tables of its schema",
        "42P01" => "its schema is not the one that this program made",
        "53100" => "the disk is full",
        "53300" => "it has too many connections already",
        "55P03" => "another process holds a lock on it for too long",
        "57014" => "a statement took too long",
        "57P01" | "57P02" => "it is shutting down",
        "57P03" => "it is starting up or shutting down",
        _ => return None,
    })
}
