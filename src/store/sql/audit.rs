//! The audit log.

use crate::{
    domain::{AuditRecord, Author, OrganizationId, Timestamp},
    store::{AuditFilter, AuditStore, Deed, Page, PageRequest, RecordKind, StoreError, audit::Audited},
};

use super::{
    Change, SqlStore, Statement,
    columns::{Columns, Stored, spaced},
    selection::{Order, Selection},
};

impl Stored for AuditRecord {
    const KIND: RecordKind = RecordKind::Audit;

    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        let number: i64 = columns.value("number")?;
        Ok(Self {
            number: u64::try_from(number).map_err(|error| columns.corrupt("number", &error))?,
            at: columns.moment("at")?,
            actor: columns.value("actor")?,
            role: columns.text("role")?,
            from: columns.value("origin")?,
            action: columns.value("action")?,
            kind: columns.value("kind")?,
            id: columns.value("id")?,
            organization: columns.optional_text("organization")?,
            apis: columns.apis()?,
            before: columns.value("before")?,
            after: columns.value("after")?,
        })
    }
}

/// A change of one record: what it was, and what it became.
pub(super) struct Turn<'a, R> {
    /// What is done, such as `rotate`.
    pub(super) verb: &'static str,
    /// When.
    pub(super) at: Timestamp,
    pub(super) before: Option<&'a R>,
    pub(super) after: Option<&'a R>,
}

impl SqlStore {
    /// Writes down a change, within its transaction.
    pub(super) async fn audit_turn<R: Audited>(
        &self,
        turn: Turn<'_, R>,
        by: &Author,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        let Some(record) = turn.after.or(turn.before) else { return Ok(()) };
        let deed = Deed {
            at: turn.at,
            action: &format!("{}.{}", R::KIND, turn.verb),
            kind: R::KIND,
            id: record.id(),
            organization: record.organization(),
            apis: record.apis(),
        };
        let facts = [turn.before, turn.after].map(|record| record.map(|record| record.facts().to_string()));
        self.audit_deed(&deed, facts, by, change).await
    }

    async fn audit_deed(
        &self,
        deed: &Deed<'_>,
        [before, after]: [Option<String>; 2],
        by: &Author,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        let statement = Statement::new(
            "INSERT INTO audit (at, actor, role, origin, action, kind, id, organization, apis, before, after) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(deed.at.as_millisecond())
        .bind(&by.name)
        .bind(by.role.code())
        .bind(&by.from)
        .bind(deed.action)
        .bind(deed.kind.code())
        .bind(deed.id)
        .bind(deed.organization.map(OrganizationId::as_str))
        .bind(spaced(deed.apis))
        .bind(before)
        .bind(after);
        self.run(statement, change).await.map(drop)
    }
}

impl AuditStore for SqlStore {
    async fn audit(&self, filter: &AuditFilter, page: &PageRequest) -> Result<Page<AuditRecord>, StoreError> {
        let selection = Selection::of("SELECT * FROM audit")
            .only("actor =", filter.actor.clone())
            .only("kind =", filter.kind.clone())
            .only("id =", filter.id.clone())
            .only("organization =", filter.organization.as_ref().map(ToString::to_string))
            .serving(filter.apis.as_deref())
            .only_at("at >=", filter.since);
        self.page(selection, Order::Latest, page).await
    }

    async fn note(&self, deed: &Deed<'_>, by: &Author) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        self.audit_deed(deed, [None, None], by, &mut change).await?;
        self.commit(change).await
    }
}
