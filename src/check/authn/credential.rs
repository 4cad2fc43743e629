//! Stage 3, extract: request → [`Credential`].
//!
//! A credential is found by place, scheme and prefix, never by trying one verifier after the other. Whatever is
//! claimed twice, in two voices or in a form that Envoy and an upstream could read differently is refused.

use std::{borrow::Cow, fmt};

use percent_encoding::percent_decode_str;

use crate::{
    check::{
        refusal::Refusal,
        request::{InboundRequest, query_parameters},
        route::GuardedApi,
    },
    config::{Access, ApiKeyCredential, ChecksumRule, CredentialRule, KeyPlace, PrefixRule, Route},
    domain::{DenialReason, folds_to, is_plausible_key},
};

/// What the request presents, unproven.
#[derive(Debug)]
pub enum Credential<'r> {
    /// Nothing, or nothing that counts; only where the route allows that.
    Anonymous,
    /// An API key.
    ApiKey(PresentedKey<'r>),
}

/// An API key as it was presented: it has one of the API's prefixes and only characters that a key can have.
pub struct PresentedKey<'r> {
    /// The whole key.
    pub(super) text: &'r str,
    /// The prefix rule that it falls under.
    pub(super) rule: &'r PrefixRule,
    /// Whether it needs a checksum.
    pub(super) checksum: ChecksumRule,
}

impl fmt::Debug for PresentedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedKey([REDACTED])")
    }
}

/// Finds what the request presents to this route.
///
/// # Errors
///
/// `credential_missing` if there is none where the route needs one, `credential_ambiguous` if there is more
/// than one, `credential_malformed` if it cannot be a credential of this API.
pub fn extract<'r>(
    request: &InboundRequest<'r>,
    api: &'r GuardedApi,
    route: &Route,
) -> Result<Credential<'r>, Refusal> {
    if route.access == Access::Public {
        return Ok(Credential::Anonymous);
    }
    let mut found: Option<PresentedKey<'r>> = None;
    for CredentialRule::ApiKey(accepted) in &api.config.credentials {
        for place in &accepted.from {
            let Some(value) = look(place, request)? else {
                continue;
            };
            let key = present(value, place, accepted)?;
            // The same key in two places is one credential said twice; anything else is two.
            if found.as_ref().is_some_and(|earlier| earlier.text != key.text) {
                return Err(ambiguous("different credentials stand in two places"));
            }
            found = Some(key);
        }
    }
    match found {
        Some(key) => Ok(Credential::ApiKey(key)),
        None if route.access == Access::Optional => Ok(Credential::Anonymous),
        None => Err(Refusal::denied(DenialReason::CredentialMissing, "no credential was presented")),
    }
}

/// What stands in one place, if it is claimed there.
fn look<'r>(place: &KeyPlace, request: &InboundRequest<'r>) -> Result<Option<&'r [u8]>, Refusal> {
    match place {
        KeyPlace::Header { name, scheme } => {
            let mut claimed = None;
            let mut times_sent = 0;
            for value in request.headers.values(name.as_str()) {
                times_sent += 1;
                claimed = claim(value, scheme.as_deref())?.or(claimed);
            }
            if claimed.is_some() && times_sent > 1 {
                return Err(ambiguous("the credential's header was sent twice"));
            }
            Ok(claimed)
        }
        KeyPlace::Query { name, .. } => {
            let mut claimed = None;
            for (spelled, value) in query_parameters(request.query) {
                if !presented_by_parameter(spelled, name) {
                    continue;
                }
                if spelled != name {
                    return Err(malformed("the credential's query parameter has an encoded name"));
                }
                if claimed.replace(value.as_bytes()).is_some() {
                    return Err(malformed("the credential's query parameter was sent twice"));
                }
            }
            Ok(claimed)
        }
    }
}

/// What a header's value claims as key: all of it, or what follows the scheme. Envoy joins headers that were
/// sent twice with a comma, so a comma before a claimed scheme, or anywhere after it, means two.
fn claim<'r>(value: &'r [u8], scheme: Option<&str>) -> Result<Option<&'r [u8]>, Refusal> {
    let Some(scheme) = scheme else {
        return single(value).map(Some);
    };
    let mut parts = value.split(|byte| *byte == b',');
    let first = parts.next().unwrap_or_default();
    if parts.any(|part| after_scheme(part.trim_ascii_start(), scheme).is_some()) {
        return Err(ambiguous("the credential's header was sent twice"));
    }
    if after_scheme(first, scheme).is_none() {
        return Ok(None);
    }
    Ok(after_scheme(single(value)?, scheme))
}

fn single(value: &[u8]) -> Result<&[u8], Refusal> {
    if value.contains(&b',') {
        return Err(ambiguous("the credential's header was sent twice or holds a comma"));
    }
    Ok(value)
}

