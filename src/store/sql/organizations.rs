//! Organizations.

use crate::{
    domain::{Author, OrganizationId, OrganizationRecord, PlanName, Timestamp},
    store::{
        Finds, Found, OrganizationEdit, OrganizationFilter, OrganizationStore, Page, PageRequest, RecordKind,
        StoreError,
    },
};

use super::{
    Change, SqlStore, Statement,
    audit::Turn,
    columns::{Columns, Stored, spaced},
    selection::{Order, Selection},
    snapshot,
};

impl Stored for OrganizationRecord {
    const KIND: RecordKind = RecordKind::Organization;

    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.text("id")?,
            name: columns.value("name")?,
            apis: columns.apis()?,
            plan: columns.optional_text("plan")?,
            entitlements: columns.list("entitlements")?,
            suspended: columns.optional_moment("suspended")?,
            created: columns.moment("created")?,
        })
    }
}

pub(super) fn insertion(record: &OrganizationRecord) -> Statement {
    Statement::new(
        "INSERT INTO organizations (id, name, apis, plan, entitlements, suspended, created) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(record.id.as_str())
    .bind(&record.name)
    .bind(spaced(&record.apis))
    .bind(record.plan.as_ref().map(PlanName::as_str))
    .bind(spaced(&record.entitlements))
    .bind(record.suspended.map(Timestamp::as_millisecond))
    .bind(record.created.as_millisecond())
}

fn by_id(id: &OrganizationId) -> Statement {
    Statement::new("SELECT * FROM organizations WHERE id = $1").bind(id.as_str())
}

fn edition(id: &OrganizationId, edit: &OrganizationEdit) -> Statement {
    let edition = |sql: &'static str| Statement::new(sql).bind(id.as_str());
    match edit {
        OrganizationEdit::Name(name) => {
            edition("UPDATE organizations SET name = $2 WHERE id = $1").bind(name)
        }
        OrganizationEdit::Apis(apis) => {
            edition("UPDATE organizations SET apis = $2 WHERE id = $1").bind(spaced(apis))
        }
        OrganizationEdit::Plan(plan) => edition("UPDATE organizations SET plan = $2 WHERE id = $1")
            .bind(plan.as_ref().map(PlanName::as_str)),
        OrganizationEdit::Entitlements(entitlements) => {
            edition("UPDATE organizations SET entitlements = $2 WHERE id = $1").bind(spaced(entitlements))
        }
    }
}

impl SqlStore {
    /// The organization as a change finds it.
    pub(super) async fn organization_within(
        &self,
        id: &OrganizationId,
        change: &mut Change,
    ) -> Result<OrganizationRecord, StoreError> {
        self.one(by_id(id), change).await
    }

    /// Suspends an organization since `suspended`, or resumes it.
    async fn set_suspended(
        &self,
        id: &OrganizationId,
        suspended: Option<Timestamp>,
        at: Timestamp,
        by: &Author,
    ) -> Result<OrganizationRecord, StoreError> {
        let mut change = self.begin().await?;
        let before = self.organization_within(id, &mut change).await?;
        if before.suspended.is_some() == suspended.is_some() {
            return Ok(before);
        }
        let setting = Statement::new("UPDATE organizations SET suspended = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(suspended.map(Timestamp::as_millisecond));
        self.run(setting, &mut change).await?;
        let after = self.organization_within(id, &mut change).await?;
        let verb = if suspended.is_some() { "suspend" } else { "resume" };
        let turn = Turn { verb, at, before: Some(&before), after: Some(&after) };
        self.audit_turn(turn, by, &mut change).await?;
        self.note::<OrganizationRecord>(id, &mut change).await?;
        self.commit(change).await?;
        Ok(after)
    }
}

impl Finds<OrganizationRecord> for SqlStore {
    async fn find(&self, id: &OrganizationId) -> Result<Found<OrganizationRecord>, StoreError> {
        let snapshot = Statement::new(snapshot!("organizations", "organizations.id = $1")).bind(id.as_str());
        let (records, version) = self.look_up(snapshot).await?;
        Ok(Found { record: records.into_iter().next(), version })
    }
}

impl OrganizationStore for SqlStore {
    async fn insert_organization(&self, record: &OrganizationRecord, by: &Author) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        self.run(insertion(record), &mut change).await?;
        let turn = Turn { verb: "create", at: record.created, before: None, after: Some(record) };
        self.audit_turn(turn, by, &mut change).await?;
        self.note::<OrganizationRecord>(&record.id, &mut change).await?;
        self.commit(change).await
    }

    async fn organization(&self, id: &OrganizationId) -> Result<OrganizationRecord, StoreError> {
        self.one(by_id(id), self).await
    }

    async fn organizations(
        &self,
        filter: &OrganizationFilter,
        page: &PageRequest,
    ) -> Result<Page<OrganizationRecord>, StoreError> {
        let selection = Selection::of("SELECT * FROM organizations").serving(filter.apis.as_deref());
        self.page(selection, Order::Oldest, page).await
    }

    async fn update_organization(
        &self,
        id: &OrganizationId,
        edits: &[OrganizationEdit],
        at: Timestamp,
        by: &Author,
    ) -> Result<OrganizationRecord, StoreError> {
        let mut change = self.begin().await?;
        let before = self.organization_within(id, &mut change).await?;
        for edit in edits {
            self.run(edition(id, edit), &mut change).await?;
        }
        let after = self.organization_within(id, &mut change).await?;
        if after == before {
            return Ok(after);
        }
        let turn = Turn { verb: "update", at, before: Some(&before), after: Some(&after) };
        self.audit_turn(turn, by, &mut change).await?;
        self.note::<OrganizationRecord>(id, &mut change).await?;
        self.commit(change).await?;
        Ok(after)
    }

    async fn suspend_organization(
        &self,
        id: &OrganizationId,
        at: Timestamp,
        by: &Author,
    ) -> Result<OrganizationRecord, StoreError> {
        self.set_suspended(id, Some(at), at, by).await
    }

    async fn resume_organization(
        &self,
        id: &OrganizationId,
        at: Timestamp,
        by: &Author,
    ) -> Result<OrganizationRecord, StoreError> {
        self.set_suspended(id, None, at, by).await
    }
}
