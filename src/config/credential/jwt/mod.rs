//! `credentials[].jwt`: tokens (RFC 7519) of one issuer.

mod algorithm;
mod claims;
mod https_url;
mod keys;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::{
        credential_place::{CredentialPlace, RawCredentialPlace},
        duration::Span,
        place::Place,
        problem::Report,
        text::{Format, Text},
    },
    domain::{Scope, ScopeSet},
};

use self::claims::RawClaims;

pub use algorithm::Algorithm;
pub use claims::{ClaimPath, Claims};
pub use keys::{JwtKeys, KeyTiming, PrivateAddresses, RemoteKeys};

pub(in crate::config) use {https_url::HttpsUrl, keys::RawJwtKeys};

/// The longest issuer or audience, in bytes.
const NAME_BYTES_MAX: usize = 1024;
/// How far an issuer's clock may be from ours unless more is said, in milliseconds.
const LEEWAY_MS: u64 = 30_000;

/// Tokens of one issuer.
#[derive(Debug, Clone)]
pub struct JwtCredential {
    /// Who makes them: the claim `iss`, and by it the rule that a token falls under.
    pub issuer: String,
    /// For whom they are made: the claim `aud` names one of these.
    pub audiences: Vec<String>,
    /// Where the keys come from.
    pub keys: JwtKeys,
    /// The algorithms that are accepted, each with such keys only as are made for it.
    pub algorithms: Vec<Algorithm>,
    /// How far the issuer's clock may be from ours.
    pub leeway: Duration,
    /// What everyone may do whom these tokens prove, beside what the token says.
    pub scopes: ScopeSet,
    /// Where a token may stand.
    pub from: Vec<CredentialPlace>,
    /// Which claims make the principal.
    pub claims: Claims,
}

/// Tokens (RFC 7519) of one issuer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Jwt")]
pub(in crate::config) struct RawJwt {
    /// Who makes them: exactly the claim `iss`.
    issuer: Text<TokenName>,
    /// For whom they are made: the claim `aud` names this, or one of these.
    audience: RawAudience,
    /// Where the keys come from.
    keys: RawJwtKeys,
    /// The algorithms that are accepted; all that fit the keys if none is named. A key is never used with another
    /// algorithm than it is made for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    algorithms: Vec<Algorithm>,
    /// How far the issuer's clock may be from ours: for so long a token counts before `nbf` and after `exp`. At
    /// most 5 minutes.
    #[serde(default = "default_leeway")]
    leeway: Text<Span>,
    /// What everyone may do whom these tokens prove, beside what the token says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<Text<Scope>>,
    /// Where a token may stand: a header or a cookie.
    #[schemars(length(min = 1, max = 16))]
    from: Vec<RawCredentialPlace>,
    /// Which claims make the principal.
    #[serde(default)]
    claims: RawClaims,
}

fn default_leeway() -> Text<Span> {
    Text::of_ms(LEEWAY_MS)
}

/// One audience or several.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Audience")]
pub(in crate::config) enum RawAudience {
    /// This one.
    One(Text<TokenName>),
    /// One of these.
    OneOf(#[schemars(length(min = 1))] Vec<Text<TokenName>>),
}

impl RawAudience {
    /// Those that are named.
    fn names(&self) -> Vec<String> {
        let named: &[Text<TokenName>] = match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::OneOf(several) => several,
        };
        named.iter().map(|audience| audience.value.0.clone()).collect()
    }
}

impl JwtCredential {
    /// The tokens of an issuer that people sign in by: nothing is said of where they stand.
    pub(in crate::config) fn for_people(issuer: &TokenName, audience: &RawAudience, keys: JwtKeys) -> Self {
        Self {
            issuer: issuer.0.clone(),
            audiences: audience.names(),
            keys,
            algorithms: Algorithm::ALL.to_vec(),
            leeway: Duration::from_millis(LEEWAY_MS),
            scopes: ScopeSet::default(),
            from: Vec::new(),
            claims: Claims::default(),
        }
    }
}

impl RawJwt {
    pub(super) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> JwtCredential {
        let keys = self.keys.check(&at.field("keys"), report);
        let scopes = self.scopes.iter().map(|scope| scope.value.clone()).collect();
        JwtCredential {
            issuer: self.issuer.value.0.clone(),
            audiences: self.audience.names(),
            algorithms: self.check_algorithms(&keys, &at.field("algorithms"), report),
            leeway: self.leeway.within(0..=300_000, &at.field("leeway"), report),
            scopes: ScopeSet::new(scopes).unwrap_or_else(|error| {
                report.add(&at.field("scopes"), format!("found {}, {error}", error.found));
                ScopeSet::default()
            }),
            from: self.check_places(&at.field("from"), report),
            claims: self.claims.check(&at.field("claims"), report),
            keys,
        }
    }

    fn check_algorithms(&self, keys: &JwtKeys, at: &Place<'_>, report: &mut Report<'_>) -> Vec<Algorithm> {
        for (index, algorithm) in self.algorithms.iter().enumerate() {
            if let Some(expected) = keys.fault_with(*algorithm) {
                report.add(&at.item(index), format!("found `{algorithm}`, expected {expected}"));
            }
        }
        if self.algorithms.is_empty() { Algorithm::ALL.to_vec() } else { self.algorithms.clone() }
    }

