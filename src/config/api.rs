//! `apis`: the products guarded, and their routes.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU8,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{ApiName, HeaderName, Implications, Scope, folds_to};

use super::{
    CredentialPlace, CredentialRule, Denials, ExpiryWarning, Guards, Limits, PrefixRule, PrincipalHeaders,
    ScopePreset, SecretOrigin, Shadow,
    binding::{ApiBinding, ORGANIZATION, PROJECT, RawBinding},
    credential::{self, RawCredential},
    denials::RawDenials,
    expiry_warning::RawExpiryWarning,
    host::Host,
    limits::{Countable, RawLimits},
    origin::WebOrigin,
    place::Place,
    principal_headers::RawPrincipalHeaders,
    problem::Report,
    reserved_headers,
    route::{self, RawRoute, Route, RouteContext},
    scope_preset::RawScopePreset,
    shadow::RawShadow,
    text::{Text, names},
};

/// The most scopes that can be named where it is said which of them imply which.
const IMPLICATIONS_MAX: usize = 1024;

/// One product guarded.
#[derive(Debug, Clone)]
pub struct Api {
    /// Its name.
    pub name: ApiName,
    /// Its hosts, lower case, without port or final dot.
    pub hosts: Vec<String>,
    /// How the client's address is told; `None` where nothing may depend on it.
    pub client_address: Option<ClientAddress>,
    /// The ambiguities that paths may have although two parsers could read them differently.
    pub ambiguous_paths: Vec<Ambiguity>,
    /// What it accepts as proof of who is asking.
    pub credentials: Vec<CredentialRule>,
    /// Whether a key without any scope may do everything instead of nothing.
    pub unscoped_keys_grant_all: bool,
    /// Which scope implies which.
    pub implications: Implications,
    /// Sets of scopes that keys are created from, by their names.
    pub scope_presets: BTreeMap<String, ScopePreset>,
    /// What whoever uses a key is told before it ends.
    pub expiry_warning: Option<ExpiryWarning>,
    /// The web origins that may act with a cookie.
    pub origins: Vec<String>,
    /// What is refused beside bad credentials.
    pub guards: Guards,
    /// Until when its refusals are not enforced.
    pub shadow: Option<Shadow>,
    /// How much may be done.
    pub limits: Limits,
    /// Under which names the upstream reads who is asking.
    pub principal_headers: PrincipalHeaders,
    /// How it refuses.
    pub denials: Denials,
    /// Its routes; no two of them match the same request with equal specificity.
    pub routes: Vec<Route>,
}

impl Api {
    /// The places in which a credential may stand whole, of all kinds together.
    pub fn credential_places(&self) -> impl Iterator<Item = &CredentialPlace> {
        self.credentials.iter().flat_map(CredentialRule::places)
    }

    /// How keys begin, of all kinds of keys together.
    pub fn prefix_rules(&self) -> impl Iterator<Item = &PrefixRule> {
        credential::prefix_rules(&self.credentials)
    }

    /// The files and environment variables that its credentials need.
    pub(super) fn secret_origins(&self) -> impl Iterator<Item = SecretOrigin> {
        credential::secret_origins(&self.credentials)
    }

    /// The headers in which the upstream reads claims, beside the principal headers.
    pub fn claim_headers(&self) -> impl Iterator<Item = &HeaderName> {
        credential::claim_headers(&self.credentials)
    }
}

/// How the client's address is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAddress {
    /// It is the peer of Envoy's connection.
    Peer,
    /// It is this many entries from the end of `x-forwarded-for`: the number of trusted proxies, Envoy
    /// included. Never 0.
    Hops(usize),
}

/// A way in which two parsers can read a path differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ambiguity {
    /// `%2f`, `%5c` or `\`: is it a separator?
    EncodedSeparator,
    /// `//`: is the empty segment dropped?
    EmptySegment,
    /// `;`: does a parameter begin?
    PathParameter,
    /// `%3f` or `%23`: does the query or the fragment begin?
    EncodedDelimiter,
    /// Another case of letters than in a route that would match otherwise: is it that route?
    LetterCase,
    /// A trailing slash, or none, otherwise than in a route that would match: is it that route?
    TrailingSlash,
}

