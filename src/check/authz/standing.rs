//! For whom a principal acts: the organization and the project of a request.

use std::sync::Arc;

use crate::{
    check::{
        authn::{Belonging, Principal},
        refusal::Refusal,
        request::InboundRequest,
        route::Matched,
    },
    config::{Access, Api, Route},
    domain::{
        DenialReason, Entitlement, MemberRecord, Membership, OrganizationId, OrganizationRecord, PlanName,
        PrincipalKind, ProjectId, ProjectRecord, ScopeSet,
    },
    store::{Inquiry, Lookups},
};

use super::{caller, named};

/// A principal that may call from where it is, and for whom it acts. Clones share what it is made of.
#[derive(Debug, Clone)]
pub struct Standing {
    principal: Principal,
    organization: Option<OrganizationId>,
    project: Option<ProjectId>,
    record: Option<Arc<OrganizationRecord>>,
    /// The principal's scopes and those of its membership, where there are both.
    united: Option<ScopeSet>,
}

impl Standing {
    /// Who acts.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The organization that it acts for.
    #[must_use]
    pub fn organization(&self) -> Option<&OrganizationId> {
        self.organization.as_ref()
    }

    /// The project that it acts in: the one that the request names, or the one that it is confined to.
    #[must_use]
    pub fn project(&self) -> Option<&ProjectId> {
        self.project.as_ref()
    }

    /// What it may do there, without what that implies.
    #[must_use]
    pub fn scopes(&self) -> Option<&ScopeSet> {
        self.united.as_ref().or_else(|| self.principal.scopes())
    }

    /// Its own plan, or else that of its organization.
    #[must_use]
    pub fn plan(&self) -> Option<&PlanName> {
        self.principal.plan().or_else(|| self.organization_plan())
    }

    /// The plan of its organization.
    #[must_use]
    pub fn organization_plan(&self) -> Option<&PlanName> {
        self.record.as_ref()?.plan.as_ref()
    }

    /// Whether its organization has bought something.
    pub(super) fn holds(&self, entitlement: &Entitlement) -> bool {
        self.record.as_ref().is_some_and(|record| record.entitlements.contains(entitlement))
    }
}

/// Finds out for whom the principal acts, if it may call from where it is.
///
/// # Errors
///
/// `credential_kind_not_allowed`, `source_not_allowed`, `origin_not_allowed`, `organization_missing`,
/// `organization_mismatch`, `organization_suspended`, `project_mismatch`; `request_malformed` and
/// `body_incomplete` if it cannot be told what the request is about; unavailable if the store was needed for that
/// and did not answer.
pub async fn stand<S: Lookups>(
    principal: Principal,
    request: &InboundRequest<'_>,
    api: &Api,
    matched: Matched<'_>,
    store: Inquiry<'_, S>,
) -> Result<Standing, Refusal> {
    let Matched { route, access, .. } = matched;
    let mut standing = Standing { principal, organization: None, project: None, record: None, united: None };
    if access == Access::Public {
        return Ok(standing);
    }
    let principal = &standing.principal;
    caller::judge_kind(principal.kind(), route)?;
    caller::judge_source(principal, request, api)?;
    caller::judge_origin(principal, request, api)?;
    if principal.kind() == PrincipalKind::Anonymous {
        return Ok(standing);
    }
    let organization = name_organization(request, route)?;
    let project = find_project(principal, request, api, route, store).await?;
    let owner = project.as_ref().and_then(Project::owner);
    let membership = belong(principal, organization, owner, api, store).await?;
    if membership.is_none() && route.organization.as_ref().is_some_and(|binding| binding.required) {
        return Err(missing("the principal belongs to no organization, or to several"));
    }
    standing.united = standing
        .principal
        .scopes()
        .zip(membership.as_ref())
        .filter(|(_, membership)| !membership.scopes.is_empty())
        .map(|(own, membership)| own.union(&membership.scopes));
    standing.organization = membership.map(|membership| membership.organization);
    if let Some(organization) = &standing.organization {
        standing.record = find_organization(organization, api, store).await?;
    }
    standing.project = enter(project, &standing)?;
    Ok(standing)
}

/// The organization that the request names.
fn name_organization(request: &InboundRequest<'_>, route: &Route) -> Result<Option<OrganizationId>, Refusal> {
    let Some(binding) = &route.organization else {
        return Ok(None);
    };
    let named = named::named(binding, request)?;
    if named.is_none() && binding.required && !binding.from.is_empty() {
        return Err(missing("the request names no organization"));
    }
    Ok(named)
}

