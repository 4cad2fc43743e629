//! `claims`: which claims of a token make the principal.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    config::{
        place::Place,
        problem::Report,
        text::{Format, Text, names},
    },
    domain::{HeaderName, UserId, folds_to},
};

/// The longest name of a claim, in bytes.
const PATH_BYTES_MAX: usize = 256;

/// Which claims make the principal.
#[derive(Debug, Clone)]
pub struct Claims {
    /// The principal's id.
    pub id: ClaimPath,
    /// What the id begins with here, so that nobody of another issuer has the same.
    pub id_prefix: Option<UserId>,
    /// The organizations: a string, a list, or a mapping of organization → scopes.
    pub organizations: Option<ClaimPath>,
    /// The scopes: a string with spaces between, or a list.
    pub scopes: Option<ClaimPath>,
    /// Claims that the upstream reads, each under the name of a header.
    pub headers: Vec<(HeaderName, ClaimPath)>,
}

/// Names a claim, or by a JSON Pointer (RFC 6901) something within one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(String);

impl ClaimPath {
    /// The claim `groups`.
    pub(in crate::config) fn groups() -> Self {
        Self("groups".to_owned())
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it names among these claims, an object. What is `null` is not there.
    #[must_use]
    pub fn find<'c>(&self, claims: &'c Value) -> Option<&'c Value> {
        let found = if self.0.starts_with('/') { claims.pointer(&self.0) } else { claims.get(&self.0) };
        found.filter(|value| !value.is_null())
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Format for ClaimPath {
    const NAME: &'static str = "claim-path";
    const WHAT: &'static str = "a claim such as `sub` or `/realm_access/roles`";

    fn read(text: &str) -> Result<Self, String> {
        // In a pointer, `~` begins one of two escapes.
        let broken =
            text.starts_with('/') && text.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
        if (1..=PATH_BYTES_MAX).contains(&text.len()) && !broken {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "expected the name of a claim, or a JSON Pointer such as `/realm_access/roles` (RFC 6901), \
                 of 1 to {PATH_BYTES_MAX} bytes"
            ))
        }
    }
}

/// Which claims make the principal: the name of each, or a JSON Pointer to it such as `/realm_access/roles`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Claims")]
pub(super) struct RawClaims {
    /// The principal's id.
    id: Text<ClaimPath>,
    /// What is put before the id, such as `partner|`: ids are unique within their issuer alone. None, if not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_prefix: Option<Text<UserId>>,
    /// The organizations that the principal belongs to: a string, a list, or a mapping of organization to scopes.
    /// If none is named, the store knows where people belong.
    #[serde(skip_serializing_if = "Option::is_none")]
    organizations: Option<Text<ClaimPath>>,
    /// The scopes: a string with spaces between, or a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Text<ClaimPath>>,
    /// Claims that the upstream reads, by the name of the header: strings, numbers and booleans of at most 256 bytes
    /// once percent-encoded.
    #[schemars(extend("propertyNames" = names::<HeaderName>(), "maxProperties" = 64))]
    headers: BTreeMap<Text<HeaderName>, Text<ClaimPath>>,
}

/// The id is `sub`.
impl Default for Claims {
    fn default() -> Self {
        let id = ClaimPath("sub".to_owned());
        Self { id, id_prefix: None, organizations: None, scopes: None, headers: Vec::new() }
    }
}

impl Default for RawClaims {
    fn default() -> Self {
        let id = Claims::default().id.into();
        Self { id, id_prefix: None, organizations: None, scopes: None, headers: BTreeMap::new() }
    }
}

impl RawClaims {
    pub(super) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> Claims {
        let names: Vec<&HeaderName> = self.headers.keys().map(|name| &name.value).collect();
        for (index, name) in names.iter().enumerate() {
            if let Some(twin) = names.iter().take(index).find(|twin| folds_to(name.as_str(), twin.as_str())) {
                let message =
                    format!("found `{name}`, expected a name that no application takes for `{twin}`");
                report.add(&at.field("headers").field(name.as_str()), message);
            }
        }
        let path = |path: &Text<ClaimPath>| path.value.clone();
        Claims {
            id: path(&self.id),
            id_prefix: self.id_prefix.as_ref().map(|prefix| prefix.value.clone()),
            organizations: self.organizations.as_ref().map(path),
            scopes: self.scopes.as_ref().map(path),
            headers: self.headers.iter().map(|(name, claim)| (name.value.clone(), path(claim))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::config::tests::{api, check};

    use super::*;

    #[test]
    fn a_claim_is_found_by_its_name_or_by_a_pointer() {
        let claims = json!({
            "sub": "me", "https://a.test/orgs": "named", "a": { "b/c": [1, 2], "": "empty" }, "none": null
        });
        let cases = [
            ("sub", json!("me")),
            ("https://a.test/orgs", json!("named")),
            ("/sub", json!("me")),
            ("/a/b~1c/1", json!(2)),
            ("/a/", json!("empty")),
            ("/a/x", json!(null)),
            ("/a/b~1c/2", json!(null)),
            ("none", json!(null)),
            ("a.b", json!(null)),
        ];
        for (path, expected) in cases {
            let path = ClaimPath::read(path).expect("a path");
            assert_eq!(path.find(&claims), Some(&expected).filter(|value| !value.is_null()), "{path}");
        }
    }

    #[test]
    fn a_pointer_has_its_own_escapes() {
        for bad in ["", "/a~", "/a~2", "/~/b", &"x".repeat(257)] {
            assert!(ClaimPath::read(bad).is_err(), "{bad}");
        }
        for good in ["~", "a~2", "/", "/a~0~1"] {
            assert!(ClaimPath::read(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn headers_for_claims_belong_to_nobody_else() {
        let with = |headers: &str| {
            api(&[&format!(
                "credentials: [{{ jwt: {{ issuer: i, audience: a, keys: {{ jwks: 'https://a.test' }}, \
                 from: [{{ header: {{ name: x-token }} }}], claims: {{ headers: {{ {headers} }} }} }} }}]"
            )])
        };
        let at = "apis[0].credentials[0].jwt.claims.headers";
        let cases = [
            ("x-email: email", None),
            ("x-email: ''", Some("email: found \"\", expected the name of a claim")),
            ("x_principal_id: sub", Some("x_principal_id: found `x_principal_id`, expected a name that no")),
            ("X-Token: sub", Some("x-token: found `x-token`, expected a header in which no credential")),
            ("host: sub", Some("host: found `host`, expected a header that does not steer")),
            ("x-a: a, x_a: b", Some("x_a: found `x_a`, expected a name that no application takes for `x-a`")),
        ];
        for (headers, expected) in cases {
            let found = crate::config::tests::problems(&with(headers));
            let begins = |problem: &String| {
                expected.is_some_and(|expected| problem.contains(&format!("{at}.{expected}")))
                    || problem.contains(&format!("{at}.x-email: found \"\""))
            };
            assert_eq!(found.len(), usize::from(expected.is_some()), "{headers}: {found:?}");
            assert!(found.iter().all(begins), "{headers}: {found:?}");
        }
        check(&with("x-a: a"), &[]);
    }
}
