//! Stage 3, extract: request → [`Credential`].
//!
//! A credential is found by place, scheme and form, never by trying one verifier after the other. Whatever is
//! claimed twice, in two voices or in a form that Envoy and an upstream could read differently is refused.

mod cookie;
mod header;
mod told;

use std::{borrow::Cow, fmt};

use percent_encoding::percent_decode_str;

use crate::{
    check::{
        authn::jwt::TOKEN_BYTES_MAX,
        refusal::Refusal,
        request::{InboundRequest, query_parameters},
        route::{GuardedApi, Matched},
    },
    config::{
        Access, ApiKeyCredential, ChecksumRule, CredentialPlace, CredentialRule, JwtCredential, PrefixRule,
        SessionCredential, SignatureCredential,
    },
    domain::{DenialReason, HeaderName, folds_to, is_plausible_key},
};

pub use cookie::without_cookies;

/// What the request presents, unproven. It borrows from the request; `Debug` shows nothing of it.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'r> {
    /// Nothing, or nothing that counts; only where the route allows that.
    Anonymous,
    /// An API key.
    ApiKey(PresentedKey<'r>),
    /// A token.
    Jwt(PresentedToken<'r>),
    /// A signature.
    Signature(PresentedSignature<'r>),
    /// A session.
    Session(PresentedSession<'r>),
}

/// An API key as it was presented: it has one of the API's prefixes and only characters that a key can have.
#[derive(Clone, Copy)]
pub struct PresentedKey<'r> {
    /// The whole key.
    pub(super) text: &'r str,
    /// Where it stood.
    pub(super) place: &'r CredentialPlace,
    /// The prefix rule that it falls under.
    pub(super) rule: &'r PrefixRule,
    /// Whether it needs a checksum.
    pub(super) checksum: ChecksumRule,
}

/// A token as it was presented: three parts of base64url with dots between, of at most 8 KiB.
#[derive(Clone, Copy)]
pub struct PresentedToken<'r> {
    /// The whole token.
    pub(super) text: &'r str,
    /// Where it stood: only rules that list this place come into question.
    pub(super) place: &'r CredentialPlace,
}

/// A signature as it was presented. Each of its headers was sent once.
#[derive(Clone, Copy)]
pub struct PresentedSignature<'r> {
    /// The rule that it falls under.
    pub(super) rule: &'r SignatureCredential,
    /// The project that it claims to come from.
    pub(super) project: &'r str,
    /// The time of signing that it claims.
    pub(super) timestamp: &'r str,
    /// The signature, with its prefix.
    pub(super) signature: &'r str,
}

/// The token of a session as it was presented: only characters that a token can have.
#[derive(Clone, Copy)]
pub struct PresentedSession<'r> {
    /// The token.
    pub(super) text: &'r str,
    /// The rule that it falls under.
    pub(super) rule: &'r SessionCredential,
}

macro_rules! redacted {
    ($($name:ident)*) => {
        $(impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([REDACTED])"))
            }
        })*
    };
}

redacted!(PresentedKey PresentedToken PresentedSignature PresentedSession);

impl Credential<'_> {
    /// Whether it stood in a cookie, which browsers send along unasked.
    #[must_use]
    pub fn is_by_cookie(&self) -> bool {
        match self {
            Self::Session(_) => true,
            Self::ApiKey(PresentedKey { place, .. }) | Self::Jwt(PresentedToken { place, .. }) => {
                matches!(place, CredentialPlace::Cookie { .. })
            }
            Self::Anonymous | Self::Signature(_) => false,
        }
    }
}

