//! Requests that may be sent again, and what each of them made.

use crate::{
    domain::{Author, Timestamp},
    store::{Audited, StoreError},
};

use super::{Asks, Change, SqlStore, Statement};

/// How long a request is remembered, in milliseconds: a day.
const REMEMBERED_MS: i64 = 24 * 60 * 60 * 1000;

impl SqlStore {
    /// The id of what this very request made within the last day.
    pub(super) async fn made_by_request<R: Audited>(
        &self,
        by: &Author,
        at: Timestamp,
        on: impl Asks,
    ) -> Result<Option<String>, StoreError> {
        let Some(request) = &by.request else { return Ok(None) };
        let statement = Statement::new(
            "SELECT digest, kind, made FROM requests WHERE actor = $1 AND id = $2 AND at > $3",
        )
        .bind(&by.name)
        .bind(request.id())
        .bind(at.as_millisecond() - REMEMBERED_MS);
        let found = on.fetch(statement).await?;
        let Some(row) = found.first() else { return Ok(None) };
        let is_same =
            row.bytes("digest")? == request.digest().as_slice() && row.text("kind")? == R::KIND.code();
        if is_same { row.text("made").map(Some) } else { Err(StoreError::RequestReused) }
    }

    /// Remembers what a request makes, within its change, unless it has been carried out already. Those that are
    /// older than a day are forgotten.
    pub(super) async fn remember_request<R: Audited>(
        &self,
        made: &R,
        by: &Author,
        at: Timestamp,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        let Some(request) = &by.request else { return Ok(()) };
        if self.made_by_request::<R>(by, at, &mut *change).await?.is_some() {
            return Err(StoreError::Repeated);
        }
        let forgetting =
            Statement::new("DELETE FROM requests WHERE at <= $1").bind(at.as_millisecond() - REMEMBERED_MS);
        self.run(forgetting, change).await?;
        let remembering = Statement::new(
            "INSERT INTO requests (actor, id, digest, kind, made, at) VALUES ($1, $2, $3, $4, $5, $6)",
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
