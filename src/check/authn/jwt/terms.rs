//! Until when and for whom a token counts: judged on every Check, also when the token is remembered.

use jiff::SignedDuration;
use serde_json::Value;

use crate::{config::JwtCredential, domain::Timestamp};

use super::fault::ClaimFault;

/// Until when and for whom a token counts (RFC 7519, section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    /// `exp`: from then on it does not count.
    pub(super) expires: Timestamp,
    not_before: Option<Timestamp>,
    issued: Option<Timestamp>,
    /// `aud`: for whom it is.
    pub(super) audiences: Box<[Box<str>]>,
}

impl Terms {
    /// Reads the claims `exp`, `nbf`, `iat` and `aud`.
    ///
    /// # Errors
    ///
    /// [`ClaimFault::Type`].
    pub(super) fn read(claims: &Value) -> Result<Self, ClaimFault> {
        Ok(Self {
            expires: moment(claims, "exp")?.ok_or_else(|| wrong("exp", "a number of seconds"))?,
            not_before: moment(claims, "nbf")?,
            issued: moment(claims, "iat")?,
            audiences: audiences(claims)?,
        })
    }

    /// Whether the token counts for this rule at this time.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(super) fn judge(&self, rule: &JwtCredential, now: Timestamp) -> Result<(), ClaimFault> {
        if !self.audiences.iter().any(|named| rule.audiences.iter().any(|own| **named == **own)) {
            return Err(ClaimFault::Audience);
        }
        let leeway = SignedDuration::try_from(rule.leeway).unwrap_or(SignedDuration::ZERO);
        if now.duration_since(self.expires) >= leeway {
            return Err(ClaimFault::Expired);
        }
        let is_ahead = |moment: &Timestamp| moment.duration_since(now) > leeway;
        if self.not_before.as_ref().is_some_and(is_ahead) {
            return Err(ClaimFault::NotYet);
        }
        if self.issued.as_ref().is_some_and(is_ahead) {
            return Err(ClaimFault::Future);
        }
        Ok(())
    }
}

/// The claim `iss`.
///
/// # Errors
///
/// [`ClaimFault::Type`].
pub(super) fn issuer(claims: &Value) -> Result<&str, ClaimFault> {
    claims.get("iss").and_then(Value::as_str).ok_or_else(|| wrong("iss", "a string"))
}

fn wrong(claim: &str, expected: &'static str) -> ClaimFault {
    ClaimFault::Type { claim: claim.to_owned(), expected }
}

/// A time in seconds since 1970, with or without a fraction (`NumericDate`).
fn moment(claims: &Value, name: &str) -> Result<Option<Timestamp>, ClaimFault> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let since = match (value.as_i64(), value.as_f64()) {
        (Some(seconds), _) => Some(SignedDuration::from_secs(seconds)),
        (None, Some(seconds)) => SignedDuration::try_from_secs_f64(seconds).ok(),
        (None, None) => None,
    };
    let moment = since.and_then(|since| Timestamp::from_duration(since).ok());
    moment.map(Some).ok_or_else(|| wrong(name, "a number of seconds"))
}

fn audiences(claims: &Value) -> Result<Box<[Box<str>]>, ClaimFault> {
    let expected = || wrong("aud", "a string or a list of strings");
    match claims.get("aud") {
        Some(Value::String(one)) => Ok([one.as_str().into()].into()),
        Some(Value::Array(several)) => {
            several.iter().map(|one| one.as_str().map(Box::from).ok_or_else(expected)).collect()
        }
        _ => Err(expected()),
    }
}
