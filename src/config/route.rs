//! `routes`: what is required for which requests.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{Entitlement, Environment, PrincipalKind, RoutePattern, Scope, Shape};

use super::{
    Binding, CredentialRule, LimitRule, Limits, Shadow,
    binding::{ApiBinding, RawBinding},
    credential::{check_environments, prefix_rules},
    limits::{Countable, RawRouteLimits},
    place::Place,
    problem::Report,
    shadow::RawShadow,
    text::Text,
};

/// What is required for some requests.
#[derive(Debug, Clone)]
pub struct Route {
    /// Which requests.
    pub pattern: RoutePattern,
    /// Whether a credential is needed.
    pub access: Access,
    /// The kinds of principal that may call it; empty is all.
    pub principals: Vec<PrincipalKind>,
    /// The environments whose credentials may call it; empty is all.
    pub environments: Vec<Environment>,
    /// The scopes that the principal needs, all of them.
    pub scopes: Vec<Scope>,
    /// What the organization needs to have bought, all of it.
    pub entitlements: Vec<Entitlement>,
    /// Where the request names the organization.
    pub organization: Option<Binding>,
    /// Where the request names the project.
    pub project: Option<Binding>,
    /// Until when its refusals are not enforced.
    pub shadow: Option<Shadow>,
    /// What a request takes of each quota of the API.
    pub cost: u32,
    /// Rules of its own, which stand beside the API's. Each of its requests takes 1.
    pub limits: Vec<LimitRule>,
}

/// Whether a route needs a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It does.
    Required,
    /// What is presented is verified, and what is bad refused; without any the principal is anonymous.
    Optional,
    /// What is presented is ignored and taken out; the principal is anonymous.
    Public,
}

/// What is required for some requests.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Route")]
pub(super) struct RawRoute {
    /// Which requests: methods with commas between, or none for all of them, and a path in which `{name}` stands
    /// for one segment and a final `/**` for any number, as in `GET /v1/scans/**`.
    #[serde(rename = "match")]
    pattern: Text<RoutePattern>,
    /// Whether everybody may call it. What is presented is ignored and taken out.
    #[serde(default, skip_serializing_if = "is_false")]
    public: bool,
    /// Whether a credential can be left out. What is presented is verified, and what is bad refused. The
    /// requirements below hold for everybody: where the route needs scopes or names principals, whoever presents
    /// nothing is refused for lack of them.
    #[serde(default, skip_serializing_if = "is_false")]
    optional: bool,
    /// The kinds of principal that may call it; all if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    principals: Vec<Text<PrincipalKind>>,
    /// The environments whose credentials may call it; all if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    environments: Vec<Text<Environment>>,
    /// The scopes that the principal needs, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<Text<Scope>>,
    /// What the organization needs to have bought, all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    entitlements: Vec<Text<Entitlement>>,
    /// Where the request names the organization; what the API says unless this says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<RawBinding>,
    /// Where the request names the project; what the API says unless this says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    project: Option<RawBinding>,
    /// For a time, refusals are recorded but not enforced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shadow: Option<RawShadow>,
    /// What a request takes of each quota of the API: 1 unless this says otherwise, and nothing with 0. At most
    /// 1000000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1_000_000))]
    cost: Option<u32>,
    /// Rules of its own, beside those of the API: each of its requests takes 1. With `cost: 0` they stand in their
    /// place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limits: Option<RawRouteLimits>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What an API says that its routes are checked against.
#[derive(Debug, Clone, Copy)]
pub(super) struct RouteContext<'a> {
    /// What it accepts as proof of who is asking.
    pub(super) credentials: &'a [CredentialRule],
    /// Where requests name the organization and the project.
    pub(super) bindings: [ApiBinding<'a>; 2],
    /// Whom it can count by.
    pub(super) countable: Countable,
    /// Its limits.
    pub(super) limits: &'a Limits,
}

/// Checks the routes of one API.
pub(super) fn check(
    raw: &[RawRoute],
    context: RouteContext<'_>,
    at: &Place<'_>,
    report: &mut Report<'_>,
) -> Vec<Route> {
    let rules = prefix_rules(context.credentials);
    let environments: Vec<&Environment> = rules.filter_map(|rule| rule.environment.as_ref()).collect();
    let routes = raw.iter().enumerate().map(|(index, raw)| {
        let at = at.item(index);
        let route = raw.check(&environments, context, &at, report);
        if context.credentials.is_empty() && route.access != Access::Public {
            report.add(&at, "found a route that needs a credential in an API without `credentials`, expected `public: true`");
        }
        route
    });
    let routes: Vec<Route> = routes.collect();
    check_twins(&routes, at, report);
    routes
}

impl RawRoute {
    fn check(
        &self,
        environments: &[&Environment],
        context: RouteContext<'_>,
        at: &Place<'_>,
        report: &mut Report<'_>,
    ) -> Route {
        let [organization, project] = context.bindings;
        let access = match (self.public, self.optional) {
            (false, false) => Access::Required,
            (false, true) => Access::Optional,
            (true, _) => Access::Public,
        };
        if self.public && self.optional {
            report.add(at, "found `public` and `optional`, expected one of them");
        }
        if self.public {
            let requirements = [
                ("principals", self.principals.is_empty()),
                ("environments", self.environments.is_empty()),
                ("scopes", self.scopes.is_empty()),
                ("entitlements", self.entitlements.is_empty()),
                ("organization", self.organization.is_none()),
                ("project", self.project.is_none()),
                ("shadow", self.shadow.is_none()),
            ];
            for (name, _) in requirements.into_iter().filter(|(_, is_empty)| !is_empty) {
                let message =
                    format!("found `{name}` on a public route, where they never apply, expected none");
                report.add(&at.field(name), message);
            }
        }
        let environments_at = at.field("environments");
        let known = environments.iter().copied();
        Route {
            pattern: self.pattern.value.clone(),
            access,
            principals: self.principals.iter().map(|kind| kind.value).collect(),
            environments: check_environments(&self.environments, known, &environments_at, report),
            scopes: self.scopes.iter().map(|scope| scope.value.clone()).collect(),
            entitlements: self.entitlements.iter().map(|entitlement| entitlement.value.clone()).collect(),
            organization: organization.of_route(self.organization.as_ref(), &self.pattern.value, at, report),
            project: project.of_route(self.project.as_ref(), &self.pattern.value, at, report),
            shadow: self.shadow.as_ref().map(RawShadow::check),
            cost: self.check_cost(context.limits, at, report),
            limits: self.check_limits(context.countable, at, report),
        }
    }
}

impl RawRoute {
    fn check_cost(&self, limits: &Limits, at: &Place<'_>, report: &mut Report<'_>) -> u32 {
        if self.cost.is_some() && limits.rules.is_empty() {
            let message = "found `cost` in an API whose `limits` have no rule, expected none: there is nothing to take of";
            report.add(&at.field("cost"), message);
        }
        self.cost.unwrap_or(1)
    }

