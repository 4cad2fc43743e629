//! What the upstream reads: each principal header is set or removed, forgeries go, the credential goes.
//!
//! Envoy sets before it removes, so a name never stands in both lists. It removes by exact name, so every
//! spelling that an application might fold to one of our names is listed as it came.

use std::borrow::Cow;

use envoy_types::ext_authz::v3::pb::HeaderValueOption;
use percent_encoding::utf8_percent_encode;

use crate::{
    check::{
        authn::{Principal, presented_by_header, presented_by_parameter},
        authz::Grant,
        request::{InboundRequest, query_parameters},
        route::GuardedApi,
    },
    config::KeyPlace,
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
pub(super) fn changes(grant: &Grant<'_>) -> Changes {
    let (principal, request, api) = (grant.principal(), grant.request(), grant.api());
    let mut changes = Changes::default();
    let values = values(principal, api);
    for (name, value) in &values {
        match value {
            Some(value) => changes.set.push(set_header(name.as_str(), value.as_ref().to_owned())),
            None => changes.remove.push(name.to_string()),
        }
    }
    for (name, value) in request.headers.iter() {
        let ours = values.iter().any(|(own, _)| name.eq_ignore_ascii_case(own.as_str()));
        let forged = folds_to(name, ASSERTION) || values.iter().any(|(own, _)| folds_to(name, own.as_str()));
        if !ours && (forged || overrides(name) || presents_credential(name, value, api)) {
            changes.remove.push(name.to_owned());
        }
    }
    changes.remove_parameters = credential_parameters(request, api);
    changes
}

/// Each principal header with its value, if the principal has one.
fn values<'a>(principal: &'a Principal, api: &'a GuardedApi) -> [(&'a HeaderName, Option<Cow<'a, str>>); 8] {
    let names = &api.config.principal_headers;
    let encoded = |text: &'a str| Cow::from(utf8_percent_encode(text, HEADER_VALUE_ESCAPES));
    [
        (&names.id, principal.id().map(encoded)),
        (&names.kind, Some(principal.kind().code().into())),
        (&names.organization, principal.organization().map(|id| encoded(id.as_str()))),
        (&names.project, principal.project().map(|id| encoded(id.as_str()))),
        (&names.environment, principal.environment().map(|name| name.as_str().into())),
        (&names.scopes, scopes(principal, api)),
        (&names.plan, principal.plan().map(|name| name.as_str().into())),
        (&names.credential, principal.key().map(|record| encoded(record.id.as_str()))),
    ]
}

/// The scopes held and implied, with spaces between. Scopes are visible ASCII already.
fn scopes<'a>(principal: &'a Principal, api: &'a GuardedApi) -> Option<Cow<'a, str>> {
    let held = principal.scopes().filter(|held| !held.is_empty())?;
    let all: Vec<&str> = api.config.implications.expand(held).into_iter().map(Scope::as_str).collect();
    Some(all.join(" ").into())
}

fn overrides(name: &str) -> bool {
    OVERRIDES.iter().any(|own| folds_to(name, own))
}

fn presents_credential(name: &str, value: &[u8], api: &GuardedApi) -> bool {
    api.config.key_places().any(|place| presented_by_header(name, value, place))
}

fn credential_parameters(request: &InboundRequest<'_>, api: &GuardedApi) -> Vec<String> {
    let mut spelled: Vec<String> = Vec::new();
    for place in api.config.key_places() {
        let KeyPlace::Query { name, .. } = place else {
            continue;
        };
        let found =
            query_parameters(request.query).filter(|(spelling, _)| presented_by_parameter(spelling, name));
        spelled.extend(found.map(|(spelling, _)| spelling.to_owned()));
    }
    spelled.dedup();
    spelled
}