/// The organization for which the principal makes this request, and what it may do there beside what it may do
/// anywhere: the one that the request names, or the only one, or the owner of the project that the request names.
async fn belong<S: Lookups>(
    principal: &Principal,
    named: Option<OrganizationId>,
    owner: Option<&OrganizationId>,
    api: &Api,
    store: Inquiry<'_, S>,
) -> Result<Option<Membership>, Refusal> {
    let stored;
    let memberships = match principal.belonging() {
        Belonging::Nowhere => &[],
        Belonging::To(own) => {
            return match named {
                Some(named) if named != *own => Err(mismatch(&named)),
                _ => Ok(Some(Membership { organization: own.clone(), scopes: ScopeSet::default() })),
            };
        }
        Belonging::Among(memberships) => memberships,
        Belonging::AsStored(user) => {
            stored = store
                .find::<MemberRecord>(&(user.clone(), api.name.clone()))
                .await
                .map_err(|error| Refusal::unavailable(error.to_string()))?;
            stored.as_ref().map_or(&[][..], |record| &record.memberships)
        }
    };
    let to = |id: &OrganizationId| memberships.iter().find(|membership| membership.organization == *id);
    match (named, memberships) {
        (Some(named), _) => to(&named).cloned().map(Some).ok_or_else(|| mismatch(&named)),
        (None, [only]) => Ok(Some(only.clone())),
        (None, _) => Ok(owner.and_then(to).cloned()),
    }
}

fn missing(cause: &'static str) -> Refusal {
    Refusal::denied(DenialReason::OrganizationMissing, cause)
}

fn mismatch(named: &OrganizationId) -> Refusal {
    let cause = format!("the principal does not belong to the organization {named:?}");
    Refusal::denied(DenialReason::OrganizationMismatch, cause)
}

/// What the store knows of the organization, as far as it may use this API. If it is suspended, it is so for every
/// API.
async fn find_organization<S: Lookups>(
    id: &OrganizationId,
    api: &Api,
    store: Inquiry<'_, S>,
) -> Result<Option<Arc<OrganizationRecord>>, Refusal> {
    let found = store
        .find::<OrganizationRecord>(id)
        .await
        .map_err(|error| Refusal::unavailable(error.to_string()))?;
    match found {
        Some(record) if record.suspended.is_some() => {
            let cause = format!("the organization {id:?} is suspended");
            Err(Refusal::denied(DenialReason::OrganizationSuspended, cause))
        }
        found => Ok(found.filter(|record| record.apis.contains(&api.name))),
    }
}

/// What the store knows of the organization that a principal always acts for, as far as that may use this API. If
/// the principal acts for one at a time, or the store does not answer, nobody can tell.
pub async fn own_organization<S: Lookups>(
    principal: &Principal,
    api: &Api,
    store: Inquiry<'_, S>,
) -> Option<Option<Arc<OrganizationRecord>>> {
    let Belonging::To(id) = principal.belonging() else { return None };
    let found = store.find::<OrganizationRecord>(id).await.ok()?;
    Some(found.filter(|record| record.apis.contains(&api.name)))
}

/// The project that a request is about.
enum Project {
    /// The principal is confined to it; the store says whose it is, if it has it.
    Own(ProjectId, Option<Arc<ProjectRecord>>),
    /// The request names it; the store says whose it is, if it has it for this API.
    Named(ProjectId, Option<Arc<ProjectRecord>>),
}

impl Project {
    fn owner(&self) -> Option<&OrganizationId> {
        let (Self::Own(_, record) | Self::Named(_, record)) = self;
        record.as_ref().map(|record| &record.organization)
    }
}

/// The project that the request names, or else the one that the principal is confined to.
async fn find_project<S: Lookups>(
    principal: &Principal,
    request: &InboundRequest<'_>,
    api: &Api,
    route: &Route,
    store: Inquiry<'_, S>,
) -> Result<Option<Project>, Refusal> {
    let own = principal.project();
    let binding = route.project.as_ref();
    let named: Option<ProjectId> =
        binding.map(|binding| named::named(binding, request)).transpose()?.flatten();
    match (named, own) {
        (None, None) if binding.is_some_and(|binding| binding.required) => {
            Err(Refusal::denied(DenialReason::RequestMalformed, "the request names no project"))
        }
        (None, None) => Ok(None),
        (Some(named), Some(own)) if named != *own => Ok(Some(Project::Named(named, None))),
        (_, Some(own)) => Ok(Some(Project::Own(own.clone(), look_up(own, store).await?))),
        (Some(named), None) => {
            let found = look_up(&named, store).await?;
            let record = found.filter(|record| record.apis.contains(&api.name));
            Ok(Some(Project::Named(named, record)))
        }
    }
}

async fn look_up<S: Lookups>(
    project: &ProjectId,
    store: Inquiry<'_, S>,
) -> Result<Option<Arc<ProjectRecord>>, Refusal> {
    let found = store.find::<ProjectRecord>(project).await;
    found.map_err(|error| Refusal::unavailable(error.to_string()))
}

/// Lets the principal into the project, if it is one of the organization that it acts for. A project of its own need not
/// be in the store; if it is there, it may have come into other hands since the credential was made.
fn enter(project: Option<Project>, standing: &Standing) -> Result<Option<ProjectId>, Refusal> {
    let Some(project) = project else {
        return Ok(None);
    };
    let is_let_in = match (&project, project.owner()) {
        (_, Some(owner)) => standing.organization() == Some(owner),
        (Project::Own(..), None) => true,
        (Project::Named(..), None) => false,
    };
    let (Project::Own(id, _) | Project::Named(id, _)) = project;
    if is_let_in {
        return Ok(Some(id));
    }
    let cause = format!("the principal has no access to the project {id:?}");
    Err(Refusal::denied(DenialReason::ProjectMismatch, cause))
}
