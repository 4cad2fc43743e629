//! What to do next about a refusal.

use crate::{
    check::{
        decision::Seen,
        refusal::{Refusal, RefusalKind},
        request::InboundRequest,
        route::GuardedApi,
    },
    config::{Api, ClientAddress},
    domain::{DenialReason, Method, MethodSet},
};

use super::facts::presented;

/// The most names that a sentence lists.
const NAMES_MAX: usize = 20;

/// Sentences that say what to do next, where the cause does not say it already.
pub(super) fn advice(seen: &Seen<'_>, refusal: &Refusal, apis: &[Api]) -> Vec<String> {
    let RefusalKind::Denied(reason) = refusal.kind else {
        return Vec::new();
    };
    let sentence = match (reason, seen.request, seen.api) {
        (DenialReason::RouteUnknown, Some(_), None) => Some(hosts(apis)),
        (DenialReason::RouteUnknown, Some(request), Some(api)) => Some(routes(&request, api)),
        (DenialReason::CredentialInvalid, _, Some(api)) => stored(seen, api),
        (DenialReason::SourceNotAllowed, Some(InboundRequest { peer: None, .. }), _) => Some(whence()),
        (DenialReason::RequestMalformed, Some(InboundRequest { peer: None, .. }), Some(api))
            if seen.credential.is_some() && api.config.client_address == Some(ClientAddress::Peer) =>
        {
            Some(whence())
        }
        (DenialReason::TransportInsecure, ..) => {
            Some("The API refuses plain HTTP: let the URL begin with `https://`.".to_owned())
        }
        (DenialReason::RateLimited, ..) => {
            Some("What a server has counted by now may differ: its answers tell by `Retry-After`.".to_owned())
        }
        (DenialReason::TooManyAttempts, ..) => Some(
            "A good credential from this address passes where it is remembered, others when there is room again."
                .to_owned(),
        ),
        _ => None,
    };
    sentence.into_iter().collect()
}

fn whence() -> String {
    "Say from where the request comes: `--peer ADDRESS`.".to_owned()
}

fn hosts(apis: &[Api]) -> String {
    let hosts = apis.iter().flat_map(|api| &api.hosts).map(String::as_str);
    format!("The hosts that there are: {}.", listed(hosts))
}

/// The methods for which the API has a route with this path, or else the routes that there are.
fn routes(request: &InboundRequest<'_>, api: &GuardedApi) -> String {
    let named = api.config.routes.iter().flat_map(|route| match &route.pattern.methods {
        MethodSet::Any => &[],
        MethodSet::These(methods) => methods.as_slice(),
    });
    let mut methods: Vec<&str> = named.map(Method::as_str).collect();
    methods.sort_unstable();
    methods.dedup();
    methods.retain(|method| api.route(&InboundRequest { method, ..*request }).is_ok());
    if methods.is_empty() {
        let patterns = api.config.routes.iter().map(|route| route.pattern.to_string());
        format!("The routes of {}: {}.", api.config.name, listed(patterns))
    } else {
        format!("This path has routes for other methods: {}.", listed(methods))
    }
}

/// Where to look for what the credential should be known by.
fn stored(seen: &Seen<'_>, api: &GuardedApi) -> Option<String> {
    let name = &api.config.name;
    (presented(seen)?.kind()? == "api_key")
        .then(|| format!("`doorward keys list --api {name}` shows the keys that there are."))
}

fn listed<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    let mut names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    names.truncate(NAMES_MAX);
    if more > 0 {
        names.push(format!("and {more} more, which `doorward config show` lists"));
    }
    names.join(", ")
}
