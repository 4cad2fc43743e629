//! Stage 2, route: request → the API by its host, the route by method and path. No match is a denial.

mod guards;
mod path;
mod table;

use std::{borrow::Cow, collections::HashMap};

use crate::{
    config::{Access, Api, Config, FragmentName, Guard, Preflight, Route},
    domain::{ApiName, DenialReason, Timestamp},
};

use super::{refusal::Refusal, request::InboundRequest};

use self::path::PathProblem;

pub use table::{Alike, RouteTable};

/// Every API, found by the request's host.
#[derive(Debug)]
pub struct Doors {
    by_host: HashMap<Box<str>, Door>,
    apis: Vec<GuardedApi>,
}

/// What stands behind a host.
#[derive(Debug)]
enum Door {
    /// The API at this place in the list.
    Api(usize),
    /// Nobody knows: this fragment, which may say so, is refused.
    Refused(FragmentName),
}

/// One API with its routes made ready to be found.
#[derive(Debug)]
pub struct GuardedApi {
    /// Its place among the APIs, by which stage 9 finds its counters.
    pub index: usize,
    /// What the configuration says of it.
    pub config: Api,
    table: RouteTable,
}

impl Doors {
    /// Makes the APIs of a checked configuration ready.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let refused =
            |(host, name): (&String, &FragmentName)| (host.as_str().into(), Door::Refused(name.clone()));
        let mut by_host: HashMap<Box<str>, Door> = config.unavailable.iter().map(refused).collect();
        let ready = |(index, api): (usize, &Api)| {
            by_host.extend(api.hosts.iter().map(|host| (host.as_str().into(), Door::Api(index))));
            let table = RouteTable::new(api.routes.iter().map(|route| &route.pattern));
            GuardedApi { index, config: api.clone(), table }
        };
        let apis = config.apis.iter().enumerate().map(ready).collect();
        Self { by_host, apis }
    }

    /// The API that guards the request's host.
    ///
    /// # Errors
    ///
    /// `route_unknown` if there is none, or if Envoy's route claims to belong to another; an outage if a refused
    /// fragment keeps it from being known.
    pub fn api(&self, request: &InboundRequest<'_>) -> Result<&GuardedApi, Refusal> {
        let unknown = |cause| Refusal::denied(DenialReason::RouteUnknown, cause);
        let api = match self.by_host.get(hostname(request.host).as_ref()) {
            Some(Door::Api(index)) => self.apis.get(*index),
            Some(Door::Refused(fragment)) => {
                return Err(Refusal::unavailable(format!("the fragment `{fragment}` is refused")));
            }
            None => None,
        };
        let api = api.ok_or_else(|| unknown("no API has this host"))?;
        match request.claimed_api {
            Some(name) if name != api.config.name.as_str() => {
                Err(unknown("the API named in context_extensions does not have this host"))
            }
            _ => Ok(api),
        }
    }

    /// The API of this name.
    pub(super) fn named(&self, name: &ApiName) -> Option<&GuardedApi> {
        self.apis.iter().find(|api| api.config.name == *name)
    }
}

/// The route that a request takes.
#[derive(Debug, Clone, Copy)]
pub struct Matched<'r> {
    /// The route.
    pub route: &'r Route,
    /// Its place among the routes of its API.
    pub index: usize,
    /// Whether this request needs a credential: as the route says, unless it is a preflight that passes.
    pub access: Access,
}

impl GuardedApi {
    /// The route that the request takes.
    ///
    /// # Errors
    ///
    /// `request_malformed` if two parsers could read the path differently, `route_unknown` if no route matches.
    pub fn route(&self, request: &InboundRequest<'_>) -> Result<Matched<'_>, Refusal> {
        path::examine(request.path, &self.config.ambiguous_paths).map_err(|problem| malformed(&problem))?;
        if self.config.guards.cors_preflight == Preflight::Pass
            && let Some(method) = guards::preflight(request)
        {
            let (index, route) = self.find(method, request.path)?;
            return Ok(Matched { route, index, access: Access::Public });
        }
        let (index, route) = self.find(request.method, request.path)?;
        Ok(Matched { route, index, access: route.access })
    }

    /// Judges how the request came.
    ///
    /// # Errors
    ///
    /// `transport_insecure` if it came over plain HTTP where that is refused.
    pub fn judge_transport(&self, request: &InboundRequest<'_>, matched: Matched<'_>) -> Result<(), Refusal> {
        if self.config.guards.plain_http == Guard::Refuse && matched.access != Access::Public {
            guards::judge_transport(request)?;
        }
        Ok(())
    }

    /// The route and its place, unless the application could take the path for another route's.
    fn find(&self, method: &str, path: &str) -> Result<(usize, &Route), Refusal> {
        self.table
            .settle(method, path, &self.config.ambiguous_paths)
            .map_err(|ambiguity| malformed(&PathProblem::Ambiguous(ambiguity)))?
            .and_then(|index| Some((index, self.config.routes.get(index)?)))
            .ok_or_else(|| Refusal::denied(DenialReason::RouteUnknown, "no route has this method and path"))
    }

    /// Whether refusals of some route are enforced at this time.
    #[must_use]
    pub fn enforces(&self, now: Timestamp) -> bool {
        self.config.routes.iter().any(|route| self.enforces_on(route, now))
    }

    /// Whether refusals are enforced at this time that a request which no route was found for could be about.
    pub(super) fn could_enforce(&self, request: &InboundRequest<'_>, now: Timestamp) -> bool {
        if path::examine(request.path, &self.config.ambiguous_paths).is_err() {
            return self.enforces(now);
        }
        let alike = self.table.find_alike(request.method, request.path, &self.config.ambiguous_paths);
        let exact = self.table.find(request.method, request.path);
        let places = [alike.map(|alike| alike.index), exact].into_iter().flatten();
        places.filter_map(|index| self.config.routes.get(index)).any(|route| self.enforces_on(route, now))
    }

    /// Whether refusals of this route are enforced at this time.
    fn enforces_on(&self, route: &Route, now: Timestamp) -> bool {
        let shadow = route.shadow.or(self.config.shadow);
        route.access != Access::Public && shadow.is_none_or(|shadow| shadow.until <= now)
    }
}

fn malformed(problem: &PathProblem) -> Refusal {
    Refusal::denied(DenialReason::RequestMalformed, problem.to_string())
}

/// The host of an `:authority` (RFC 3986, section 3.2): without port and final dot, in lower case.
fn hostname(authority: &str) -> Cow<'_, str> {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_no_port_no_final_dot_and_no_case() {
        let cases = [
            ("api.example.com", "api.example.com"),
            ("API.Example.COM:8443", "api.example.com"),
            ("api.example.com.", "api.example.com"),
            ("api.example.com.:80", "api.example.com"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("api.example.com@evil", "api.example.com@evil"),
            ("evil@api.example.com", "evil@api.example.com"),
            ("", ""),
        ];
        for (authority, expected) in cases {
            assert_eq!(hostname(authority), expected, "{authority}");
        }
    }
}
