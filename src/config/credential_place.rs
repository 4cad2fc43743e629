//! `credentials[].….from`: where in a request a credential may stand.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{Environment, HeaderName, folds_to};

use super::{
    PrefixRule,
    credential::check_environments,
    place::Place,
    problem::Report,
    reserved_headers,
    text::{Format, Text},
};

/// A place in the request where a credential may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialPlace {
    /// A header: the credential is its whole value, or what follows the scheme.
    Header {
        /// Its name.
        name: HeaderName,
        /// The authentication scheme before it (RFC 9110, section 11.1), compared without case.
        scheme: Option<String>,
    },
    /// A query parameter.
    Query {
        /// Its name.
        name: String,
        /// The environments whose keys may stand here; empty is all.
        environments: Vec<Environment>,
    },
    /// A cookie.
    Cookie {
        /// Its name.
        name: String,
    },
}

/// A place in the request where a credential may stand. It is taken out before the request goes on.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CredentialPlace")]
pub(super) enum RawCredentialPlace {
    /// A header.
    Header(RawHeaderPlace),
    /// A query parameter.
    Query(RawQueryPlace),
    /// A cookie, by its name. Where a request with it may change something, its `Origin` must be among the API's
    /// `origins`.
    Cookie(Text<CookieName>),
}

/// A header: the credential is its whole value, or what follows the scheme.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HeaderPlace")]
pub(super) struct RawHeaderPlace {
    /// Its name.
    name: Text<HeaderName>,
    /// The authentication scheme before it, such as `Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scheme: Option<Text<AuthScheme>>,
}

/// A query parameter. Its value ends up in logs, so let it be for test keys only.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "QueryPlace")]
pub(super) struct RawQueryPlace {
    /// Its name.
    name: Text<QueryName>,
    /// The environments whose keys may stand here; all if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    environments: Vec<Text<Environment>>,
}

impl RawCredentialPlace {
    pub(super) fn check(
        &self,
        prefixes: &[PrefixRule],
        at: &Place<'_>,
        report: &mut Report<'_>,
    ) -> CredentialPlace {
        match self {
            Self::Header(raw) => {
                raw.check(&at.field("header"), report);
                CredentialPlace::Header {
                    name: raw.name.value.clone(),
                    scheme: raw.scheme.as_ref().map(|scheme| scheme.value.0.clone()),
                }
            }
            Self::Query(raw) => {
                let known = prefixes.iter().filter_map(|rule| rule.environment.as_ref());
                let at = at.field("query");
                CredentialPlace::Query {
                    name: raw.name.value.0.clone(),
                    environments: check_environments(
                        &raw.environments,
                        known,
                        &at.field("environments"),
                        report,
                    ),
                }
            }
            Self::Cookie(name) => CredentialPlace::Cookie { name: name.value.0.clone() },
        }
    }
}

impl RawHeaderPlace {
    fn check(&self, at: &Place<'_>, report: &mut Report<'_>) {
        let name = &self.name.value;
        let fault = if name.as_str() == "authorization" && self.scheme.is_none() {
            Some("expected a `scheme` with it, such as `Bearer`")
        } else if folds_to(name.as_str(), "cookie") {
            Some("expected a header of its own, or `cookie` as the place")
        } else {
            reserved_headers::fault(name)
        };
        if let Some(fault) = fault {
            report.add(&at.field("name"), format!("found `{name}`, {fault}"));
        }
    }
}

impl CredentialPlace {
    /// Whether one request could fill both places with one and the same text.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Query { name: one, .. }, Self::Query { name: two, .. })
            | (Self::Cookie { name: one }, Self::Cookie { name: two }) => one == two,
            (
                Self::Header { name: one, scheme: scheme_one },
                Self::Header { name: two, scheme: scheme_two },
            ) => {
                let same_scheme = match (scheme_one, scheme_two) {
                    (Some(one), Some(two)) => one.eq_ignore_ascii_case(two),
                    _ => true,
                };
                one == two && same_scheme
            }
            _ => false,
        }
    }
}

/// Says where, in a few words: `header authorization (Bearer)`, `query api_key`, `cookie session`.
impl fmt::Display for CredentialPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { name, scheme: Some(scheme) } => write!(f, "header {name} ({scheme})"),
            Self::Header { name, scheme: None } => write!(f, "header {name}"),
            Self::Query { name, .. } => write!(f, "query {name}"),
            Self::Cookie { name } => write!(f, "cookie {name}"),
        }
    }
}