impl PresentedToken<'_> {
    /// The rules of the API that come into question for it, by the place where it stood; each with its place among
    /// the API's credentials.
    pub(super) fn rules<'a>(
        &'a self,
        api: &'a GuardedApi,
    ) -> impl Iterator<Item = (usize, &'a JwtCredential)> {
        api.config.credentials.iter().enumerate().filter_map(|(index, rule)| match rule {
            CredentialRule::Jwt(jwt) if jwt.from.contains(self.place) => Some((index, &**jwt)),
            _ => None,
        })
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
    matched: Matched<'r>,
) -> Result<Credential<'r>, Refusal> {
    if matched.access == Access::Public {
        return Ok(Credential::Anonymous);
    }
    let mut found: Option<(Credential<'r>, &[u8])> = None;
    for (index, rule) in api.config.credentials.iter().enumerate() {
        if let CredentialRule::Signature(rule) = rule
            && let Some(presented) = look_for_signature(rule, request)?
        {
            let text = presented.signature.as_bytes();
            note(&mut found, Credential::Signature(presented), text)?;
        }
        for place in rule.places() {
            // A place that rules share is looked at once, with all of them in mind.
            let earlier = api.config.credentials.iter().take(index);
            if earlier.flat_map(CredentialRule::places).any(|other| other == place) {
                continue;
            }
            if let Some(value) = look(place, request)? {
                note(&mut found, present(value, place, api)?, value)?;
            }
        }
    }
    match found {
        Some((credential, _)) => Ok(credential),
        None if matched.access == Access::Optional => Ok(Credential::Anonymous),
        None => Err(Refusal::denied(DenialReason::CredentialMissing, "no credential was presented")),
    }
}

/// Takes note of a credential. The same one in two places is one credential said twice; anything else is two.
fn note<'r>(
    found: &mut Option<(Credential<'r>, &'r [u8])>,
    credential: Credential<'r>,
    text: &'r [u8],
) -> Result<(), Refusal> {
    if found.as_ref().is_some_and(|(_, earlier)| *earlier != text) {
        return Err(ambiguous("different credentials stand in two places"));
    }
    *found = Some((credential, text));
    Ok(())
}

/// What stands in one place, if it is claimed there.
fn look<'r>(place: &CredentialPlace, request: &InboundRequest<'r>) -> Result<Option<&'r [u8]>, Refusal> {
    match place {
        CredentialPlace::Header { name, scheme } => {
            let mut claimed = None;
            let mut times_sent = 0;
            for value in request.headers.values(name.as_str()) {
                times_sent += 1;
                claimed = header::claim(value, scheme.as_deref())?.or(claimed);
            }
            if claimed.is_some() && times_sent > 1 {
                return Err(ambiguous("the credential's header was sent twice"));
            }
            Ok(claimed)
        }
        CredentialPlace::Query { name, .. } => {
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
        CredentialPlace::Cookie { name } => cookie::find(name, request),
    }
}

/// What stands in a place, if it can be a credential there.
fn present<'r>(
    value: &'r [u8],
    place: &'r CredentialPlace,
    api: &'r GuardedApi,
) -> Result<Credential<'r>, Refusal> {
    if value.is_empty() {
        return Err(malformed("the credential is empty"));
    }
    let text = std::str::from_utf8(value).map_err(|_| malformed("the credential is not text"))?;
    let rules = || api.config.credentials.iter().filter(|rule| rule.places().contains(place));
    if rules().any(|rule| matches!(rule, CredentialRule::Jwt(_))) && is_token_shaped(text) {
        return Ok(Credential::Jwt(PresentedToken { text, place }));
    }
    if !is_plausible_key(text) {
        return Err(malformed("the credential holds a character that none of this API has, or is too long"));
    }
    let keys = rules().filter_map(|rule| match rule {
        CredentialRule::ApiKey(key) => Some(key),
        _ => None,
    });
    if let Some((accepted, rule)) = longest_prefix(text, keys) {
        if !may_stand_in(place, rule) {
            return Err(malformed("keys of this environment may not stand in a query"));
        }
        return Ok(Credential::ApiKey(PresentedKey { text, place, rule, checksum: accepted.checksum }));
    }
    let mut sessions = rules().filter_map(|rule| match rule {
        CredentialRule::Session(session) => Some(session),
        _ => None,
    });
    if let Some(rule) = sessions.next() {
        return Ok(Credential::Session(PresentedSession { text, rule }));
    }
    Err(malformed("the credential has no form that this API accepts"))
}