/// One product guarded.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Api")]
pub(super) struct RawApi {
    /// Its name, in keys, metrics and logs.
    name: Text<ApiName>,
    /// Its hosts. A request belongs to the API that has its host.
    #[schemars(length(min = 1))]
    hosts: Vec<Text<Host>>,
    /// How the client's address is told. Without it, keys that are confined to addresses are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_address: Option<RawClientAddress>,
    /// What paths may hold although two parsers could read it differently.
    #[serde(default)]
    ambiguous_paths: RawAmbiguousPaths,
    /// What proves who is asking. An API without any can have public routes only.
    #[serde(default)]
    #[schemars(length(max = 32))]
    credentials: Vec<RawCredential>,
    /// What a key without any scope may do.
    #[serde(default)]
    unscoped_keys: RawUnscopedKeys,
    /// Which scope implies which others: `admin: [write]`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = names::<Scope>()))]
    scopes: BTreeMap<Text<Scope>, Vec<Text<Scope>>>,
    /// Sets of scopes that keys are created from, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    scope_presets: BTreeMap<String, RawScopePreset>,
    /// Whoever uses a key that ends soon is told so by a header of the responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expiry_warning: Option<RawExpiryWarning>,
    /// Where requests name the organization that they are about. The principal has to belong to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<RawBinding>,
    /// Where requests name the project that they are about. The principal has to belong to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    project: Option<RawBinding>,
    /// The web origins that may act with a cookie: without the `Origin` of one of them, a request with a cookie
    /// can only read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    origins: Vec<Text<WebOrigin>>,
    /// What is refused beside bad credentials.
    #[serde(default)]
    guards: Guards,
    /// For a time, refusals are recorded but not enforced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shadow: Option<RawShadow>,
    /// How much may be done, in how long a time. Without it, anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limits: Option<RawLimits>,
    /// Under which names the upstream reads who is asking.
    #[serde(default)]
    principal_headers: RawPrincipalHeaders,
    /// How it refuses.
    #[serde(default)]
    denials: RawDenials,
    /// What is required for which requests, in any order: the most specific rule counts. A request that no
    /// rule matches is refused.
    #[schemars(length(min = 1))]
    routes: Vec<RawRoute>,
}

/// How the client's address is told.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ClientAddress")]
enum RawClientAddress {
    /// It is the peer of Envoy's connection.
    Peer,
    /// It is so many entries from the end of `x-forwarded-for`: the number of trusted proxies, Envoy included.
    Hops(NonZeroU8),
}

/// What paths may hold although two parsers could read it differently.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "AmbiguousPaths")]
struct RawAmbiguousPaths {
    /// What is not refused.
    allow: Vec<Ambiguity>,
}

/// What a key without any scope may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "UnscopedKeys")]
enum RawUnscopedKeys {
    /// Nothing that needs a scope.
    #[default]
    None,
    /// Everything: it is not narrowed.
    All,
}

/// Checks all APIs, each with its place in the list.
pub(super) fn check(raw: &[(usize, RawApi)], at: &Place<'_>, report: &mut Report<'_>) -> Vec<Api> {
    let mut names: HashMap<&ApiName, usize> = HashMap::new();
    let mut hosts: HashMap<&str, usize> = HashMap::new();
    let mut checked = Vec::with_capacity(raw.len());
    for (index, api) in raw {
        let api_at = at.item(*index);
        if let Some(first) = names.insert(&api.name.value, *index) {
            let message =
                format!("found `{}` again, expected each name once: {at}[{first}] has it", api.name.value);
            report.add(&api_at.field("name"), message);
        }
        let hosts_at = api_at.field("hosts");
        for (place, host) in api.hosts.iter().enumerate() {
            if let Some(first) = hosts.insert(&host.value.0, *index) {
                let message =
                    format!("found `{}` again, expected each host once: {at}[{first}] has it", host.value.0);
                report.add(&hosts_at.item(place), message);
            }
        }
        checked.push(api.check(&api_at, report));
    }
    checked
}

impl RawApi {
    /// Its name.
    pub(super) fn name(&self) -> &ApiName {
        &self.name.value
    }

