//! Requests that may be sent again, and what each of them made.

use sqlx::{Executor, Row, Sqlite, SqliteConnection};

use crate::{
    domain::{Author, Timestamp},
    store::{Audited, StoreError},
};

use super::SqliteStore;

/// How long a request is remembered, in milliseconds: a day.
const REMEMBERED_MS: i64 = 24 * 60 * 60 * 1000;

impl SqliteStore {
    /// The id of what this very request made within the last day.
    pub(super) async fn made_by_request<R: Audited>(
        &self,
        by: &Author,
        at: Timestamp,
        on: impl Executor<'_, Database = Sqlite>,
    ) -> Result<Option<String>, StoreError> {
        let Some(request) = &by.request else { return Ok(None) };
        let statement = sqlx::query(
            "SELECT digest = ?3 AND kind = ?4 AS same, made FROM requests WHERE actor = ?1 AND id = ?2 AND at > ?5",
        )
        .bind(&by.name)
        .bind(request.id())
        .bind(request.digest().as_slice())
        .bind(R::KIND.code())
        .bind(at.as_millisecond() - REMEMBERED_MS);
        let found = statement.fetch_optional(on).await.map_err(|error| self.failed(error))?;
        let Some(row) = found else { return Ok(None) };
        let read = |error| self.failed(error);
        let is_same: bool = row.try_get("same").map_err(read)?;
        if is_same { row.try_get("made").map(Some).map_err(read) } else { Err(StoreError::RequestReused) }
    }

    /// Remembers what a request makes, within its change, unless it has been carried out already. Those that are
    /// older than a day are forgotten.
    pub(super) async fn remember_request<R: Audited>(
        &self,
        made: &R,
        by: &Author,
        at: Timestamp,
        change: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        let Some(request) = &by.request else { return Ok(()) };
        if self.made_by_request::<R>(by, at, &mut *change).await?.is_some() {
            return Err(StoreError::Repeated);
        }
        let forgetting =
            sqlx::query("DELETE FROM requests WHERE at <= ?1").bind(at.as_millisecond() - REMEMBERED_MS);
        self.run(forgetting, change).await?;
        let remembering = sqlx::query(
            "INSERT INTO requests (actor, id, digest, kind, made, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .bind(&by.name)
        .bind(request.id())
        .bind(request.digest().as_slice())
        .bind(R::KIND.code())
        .bind(made.id())
        .bind(at.as_millisecond());
        self.run(remembering, change).await.map(drop)
    }
}
