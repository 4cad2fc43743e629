//! Methods about what was changed.

use crate::{
    admin::{
        json::wire,
        proto::{AuditRecord, ListAuditRecordsRequest, ListAuditRecordsResponse},
    },
    domain::{self, Administrator},
    store::AuditFilter,
};

use super::{
    Answers, Desk, Fault, Inspects, ListAuditRecords, Stores,
    page::{next, page},
    reach,
    reading::Reading,
};

impl<S: Stores, I: Inspects> Answers<ListAuditRecords> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: ListAuditRecordsRequest,
    ) -> Result<ListAuditRecordsResponse, Fault> {
        let mut reading = Reading::of("");
        let organization = reading.optional("organization", request.organization.as_deref());
        let since = reading.moment("since", request.since);
        let actor = reading.text("actor", request.actor);
        let kind = reading.text("kind", request.kind);
        let id = reading.text("id", request.id);
        reading.end(Some(()))?;
        let filter = AuditFilter {
            actor,
            kind,
            id,
            organization: reach::organization(by, organization)?,
            apis: by.reach.apis.clone(),
            since,
        };
        let page = self.store.audit(&filter, &page(request.page_size, &request.page_token)?).await?;
        Ok(ListAuditRecordsResponse {
            next_page_token: next(&page),
            records: page.records.iter().map(AuditRecord::of).collect(),
        })
    }
}

impl AuditRecord {
    /// The message about a change.
    #[must_use]
    pub fn of(record: &domain::AuditRecord) -> Self {
        Self {
            number: record.number,
            at: Some(wire(record.at)),
            actor: record.actor.clone(),
            role: record.role.code().to_owned(),
            from: record.from.clone(),
            action: record.action.clone(),
            kind: record.kind.clone(),
            id: record.id.clone(),
            organization: record.organization.as_ref().map(ToString::to_string),
            apis: record.apis.iter().map(ToString::to_string).collect(),
            before: record.before.clone(),
            after: record.after.clone(),
        }
    }
}
