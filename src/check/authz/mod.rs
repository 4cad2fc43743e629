//! Stage 5, authorize: principal → [`Standing`] → [`Grant`]. The rules are asked in a fixed order and the first
//! that refuses answers: who may call at all, for which organization and project they act, what they may do there.

mod caller;
mod named;

use std::sync::Arc;

use crate::{
    config::{Access, Api, Route},
    domain::{
        DenialReason, Entitlement, MemberRecord, Membership, OrganizationId, OrganizationRecord, PlanName,
        PrincipalKind, ProjectId, ProjectRecord, ScopeSet,
    },
    store::{CachedStore, Lookups},
};

use super::{
    authn::{Belonging, Principal},
    refusal::Refusal,
    request::InboundRequest,
    route::{GuardedApi, Matched},
};

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
        self.principal.plan().or_else(|| self.record.as_ref()?.plan.as_ref())
    }

    fn holds(&self, entitlement: &Entitlement) -> bool {
        self.record.as_ref().is_some_and(|record| record.entitlements.contains(entitlement))
    }
}

/// The proof that this principal may make this request of this API. Only this stage makes one.
#[derive(Debug)]
pub struct Grant<'r> {
    standing: Standing,
    request: InboundRequest<'r>,
    api: &'r GuardedApi,
}

impl<'r> Grant<'r> {
    /// Who may make it, and for whom.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The request that may be made.
    #[must_use]
    pub fn request(&self) -> &InboundRequest<'r> {
        &self.request
    }

    /// The API that it may be made of.
    #[must_use]
    pub fn api(&self) -> &'r GuardedApi {
        self.api
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
    store: &CachedStore<S>,
) -> Result<Standing, Refusal> {
    let Matched { route, access } = matched;
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
    let membership = belong(principal, request, api, route, store).await?;
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
    standing.project = find_project(&standing, request, api, route, store).await?;
    Ok(standing)
}

/// The organization for which the principal makes this request, and what it may do there beside what it may do
/// anywhere.
async fn belong<S: Lookups>(
    principal: &Principal,
    request: &InboundRequest<'_>,
    api: &Api,
    route: &Route,
    store: &CachedStore<S>,
) -> Result<Option<Membership>, Refusal> {
    let named: Option<OrganizationId> = match &route.organization {
        Some(binding) => {
            let named = named::named(binding, request)?;
            if named.is_none() && binding.required {
                let cause = "the request names no organization";
                return Err(Refusal::denied(DenialReason::OrganizationMissing, cause));
            }
            named
        }
        None => None,
    };
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
    match (named, memberships) {
        (Some(named), _) => {
            let found = memberships.iter().find(|membership| membership.organization == named);
            found.map(|membership| Some(membership.clone())).ok_or_else(|| mismatch(&named))
        }
        // Whoever belongs to one organization acts for it.
        (None, [only]) => Ok(Some(only.clone())),
        (None, _) => Ok(None),
    }
}

fn mismatch(named: &OrganizationId) -> Refusal {
    let cause = format!("the principal does not belong to the organization {named:?}");
    Refusal::denied(DenialReason::OrganizationMismatch, cause)
}

/// What the store knows of the organization, as far as it may use this API.
async fn find_organization<S: Lookups>(
    id: &OrganizationId,
    api: &Api,
    store: &CachedStore<S>,
) -> Result<Option<Arc<OrganizationRecord>>, Refusal> {
    let found = store
        .find::<OrganizationRecord>(id)
        .await
        .map_err(|error| Refusal::unavailable(error.to_string()))?
        .filter(|record| record.apis.contains(&api.name));
    match found {
        Some(record) if record.suspended.is_some() => {
            let cause = format!("the organization {id:?} is suspended");
            Err(Refusal::denied(DenialReason::OrganizationSuspended, cause))
        }
        found => Ok(found),
    }
}

/// The project in which the principal acts.
async fn find_project<S: Lookups>(
    standing: &Standing,
    request: &InboundRequest<'_>,
    api: &Api,
    route: &Route,
    store: &CachedStore<S>,
) -> Result<Option<ProjectId>, Refusal> {
    let own = standing.principal.project();
    let mismatch = |cause: String| Err(Refusal::denied(DenialReason::ProjectMismatch, cause));
    let named: Option<ProjectId> = match &route.project {
        None => None,
        Some(binding) => match named::named(binding, request)? {
            None if binding.required && own.is_none() => {
                return mismatch("the request names no project".to_owned());
            }
            named => named,
        },
    };
    match (named, own) {
        (None, own) => Ok(own.cloned()),
        (Some(named), Some(own)) if named == *own => Ok(Some(named)),
        (Some(named), Some(_)) => {
            mismatch(format!("the principal is confined to another project than {named:?}"))
        }
        (Some(named), None) => {
            let found = store
                .find::<ProjectRecord>(&named)
                .await
                .map_err(|error| Refusal::unavailable(error.to_string()))?;
            let is_ours = |record: &ProjectRecord| {
                record.apis.contains(&api.name) && standing.organization() == Some(&record.organization)
            };
            if found.is_some_and(|record| is_ours(&record)) {
                Ok(Some(named))
            } else {
                mismatch(format!("the project {named:?} is not of the principal's organization"))
            }
        }
    }
}

/// Decides whether the principal may take the route.
///
/// # Errors
///
/// `environment_mismatch`, `scope_missing` or `entitlement_missing`.
pub fn authorize<'r>(
    standing: Standing,
    request: InboundRequest<'r>,
    api: &'r GuardedApi,
    matched: Matched<'_>,
) -> Result<Grant<'r>, Refusal> {
    if matched.access != Access::Public {
        judge_environment(&standing, matched.route)?;
        judge_scopes(&standing, &api.config, matched.route)?;
        judge_entitlements(&standing, matched.route)?;
    }
    Ok(Grant { standing, request, api })
}

fn judge_environment(standing: &Standing, route: &Route) -> Result<(), Refusal> {
    let fits = || standing.principal.environment().is_some_and(|own| route.environments.contains(own));
    if route.environments.is_empty() || fits() {
        return Ok(());
    }
    Err(Refusal::denied(DenialReason::EnvironmentMismatch, "the route is for keys of another environment"))
}

fn judge_scopes(standing: &Standing, api: &Api, route: &Route) -> Result<(), Refusal> {
    let held = standing.scopes();
    let is_unscoped_key = standing.principal.key().is_some_and(|record| record.scopes.is_empty());
    if api.unscoped_keys_grant_all && is_unscoped_key {
        return Ok(());
    }
    for required in &route.scopes {
        if !held.is_some_and(|held| api.implications.grants(held, required)) {
            let cause = format!("the scope {required} is missing");
            return Err(Refusal::denied(DenialReason::ScopeMissing, cause));
        }
    }
    Ok(())
}

fn judge_entitlements(standing: &Standing, route: &Route) -> Result<(), Refusal> {
    match route.entitlements.iter().find(|required| !standing.holds(required)) {
        None => Ok(()),
        Some(required) => {
            let cause = format!("the organization has not bought {required}");
            Err(Refusal::denied(DenialReason::EntitlementMissing, cause))
        }
    }
}