    /// Its hosts.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(|host| host.value.0.as_str())
    }

    fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> Api {
        let credentials = credential::check(&self.credentials, &at.field("credentials"), report);
        let headers: Vec<&HeaderName> = credential::headers(&credentials).collect();
        let principal_headers =
            self.principal_headers.check(&headers, &at.field("principal_headers"), report);
        check_claim_headers(&credentials, &principal_headers, &at.field("credentials"), report);
        let bindings = [
            ApiBinding { word: ORGANIZATION, of_api: self.organization.as_ref() },
            ApiBinding { word: PROJECT, of_api: self.project.as_ref() },
        ];
        let countable =
            Countable { has_principals: !credentials.is_empty(), has_address: self.client_address.is_some() };
        let limits = self.limits.as_ref();
        let limits = limits.map(|raw| raw.check(countable, &at.field("limits"), report)).unwrap_or_default();
        let context = RouteContext { credentials: &credentials, bindings, countable, limits: &limits };
        let routes = route::check(&self.routes, context, &at.field("routes"), report);
        Api {
            name: self.name.value.clone(),
            hosts: self.hosts.iter().map(|host| host.value.0.clone()).collect(),
            client_address: self.client_address.as_ref().map(|address| match address {
                RawClientAddress::Peer => ClientAddress::Peer,
                RawClientAddress::Hops(count) => ClientAddress::Hops(count.get().into()),
            }),
            ambiguous_paths: self.ambiguous_paths.allow.clone(),
            unscoped_keys_grant_all: self.unscoped_keys == RawUnscopedKeys::All,
            implications: self.check_scopes(&at.field("scopes"), report),
            scope_presets: self
                .scope_presets
                .iter()
                .map(|(name, preset)| (name.clone(), preset.check()))
                .collect(),
            expiry_warning: self
                .expiry_warning
                .as_ref()
                .map(|warning| warning.check(&at.field("expiry_warning"), report)),
            origins: self.origins.iter().map(|origin| origin.value.as_str().to_owned()).collect(),
            guards: self.guards,
            shadow: self.shadow.as_ref().map(RawShadow::check),
            limits,
            principal_headers,
            denials: self.denials.check(&at.field("denials"), report),
            routes,
            credentials,
        }
    }

    fn check_scopes(&self, at: &Place<'_>, report: &mut Report<'_>) -> Implications {
        let direct = self.scopes.iter().map(|(scope, implied)| {
            let implied = implied.iter().map(|scope| scope.value.clone()).collect();
            (scope.value.clone(), implied)
        });
        // What a chain implies grows with the square of its length.
        let count = self.scopes.len() + self.scopes.values().map(Vec::len).sum::<usize>();
        if count > IMPLICATIONS_MAX {
            report.add(at, format!("found {count} scopes, expected {IMPLICATIONS_MAX} at most"));
            return Implications::default();
        }
        Implications::close(&direct.collect()).unwrap_or_else(|scope| {
            let message = format!("found that `{scope}` implies itself, expected no circle");
            report.add(&at.field(scope.as_str()), message);
            Implications::default()
        })
    }
}

/// Reports headers for claims that are somebody else's.
fn check_claim_headers(
    credentials: &[CredentialRule],
    principal: &PrincipalHeaders,
    at: &Place<'_>,
    report: &mut Report<'_>,
) {
    let credential_headers: Vec<&HeaderName> = credential::headers(credentials).collect();
    for (index, rule) in credentials.iter().enumerate() {
        let CredentialRule::Jwt(jwt) = rule else { continue };
        for (name, _) in &jwt.claims.headers {
            let folds = |other: &&HeaderName| folds_to(name.as_str(), other.as_str());
            let fault = if principal.all().iter().any(folds) {
                Some("expected a name that no application takes for a principal header")
            } else if credential_headers.iter().any(folds) {
                Some("expected a header in which no credential comes")
            } else {
                reserved_headers::fault(name)
            };
            if let Some(fault) = fault {
                let rule_at = at.item(index);
                let at = rule_at.field("jwt");
                let at = at.field("claims");
                report.add(&at.field("headers").field(name.as_str()), format!("found `{name}`, {fault}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{api, check};

    #[test]
    fn a_name_and_a_host_belong_to_one_api() {
        let text = "apis:\n  \
            - { name: a, hosts: [a.test, A.test.], routes: [{ match: /, public: true }] }\n  \
            - { name: a, hosts: [b.test, a.test], routes: [{ match: /, public: true }] }\n";
        check(
            text,
            &[
                "2:32 apis[0].hosts[1]: found `a.test` again, expected each host once: apis[0] has it",
                "3:13 apis[1].name: found `a` again, expected each name once: apis[0] has it",
                "3:32 apis[1].hosts[1]: found `a.test` again, expected each host once: apis[0] has it",
            ],
        );
    }

    #[test]
    fn scopes_imply_one_another_in_no_circle() {
        check(&api(&["scopes: { admin: [write], write: [read] }"]), &[]);
        check(
            &api(&["scopes: { a: [b], b: [c], c: [a] }"]),
            &["6:18 apis[0].scopes.a: found that `a` implies itself, expected no circle"],
        );
        let chain = |length: usize| {
            let links: Vec<String> = (0..length).map(|link| format!("s{link}: [s{}]", link + 1)).collect();
            api(&[&format!("scopes: {{ {} }}", links.join(", "))])
        };
        check(&chain(512), &[]);
        check(&chain(513), &["6:13 apis[0].scopes: found 1026 scopes, expected 1024 at most"]);
        check(
            &api(&["scopes: { 'a b': [], c: ['d e'] }"]),
            &[
                "6:15 apis[0].scopes.a b: found the name \"a b\", expected 1 to 64 visible",
                "6:30 apis[0].scopes.c[0]: found \"d e\", expected 1 to 64 visible",
            ],
        );
    }
}