/// What a text would be where this API accepts its like.
///
/// # Errors
///
/// `credential_malformed` if it accepts nothing of this form.
pub(super) fn of_text<'r>(text: &'r str, api: &'r GuardedApi) -> Result<Credential<'r>, Refusal> {
    let places = api.config.credentials.iter().flat_map(CredentialRule::places);
    let found = places.map(|place| present(text.as_bytes(), place, api));
    // One place may refuse what another takes.
    let mut refused = None;
    for credential in found {
        match credential {
            Ok(credential) => return Ok(credential),
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    Err(refused.unwrap_or_else(|| malformed("this API accepts no credentials that stand by themselves")))
}

/// Whether the text has the shape of a token in compact serialization (RFC 7515, section 7.1).
fn is_token_shaped(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(legal);
    text.len() <= TOKEN_BYTES_MAX && text.split('.').count() == 3 && text.split('.').all(is_part)
}

/// The rule with the longest prefix that the text begins with.
fn longest_prefix<'r>(
    text: &str,
    keys: impl Iterator<Item = &'r ApiKeyCredential>,
) -> Option<(&'r ApiKeyCredential, &'r PrefixRule)> {
    let fitting = keys.filter_map(|key| {
        let rule = key.prefixes.iter().find(|rule| text.starts_with(rule.prefix.as_str()))?;
        Some((key, rule))
    });
    fitting.max_by_key(|(_, rule)| rule.prefix.as_str().len())
}

fn may_stand_in(place: &CredentialPlace, rule: &PrefixRule) -> bool {
    match place {
        CredentialPlace::Query { environments, .. } if !environments.is_empty() => {
            rule.environment.as_ref().is_some_and(|own| environments.contains(own))
        }
        _ => true,
    }
}

/// The signature of this rule, if its header is there. Then the two others have to be there too.
fn look_for_signature<'r>(
    rule: &'r SignatureCredential,
    request: &InboundRequest<'r>,
) -> Result<Option<PresentedSignature<'r>>, Refusal> {
    let once = |name: &HeaderName| {
        let mut values = request.headers.values(name.as_str());
        match (values.next(), values.next()) {
            (Some(value), None) => std::str::from_utf8(value)
                .map(Some)
                .map_err(|_| malformed("a header of the signature is not text")),
            (None, _) => Ok(None),
            (Some(_), Some(_)) => Err(ambiguous("a header of the signature was sent twice")),
        }
    };
    let Some(signature) = once(&rule.signature)? else {
        return Ok(None);
    };
    let needed =
        |name| once(name)?.ok_or_else(|| malformed("a header that belongs to the signature is missing"));
    let (project, timestamp) = (needed(&rule.project)?, needed(&rule.timestamp)?);
    Ok(Some(PresentedSignature { rule, project, timestamp, signature }))
}

/// Whether an application might read the header with this name and value as a credential of the API, good or bad,
/// so that it has to be taken out of the request. Cookies are cut out one by one instead.
#[must_use]
pub fn presented_by_header(name: &str, value: &[u8], rule: &CredentialRule) -> bool {
    let in_place = |place: &CredentialPlace| match place {
        CredentialPlace::Header { name: own, scheme } => {
            folds_to(name, own.as_str()) && !matches!(header::claim(value, scheme.as_deref()), Ok(None))
        }
        CredentialPlace::Query { .. } | CredentialPlace::Cookie { .. } => false,
    };
    match rule {
        // What the signature proved goes on, but nothing that could be taken for it.
        CredentialRule::Signature(rule) => {
            let is_taken_for =
                |own: &HeaderName| folds_to(name, own.as_str()) && !name.eq_ignore_ascii_case(own.as_str());
            folds_to(name, rule.signature.as_str())
                || is_taken_for(&rule.project)
                || is_taken_for(&rule.timestamp)
        }
        _ => rule.places().iter().any(in_place),
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

pub(super) fn malformed(cause: &'static str) -> Refusal {
    Refusal::denied(DenialReason::CredentialMalformed, cause)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let rule = PrefixRule { prefix: "sk_".parse().expect("a prefix"), environment: None, kind: None };
        let place = CredentialPlace::Cookie { name: "key".to_owned() };
        let checksum = ChecksumRule::Required;
        let key = PresentedKey { text: "sk_secret", place: &place, rule: &rule, checksum };
        let credential = Credential::ApiKey(key);
        assert!(!format!("{credential:?}").contains("secret"));
        assert_eq!(credential.redact("it is \"sk_secret\""), "it is \"[redacted]\"");
        assert_eq!(Credential::Anonymous.redact("a"), "a");
    }
}
