//! Stage 5, authorize: principal → [`Grant`]. The rules are asked in a fixed order and the first that refuses
//! answers.

use std::net::IpAddr;

use crate::{
    config::{Api, ClientAddress, Route},
    domain::{DenialReason, PrincipalKind, ScopeSet},
};

use super::{authn::Principal, refusal::Refusal, request::InboundRequest, route::GuardedApi};

/// The proof that this principal may make this request of this API. Only this stage makes one.
#[derive(Debug)]
pub struct Grant<'r> {
    principal: Principal,
    request: InboundRequest<'r>,
    api: &'r GuardedApi,
}

impl<'r> Grant<'r> {
    /// Who may make it.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
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
/// `credential_kind_not_allowed`, `source_not_allowed`, `environment_mismatch` or `scope_missing`.
pub fn authorize<'r>(
    principal: Principal,
    request: InboundRequest<'r>,
    api: &'r GuardedApi,
    route: &Route,
) -> Result<Grant<'r>, Refusal> {
    judge_kind(principal.kind(), route)?;
    judge_source(&principal, &request, &api.config)?;
    judge_environment(&principal, route)?;
    judge_scopes(&principal, &api.config, route)?;
    Ok(Grant { principal, request, api })
}

fn judge_kind(kind: PrincipalKind, route: &Route) -> Result<(), Refusal> {
    if route.principals.is_empty() || route.principals.contains(&kind) {
        return Ok(());
    }
    let cause = format!("the route is not for principals of the kind {}", kind.code());
    Err(Refusal::denied(DenialReason::CredentialKindNotAllowed, cause))
}

fn judge_source(principal: &Principal, request: &InboundRequest<'_>, api: &Api) -> Result<(), Refusal> {
    let Some(record) = principal.key().filter(|record| !record.sources.is_empty()) else {
        return Ok(());
    };
    let refused = |cause| Err(Refusal::denied(DenialReason::SourceNotAllowed, cause));
    let Some(rule) = api.client_address else {
        return refused("the key is bound to addresses, but the API does not declare client_address");
    };
    match client_address(request, rule) {
        Some(address) if record.sources.iter().any(|network| network.contains(&address)) => Ok(()),
        Some(_) => refused("the client's address is in none of the key's networks"),
        None => refused("the client's address could not be told"),
    }
}

/// The client's address, by what the operator declared and nothing else.
fn client_address(request: &InboundRequest<'_>, rule: ClientAddress) -> Option<IpAddr> {
    let address = match rule {
        ClientAddress::Peer => request.peer?,
        ClientAddress::Hops(hops) => forwarded(request, hops)?,
    };
    Some(address.to_canonical())
}

/// The entry of `x-forwarded-for` that is `hops` from its end. Repeated headers continue the list.
fn forwarded(request: &InboundRequest<'_>, hops: usize) -> Option<IpAddr> {
    let mut entries = Vec::new();
    for value in request.headers.values("x-forwarded-for") {
        entries.extend(std::str::from_utf8(value).ok()?.split(',').map(str::trim));
    }
    entries.get(entries.len().checked_sub(hops)?)?.parse().ok()
}

fn judge_environment(principal: &Principal, route: &Route) -> Result<(), Refusal> {
    let fits = || principal.environment().is_some_and(|own| route.environments.contains(own));
    if route.environments.is_empty() || fits() {
        return Ok(());
    }
    Err(Refusal::denied(DenialReason::EnvironmentMismatch, "the route is for keys of another environment"))
}

fn judge_scopes(principal: &Principal, api: &Api, route: &Route) -> Result<(), Refusal> {
    let held = principal.scopes();
    if api.unscoped_keys_grant_all && held.is_some_and(ScopeSet::is_empty) {
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
