//! Management of organizations over any store: of themselves, of their projects, of their members.

mod members;
pub(crate) mod message;
mod projects;
#[cfg(test)]
mod tests;

use crate::{
    config::{Api, Plans},
    domain::{
        ApiName, Author, Clock, Entitlement, OrganizationId, OrganizationRecord, PlanName, Timestamp,
        to_the_millisecond,
    },
    store::{OrganizationEdit, OrganizationFilter, OrganizationStore, Page, PageRequest, StoreError},
};

use super::{
    field,
    problem::{Problem, lines},
    record::changed,
};

pub use members::NewMember;
pub use projects::NewProject;

/// Manages the organizations of the configured APIs in one store.
#[derive(Debug, Clone, Copy)]
pub struct Organizations<'a, S> {
    store: &'a S,
    apis: &'a [Api],
    plans: &'a Plans,
    clock: &'a dyn Clock,
}

/// Why something of an organization cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum OrganizationError {
    /// Some fields are not as they should be.
    #[error("{}", lines(.0))]
    Invalid(Vec<Problem>),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Problem> for OrganizationError {
    fn from(problem: Problem) -> Self {
        Self::Invalid(vec![problem])
    }
}

/// What is wanted of a new organization; the fields of [`OrganizationRecord`] that its creator chooses.
#[derive(Debug, Clone)]
pub struct NewOrganization {
    /// Its id, which no other organization of the store has.
    pub id: OrganizationId,
    /// What people call it: 1 to 256 bytes without control characters.
    pub name: String,
    /// The APIs that it may use, at least one.
    pub apis: Vec<ApiName>,
    /// The plan of those of its credentials that have none of their own: one of those configured, if there are any.
    pub plan: Option<PlanName>,
    /// What it has bought.
    pub entitlements: Vec<Entitlement>,
}

impl<'a, S> Organizations<'a, S> {
    /// Manages the organizations of `apis` in `store`, which have one of these plans.
    #[must_use]
    pub fn new(store: &'a S, apis: &'a [Api], plans: &'a Plans, clock: &'a dyn Clock) -> Self {
        Self { store, apis, plans, clock }
    }

    fn now(&self) -> Timestamp {
        to_the_millisecond(self.clock.now())
    }
}

impl<S: OrganizationStore> Organizations<'_, S> {
    /// Adds an organization.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::Invalid`] with everything that the configuration does not allow, or
    /// [`OrganizationError::Store`], also where the id is taken.
    pub async fn create(
        &self,
        wanted: NewOrganization,
        by: &Author,
    ) -> Result<OrganizationRecord, OrganizationError> {
        let entitlements =
            wanted.entitlements.iter().map(|entitlement| ("entitlements", entitlement.as_str()));
        let fields = [("id", wanted.id.as_str()), ("name", &wanted.name)];
        let mut problems = Vec::new();
        problems.extend(field::name_problem(&wanted.name));
        problems.extend(field::api_problems(self.apis, &wanted.apis));
        problems.extend(field::plan_problem(self.plans, wanted.plan.as_ref()));
        problems.extend(field::secrets_in_clear(self.apis, fields.into_iter().chain(entitlements)));
        refuse(problems)?;
        let record = OrganizationRecord {
            id: wanted.id,
            name: wanted.name,
            apis: wanted.apis,
            plan: wanted.plan,
            entitlements: in_order(wanted.entitlements),
            suspended: None,
            created: self.now(),
        };
        self.store.insert_organization(&record, by).await?;
        changed("create", &record, by);
        Ok(record)
    }

    /// The organization with this id.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::Store`], also where no organization has this id.
    pub async fn get(&self, id: &OrganizationId) -> Result<OrganizationRecord, OrganizationError> {
        Ok(self.store.organization(id).await?)
    }

    /// The organizations that the filter lets through, oldest first.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::Invalid`] if no API has this name, or [`OrganizationError::Store`].
    pub async fn list(
        &self,
        filter: &OrganizationFilter,
        page: &PageRequest,
    ) -> Result<Page<OrganizationRecord>, OrganizationError> {
        field::known_apis(self.apis, filter.apis.as_deref())?;
        Ok(self.store.organizations(filter, page).await?)
    }

    /// Makes all these changes, or none of them; whatever they do not name stays. Every running server goes by
    /// them within a second.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::Invalid`] with everything that the configuration does not allow, or
    /// [`OrganizationError::Store`], also where no organization has this id.
    pub async fn update(
        &self,
        id: &OrganizationId,
        mut edits: Vec<OrganizationEdit>,
        by: &Author,
    ) -> Result<OrganizationRecord, OrganizationError> {
        let mut problems = Vec::new();
        for edit in &mut edits {
            match edit {
                OrganizationEdit::Name(name) => {
                    problems.extend(field::name_problem(name));
                    problems.extend(field::secrets_in_clear(self.apis, [("name", name.as_str())]));
                }
                OrganizationEdit::Apis(apis) => problems.extend(field::api_problems(self.apis, apis)),
                OrganizationEdit::Entitlements(entitlements) => {
                    let fields =
                        entitlements.iter().map(|entitlement| ("entitlements", entitlement.as_str()));
                    problems.extend(field::secrets_in_clear(self.apis, fields));
                    *entitlements = in_order(std::mem::take(entitlements));
                }
                OrganizationEdit::Plan(plan) => {
                    problems.extend(field::plan_problem(self.plans, plan.as_ref()));
                }
            }
        }
        refuse(problems)?;
        let before = self.store.organization(id).await?;
        let after = self.store.update_organization(id, &edits, self.now(), by).await?;
        if after != before {
            changed("update", &after, by);
        }
        Ok(after)
    }

    /// Suspends an organization: every running server refuses everything of it within a second. One that is
    /// suspended already stays as it was.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::Store`], also where no organization has this id.
    pub async fn suspend(
        &self,
        id: &OrganizationId,
        by: &Author,
    ) -> Result<OrganizationRecord, OrganizationError> {
        let now = self.now();
        let record = self.store.suspend_organization(id, now, by).await?;
        if record.suspended == Some(now) {
            changed("suspend", &record, by);
        }
        Ok(record)
    }

    /// Ends the suspension of an organization, if it is suspended.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::Store`], also where no organization has this id.
    pub async fn resume(
        &self,
        id: &OrganizationId,
        by: &Author,
    ) -> Result<OrganizationRecord, OrganizationError> {
        let before = self.store.organization(id).await?;
        let after = self.store.resume_organization(id, self.now(), by).await?;
        if after != before {
            changed("resume", &after, by);
        }
        Ok(after)
    }
}

fn refuse(problems: Vec<Problem>) -> Result<(), OrganizationError> {
    if problems.is_empty() { Ok(()) } else { Err(OrganizationError::Invalid(problems)) }
}

fn in_order(mut entitlements: Vec<Entitlement>) -> Vec<Entitlement> {
    entitlements.sort_unstable();
    entitlements.dedup();
    entitlements
}
