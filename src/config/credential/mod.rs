//! `credentials`: what an API accepts as proof of who is asking.

pub(super) mod api_key;
pub(super) mod jwt;
pub(super) mod once;
pub(super) mod session;
pub(super) mod signature;
pub(super) mod signed_text;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{Environment, HeaderName, KeyPrefix, Scope, ScopeSet};

use super::{
    SecretOrigin, credential_place::CredentialPlace, place::Place, problem::Report, text::Text,
    wording::one_of,
};

use self::{
    api_key::{ApiKeyCredential, PrefixRule, RawApiKey},
    jwt::{JwtCredential, JwtKeys, RawJwt},
    session::{RawSession, SessionCredential},
    signature::{RawSignature, SignatureCredential},
};

/// One kind of credential that an API accepts.
#[derive(Debug, Clone)]
pub enum CredentialRule {
    /// API keys.
    ApiKey(ApiKeyCredential),
    /// Tokens of one issuer.
    Jwt(Box<JwtCredential>),
    /// Signatures with the secret of a project.
    Signature(SignatureCredential),
    /// Sessions that the store keeps.
    Session(SessionCredential),
}

impl CredentialRule {
    /// The places in which a credential of this kind stands whole. A signature has none: it is spread over
    /// headers of its own.
    #[must_use]
    pub fn places(&self) -> &[CredentialPlace] {
        match self {
            Self::ApiKey(key) => &key.from,
            Self::Jwt(jwt) => &jwt.from,
            Self::Signature(_) => &[],
            Self::Session(session) => session.places(),
        }
    }

    /// Whether the place is a header over which a signature is spread.
    fn spreads_over(&self, place: &CredentialPlace) -> bool {
        match (self, place) {
            (Self::Signature(signature), CredentialPlace::Header { name, .. }) => {
                signature.headers().contains(&name)
            }
            _ => false,
        }
    }

    /// Whether both can stand in one place, since their forms tell them apart: keys have prefixes and no dots,
    /// tokens have two dots and an issuer.
    fn shares_places_with(&self, other: &Self) -> bool {
        let has_a_form = |rule: &Self| matches!(rule, Self::ApiKey(_) | Self::Jwt(_));
        has_a_form(self) && has_a_form(other)
    }
}

/// Whether keys, or tokens of sessions, need a checksum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChecksumRule {
    /// Without one they are refused without a look-up.
    #[default]
    Required,
    /// Those made elsewhere are accepted as well.
    Optional,
}

/// How keys begin, of all kinds of keys together.
pub(super) fn prefix_rules(credentials: &[CredentialRule]) -> impl Iterator<Item = &PrefixRule> {
    credentials.iter().flat_map(|rule| match rule {
        CredentialRule::ApiKey(key) => key.prefixes.as_slice(),
        _ => &[],
    })
}

/// The files and variables that credentials need.
pub(super) fn secret_origins(credentials: &[CredentialRule]) -> impl Iterator<Item = SecretOrigin> {
    credentials.iter().filter_map(|rule| match rule {
        CredentialRule::Jwt(jwt) => match &jwt.keys {
            JwtKeys::File(path) => Some(SecretOrigin::File(path.clone())),
            JwtKeys::Secret(secret) => Some(secret.origin.clone()),
            JwtKeys::Jwks(keys) | JwtKeys::Discovery(keys) => keys.ca.clone().map(SecretOrigin::File),
        },
        CredentialRule::ApiKey(_) | CredentialRule::Signature(_) | CredentialRule::Session(_) => None,
    })
}

/// The headers in which credentials come.
pub(super) fn headers(credentials: &[CredentialRule]) -> impl Iterator<Item = &HeaderName> {
    let whole = credentials.iter().flat_map(CredentialRule::places).filter_map(|place| match place {
        CredentialPlace::Header { name, .. } => Some(name),
        CredentialPlace::Query { .. } | CredentialPlace::Cookie { .. } => None,
    });
    let spread = credentials.iter().filter_map(|rule| match rule {
        CredentialRule::Signature(signature) => Some(signature.headers()),
        _ => None,
    });
    whole.chain(spread.flatten())
}

