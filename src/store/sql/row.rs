//! Rows, from any engine.

use sqlx::{Decode, Postgres, Row as _, Sqlite, Type, postgres::PgRow, sqlite::SqliteRow};

use crate::store::StoreError;

/// One row.
#[derive(Debug)]
pub(in crate::store) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// What a column can hold.
pub(super) trait Cell<'r>:
    Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>
{
}

impl<'r, T> Cell<'r> for T where T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres> {}

impl Row {
    /// What stands in a column.
    pub(super) fn get<'r, T: Cell<'r>>(&'r self, column: &str) -> Result<T, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }

    /// An integer that has to be there.
    pub(super) fn integer(&self, column: &str) -> Result<i64, StoreError> {
        self.get(column).map_err(|error| corrupt(column, &error))
    }

    /// Bytes that have to be there.
    pub(super) fn bytes(&self, column: &str) -> Result<&[u8], StoreError> {
        self.get(column).map_err(|error| corrupt(column, &error))
    }

    /// A text that has to be there.
    pub(super) fn text(&self, column: &str) -> Result<String, StoreError> {
        self.get(column).map_err(|error| corrupt(column, &error))
    }
}

fn corrupt(column: &str, error: &sqlx::Error) -> StoreError {
    StoreError::Corrupt(format!("column {column}: {error}"))
}
