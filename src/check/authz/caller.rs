//! The first rules of stage 5: may this kind of principal call from here?

use crate::{
    check::{authn::Principal, refusal::Refusal, request::InboundRequest},
    config::{Api, Guard, Route},
    domain::{DenialReason, PrincipalKind},
};

pub(super) fn judge_kind(kind: PrincipalKind, route: &Route) -> Result<(), Refusal> {
    if route.principals.is_empty() || route.principals.contains(&kind) {
        return Ok(());
    }
    let cause = format!("the route is not for principals of the kind {}", kind.code());
    Err(Refusal::denied(DenialReason::CredentialKindNotAllowed, cause))
}

pub(super) fn judge_source(
    principal: &Principal,
    request: &InboundRequest<'_>,
    api: &Api,
) -> Result<(), Refusal> {
    let Some(record) = principal.key().filter(|record| !record.sources.is_empty()) else {
        return Ok(());
    };
    let refused = |cause| Err(Refusal::denied(DenialReason::SourceNotAllowed, cause));
    let Some(rule) = api.client_address else {
        return refused("the key is bound to addresses, but the API does not declare client_address");
    };
    match request.client_address(rule) {
        Some(address) if record.sources.iter().any(|network| network.contains(&address)) => Ok(()),
        Some(_) => refused("the client's address is in none of the key's networks"),
        None => refused("the client's address could not be told"),
    }
}

/// Judges where a browser's request comes from. A page elsewhere can make a browser send cookies along, so what
/// may change something needs an origin that is listed; and a key in a page is no secret any more.
pub(super) fn judge_origin(
    principal: &Principal,
    request: &InboundRequest<'_>,
    api: &Api,
) -> Result<(), Refusal> {
    let refused = |cause| Err(Refusal::denied(DenialReason::OriginNotAllowed, cause));
    if principal.is_by_cookie() && !is_safe(request) {
        let mut origins = request.headers.values("origin");
        let listed = |value: &[u8]| api.origins.iter().any(|origin| origin.as_bytes() == value);
        return match (origins.next(), origins.next()) {
            (Some(origin), None) if listed(origin) => Ok(()),
            (Some(_), None) => refused("the request may change something, and its Origin is not listed"),
            (None, _) => refused("the request may change something, and has no Origin"),
            (Some(_), Some(_)) => refused("the request has two Origins"),
        };
    }
    let is_key = matches!(principal.kind(), PrincipalKind::ApiKey | PrincipalKind::ServiceKey);
    if api.guards.browser_keys == Guard::Refuse && is_key && is_from_browser(request) {
        return refused("a browser sent the key");
    }
    Ok(())
}

/// Whether the method only reads (RFC 9110, section 9.2.1) and the connection stays what it is: an upgrade to
/// WebSocket begins with GET and is open to every page.
fn is_safe(request: &InboundRequest<'_>) -> bool {
    matches!(request.method, "GET" | "HEAD" | "OPTIONS") && !request.headers.has("upgrade")
}

/// Whether a browser sent the request (Fetch Metadata Request Headers): it says whence or what for. A lone
/// `Sec-Fetch-Mode: cors` does not count, since Node.js sends that from back ends.
fn is_from_browser(request: &InboundRequest<'_>) -> bool {
    let headers = &request.headers;
    headers.has("origin")
        || headers.has("sec-fetch-site")
        || headers.has("sec-fetch-dest")
        || headers.values("sec-fetch-mode").any(|mode| mode != b"cors")
}