/// The headers in which the upstream reads claims.
pub(super) fn claim_headers(credentials: &[CredentialRule]) -> impl Iterator<Item = &HeaderName> {
    let claims = credentials.iter().flat_map(|rule| match rule {
        CredentialRule::Jwt(jwt) => jwt.claims.headers.as_slice(),
        _ => &[],
    });
    claims.map(|(name, _)| name)
}

/// A kind of credential that an API accepts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Credential")]
pub(super) enum RawCredential {
    /// API keys.
    ApiKey(RawApiKey),
    /// Tokens (RFC 7519) of one issuer.
    Jwt(Box<RawJwt>),
    /// Signatures made with the secret of a project.
    Signature(RawSignature),
    /// Sessions: opaque tokens in a cookie, kept in the store.
    Session(RawSession),
}

impl RawCredential {
    /// Its name in the configuration.
    fn tag(&self) -> &'static str {
        match self {
            Self::ApiKey(_) => "api_key",
            Self::Jwt(_) => "jwt",
            Self::Signature(_) => "signature",
            Self::Session(_) => "session",
        }
    }

    fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> CredentialRule {
        match self {
            Self::ApiKey(raw) => CredentialRule::ApiKey(raw.check(at, report)),
            Self::Jwt(raw) => CredentialRule::Jwt(raw.check(at, report).into()),
            Self::Signature(raw) => CredentialRule::Signature(raw.check(at, report)),
            Self::Session(raw) => CredentialRule::Session(raw.check(at, report)),
        }
    }
}

/// Checks the credentials of one API together: whatever a request presents falls under one rule at most.
pub(super) fn check(raw: &[RawCredential], at: &Place<'_>, report: &mut Report<'_>) -> Vec<CredentialRule> {
    let mut checked: Vec<CredentialRule> = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let at = at.item(index);
        let at = at.field(raw.tag());
        let rule = raw.check(&at, report);
        check_forms(&rule, &checked, &at, report);
        check_places(&rule, &checked, &at, report);
        checked.push(rule);
    }
    checked
}

/// Reports what has the form of something that an earlier rule accepts.
fn check_forms(rule: &CredentialRule, earlier: &[CredentialRule], at: &Place<'_>, report: &mut Report<'_>) {
    match rule {
        CredentialRule::ApiKey(key) => {
            let mut prefixes: Vec<&KeyPrefix> = prefix_rules(earlier).map(|rule| &rule.prefix).collect();
            for rule in &key.prefixes {
                if prefixes.contains(&&rule.prefix) {
                    report.add(at, "found the same prefix twice, expected each once in an API");
                }
                prefixes.push(&rule.prefix);
            }
        }
        CredentialRule::Jwt(jwt) => {
            let is_known = |rule: &CredentialRule| matches!(rule, CredentialRule::Jwt(other) if other.issuer == jwt.issuer);
            if earlier.iter().any(is_known) {
                let message = format!("found `{}` again, expected each issuer once in an API", jwt.issuer);
                report.add(&at.field("issuer"), message);
            }
        }
        CredentialRule::Signature(_) | CredentialRule::Session(_) => {}
    }
}

/// Reports places that an earlier rule or an earlier entry of the same rule has, where the form of what stands
/// there does not tell which of them is meant.
fn check_places(rule: &CredentialRule, earlier: &[CredentialRule], at: &Place<'_>, report: &mut Report<'_>) {
    let taken = |place: &CredentialPlace| {
        earlier.iter().any(|other| {
            let may_share = rule.shares_places_with(other);
            other.places().iter().any(|other| other.overlaps(place) && !(may_share && other == place))
                || other.spreads_over(place)
        })
    };
    for (index, place) in rule.places().iter().enumerate() {
        let own = rule.places().iter().take(index);
        if taken(place) || own.into_iter().any(|other| other.overlaps(place)) {
            let message = "found a place that is listed already, expected each once, or in the same words where credentials share it (a header either with schemes or without)";
            match rule {
                CredentialRule::Session(_) => report.add(&at.field("cookie"), message),
                _ => report.add(&at.field("from").item(index), message),
            }
        }
    }
    if let CredentialRule::Signature(signature) = rule {
        let used: Vec<&HeaderName> = headers(earlier).collect();
        for (field, name) in signature.named_headers() {
            if used.contains(&name) {
                let message =
                    format!("found `{name}` again, expected a header that no other credential uses");
                report.add(&at.field(field).field("header"), message);
            }
        }
    }
}

