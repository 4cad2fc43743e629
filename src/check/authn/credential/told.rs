//! What may be told of a credential: its kind, where it stood and how it began, and never itself.

use std::borrow::Cow;

use crate::config::{CredentialPlace, PrefixRule};

use super::Credential;

impl<'r> Credential<'r> {
    /// The name of its kind in the configuration; `None` if nothing was presented.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Anonymous => None,
            Self::ApiKey(_) => Some("api_key"),
            Self::Jwt(_) => Some("jwt"),
            Self::Signature(_) => Some("signature"),
            Self::Session(_) => Some("session"),
        }
    }

    /// Where it stood. A signature is spread over headers; it stood in that of its own.
    #[must_use]
    pub fn place(&self) -> Option<Cow<'r, CredentialPlace>> {
        Some(match self {
            Self::Anonymous => return None,
            Self::ApiKey(key) => Cow::Borrowed(key.place),
            Self::Jwt(token) => Cow::Borrowed(token.place),
            Self::Signature(presented) => {
                Cow::Owned(CredentialPlace::Header { name: presented.rule.signature.clone(), scheme: None })
            }
            Self::Session(session) => Cow::Borrowed(&session.rule.cookie),
        })
    }

    /// How keys begin of which it claims to be one.
    #[must_use]
    pub fn prefix(&self) -> Option<&'r PrefixRule> {
        match self {
            Self::ApiKey(key) => Some(key.rule),
            _ => None,
        }
    }

    /// The text, without the credential should it stand in it: clients can write it anywhere.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let own = match self {
            Self::Anonymous => return text.into(),
            Self::ApiKey(key) => key.text,
            Self::Jwt(token) => token.text,
            Self::Signature(presented) => presented.signature,
            Self::Session(session) => session.text,
        };
        if !own.is_empty() && text.contains(own) {
            text.replace(own, "[redacted]").into()
        } else {
            text.into()
        }
    }
}
