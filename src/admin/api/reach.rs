//! How far the role of an administrator extends: which records they see, which they may change, and what they may grant.
//!
//! Whoever is confined sees what has to do with one of their APIs and is of their organization; they change what
//! has to do with no other; and they grant no scope that they do not hold themselves, be it one that the configuration gives.
//! What they do not see is not there for them.

use crate::{
    admin::{Problem, field},
    config::{Api, CredentialRule},
    domain::{Administrator, ApiName, OrganizationId, PlanName, Scope, ScopeSet},
};

use super::Fault;

/// Whether a record that has to do with these APIs and this organization is there for an administrator.
pub(super) fn sees(by: &Administrator, apis: &[ApiName], organization: Option<&OrganizationId>) -> bool {
    let own = by.reach.apis.as_ref();
    own.is_none_or(|own| apis.iter().any(|api| own.contains(api))) && is_of(by, organization)
}

/// Whether an administrator may see a record.
///
/// # Errors
///
/// It is not there for them.
pub(super) fn see(
    by: &Administrator,
    what: &str,
    apis: &[ApiName],
    organization: Option<&OrganizationId>,
) -> Result<(), Fault> {
    if sees(by, apis, organization) { Ok(()) } else { Err(Fault::not_found(what)) }
}

/// Whether an administrator may make or change a record that has to do with these APIs and this organization.
///
/// # Errors
///
/// They may not.
pub(super) fn change(
    by: &Administrator,
    apis: &[ApiName],
    organization: Option<&OrganizationId>,
) -> Result<(), Fault> {
    if let Some(own) = &by.reach.apis
        && let Some(other) = apis.iter().find(|api| !own.contains(api))
    {
        return Err(Fault::out_of_reach(format!("you administer other APIs than `{other}`")));
    }
    if is_of(by, organization) {
        return Ok(());
    }
    let own = by.reach.organization.as_ref().map(ToString::to_string).unwrap_or_default();
    Err(Fault::out_of_reach(format!("you administer the organization `{own}` alone")))
}

/// Whether an administrator may do what concerns all organizations, or an organization's own standing.
///
/// # Errors
///
/// They are confined to an organization.
pub(super) fn stand_above(by: &Administrator, what: &str) -> Result<(), Fault> {
    match &by.reach.organization {
        None => Ok(()),
        Some(own) => Err(Fault::out_of_reach(format!(
            "you administer the organization `{own}` alone, and so may not {what}"
        ))),
    }
}

/// What would be allowed.
pub(super) struct Rights<'a> {
    /// To whom.
    pub(super) to: Grantee,
    /// At these APIs.
    pub(super) apis: &'a [ApiName],
    /// These scopes, beside those that the configuration gives.
    pub(super) scopes: Vec<&'a Scope>,
    /// This plan.
    pub(super) plan: Option<&'a PlanName>,
}

/// To whom something is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grantee {
    /// Whoever has a key, which may be allowed everything if it has no scopes.
    Key,
    /// Whoever has a session.
    Session,
    /// Whoever signs with a secret.
    Signer,
    /// A user, in an organization.
    Member,
}

impl Grantee {
    /// The scopes that an API gives to every one of them.
    fn given(self, api: &Api) -> impl Iterator<Item = &Scope> {
        let scopes = api.credentials.iter().filter_map(move |rule| match (self, rule) {
            (Self::Session, CredentialRule::Session(rule)) => Some(&rule.scopes),
            (Self::Signer, CredentialRule::Signature(rule)) => Some(&rule.scopes),
            _ => None,
        });
        scopes.flatten()
    }
}

/// Whether an administrator may see to it that somebody has these rights.
///
/// # Errors
///
/// They do not hold them themselves.
pub(super) fn grant(by: &Administrator, configured: &[Api], rights: &Rights<'_>) -> Result<(), Fault> {
    if !by.reach.is_confined() {
        return Ok(());
    }
    // More scopes than a set holds cannot be held: then too few are granted.
    let held = ScopeSet::new(by.reach.scopes.clone()).unwrap_or_default();
    for name in rights.apis {
        // Of an API whose fragment is refused nothing is known: then no scope implies another, and none may mean all.
        let api = configured.iter().find(|api| api.name == *name);
        let is_held = |scope: &Scope| match api {
            Some(api) => api.implications.grants(&held, scope),
            None => held.iter().any(|own| own == scope),
        };
        if let Some(beyond) = rights.scopes.iter().find(|scope| !is_held(scope)) {
            let message = format!("you may not grant the scope `{beyond}`, which you do not hold yourself");
            return Err(Fault::out_of_reach(message));
        }
        if let Some(beyond) = api.and_then(|api| rights.to.given(api).find(|scope| !is_held(scope))) {
            let message = format!(
                "you may not grant the scope `{beyond}`, which the API `{name}` gives and you do not hold yourself"
            );
            return Err(Fault::out_of_reach(message));
        }
        if rights.to == Grantee::Signer && api.is_none() {
            let message = format!(
                "nobody knows what whoever signs for the API `{name}` may do: it is not configured just now"
            );
            return Err(Fault::out_of_reach(message));
        }
        let may_mean_all = api.is_none_or(|api| api.unscoped_keys_grant_all);
        if rights.to == Grantee::Key && rights.scopes.is_empty() && may_mean_all {
            let message =
                format!("you may not make a key without scopes: for the API `{name}` it would have all");
            return Err(Fault::out_of_reach(message));
        }
    }
    match rights.plan {
        Some(plan) if by.reach.organization.is_some() => Err(Fault::out_of_reach(format!(
            "you may not grant the plan `{plan}`: plans are given to organizations"
        ))),
        _ => Ok(()),
    }
}

fn is_of(by: &Administrator, organization: Option<&OrganizationId>) -> bool {
    by.reach.organization.as_ref().is_none_or(|own| organization == Some(own))
}

/// The APIs, one of which what is listed has to do with; `None` is any. If none is asked for, those of the administrator
/// that are configured: an API whose fragment is missing has nothing to list, and hides no other.
///
/// # Errors
///
/// One is asked for that the administrator does not administer, whether there is one of this name or not, or that is not
/// configured.
pub(super) fn apis(
    by: &Administrator,
    configured: &[Api],
    asked: Option<ApiName>,
) -> Result<Option<Vec<ApiName>>, Fault> {
    let Some(asked) = asked else {
        let is_there = |name: &&ApiName| configured.iter().any(|api| api.name == **name);
        return Ok(by.reach.apis.as_ref().map(|own| own.iter().filter(is_there).cloned().collect()));
    };
    change(by, std::slice::from_ref(&asked), by.reach.organization.as_ref())?;
    field::api(configured, &asked)
        .map_err(|problem| Fault::problems("", &[Problem { field: "api", ..problem }]))?;
    Ok(Some(vec![asked]))
}

/// The organization that what is listed belongs to; `None` is any.
///
/// # Errors
///
/// One is asked for that the administrator does not administer.
pub(super) fn organization(
    by: &Administrator,
    asked: Option<OrganizationId>,
) -> Result<Option<OrganizationId>, Fault> {
    let Some(asked) = asked else {
        return Ok(by.reach.organization.clone());
    };
    change(by, &[], Some(&asked))?;
    Ok(Some(asked))
}
