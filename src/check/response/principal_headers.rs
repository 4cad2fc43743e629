//! What the upstream reads: each principal header is set or removed, forgeries go, the credential goes.
//!
//! Envoy sets before it removes, so a name never stands in both lists. It removes by exact name, so every
//! spelling that an application might fold to one of our names is listed as it came.

use percent_encoding::utf8_percent_encode;

use crate::{
    check::{
        authn::{presented_by_parameter, without_cookies},
        authz::Grant,
        decision::{Decision, Waiver},
        request::{InboundRequest, query_parameters},
        wire::Message,
    },
    domain::{HEADER_VALUE_ESCAPES, HeaderName, Scope},
};

use super::{
    fields::{OK_HEADERS, OK_HEADERS_TO_REMOVE, OK_PARAMETERS_TO_REMOVE, set_header},
    hygiene::{Concern, Hygiene, presents_credential},
};

/// Tells Envoy what to change in the request that was granted.
pub(super) fn changes(hygiene: &Hygiene, grant: &Grant<'_>, decision: &Decision<'_>, ok: &mut Message<'_>) {
    let (request, api) = (grant.request(), &grant.api().config);
    let Decision { in_shadow, leaves_overrides, .. } = *decision;
    set_own(hygiene, grant, ok);
    for (name, value) in request.headers.iter() {
        let goes = match hygiene.concern(name) {
            None | Some(Concern::Ours) => false,
            Some(Concern::Forged) => true,
            Some(Concern::Override) if !leaves_overrides => true,
            Some(Concern::Override | Concern::Credential) => {
                !in_shadow && presents_credential(name, value, api)
            }
        };
        if goes {
            ok.text(OK_HEADERS_TO_REMOVE, name);
        }
    }
    if !in_shadow {
        remove_parameters(hygiene, request, ok);
        cut_cookies(hygiene, request, ok);
    }
}

/// Tells Envoy what to take out of a request that goes on although it was refused: whatever would be taken for ours, and
/// what could make another request of it.
pub(super) fn forgeries(
    hygiene: &Hygiene,
    waiver: &Waiver<'_>,
    decision: &Decision<'_>,
    ok: &mut Message<'_>,
) {
    for name in hygiene.ours() {
        ok.text(OK_HEADERS_TO_REMOVE, name.as_str());
    }
    for (name, _) in waiver.request().headers.iter() {
        let goes = match hygiene.concern(name) {
            Some(Concern::Forged) => true,
            Some(Concern::Override) => !decision.leaves_overrides,
            None | Some(Concern::Ours | Concern::Credential) => false,
        };
        if goes {
            ok.text(OK_HEADERS_TO_REMOVE, name);
        }
    }
}

/// Sets each header that is ours, or removes it if the principal has no value for it.
fn set_own(hygiene: &Hygiene, grant: &Grant<'_>, ok: &mut Message<'_>) {
    let (standing, api) = (grant.standing(), &grant.api().config);
    let (principal, names) = (standing.principal(), &api.principal_headers);
    let encoded = |text| utf8_percent_encode(text, HEADER_VALUE_ESCAPES);
    own(ok, &names.id, principal.id().map(encoded));
    own(ok, &names.kind, Some([principal.kind().code()]));
    own(ok, &names.organization, standing.organization().map(|id| encoded(id.as_str())));
    own(ok, &names.project, standing.project().map(|id| encoded(id.as_str())));
    own(ok, &names.environment, principal.environment().map(|name| [name.as_str()]));
    let scopes = standing.scopes().filter(|held| !held.is_empty());
    own(ok, &names.scopes, scopes.map(|held| spaced(api.implications.expand(held))));
    own(ok, &names.plan, standing.plan().map(|name| [name.as_str()]));
    own(ok, &names.credential, principal.credential().map(encoded));
    for name in hygiene.claims() {
        let claim = principal.claim_headers().iter().find(|(known, _)| known == name);
        own(ok, name, claim.map(|(_, value)| [&**value]));
    }
}

/// Sets a header to what these pieces make together, or removes it.
fn own<'t>(ok: &mut Message<'_>, name: &HeaderName, value: Option<impl IntoIterator<Item = &'t str>>) {
    match value {
        Some(pieces) => set_header(ok, OK_HEADERS, name.as_str(), pieces),
        None => ok.text(OK_HEADERS_TO_REMOVE, name.as_str()),
    }
}

/// Scopes with spaces between. They are visible ASCII already.
fn spaced(scopes: Vec<&Scope>) -> impl Iterator<Item = &str> {
    let between = |(number, scope)| [if number == 0 { "" } else { " " }, Scope::as_str(scope)];
    scopes.into_iter().enumerate().flat_map(between)
}

/// Removes the query parameters that are credentials, spelled as they came.
fn remove_parameters(hygiene: &Hygiene, request: &InboundRequest<'_>, ok: &mut Message<'_>) {
    let mut last = None;
    for name in &hygiene.parameters {
        for (spelling, _) in query_parameters(request.query) {
            if presented_by_parameter(spelling, name) && last != Some(spelling) {
                ok.text(OK_PARAMETERS_TO_REMOVE, spelling);
                last = Some(spelling);
            }
        }
    }
}

/// Cuts the cookies of credentials out of the `cookie` header.
fn cut_cookies(hygiene: &Hygiene, request: &InboundRequest<'_>, ok: &mut Message<'_>) {
    if hygiene.cookies.is_empty() {
        return;
    }
    match without_cookies(request, &hygiene.cookies) {
        None => {}
        Some(left) if left.is_empty() => ok.text(OK_HEADERS_TO_REMOVE, "cookie"),
        Some(left) => set_header(ok, OK_HEADERS, "cookie", [left.as_str()]),
    }
}