    fn check_limits(&self, countable: Countable, at: &Place<'_>, report: &mut Report<'_>) -> Vec<LimitRule> {
        let Some(limits) = &self.limits else { return Vec::new() };
        // On a public route nobody proves who they are.
        let countable = Countable { has_principals: countable.has_principals && !self.public, ..countable };
        limits.check(&self.pattern.value, countable, &at.field("limits"), report)
    }
}

/// Reports routes that match the same request with equal specificity.
fn check_twins(routes: &[Route], at: &Place<'_>, report: &mut Report<'_>) {
    let mut seen: HashMap<Shape<'_>, usize> = HashMap::with_capacity(routes.len());
    for (index, route) in routes.iter().enumerate() {
        let twin = route.pattern.shapes().fold(None, |twin: Option<usize>, shape| {
            let first = *seen.entry(shape).or_insert(index);
            twin.or((first != index).then_some(first))
        });
        if let Some((first, other)) = twin.and_then(|first| Some((first, routes.get(first)?))) {
            let at_route = at.item(index);
            let origin = report.origin_of(&at.item(first));
            let message = format!(
                "found `{}`, expected a pattern for other requests: {at}[{first}] ({origin}) is `{}`, \
                 and neither is more specific",
                route.pattern, other.pattern
            );
            report.add(&at_route.field("match"), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{api, check};

    #[test]
    fn a_route_says_nothing_that_never_applies() {
        let cases = [
            ("public: true", None),
            ("optional: true, scopes: [read]", None),
            ("principals: [api_key, user], environments: [live]", None),
            ("public: true, optional: true", Some("5:14 apis[0].routes[0]: found `public` and `optional`")),
            (
                "public: true, scopes: [read]",
                Some("5:48 apis[0].routes[0].scopes: found `scopes` on a public route"),
            ),
            (
                "public: true, principals: [user]",
                Some("5:52 apis[0].routes[0].principals: found `principals` on a public"),
            ),
            (
                "public: true, environments: [live]",
                Some("5:54 apis[0].routes[0].environments: found `environments` on a"),
            ),
            (
                "environments: [dev]",
                Some("5:41 apis[0].routes[0].environments[0]: found `dev`, expected one of `live`, `test`"),
            ),
            (
                "principals: [anonymous]",
                Some("5:39 apis[0].routes[0].principals[0]: found \"anonymous\", expected one of `user`"),
            ),
        ];
        for (fields, expected) in cases {
            check(&api(&[&format!("routes: [{{ match: /, {fields} }}]")]), expected.as_slice());
        }
    }

    #[test]
    fn an_api_without_credentials_has_public_routes_only() {
        let expected =
            "5:14 apis[0].routes[0]: found a route that needs a credential in an API without `credentials`";
        check(&api(&["credentials: []"]), &[expected]);
        check(&api(&["credentials: []", "routes: [{ match: /, optional: true }]"]), &[expected]);
        check(&api(&["credentials: []", "routes: [{ match: /, public: true }]"]), &[]);
    }

    #[test]
    fn two_routes_match_the_same_request_only_if_one_is_more_specific() {
        let cases = [
            (["/a", "/b"], false),
            (["/a", "/a/"], false),
            (["/a", "/a/**"], false),
            (["/{x}", "/a"], false),
            (["/{x}/**", "/**"], false),
            (["GET /a", "POST /a"], false),
            (["GET /a", "/a"], false),
            (["GET /a", "HEAD /a"], false),
            (["/a", "/a"], true),
            (["/{x}", "/{y}"], true),
            (["/{x}/b/**", "/{y}/b/**"], true),
            (["GET /a", "GET /a"], true),
            (["GET,POST /a", "POST,PUT /a"], true),
        ];
        for ([one, two], are_twins) in cases {
            let text =
                api(&[&format!("routes:\n      - {{ match: '{one}' }}\n      - {{ match: '{two}' }}")]);
            let expected = format!(
                "7:18 apis[0].routes[1].match: found `{two}`, expected a pattern for other requests: apis[0].routes[0] (line 6) is `{one}`"
            );
            check(&text, are_twins.then_some(expected.as_str()).as_slice());
        }
    }
}
