//! `tokens[]`: what proves an administrator. Only its hash is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::{
        place::Place,
        problem::Report,
        secret_source::{RawSecretSource, SecretOrigin},
        text::{Format, Text},
    },
    domain::CredentialHash,
};

/// The shortest token, in characters.
const TOKEN_CHARS_MIN: usize = 32;

/// A token of an administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its hash.
    pub hash: CredentialHash,
    /// Where it, or its hash, comes from.
    pub origin: SecretOrigin,
}

/// A token of an administrator: where it comes from, or its hash.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "AdministratorToken")]
pub(super) enum RawToken {
    /// Its SHA-256: `sha256:` and 64 hexadecimal digits.
    Hash(Text<CredentialHash>),
    /// Where it comes from.
    Source(RawSecretSource),
}

impl RawToken {
    /// The token; `None` if it is not good, which is reported.
    pub(super) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> Option<Token> {
        let source = match self {
            Self::Hash(hash) => return Some(Token { hash: hash.value, origin: SecretOrigin::Written }),
            Self::Source(raw) => raw.check(at, report),
        };
        let (token, origin) = (source.expose(), &source.origin);
        // That there is none was reported.
        if token.is_empty() {
            return None;
        }
        let length = token.chars().count();
        if length < TOKEN_CHARS_MIN {
            let message = format!(
                "found {length} characters in {origin}, expected a token of {TOKEN_CHARS_MIN} at least"
            );
            report.add(at, message);
            return None;
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!(
                "found other than visible ASCII characters in {origin}, expected a token that fits into a header"
            );
            report.add(at, message);
            return None;
        }
        Some(Token { hash: CredentialHash::of(token), origin: origin.clone() })
    }
}

impl Format for CredentialHash {
    const NAME: &'static str = "credential-hash";
    const WHAT: &'static str = "`sha256:` and 64 hexadecimal digits";
    // Whoever writes the token itself here must not find it in a log.
    const IS_SECRET: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: crate::domain::HashError| error.to_string())
    }
}
