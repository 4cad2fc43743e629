//! `Authorization: Bearer …` (RFC 6750).

use http::{HeaderMap, header::AUTHORIZATION};

use super::Refusal;

/// The scheme, which has no case.
const SCHEME: &str = "bearer";

/// The token that is presented, if any is.
///
/// # Errors
///
/// Something else is presented, or several things are.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut presented = headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (presented.next(), presented.next());
    let Some(first) = first else {
        return Ok(None);
    };
    if second.is_some() {
        return Err(Refusal::invalid("found several `Authorization` headers, expected one"));
    }
    let split = first.to_str().ok().and_then(|text| text.split_once(' '));
    match split {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME) && !token.trim().is_empty() => {
            Ok(Some(token.trim()))
        }
        _ => Err(Refusal::invalid("found another `Authorization` header, expected `Bearer` and a token")),
    }
}
