//! The engines that there are, and what is asked of each of them.

use crate::store::{StoreError, postgres::Postgres, sqlite::Sqlite};

use super::{
    change::{Change, Open},
    row::Row,
    statement::{Statement, query},
};

/// Which connections are used.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) enum Lane {
    /// Those of look-ups and changes.
    All,
    /// Those of the change table alone.
    Changes,
}

/// An engine, with its connections.
#[derive(Debug, Clone)]
pub(super) enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Engine {
    /// The rows that a statement selects.
    pub(super) async fn fetch(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.fetch_by(Lane::All, statement).await
    }

    /// The same by a connection that look-ups do not use, so that revocations do not queue behind them.
    pub(super) async fn fetch_changes(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.fetch_by(Lane::Changes, statement).await
    }

    async fn fetch_by(&self, lane: Lane, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let rows = match self {
            Self::Sqlite(sqlite) => {
                query(statement).fetch_all(sqlite.pool(lane)).await.map(|rows| wrapped(rows, Row::Sqlite))
            }
            Self::Postgres(postgres) => {
                query(statement).fetch_all(postgres.pool(lane)).await.map(|rows| wrapped(rows, Row::Postgres))
            }
        };
        rows.map_err(|error| self.failed(error))
    }

    /// Begins a change: there is one at a time.
    pub(super) async fn begin(&self) -> Result<Change, StoreError> {
        let open = match self {
            Self::Sqlite(sqlite) => sqlite.begin().await.map(Open::Sqlite),
            Self::Postgres(postgres) => postgres.begin().await.map(Open::Postgres),
        };
        open.map(|open| Change::new(open, self.clone())).map_err(|error| self.failed(error))
    }

    /// Begins to write what needs no order.
    pub(super) async fn begin_note(&self) -> Result<Change, StoreError> {
        let open = match self {
            Self::Sqlite(sqlite) => sqlite.begin().await.map(Open::Sqlite),
            Self::Postgres(postgres) => postgres.begin_unordered().await.map(Open::Postgres),
        };
        open.map(|open| Change::new(open, self.clone())).map_err(|error| self.failed(error))
    }

    /// Begins to write about the servers that there are, beside all that look-ups and changes wait for.
    pub(super) async fn begin_attendance(&self) -> Result<Change, StoreError> {
        match self {
            Self::Sqlite(_) => self.begin_note().await,
            Self::Postgres(postgres) => {
                let open = postgres.pool(Lane::Changes).begin().await.map_err(|error| self.failed(error))?;
                Ok(Change::new(Open::Postgres(open), self.clone()))
            }
        }
    }

    /// Takes the right to change, and gives it back.
    pub(super) async fn try_to_write(&self) -> Result<(), StoreError> {
        let tried = match self {
            Self::Sqlite(sqlite) => sqlite.try_to_write().await,
            Self::Postgres(postgres) => postgres.try_to_write().await,
        };
        tried.map_err(|error| self.failed(error))
    }

    /// Returns when another process may have changed something, sooner than a poll would see it. Where the engine tells
    /// nobody, never.
    pub(super) async fn woken(&self) {
        match self {
            Self::Sqlite(_) => std::future::pending().await,
            Self::Postgres(postgres) => postgres.woken().await,
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(postgres) => postgres.close().await,
        }
    }

    pub(super) fn schema_version(&self) -> i64 {
        let newest = match self {
            Self::Sqlite(_) => Sqlite::newest_schema(),
            Self::Postgres(_) => Postgres::newest_schema(),
        };
        newest.unwrap_or_default()
    }

    /// The labels of a key, as a JSON object.
    pub(super) fn labels(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => {
                "(SELECT json_group_object(name, value) FROM labels WHERE labels.id = keys.id)"
            }
            Self::Postgres(_) => {
                "(SELECT coalesce(json_object_agg(name, value)::text, '{}') FROM labels WHERE labels.id = keys.id)"
            }
        }
    }

    /// The moment by the database's clock, in milliseconds.
    pub(super) fn now(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            Self::Postgres(_) => "(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
        }
    }

    /// How many rows of so many values are put by one statement. SQLite looks for the place of each value by its name, among
    /// all names one after the other, so that a statement costs the square of its values.
    pub(super) fn rows_at_once(&self, values: usize) -> usize {
        let most = match self {
            Self::Sqlite(_) => 256,
            // It takes 65 535.
            Self::Postgres(_) => 16_384,
        };
        (most / values.max(1)).max(1)
    }

    /// Begins to keep others from changing anything, for as long as it takes.
    pub(super) async fn begin_long(&self) -> Result<Change, StoreError> {
        let open = match self {
            Self::Sqlite(sqlite) => sqlite.begin().await.map(Open::Sqlite),
            Self::Postgres(postgres) => postgres.begin_long().await.map(Open::Postgres),
        };
        open.map(|open| Change::new(open, self.clone())).map_err(|error| self.failed(error))
    }

    /// Begins to read, for as long as it takes, what is there now, whatever is written meanwhile.
    pub(super) async fn begin_view(&self) -> Result<Change, StoreError> {
        let open = match self {
            Self::Sqlite(sqlite) => sqlite.begin_view().await.map(Open::Sqlite),
            Self::Postgres(postgres) => postgres.begin_view().await.map(Open::Postgres),
        };
        open.map(|open| Change::new(open, self.clone())).map_err(|error| self.failed(error))
    }

    /// The statement after which a column that numbers rows goes on after those that are there, where that does not go
    /// without saying.
    pub(super) fn numbering(&self, table: &str, column: &str) -> Option<String> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(_) => Some(format!(
                "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), coalesce(max({column}), 1), \
                 max({column}) IS NOT NULL) FROM {table}"
            )),
        }
    }

    /// Where it is, without user and password.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Sqlite(sqlite) => sqlite.path().display().to_string(),
            Self::Postgres(postgres) => postgres.place().to_owned(),
        }
    }

    /// What went wrong, with the name of the place.
    pub(super) fn failed(&self, error: sqlx::Error) -> StoreError {
        match self {
            Self::Sqlite(sqlite) => sqlite.failed(error),
            Self::Postgres(postgres) => postgres.failed(error),
        }
    }

    /// The error for what is there already, if `error` says so.
    pub(super) fn duplicate(&self, error: &sqlx::Error) -> Option<StoreError> {
        match self {
            Self::Sqlite(_) => Sqlite::duplicate(error),
            Self::Postgres(_) => Postgres::duplicate(error),
        }
    }
}

pub(super) fn wrapped<R>(rows: Vec<R>, wrap: impl Fn(R) -> Row) -> Vec<Row> {
    rows.into_iter().map(wrap).collect()
}