/// An authentication scheme: a token (RFC 9110, section 11.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuthScheme(String);

impl Format for AuthScheme {
    const NAME: &'static str = "auth-scheme";
    const WHAT: &'static str = "an authentication scheme such as `Bearer`";
    // `Bearer sk_live_…` may have been pasted whole.
    const IS_SECRET: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=32).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err("expected one word of at most 32 letters, digits, `-` and `_`, such as `Bearer`".to_owned())
        }
    }
}

/// The name of a query parameter that is never percent-encoded: of RFC 3986's unreserved characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct QueryName(String);

impl QueryName {
    /// The name as text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Format for QueryName {
    const NAME: &'static str = "query-name";
    const WHAT: &'static str = "the name of a query parameter, such as `api_key`";

    fn read(text: &str) -> Result<Self, String> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err("expected 1 to 64 letters, digits, `-`, `.`, `_` and `~`, which need no encoding".to_owned())
        }
    }
}

/// The name of a cookie: a token (RFC 6265, section 4.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CookieName(String);

impl CookieName {
    /// The name as text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Format for CookieName {
    const NAME: &'static str = "cookie-name";
    const WHAT: &'static str = "the name of a cookie";

    fn read(text: &str) -> Result<Self, String> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err("expected the name of a cookie, of 1 to 64 letters, digits and `!#$%&'*+-.^_`|~`".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{api, check};

    #[test]
    fn a_key_stands_where_nothing_else_can_be_meant() {
        let cases = [
            ("{ header: { name: X-Api-Key } }", None),
            ("{ query: { name: api_key, environments: [test] } }", None),
            (
                "{ header: { name: authorization } }",
                Some("8:33 @[0].header.name: found `authorization`, expected a `scheme` with it"),
            ),
            (
                "{ header: { name: Cookie } }",
                Some("8:33 @[0].header.name: found `cookie`, expected a header of its own"),
            ),
            (
                "{ header: { name: Host } }",
                Some("8:33 @[0].header.name: found `host`, expected a header that does not steer"),
            ),
            (
                "{ header: { name: ':path' } }",
                Some("8:33 @[0].header.name: found \":path\", expected 1 to 64 letters"),
            ),
            (
                "{ header: { name: X_Envoy_Key } }",
                Some("8:33 @[0].header.name: found `x_envoy_key`, expected a header outside"),
            ),
            (
                "{ header: { name: x-forwarded-for } }",
                Some("8:33 @[0].header.name: found `x-forwarded-for`, expected a header"),
            ),
            (
                "{ header: { name: a, scheme: 'B b' } }",
                Some("8:44 @[0].header.scheme: found 3 characters, expected one word"),
            ),
            (
                "{ query: { name: 'a key' } }",
                Some("8:32 @[0].query.name: found \"a key\", expected 1 to 64 letters"),
            ),
            (
                "{ query: { name: a%20b } }",
                Some("8:32 @[0].query.name: found \"a%20b\", expected 1 to 64 letters"),
            ),
            (
                "{ query: { name: a, environments: [dev] } }",
                Some(
                    "8:50 @[0].query.environments[0]: found `dev`, expected one of `live`, `test`, which `prefixes` names",
                ),
            ),
        ];
        for (place, expected) in cases {
            check_places(&[place], expected);
        }
    }

    #[test]
    fn no_two_places_can_be_filled_by_the_same_text() {
        let twice = Some("9:15 @[1]: found a place that is listed already");
        let cases = [
            (["header: { name: a, scheme: B }", "header: { name: A, scheme: C }"], None),
            (["header: { name: a }", "query: { name: a }"], None),
            (["query: { name: a }", "query: { name: A }"], None),
            (["query: { name: a }", "query: { name: a }"], twice),
            (["header: { name: a }", "header: { name: A }"], twice),
            (["header: { name: a, scheme: B }", "header: { name: a, scheme: b }"], twice),
            (["header: { name: a, scheme: B }", "header: { name: a }"], twice),
        ];
        for (places, expected) in cases {
            check_places(&places, expected);
        }
    }

    /// The first place stands in line 8; in what is expected, `@` is the path of their list.
    fn check_places(places: &[&str], expected: Option<&str>) {
        let text = api(&[&format!(
            "credentials:\n      - api_key:\n          prefixes: {{ live: l, test: t }}\n          from:\n            - {}",
            places.join("\n            - ")
        )]);
        let expected = expected.map(|expected| expected.replace('@', "apis[0].credentials[0].api_key.from"));
        check(&text, expected.as_deref().as_slice());
    }
}
