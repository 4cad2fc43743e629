//! Stage 5, authorize: principal → [`Standing`] → [`Grant`]. The rules are asked in a fixed order and the first
//! that refuses answers: who may call at all, for which organization and project they act, what they may do there.

mod caller;
mod named;
mod standing;

use crate::{
    config::{Access, Api, Route},
    domain::DenialReason,
};

use super::{
    refusal::Refusal,
    request::InboundRequest,
    route::{GuardedApi, Matched},
};

pub use standing::{Standing, own_organization, stand};

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
    let fits = || standing.principal().environment().is_some_and(|own| route.environments.contains(own));
    if route.environments.is_empty() || fits() {
        return Ok(());
    }
    Err(Refusal::denied(DenialReason::EnvironmentMismatch, "the route is for keys of another environment"))
}

fn judge_scopes(standing: &Standing, api: &Api, route: &Route) -> Result<(), Refusal> {
    let held = standing.scopes();
    let is_unscoped_key = standing.principal().key().is_some_and(|record| record.scopes.is_empty());
    if api.unscoped_keys_grant_all && is_unscoped_key {
        return Ok(());
    }
    for required in &route.scopes {
        if !held.is_some_and(|held| api.implications.grants(held, required)) {
            let cause = ["the scope ", required.as_str(), " is missing"].concat();
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
