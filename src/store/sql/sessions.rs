//! Sessions.

use std::{sync::Arc, time::Duration};

use crate::{
    domain::{
        Author, CredentialHash, Membership, Scope, ScopeSet, SessionId, SessionRecord, Timestamp, UserId,
    },
    store::{Finds, Found, Page, PageRequest, RecordKind, SessionFilter, SessionStore, StoreError},
};
use serde::{Deserialize, Serialize};

use super::{
    Change, SqlStore, Statement,
    audit::Turn,
    columns::{Columns, Stored, spaced},
    selection::{Order, Selection},
    snapshot,
};

/// A membership as the column `memberships` holds it.
#[derive(Debug, Serialize, Deserialize)]
struct StoredMembership {
    organization: String,
    scopes: Vec<String>,
}

impl Stored for SessionRecord {
    const KIND: RecordKind = RecordKind::Session;

    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        let idle: Option<i64> = columns.value("idle")?;
        let idle = idle.map(u64::try_from).transpose().map_err(|error| columns.corrupt("idle", &error))?;
        Ok(Self {
            id: columns.text("id")?,
            hash: columns.hash()?,
            apis: columns.apis()?,
            user: columns.text("user_id")?,
            memberships: read_memberships(columns)?,
            scopes: columns.scopes()?,
            created: columns.moment("created")?,
            expires: columns.moment("expires")?,
            idle: idle.map(Duration::from_millis),
            used: columns.moment("used")?,
            ended: columns.optional_moment("ended")?,
        })
    }
}

fn read_memberships(columns: &Columns<'_>) -> Result<Arc<[Membership]>, StoreError> {
    let corrupt = |why: &dyn std::fmt::Display| columns.corrupt("memberships", why);
    let stored: Vec<StoredMembership> =
        serde_json::from_str(columns.value("memberships")?).map_err(|error| corrupt(&error))?;
    let membership = |stored: &StoredMembership| {
        let scopes: Result<Vec<Scope>, _> = stored.scopes.iter().map(|scope| scope.parse()).collect();
        let scopes = scopes.map_err(|error| corrupt(&error))?;
        Ok(Membership {
            organization: stored.organization.parse().map_err(|error| corrupt(&error))?,
            scopes: ScopeSet::new(scopes).map_err(|error| corrupt(&error))?,
        })
    };
    stored.iter().map(membership).collect()
}

