//! Projects.

use crate::{
    domain::{Author, ProjectId, ProjectRecord, Timestamp},
    store::{Finds, Found, Page, PageRequest, ProjectFilter, ProjectStore, RecordKind, StoreError},
};

use super::{
    SqlStore, Statement,
    audit::Turn,
    columns::{Columns, Stored, spaced},
    selection::{Order, Selection},
    snapshot,
};

impl Stored for ProjectRecord {
    const KIND: RecordKind = RecordKind::Project;

    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.text("id")?,
            name: columns.value("name")?,
            apis: columns.apis()?,
            organization: columns.text("organization")?,
            created: columns.moment("created")?,
        })
    }
}

pub(super) fn insertion(record: &ProjectRecord) -> Statement {
    Statement::new("INSERT INTO projects (id, name, apis, organization, created) VALUES ($1, $2, $3, $4, $5)")
        .bind(record.id.as_str())
        .bind(&record.name)
        .bind(spaced(&record.apis))
        .bind(record.organization.as_str())
        .bind(record.created.as_millisecond())
}

fn by_id(id: &ProjectId) -> Statement {
    Statement::new("SELECT * FROM projects WHERE id = $1").bind(id.as_str())
}

impl Finds<ProjectRecord> for SqlStore {
    async fn find(&self, id: &ProjectId) -> Result<Found<ProjectRecord>, StoreError> {
        let snapshot = Statement::new(snapshot!("projects", "projects.id = $1")).bind(id.as_str());
        let (records, version) = self.look_up(snapshot).await?;
        Ok(Found { record: records.into_iter().next(), version })
    }
}

impl ProjectStore for SqlStore {
    async fn insert_project(&self, record: &ProjectRecord, by: &Author) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        self.organization_within(&record.organization, &mut change).await?;
        self.run(insertion(record), &mut change).await?;
        let turn = Turn { verb: "create", at: record.created, before: None, after: Some(record) };
        self.audit_turn(turn, by, &mut change).await?;
        self.note::<ProjectRecord>(&record.id, &mut change).await?;
        self.commit(change).await
    }

    async fn project(&self, id: &ProjectId) -> Result<ProjectRecord, StoreError> {
        self.one(by_id(id), self).await
    }

    async fn projects(
        &self,
        filter: &ProjectFilter,
        page: &PageRequest,
    ) -> Result<Page<ProjectRecord>, StoreError> {
        let selection = Selection::of("SELECT * FROM projects")
            .only("organization =", filter.organization.as_ref().map(ToString::to_string))
            .serving(filter.apis.as_deref());
        self.page(selection, Order::Oldest, page).await
    }

    async fn remove_project(
        &self,
        id: &ProjectId,
        at: Timestamp,
        by: &Author,
    ) -> Result<ProjectRecord, StoreError> {
        let mut change = self.begin().await?;
        let before: ProjectRecord = self.one(by_id(id), &mut change).await?;
        let removal = Statement::new("DELETE FROM projects WHERE id = $1").bind(id.as_str());
        self.run(removal, &mut change).await?;
        let turn = Turn { verb: "remove", at, before: Some(&before), after: None };
        self.audit_turn(turn, by, &mut change).await?;
        self.note::<ProjectRecord>(id, &mut change).await?;
        self.commit(change).await?;
        Ok(before)
    }
}
