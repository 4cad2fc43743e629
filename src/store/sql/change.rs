//! A change under way: all of it comes into force, or nothing.

use sqlx::{Postgres, Sqlite, Transaction};

use crate::store::{StoreError, postgres};

use super::{
    Asks,
    engine::{Engine, wrapped},
    row::Row,
    statement::{Statement, query},
};

/// A change under way. Dropped, it was none.
#[derive(Debug)]
pub(super) struct Change {
    open: Open,
    engine: Engine,
    /// Whether it wrote a mark.
    is_noted: bool,
}

/// The transaction.
#[derive(Debug)]
pub(super) enum Open {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Change {
    pub(super) fn new(open: Open, engine: Engine) -> Self {
        Self { open, engine, is_noted: false }
    }

    /// Runs a statement that changes something; returns how many rows it did.
    pub(super) async fn run(&mut self, statement: Statement) -> Result<u64, StoreError> {
        let done = match &mut self.open {
            Open::Sqlite(open) => {
                query(statement).execute(&mut **open).await.map(|done| done.rows_affected())
            }
            Open::Postgres(open) => {
                query(statement).execute(&mut **open).await.map(|done| done.rows_affected())
            }
        };
        done.map_err(|error| self.engine.duplicate(&error).unwrap_or_else(|| self.engine.failed(error)))
    }

    /// Runs the statement that writes a mark, of which others are told when the change is in force.
    pub(super) async fn note(&mut self, statement: Statement) -> Result<(), StoreError> {
        self.is_noted = true;
        self.run(statement).await.map(drop)
    }

    /// Brings it into force; returns whether it wrote a mark.
    pub(super) async fn commit(self) -> Result<bool, StoreError> {
        let Self { open, engine, is_noted } = self;
        let committed = match open {
            Open::Sqlite(open) => open.commit().await,
            Open::Postgres(open) if is_noted => postgres::commit_and_tell(open).await,
            Open::Postgres(open) => open.commit().await,
        };
        committed.map(|()| is_noted).map_err(|error| engine.failed(error))
    }
}

impl Asks for &mut Change {
    async fn fetch(self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let rows = match &mut self.open {
            Open::Sqlite(open) => {
                query(statement).fetch_all(&mut **open).await.map(|rows| wrapped(rows, Row::Sqlite))
            }
            Open::Postgres(open) => {
                query(statement).fetch_all(&mut **open).await.map(|rows| wrapped(rows, Row::Postgres))
            }
        };
        rows.map_err(|error| self.engine.failed(error))
    }
}
