//! Methods about organizations.

use prost_types::FieldMask;

use crate::{
    admin::{
        NewOrganization,
        proto::{
            CreateOrganizationRequest, GetOrganizationRequest, ListOrganizationsRequest,
            ListOrganizationsResponse, Organization, ResumeOrganizationRequest, SuspendOrganizationRequest,
            UpdateOrganizationRequest,
        },
    },
    domain::{Administrator, OrganizationId, OrganizationRecord},
    store::{OrganizationEdit, OrganizationFilter, StoreError},
};

use super::{
    Answers, CreateOrganization, Desk, Fault, GetOrganization, Inspects, ListOrganizations,
    ResumeOrganization, Stores, SuspendOrganization, UpdateOrganization,
    desk::author,
    mask::Masked,
    page::{next, page},
    reach,
    reading::{Reading, api_filter, one, present},
};

impl<S: Stores, I: Inspects> Answers<CreateOrganization> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: CreateOrganizationRequest,
    ) -> Result<Organization, Fault> {
        let wanted = wanted(present("organization", request.organization)?)?;
        reach::stand_above(by, "add organizations")?;
        reach::change(by, &wanted.apis, None)?;
        let config = self.config();
        let created = self.organizations(&config).create(wanted, &author(by)).await;
        Ok(Organization::of(&created.map_err(|error| Fault::of_organization("organization", error))?))
    }
}

impl<S: Stores, I: Inspects> Answers<GetOrganization> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: GetOrganizationRequest,
    ) -> Result<Organization, Fault> {
        Ok(Organization::of(&self.organization(by, "id", &request.id).await?))
    }
}

impl<S: Stores, I: Inspects> Answers<ListOrganizations> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: ListOrganizationsRequest,
    ) -> Result<ListOrganizationsResponse, Fault> {
        let config = self.config();
        let apis = reach::apis(by, &config.apis, api_filter(request.api.as_deref())?)?;
        if let Some(own) = &by.reach.organization {
            let own = match self.store.organization(own).await {
                Err(StoreError::NotFound(_)) => None,
                found => Some(found?),
            };
            let own = own.filter(|record| {
                apis.as_ref().is_none_or(|apis| apis.iter().any(|api| record.apis.contains(api)))
            });
            let organizations = own.iter().map(Organization::of).collect();
            return Ok(ListOrganizationsResponse { organizations, next_page_token: String::new() });
        }
        let filter = OrganizationFilter { apis };
        let page = page(request.page_size, &request.page_token)?;
        let page = self.organizations(&config).list(&filter, &page).await;
        let page = page.map_err(|error| Fault::of_organization("", error))?;
        Ok(ListOrganizationsResponse {
            next_page_token: next(&page),
            organizations: page.records.iter().map(Organization::of).collect(),
        })
    }
}

impl<S: Stores, I: Inspects> Answers<UpdateOrganization> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: UpdateOrganizationRequest,
    ) -> Result<Organization, Fault> {
        let new = present("organization", request.organization)?;
        let record = self.organization(by, "organization.id", &new.id).await?;
        let edits = edits(&new, request.update_mask)?;
        rule(by, &record, "change what it has")?;
        for edit in &edits {
            if let OrganizationEdit::Apis(apis) = edit {
                reach::change(by, apis, None)?;
            }
        }
        let config = self.config();
        let updated = self.organizations(&config).update(&record.id, edits, &author(by)).await;
        Ok(Organization::of(&updated.map_err(|error| Fault::of_organization("organization", error))?))
    }
}

impl<S: Stores, I: Inspects> Answers<SuspendOrganization> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: SuspendOrganizationRequest,
    ) -> Result<Organization, Fault> {
        let record = self.organization(by, "id", &request.id).await?;
        rule(by, &record, "suspend it")?;
        let config = self.config();
        let suspended = self.organizations(&config).suspend(&record.id, &author(by)).await;
        Ok(Organization::of(&suspended.map_err(|error| Fault::of_organization("", error))?))
    }
}

impl<S: Stores, I: Inspects> Answers<ResumeOrganization> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: ResumeOrganizationRequest,
    ) -> Result<Organization, Fault> {
        let record = self.organization(by, "id", &request.id).await?;
        rule(by, &record, "end its suspension")?;
        let config = self.config();
        let resumed = self.organizations(&config).resume(&record.id, &author(by)).await;
        Ok(Organization::of(&resumed.map_err(|error| Fault::of_organization("", error))?))
    }
}

impl<S: Stores, I> Desk<S, I> {
    /// An organization that the administrator may see; its id stands in `field`.
    pub(super) async fn organization(
        &self,
        by: &Administrator,
        field: &str,
        id: &str,
    ) -> Result<OrganizationRecord, Fault> {
        let id: OrganizationId = one(field, id)?;
        let config = self.config();
        let record = self.organizations(&config).get(&id).await;
        let record = record.map_err(|error| Fault::of_organization("", error))?;
        reach::see(by, "organization", &record.apis, Some(&record.id))?;
        Ok(record)
    }
}

/// Whether an administrator may say how an organization stands.
fn rule(by: &Administrator, record: &OrganizationRecord, what: &str) -> Result<(), Fault> {
    reach::stand_above(by, what)?;
    reach::change(by, &record.apis, None)
}

fn wanted(organization: Organization) -> Result<NewOrganization, Fault> {
    let mut reading = Reading::of("organization");
    reading.output_only(&[
        ("status", organization.status != 0),
        ("suspended", organization.suspended.is_some()),
        ("created", organization.created.is_some()),
    ]);
    let id = reading.one("id", &organization.id);
    let wanted = (|| {
        Some(NewOrganization {
            id: id?,
            name: organization.name,
            apis: reading.list("apis", &organization.apis),
            plan: reading.optional("plan", organization.plan.as_deref()),
            entitlements: reading.list("entitlements", &organization.entitlements),
        })
    })();
    reading.end(wanted)
}

/// The changes that are asked for.
fn edits(new: &Organization, mask: Option<FieldMask>) -> Result<Vec<OrganizationEdit>, Fault> {
    let fields = [
        ("name", !new.name.is_empty()),
        ("apis", !new.apis.is_empty()),
        ("plan", new.plan.is_some()),
        ("entitlements", !new.entitlements.is_empty()),
    ];
    let rest = Organization {
        id: String::new(),
        name: String::new(),
        apis: Vec::new(),
        plan: None,
        entitlements: Vec::new(),
        ..new.clone()
    };
    let masked = Masked::of(mask, "organization", &fields, rest != Organization::default())?;
    let mut reading = Reading::of("organization");
    let edits = [
        masked.has("name").then(|| OrganizationEdit::Name(new.name.clone())),
        masked.has("apis").then(|| OrganizationEdit::Apis(reading.list("apis", &new.apis))),
        masked.has("plan").then(|| OrganizationEdit::Plan(reading.optional("plan", new.plan.as_deref()))),
        masked
            .has("entitlements")
            .then(|| OrganizationEdit::Entitlements(reading.list("entitlements", &new.entitlements))),
    ];
    reading.end(Some(edits.into_iter().flatten().collect()))
}
