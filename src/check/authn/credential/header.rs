//! A credential in a header: all of its value, or what follows a scheme.

use crate::check::refusal::Refusal;

use super::ambiguous;

/// What a header's value claims as credential: all of it, or what follows the scheme. Envoy joins headers that were
/// sent twice with a comma, so a comma before a claimed scheme, or anywhere after it, means two.
pub(super) fn claim<'r>(value: &'r [u8], scheme: Option<&str>) -> Result<Option<&'r [u8]>, Refusal> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check::refusal::RefusalKind, domain::DenialReason};

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
}
