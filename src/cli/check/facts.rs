//! What each stage saw, by name. Values that may be a credential, or hold one, are never among it.

use serde_json::{Map, Value};

use crate::{
    check::{
        authn::{Belonging, Credential, Principal},
        decision::Seen,
        rate_limit::Measure,
        request::{Body, InboundRequest, query_parameters},
        route::GuardedApi,
    },
    config::{Access, Binding, CounterLocation, CredentialPlace, CredentialRule, Guard, Route},
    domain::{Environment, OrganizationId, PlanName, PrincipalKind, ProjectId, Scope},
};

/// Facts by their names, in the order in which they are told.
pub(super) type Facts = Map<String, Value>;

/// Those of these facts that there are.
pub(super) fn facts<const N: usize>(all: [(&str, Option<Value>); N]) -> Facts {
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> Option<Value> {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    (!items.is_empty()).then(|| items.into())
}

#[expect(
    clippy::unnecessary_wraps,
    clippy::needless_pass_by_value,
    reason = "it stands beside facts that may be absent"
)]
fn text(value: impl ToString) -> Option<Value> {
    Some(value.to_string().into())
}

/// Stage 1: the request, without the values of headers and query.
pub(super) fn parse(seen: &Seen<'_>) -> Facts {
    let Some(request) = seen.request else {
        return Facts::new();
    };
    let mut headers: Vec<&str> = request.headers.iter().map(|(name, _)| name).collect();
    headers.sort_unstable();
    facts([
        ("method", text(request.method)),
        ("host", text(request.host)),
        ("path", text(seen.redact(request.path))),
        ("query", list(query_parameters(request.query).map(parameter))),
        ("headers", list(headers)),
        ("body", text(body(&request))),
        ("peer", request.peer.and_then(text)),
        ("claimed_api", request.claimed_api.and_then(text)),
    ])
}

/// The name of a parameter. One without a value may be a value itself.
fn parameter<'q>((name, value): (&'q str, &str)) -> &'q str {
    if value.is_empty() { "…" } else { name }
}

fn body(request: &InboundRequest<'_>) -> String {
    match request.body {
        Body::Whole([]) => "none".to_owned(),
        Body::Whole(bytes) => format!("{} bytes", bytes.len()),
        Body::CutOff => "cut off: Envoy's max_request_bytes is too small for it".to_owned(),
        Body::Withheld => "withheld: Envoy's with_request_body is not set for it".to_owned(),
    }
}

/// Stage 2: the API and its route.
pub(super) fn route(seen: &Seen<'_>) -> Facts {
    let access = seen.matched.map(|matched| match (matched.access, matched.route.access) {
        (Access::Public, Access::Required | Access::Optional) => "public, as a preflight",
        (Access::Public, _) => "public",
        (Access::Optional, _) => "optional",
        (Access::Required, _) => "required",
    });
    let refused = |guard: Guard| (guard == Guard::Refuse).then(|| "refused".into());
    facts([
        ("api", seen.api.and_then(|api| text(&api.config.name))),
        ("route", seen.route().and_then(|route| text(&route.pattern))),
        ("credential", access.and_then(text)),
        ("plain_http", seen.api.and_then(|api| refused(api.config.guards.plain_http))),
    ])
}

/// Stage 3: what kind of credential stood where, or where one was looked for.
pub(super) fn extract(seen: &Seen<'_>) -> Facts {
    let (Some(api), Some(matched)) = (seen.api, seen.matched) else {
        return Facts::new();
    };
    if matched.access == Access::Public {
        return facts([("credential", text("ignored, and taken out of the request"))]);
    }
    let found = seen.credential.as_ref().filter(|credential| credential.kind().is_some());
    let Some(credential) = found else {
        return facts([
            ("credential", seen.credential.and_then(|_| text("none"))),
            ("looked_in", list(places(api))),
            ("prefixes", list(api.config.prefix_rules().map(|rule| rule.prefix.as_str()))),
        ]);
    };
    let rule = credential.prefix();
    let environment = rule.and_then(|rule| rule.environment.as_ref());
    facts([
        ("credential", credential.kind().and_then(text)),
        ("place", credential.place().and_then(text)),
        ("prefix", rule.and_then(|rule| text(rule.prefix.as_str()))),
        ("environment", environment.and_then(text)),
    ])
}

/// The places in which the API looks for a credential, those of signatures included.
fn places(api: &GuardedApi) -> Vec<String> {
    let mut places: Vec<String> = api.config.credential_places().map(ToString::to_string).collect();
    places.extend(api.config.credentials.iter().filter_map(|rule| match rule {
        CredentialRule::Signature(rule) => {
            let name = rule.signature.clone();
            Some(CredentialPlace::Header { name, scheme: None }.to_string())
        }
        _ => None,
    }));
    places.sort_unstable();
    places.dedup();
    places
}

