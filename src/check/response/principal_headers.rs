//! What the upstream reads: each principal header is set or removed, forgeries go, the credential goes.
//!
//! Envoy sets before it removes, so a name never stands in both lists. It removes by exact name, so every
//! spelling that an application might fold to one of our names is listed as it came.

use std::borrow::Cow;

use envoy_types::ext_authz::v3::pb::HeaderValueOption;
use percent_encoding::utf8_percent_encode;

use crate::{
    check::{
        authn::{presented_by_header, presented_by_parameter, without_cookies},
        authz::{Grant, Standing},
        decision::{Decision, Waiver},
        request::{InboundRequest, query_parameters},
        route::GuardedApi,
    },
    config::CredentialPlace,
    domain::{HEADER_VALUE_ESCAPES, HeaderName, Scope, folds_to},
};

use super::set_header;

/// Headers by which a framework may take the request for another than was decided upon.
const OVERRIDES: [&str; 5] =
    ["x-http-method", "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url"];

/// A principal header that nothing sets yet, so that whatever stands there is forged.
const ASSERTION: &str = "x-principal-assertion";

/// What Envoy has to change in the request before it goes on.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Headers to set.
    pub(super) set: Vec<HeaderValueOption>,
    /// Headers to remove.
    pub(super) remove: Vec<String>,
    /// Query parameters to remove, spelled as they came.
    pub(super) remove_parameters: Vec<String>,
}

/// What has to be changed in the request that was granted.
pub(super) fn changes(grant: &Grant<'_>, decision: &Decision<'_>) -> Changes {
    let (request, api) = (grant.request(), grant.api());
    let Decision { in_shadow, leaves_overrides, .. } = *decision;
    let values = values(grant.standing(), api);
    let mut changes = Changes::default();
    for (name, value) in &values {
        match value {
            Some(value) => changes.set.push(set_header(name.as_str(), value.as_ref().to_owned())),
            None => changes.remove.push(name.to_string()),
        }
    }
    let ours: Vec<&HeaderName> = values.iter().map(|(name, _)| *name).collect();
    for (name, value) in request.headers.iter() {
        let goes = is_forged(name, &ours)
            || (!leaves_overrides && overrides(name))
            || (!in_shadow && presents_credential(name, value, api));
        if goes && !is_one_of(name, &ours) {
            changes.remove.push(name.to_owned());
        }
    }
    if !in_shadow {
        changes.remove_parameters = credential_parameters(request, api);
        cut_cookies(request, api, &mut changes);
    }
    changes
}

/// What has to be taken out of a request that goes on although it was refused: whatever would be taken for ours, and
/// what could make another request of it.
pub(super) fn forgeries(waiver: &Waiver<'_>, decision: &Decision<'_>) -> Changes {
    let (request, api) = (waiver.request(), waiver.api());
    let ours: Vec<&HeaderName> = names(api).collect();
    let mut remove: Vec<String> = ours.iter().map(ToString::to_string).collect();
    let goes = |name: &&str| is_forged(name, &ours) || (!decision.leaves_overrides && overrides(name));
    let sent = request.headers.iter().map(|(name, _)| name);
    remove.extend(sent.filter(|name| goes(name) && !is_one_of(name, &ours)).map(str::to_owned));
    Changes { remove, ..Changes::default() }
}

/// The names of all headers that are ours to set.
fn names(api: &GuardedApi) -> impl Iterator<Item = &HeaderName> {
    api.config.principal_headers.all().into_iter().chain(api.config.claim_headers())
}

/// Whether an application might take the name for one that is ours to set.
fn is_forged(name: &str, ours: &[&HeaderName]) -> bool {
    folds_to(name, ASSERTION) || ours.iter().any(|own| folds_to(name, own.as_str()))
}

fn is_one_of(name: &str, ours: &[&HeaderName]) -> bool {
    ours.iter().any(|own| name.eq_ignore_ascii_case(own.as_str()))
}

/// Each header that is ours to set, with its value if the principal has one.
fn values<'a>(standing: &'a Standing, api: &'a GuardedApi) -> Vec<(&'a HeaderName, Option<Cow<'a, str>>)> {
    let principal = standing.principal();
    let encoded = |text: &'a str| Cow::from(utf8_percent_encode(text, HEADER_VALUE_ESCAPES));
    let own = [
        principal.id().map(encoded),
        Some(principal.kind().code().into()),
        standing.organization().map(|id| encoded(id.as_str())),
        standing.project().map(|id| encoded(id.as_str())),
        principal.environment().map(|name| name.as_str().into()),
        scopes(standing, api),
        standing.plan().map(|name| name.as_str().into()),
        principal.credential().map(encoded),
    ];
    let mut values: Vec<_> = api.config.principal_headers.all().into_iter().zip(own).collect();
    for name in api.config.claim_headers() {
        if !values.iter().any(|(known, _)| *known == name) {
            let claim = principal.claim_headers().iter().find(|(known, _)| known == name);
            values.push((name, claim.map(|(_, value)| Cow::from(&**value))));
        }
    }
    values
}

/// The scopes held and implied, with spaces between. Scopes are visible ASCII already.
fn scopes<'a>(standing: &'a Standing, api: &'a GuardedApi) -> Option<Cow<'a, str>> {
    let held = standing.scopes().filter(|held| !held.is_empty())?;
    let all: Vec<&str> = api.config.implications.expand(held).into_iter().map(Scope::as_str).collect();
    Some(all.join(" ").into())
}

fn overrides(name: &str) -> bool {
    OVERRIDES.iter().any(|own| folds_to(name, own))
}

fn presents_credential(name: &str, value: &[u8], api: &GuardedApi) -> bool {
    api.config.credentials.iter().any(|rule| presented_by_header(name, value, rule))
}

fn credential_parameters(request: &InboundRequest<'_>, api: &GuardedApi) -> Vec<String> {
    let mut spelled: Vec<String> = Vec::new();
    for place in api.config.credential_places() {
        let CredentialPlace::Query { name, .. } = place else {
            continue;
        };
        let found =
            query_parameters(request.query).filter(|(spelling, _)| presented_by_parameter(spelling, name));
        spelled.extend(found.map(|(spelling, _)| spelling.to_owned()));
    }
    spelled.dedup();
    spelled
}

/// Cuts the cookies of credentials out of the `cookie` header.
fn cut_cookies(request: &InboundRequest<'_>, api: &GuardedApi, changes: &mut Changes) {
    let places = api.config.credential_places();
    let names: Vec<&str> = places
        .filter_map(|place| match place {
            CredentialPlace::Cookie { name } => Some(name.as_str()),
            CredentialPlace::Header { .. } | CredentialPlace::Query { .. } => None,
        })
        .collect();
    match without_cookies(request, &names) {
        None => {}
        Some(left) if left.is_empty() => changes.remove.push("cookie".to_owned()),
        Some(left) => changes.set.push(set_header("cookie", left)),
    }
}