/// What follows `scheme` and its spaces (RFC 9110, section 11.4), if the value begins with it.
fn after_scheme<'v>(value: &'v [u8], scheme: &str) -> Option<&'v [u8]> {
    let (start, rest) = value.split_at_checked(scheme.len())?;
    if !start.eq_ignore_ascii_case(scheme.as_bytes()) {
        return None;
    }
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    // A tab is no separator, but some read it as one: it stays, and makes the credential malformed.
    if spaces == 0 && !matches!(rest.first(), None | Some(b'\t')) {
        return None;
    }
    rest.get(spaces..)
}

/// What stands in a place, if it can be a key there.
fn present<'r>(
    value: &'r [u8],
    place: &KeyPlace,
    accepted: &'r ApiKeyCredential,
) -> Result<PresentedKey<'r>, Refusal> {
    if value.is_empty() {
        return Err(malformed("the credential is empty"));
    }
    let text = std::str::from_utf8(value)
        .ok()
        .filter(|text| is_plausible_key(text))
        .ok_or_else(|| malformed("the credential holds a character that no key has, or is too long"))?;
    let rule = accepted
        .prefixes
        .iter()
        .find(|rule| text.starts_with(rule.prefix.as_str()))
        .ok_or_else(|| malformed("the credential has no prefix of this API"))?;
    if let KeyPlace::Query { environments, .. } = place {
        let may_stand = |own| environments.contains(own);
        if !environments.is_empty() && !rule.environment.as_ref().is_some_and(may_stand) {
            return Err(malformed("keys of this environment may not stand in a query"));
        }
    }
    Ok(PresentedKey { text, rule, checksum: accepted.checksum })
}

/// Whether an application might read the header with this name and value as something in this place, good or
/// bad, so that it has to be taken out of the request.
#[must_use]
pub fn presented_by_header(name: &str, value: &[u8], place: &KeyPlace) -> bool {
    match place {
        KeyPlace::Header { name: own, scheme } => {
            folds_to(name, own.as_str()) && !matches!(claim(value, scheme.as_deref()), Ok(None))
        }
        KeyPlace::Query { .. } => false,
    }
}

/// Whether a query parameter spelled like this has this name, percent-encoded or not.
#[must_use]
pub fn presented_by_parameter(spelled: &str, name: &str) -> bool {
    let decoded: Cow<'_, [u8]> = percent_decode_str(spelled).into();
    *decoded == *name.as_bytes()
}

fn ambiguous(cause: &'static str) -> Refusal {
    Refusal::denied(DenialReason::CredentialAmbiguous, cause)
}

fn malformed(cause: &'static str) -> Refusal {
    Refusal::denied(DenialReason::CredentialMalformed, cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::refusal::RefusalKind;

    /// What a value claims under the scheme `Bearer`: the key, nothing, or that it is ambiguous.
    fn claimed(value: &str) -> Result<Option<&str>, RefusalKind> {
        claim(value.as_bytes(), Some("Bearer"))
            .map(|key| key.map(|key| std::str::from_utf8(key).expect("it was text")))
            .map_err(|refusal| refusal.kind)
    }

    #[test]
    fn a_scheme_is_found_without_case_and_whole() {
        for (value, key) in [
            ("Bearer sk_1", Some("sk_1")),
            ("bEARER  sk_1", Some("sk_1")),
            ("Bearer", Some("")),
            ("Bearer ", Some("")),
            ("Bearers sk_1", None),
            ("Bearer\tsk_1", Some("\tsk_1")),
            ("Basic Zm9vOmJhcg==", None),
            ("Digest username=\"a\", realm=\"b\"", None),
            ("", None),
        ] {
            assert_eq!(claimed(value), Ok(key), "{value:?}");
        }
    }

    #[test]
    fn two_headers_joined_by_envoy_are_ambiguous() {
        for value in [
            "Bearer a,Bearer b",
            "Basic x,Bearer b",
            "Basic x, bearer b",
            "Bearer a,Basic x",
            "Bearer a,",
            "Bearer,Basic x",
        ] {
            assert_eq!(
                claimed(value),
                Err(RefusalKind::Denied(DenialReason::CredentialAmbiguous)),
                "{value:?}"
            );
        }
    }

    #[test]
    fn a_parameter_is_known_by_its_decoded_name() {
        for spelled in ["api_key", "api%5fkey", "api%5Fkey", "%61pi_key"] {
            assert!(presented_by_parameter(spelled, "api_key"), "{spelled}");
        }
        for spelled in ["API_KEY", "api_key2", "api+key", "%61pi%20key", "api_key%00", ""] {
            assert!(!presented_by_parameter(spelled, "api_key"), "{spelled}");
        }
    }

    #[test]
    fn a_presented_key_never_shows_itself() {
        let rule = PrefixRule { prefix: "sk_".parse().expect("a prefix"), environment: None };
        let key = PresentedKey { text: "sk_secret", rule: &rule, checksum: ChecksumRule::Required };
        assert!(!format!("{:?}", Credential::ApiKey(key)).contains("secret"));
    }
}
