//! The audit log.

use crate::{
    domain::{AuditRecord, Author, OrganizationId, Timestamp},
    store::{AuditFilter, AuditStore, Deed, Page, PageRequest, RecordKind, StoreError, audit::Audited},
};

use super::{
    Change, SqlStore,
    columns::{Columns, Stored, spaced},
    selection::{Order, Selection},
    statement::Value,
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

impl<R: Audited> Turn<'_, R> {
    /// The row that tells of it.
    fn row(&self, by: &Author) -> Option<Vec<Value>> {
        let record = self.after.or(self.before)?;
        let deed = Deed {
            at: self.at,
            action: &format!("{}.{}", R::KIND, self.verb),
            kind: R::KIND,
            id: record.id(),
            organization: record.organization(),
            apis: record.apis(),
        };
        let facts = [self.before, self.after].map(|record| record.map(|record| record.facts().to_string()));
        Some(row(&deed, facts, by))
    }
}

/// The row that tells of a deed.
fn row(deed: &Deed<'_>, [before, after]: [Option<String>; 2], by: &Author) -> Vec<Value> {
    vec![
        deed.at.as_millisecond().into(),
        by.name.as_str().into(),
        by.role.code().into(),
        by.from.as_str().into(),
        deed.action.into(),
        deed.kind.code().into(),
        deed.id.into(),
        deed.organization.map(OrganizationId::as_str).into(),
        spaced(deed.apis).into(),
        before.into(),
        after.into(),
    ]
}

impl SqlStore {
    /// Writes down a change, within its transaction.
    pub(super) async fn audit_turn<R: Audited>(
        &self,
        turn: Turn<'_, R>,
        by: &Author,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        self.audit_turns(&[turn], by, change).await
    }

    /// Writes down changes of many records.
    pub(super) async fn audit_turns<R: Audited>(
        &self,
        turns: &[Turn<'_, R>],
        by: &Author,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        self.audit_rows(turns.iter().filter_map(|turn| turn.row(by)).collect(), change).await
    }

    async fn audit_rows(&self, rows: Vec<Vec<Value>>, change: &mut Change) -> Result<(), StoreError> {
        let insertion = "INSERT INTO audit (at, actor, role, origin, action, kind, id, organization, apis, before, after)";
        self.put_rows(insertion, rows, change).await
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
        self.audit_rows(vec![row(deed, [None, None], by)], &mut change).await?;
        self.commit(change).await
    }
}