    fn check_places(&self, at: &Place<'_>, report: &mut Report<'_>) -> Vec<CredentialPlace> {
        let mut places = Vec::with_capacity(self.from.len());
        for (index, place) in self.from.iter().enumerate() {
            let at = at.item(index);
            let place = place.check(&[], &at, report);
            if matches!(place, CredentialPlace::Query { .. }) {
                // RFC 6750, section 5.3: bearer tokens do not belong in page URLs.
                let message =
                    "found `query`, expected `header` or `cookie`: what is in a URL ends up in logs";
                report.add(&at, message);
            }
            places.push(place);
        }
        places
    }
}

/// An issuer or an audience: text that a claim has to equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct TokenName(String);

impl Format for TokenName {
    const NAME: &'static str = "token-name";
    const WHAT: &'static str = "a name such as `https://login.example.com`";

    fn read(text: &str) -> Result<Self, String> {
        if (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("expected 1 to {NAME_BYTES_MAX} bytes without control characters"))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{api, check, config};

    use super::*;
    use crate::config::CredentialRule;

    const AT: &str = "apis[0].credentials[0].jwt";
    const KEYS: &str = "keys: { jwks: 'https://a.test/jwks' }";

    /// One rule, each of its fields in a line of its own: the first field in line 6.
    fn with_jwt(fields: &[&str]) -> String {
        api(&[&format!("credentials:\n      - jwt:\n          {}", fields.join("\n          "))])
    }

    fn fields<'f>(more: &[&'f str]) -> Vec<&'f str> {
        let usual = ["issuer: i", "audience: a", KEYS, "from: [{ header: { name: x, scheme: Bearer } }]"];
        let name = |field: &'f str| field.split(':').next();
        let usual = usual.map(|field| *more.iter().find(|own| name(own) == name(field)).unwrap_or(&field));
        let further = more.iter().filter(|own| usual.iter().all(|field| name(field) != name(own)));
        usual.iter().chain(further).copied().collect()
    }

    fn jwt(more: &[&str]) -> JwtCredential {
        let mut config = config(&with_jwt(&fields(more)));
        match config.apis.remove(0).credentials.remove(0) {
            CredentialRule::Jwt(jwt) => *jwt,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let jwt = jwt(&[]);
        assert_eq!((jwt.issuer.as_str(), jwt.audiences.as_slice()), ("i", ["a".to_owned()].as_slice()));
        assert_eq!(jwt.algorithms, Algorithm::ALL);
        assert_eq!(jwt.leeway, Duration::from_secs(30));
        assert_eq!(jwt.claims.id.as_str(), "sub");
        assert!(jwt.scopes.is_empty() && jwt.claims.organizations.is_none() && jwt.claims.scopes.is_none());
    }

    #[test]
    fn several_audiences_may_be_named() {
        assert_eq!(jwt(&["audience: [a, b]"]).audiences, ["a", "b"]);
        check(&with_jwt(&fields(&["audience: []"])), &[&format!("7:21 {AT}.audience: found an empty list")]);
    }

    #[test]
    fn every_field_has_bounds() {
        let long = format!("issuer: {}", "i".repeat(1025));
        let many: Vec<String> = (0..65).map(|number| format!("s{number}")).collect();
        let many = format!("scopes: [{}]", many.join(", "));
        let cases = [
            ("issuer: ''", "6:19 @.issuer: found \"\", expected 1 to 1024 bytes"),
            (&long, "6:19 @.issuer: found \"iiii"),
            ("audience: [a, \"b\\n\"]", "7:25 @.audience[1]: found \"b\\n\", expected 1 to 1024 bytes"),
            ("leeway: 301s", "10:19 @.leeway: found 301s, expected from 0s to 5m"),
            ("algorithms: [RS256, none]", "10:31 @.algorithms[1]: found \"none\", expected `HS256`, `HS384`"),
            (
                "algorithms: [HS256]",
                "10:24 @.algorithms[0]: found `HS256`, expected an algorithm with public keys",
            ),
            ("scopes: ['a b']", "10:20 @.scopes[0]: found \"a b\", expected 1 to 64 visible"),
            (&many, "10:19 @.scopes: found 65, expected at most 64 scopes"),
            (
                "from: [{ query: { name: t } }]",
                "9:18 @.from[0]: found `query`, expected `header` or `cookie`",
            ),
            ("from: []", "9:17 @.from: found an empty list"),
        ];
        for (field, expected) in cases {
            check(&with_jwt(&fields(&[field])), &[&expected.replace('@', AT)]);
        }
    }

    #[test]
    fn two_rules_of_one_place_have_two_issuers() {
        let rule = "{ jwt: { issuer: i, audience: a, keys: { jwks: 'https://a.test' }, from: [{ header: { name: x } }] } }";
        let two = |second: &str| api(&[&format!("credentials:\n      - {rule}\n      - {second}")]);
        check(&two(&rule.replace("issuer: i", "issuer: j")), &[]);
        check(
            &two(rule),
            &["6:26 apis[0].credentials[1].jwt.issuer: found `i` again, expected each issuer once"],
        );
    }
}
