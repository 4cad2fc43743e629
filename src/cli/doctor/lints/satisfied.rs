//! Routes and credentials that never meet: what a route asks for and no credential proves, and the other way round.

use crate::{
    cli::doctor::finding::{Finding, Level},
    config::{Access, Api, CredentialRule, Route},
    domain::{Environment, KeyKind, PrincipalKind},
};

use super::route_of;

/// A principal that a credential can prove, as far as its configuration tells.
struct Provable<'a> {
    kind: PrincipalKind,
    environment: Option<&'a Environment>,
}

impl Provable<'_> {
    /// Whether the route lets such a principal in, as far as its kind and environment go.
    fn may_take(&self, route: &Route) -> bool {
        let of_kind = route.principals.is_empty() || route.principals.contains(&self.kind);
        let of_environment = route.environments.is_empty()
            || self.environment.is_some_and(|own| route.environments.contains(own));
        route.access != Access::Public && of_kind && of_environment
    }
}

pub(super) fn examine(api: &Api) -> Vec<Finding> {
    let routes = api.routes.iter().filter(|route| route.access != Access::Public);
    let mut findings: Vec<Finding> = routes.flat_map(|route| examine_route(api, route)).collect();
    for rule in &api.credentials {
        findings.extend(unused(api, rule));
    }
    findings
}

fn examine_route(api: &Api, route: &Route) -> Vec<Finding> {
    let place = || route_of(api, route);
    let all = || api.credentials.iter().flat_map(provable);
    let takers: Vec<Provable<'_>> = all().filter(|principal| principal.may_take(route)).collect();
    let unproven: Vec<&str> = route
        .principals
        .iter()
        .filter(|kind| !all().any(|principal| principal.kind == **kind))
        .map(|kind| kind.code())
        .collect();
    let mut findings = Vec::new();
    if !unproven.is_empty() {
        let found =
            format!("`principals` names {}, which no credential of the API proves", unproven.join(", "));
        findings.push(Finding::new(Level::Warning, "principal_unproven", place(), found));
    }
    if takers.is_empty() && route.access == Access::Required {
        let found =
            "everybody is refused: no credential of the API is of these `principals` and `environments`";
        findings.push(Finding::new(Level::Warning, "route_unsatisfiable", place(), found));
    }
    let are_users = takers.iter().all(|principal| principal.kind == PrincipalKind::User);
    let names_none = route.organization.is_none() && route.project.is_none();
    if !route.entitlements.is_empty() && names_none && !takers.is_empty() && are_users {
        let found = "it needs an entitlement, and no request names the organization that has it: \
                     users of several organizations are always refused";
        findings.push(
            Finding::new(Level::Warning, "entitlement_of_nobody", place(), found)
                .advise("Say in `organization` where requests name it."),
        );
    }
    findings
}

/// Credentials that no route accepts. Keys of one environment count by themselves.
fn unused(api: &Api, rule: &CredentialRule) -> Vec<Finding> {
    let is_used = |principal: &Provable<'_>| api.routes.iter().any(|route| principal.may_take(route));
    let principals: Vec<Provable<'_>> = provable(rule).collect();
    let finding = |what: String| {
        let found = format!("no route accepts {what}");
        Finding::new(Level::Warning, "credential_unused", format!("{}, credentials", api.name), found)
    };
    if !principals.iter().any(is_used) {
        return vec![finding(name(rule))];
    }
    let mut environments: Vec<&Environment> =
        principals.iter().filter_map(|principal| principal.environment).collect();
    environments.dedup();
    environments.retain(|environment| {
        !principals.iter().any(|principal| principal.environment == Some(environment) && is_used(principal))
    });
    environments
        .into_iter()
        .map(|environment| finding(format!("keys of the environment `{environment}`")))
        .collect()
}

fn provable(rule: &CredentialRule) -> impl Iterator<Item = Provable<'_>> {
    let (keys, other) = match rule {
        CredentialRule::ApiKey(key) => (key.prefixes.as_slice(), None),
        CredentialRule::Jwt(_) | CredentialRule::Session(_) => (&[][..], Some(PrincipalKind::User)),
        CredentialRule::Signature(_) => (&[][..], Some(PrincipalKind::Project)),
    };
    let keys = keys.iter().flat_map(|rule| {
        let kinds = KeyKind::ALL.into_iter().filter(move |kind| rule.kind.is_none_or(|own| own == *kind));
        kinds.map(|kind| Provable { kind: kind.principal(), environment: rule.environment.as_ref() })
    });
    keys.chain(other.map(|kind| Provable { kind, environment: None }))
}

fn name(rule: &CredentialRule) -> String {
    match rule {
        CredentialRule::ApiKey(key) => {
            let prefixes: Vec<&str> = key.prefixes.iter().map(|rule| rule.prefix.as_str()).collect();
            format!("keys that begin with {}", prefixes.join(", "))
        }
        CredentialRule::Jwt(jwt) => format!("tokens of {}", jwt.issuer),
        CredentialRule::Signature(_) => "signatures".to_owned(),
        CredentialRule::Session(session) => format!("sessions ({})", session.cookie),
    }
}