/// The scopes listed, as a set.
fn check_scopes(listed: &[Text<Scope>], at: &Place<'_>, report: &mut Report<'_>) -> ScopeSet {
    let scopes = listed.iter().map(|scope| scope.value.clone()).collect();
    ScopeSet::new(scopes).unwrap_or_else(|fault| {
        report.add(at, format!("found {} scopes, {fault}", listed.len()));
        ScopeSet::default()
    })
}

/// The environments listed; each must be among those `known`.
pub(super) fn check_environments<'e>(
    listed: &[Text<Environment>],
    known: impl Iterator<Item = &'e Environment>,
    at: &Place<'_>,
    report: &mut Report<'_>,
) -> Vec<Environment> {
    let known: Vec<&Environment> = known.collect();
    let names: Vec<&str> = known.iter().map(|environment| environment.as_str()).collect();
    let expected = match names.as_slice() {
        [] => "no environment, since `prefixes` names none".to_owned(),
        names => format!("{}, which `prefixes` names", one_of(names)),
    };
    for (index, environment) in listed.iter().enumerate() {
        if !known.contains(&&environment.value) {
            let message = format!("found `{}`, expected {expected}", environment.value);
            report.add(&at.item(index), message);
        }
    }
    listed.iter().map(|environment| environment.value.clone()).collect()
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{api, check};

    const KEY: &str = "{ api_key: { prefix: k, from: [{ header: { name: x } }] } }";

    fn credentials(rules: &[&str]) -> String {
        api(&[&format!("credentials:\n      - {}", rules.join("\n      - "))])
    }

    #[test]
    fn two_kinds_of_keys_share_a_place_but_no_prefix() {
        check(
            &credentials(&[KEY, KEY]),
            &["6:20 apis[0].credentials[1].api_key: found the same prefix twice"],
        );
        check(&credentials(&[KEY, &KEY.replace("prefix: k", "prefix: l")]), &[]);
        check(
            &credentials(&[KEY, "{ api_key: { prefix: l, from: [{ header: { name: x, scheme: B } }] } }"]),
            &["6:40 apis[0].credentials[1].api_key.from[0]: found a place that is listed already"],
        );
        let in_scheme = |prefix, scheme| {
            format!(
                "{{ api_key: {{ prefix: {prefix}, from: [{{ header: {{ name: x, scheme: {scheme} }} }}] }} }}"
            )
        };
        check(&credentials(&[&in_scheme("k", "B"), &in_scheme("l", "B")]), &[]);
        check(
            &credentials(&[&in_scheme("k", "B"), &in_scheme("l", "b")]),
            &["6:40 apis[0].credentials[1].api_key.from[0]: found a place that is listed already"],
        );
    }

    #[test]
    fn a_session_has_its_cookie_for_itself() {
        check(&credentials(&["{ session: { cookie: s } }", "{ session: { cookie: t } }"]), &[]);
        check(
            &credentials(&["{ session: { cookie: s } }", "{ session: { cookie: s } }"]),
            &["6:30 apis[0].credentials[1].session.cookie: found a place that is listed already"],
        );
    }

    #[test]
    fn a_signature_has_its_headers_for_itself_whatever_comes_first() {
        let signature = "{ signature: { project: { header: p }, timestamp: { header: t }, signature: { header: x }, signed: '{timestamp}.{body}' } }";
        let with_sealing =
            |rules: &[&str]| credentials(rules) + "sealing: { current: k1, keys: { k1: { env: KEY } } }\n";
        check(&with_sealing(&[signature, "{ session: { cookie: s } }"]), &[]);
        check(
            &with_sealing(&[signature, KEY]),
            &["6:40 apis[0].credentials[1].api_key.from[0]: found a place that is listed already"],
        );
        check(
            &with_sealing(&[KEY, signature]),
            &[
                "6:95 apis[0].credentials[1].signature.signature.header: found `x` again, expected a header that no other",
            ],
        );
    }
}