fn write_memberships(memberships: &[Membership]) -> Result<String, StoreError> {
    let stored = |membership: &Membership| StoredMembership {
        organization: membership.organization.to_string(),
        scopes: membership.scopes.iter().map(ToString::to_string).collect(),
    };
    let stored: Vec<StoredMembership> = memberships.iter().map(stored).collect();
    serde_json::to_string(&stored).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn insertion(record: &SessionRecord, memberships: String) -> Statement {
    let idle = record.idle.map(|idle| i64::try_from(idle.as_millis()).unwrap_or(i64::MAX));
    Statement::new(
        "INSERT INTO sessions (id, hash, apis, user_id, memberships, scopes, created, expires, idle, used, ended) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(record.id.as_str())
    .bind(record.hash.as_bytes().as_slice())
    .bind(spaced(&record.apis))
    .bind(record.user.as_str())
    .bind(memberships)
    .bind(spaced(&record.scopes))
    .bind(record.created.as_millisecond())
    .bind(record.expires.as_millisecond())
    .bind(idle)
    .bind(record.used.as_millisecond())
    .bind(record.ended.map(Timestamp::as_millisecond))
}

fn by_id(id: &SessionId) -> Statement {
    Statement::new("SELECT * FROM sessions WHERE id = $1").bind(id.as_str())
}

impl SqlStore {
    /// Ends a session that has not ended, within a change. Returns the record as it is then.
    async fn end(
        &self,
        before: SessionRecord,
        at: Timestamp,
        by: &Author,
        change: &mut Change,
    ) -> Result<SessionRecord, StoreError> {
        let ending = Statement::new("UPDATE sessions SET ended = $2 WHERE id = $1")
            .bind(before.id.as_str())
            .bind(at.as_millisecond());
        self.run(ending, change).await?;
        self.note::<SessionRecord>(&before.hash, change).await?;
        let after = SessionRecord { ended: Some(at), ..before.clone() };
        let turn = Turn { verb: "end", at, before: Some(&before), after: Some(&after) };
        self.audit_turn(turn, by, change).await?;
        Ok(after)
    }
}

impl Finds<SessionRecord> for SqlStore {
    async fn find(&self, hash: &CredentialHash) -> Result<Found<SessionRecord>, StoreError> {
        let snapshot =
            Statement::new(snapshot!("sessions", "sessions.hash = $1")).bind(hash.as_bytes().as_slice());
        let (records, version) = self.look_up(snapshot).await?;
        Ok(Found { record: records.into_iter().next(), version })
    }
}

impl SessionStore for SqlStore {
    async fn session_made_for(
        &self,
        by: &Author,
        at: Timestamp,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let Some(id) = self.made_by_request::<SessionRecord>(by, at, self).await? else {
            return Ok(None);
        };
        let statement = Statement::new("SELECT * FROM sessions WHERE id = $1").bind(id);
        self.one(statement, self).await.map(Some)
    }

    async fn insert_session(&self, record: &SessionRecord, by: &Author) -> Result<(), StoreError> {
        let memberships = write_memberships(&record.memberships)?;
        let mut change = self.begin().await?;
        self.remember_request(record, by, record.created, &mut change).await?;
        self.run(insertion(record, memberships), &mut change).await?;
        let turn = Turn { verb: "create", at: record.created, before: None, after: Some(record) };
        self.audit_turn(turn, by, &mut change).await?;
        self.note::<SessionRecord>(&record.hash, &mut change).await?;
        self.commit(change).await
    }

    async fn session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        self.one(by_id(id), self).await
    }

    async fn sessions(
        &self,
        filter: &SessionFilter,
        page: &PageRequest,
    ) -> Result<Page<SessionRecord>, StoreError> {
        let selection = Selection::of("SELECT * FROM sessions")
            .only("user_id =", filter.user.as_ref().map(ToString::to_string))
            .serving(filter.apis.as_deref());
        self.page(selection, Order::Oldest, page).await
    }

    async fn end_session(
        &self,
        id: &SessionId,
        at: Timestamp,
        by: &Author,
    ) -> Result<SessionRecord, StoreError> {
        let mut change = self.begin().await?;
        let before: SessionRecord = self.one(by_id(id), &mut change).await?;
        if before.ended.is_some() {
            return Ok(before);
        }
        let after = self.end(before, at, by, &mut change).await?;
        self.commit(change).await?;
        Ok(after)
    }

    async fn end_sessions_of(
        &self,
        user: &UserId,
        at: Timestamp,
        by: &Author,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let mut change = self.begin().await?;
        let good = Statement::new(
            "SELECT * FROM sessions WHERE user_id = $1 AND ended IS NULL AND expires > $2 ORDER BY created, number",
        );
        let good = good.bind(user.as_str()).bind(at.as_millisecond());
        let mut ended = Vec::new();
        for before in self.all(good, &mut change).await? {
            ended.push(self.end(before, at, by, &mut change).await?);
        }
        self.commit(change).await?;
        Ok(ended)
    }

    async fn touch(&self, uses: &[(CredentialHash, Timestamp)]) -> Result<(), StoreError> {
        let mut change = self.begin_note().await?;
        // In one order, so that several who write at once never wait for each other in a circle.
        let mut uses: Vec<_> = uses.iter().collect();
        uses.sort_by_key(|(hash, _)| hash.as_bytes());
        for (hash, at) in uses {
            let touching = Statement::new("UPDATE sessions SET used = $2 WHERE hash = $1 AND used < $2")
                .bind(hash.as_bytes().as_slice())
                .bind(at.as_millisecond());
            self.run(touching, &mut change).await?;
        }
        self.commit(change).await
    }

    async fn remove_sessions_over(&self, before: Timestamp) -> Result<u64, StoreError> {
        let removal = Statement::new("DELETE FROM sessions WHERE ended < $1 OR expires < $1")
            .bind(before.as_millisecond());
        let mut change = self.begin().await?;
        let removed = self.run(removal, &mut change).await?;
        self.commit(change).await?;
        Ok(removed)
    }
}