/// Stage 4: who was proven.
pub(super) fn verify(seen: &Seen<'_>) -> Facts {
    let Some(principal) = &seen.principal else {
        return Facts::new();
    };
    let key = principal.key();
    facts([
        ("principal", text(principal.kind().code())),
        ("id", principal.id().and_then(text)),
        ("credential_id", principal.credential().filter(|id| principal.id() != Some(*id)).and_then(text)),
        ("organizations", organizations(principal)),
        ("environment", principal.environment().and_then(text)),
        ("expires", key.and_then(|key| key.expires).and_then(text)),
    ])
}

fn organizations(principal: &Principal) -> Option<Value> {
    match principal.belonging() {
        Belonging::Nowhere => None,
        Belonging::To(own) => list([own.as_str()]),
        Belonging::Among(memberships) => {
            list(memberships.iter().map(|membership| membership.organization.as_str()))
        }
        Belonging::AsStored(_) => text("as the store knows"),
    }
}

/// Stage 5: for whom the principal acts, what it may do, and what the route asks for.
pub(super) fn authorize(seen: &Seen<'_>) -> Facts {
    let (Some(api), Some(matched), Some(_)) = (seen.api, seen.matched, &seen.principal) else {
        return Facts::new();
    };
    if matched.access == Access::Public {
        return facts([("required", text("nothing"))]);
    }
    let route = matched.route;
    let held = seen.scopes().map(|held| api.config.implications.expand(held));
    let standing = seen.standing.as_ref();
    facts([
        ("organization", seen.organization().map(OrganizationId::as_str).and_then(text)),
        ("project", standing.and_then(|standing| standing.project()).map(ProjectId::as_str).and_then(text)),
        ("plan", seen.plan().map(PlanName::as_str).and_then(text)),
        ("scopes", held.and_then(|held| list(held.into_iter().map(Scope::as_str)))),
        ("required_principals", list(route.principals.iter().copied().map(PrincipalKind::code))),
        ("required_organization", binding(route.organization.as_ref())),
        ("required_project", binding(route.project.as_ref())),
        ("required_environments", list(route.environments.iter().map(Environment::as_str))),
        ("required_scopes", list(route.scopes.iter().map(Scope::as_str))),
        ("required_entitlements", list(entitlements(route))),
    ])
}

fn binding(binding: Option<&Binding>) -> Option<Value> {
    text(match binding? {
        Binding { from, .. } if from.is_empty() => "its own",
        Binding { required: true, .. } => "has to be named",
        Binding { required: false, .. } => "if it is named",
    })
}

fn entitlements(route: &Route) -> impl Iterator<Item = String> {
    route.entitlements.iter().map(ToString::to_string)
}

/// Stage 6: the rules that the request is counted under, and the state of their counters.
pub(super) fn admit(seen: &Seen<'_>, counters: &CounterLocation) -> Facts {
    let measures = seen.gauge.measures();
    if measures.is_empty() {
        return facts([("quotas", (seen.arrived && seen.principal.is_some()).then(|| "none".into()))]);
    }
    let state = match counters {
        CounterLocation::Memory => "in the memory of each server: taken for untouched here",
        CounterLocation::Redis(_) if measures.iter().all(|measure| measure.room.is_some()) => {
            "in Redis: looked at, and nothing taken"
        }
        CounterLocation::Redis(_) => "in Redis, which does not answer",
    };
    let quotas: Vec<Value> = measures.iter().map(measure).collect();
    facts([("counters", text(state)), ("quotas", Some(quotas.into()))])
}

fn measure(measure: &Measure<'_>) -> Value {
    let Measure { rule, allowance, counter, cost, room } = measure;
    let limit = room.and_then(|room| Some((allowance.quotas.get(room.bound)?.to_string(), room.remaining)));
    let facts = facts([
        ("rule", text(&rule.name)),
        ("quotas", list(&allowance.quotas)),
        ("counter", text(counter.to_string())),
        ("takes", Some((*cost).into())),
        ("nearest", limit.as_ref().and_then(|(quota, _)| text(quota))),
        ("remaining", limit.map(|(_, remaining)| remaining.into())),
    ]);
    facts.into()
}

/// Whether something was presented.
pub(super) fn presented<'s>(seen: &'s Seen<'_>) -> Option<&'s Credential<'s>> {
    seen.credential.as_ref().filter(|credential| credential.kind().is_some())
}
