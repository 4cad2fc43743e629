//! `credentials[].session`: sessions that the store keeps.

use std::slice;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::{
        credential_place::{CookieName, CredentialPlace},
        place::Place,
        problem::Report,
        text::Text,
    },
    domain::{Scope, ScopeSet},
};

use super::{ChecksumRule, check_scopes};

/// Sessions that the store keeps.
#[derive(Debug, Clone)]
pub struct SessionCredential {
    /// The cookie with the token.
    pub cookie: CredentialPlace,
    /// Whether tokens without checksum are looked up, too.
    pub checksum: ChecksumRule,
    /// What everyone may do who has a session, beside what the session itself says.
    pub scopes: ScopeSet,
}

impl SessionCredential {
    /// The one place in which the token stands.
    pub(super) fn places(&self) -> &[CredentialPlace] {
        slice::from_ref(&self.cookie)
    }
}

/// Sessions: opaque tokens in a cookie, kept in the store. Where a request may change something, its `Origin` must
/// be among the API's `origins`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Session")]
pub(in crate::config) struct RawSession {
    /// The name of the cookie.
    cookie: Text<CookieName>,
    /// Whether tokens made elsewhere, without Doorward's checksum, are accepted.
    #[serde(default)]
    checksum: ChecksumRule,
    /// What everyone may do who has a session, beside what the session itself says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<Text<Scope>>,
}

impl RawSession {
    pub(super) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> SessionCredential {
        SessionCredential {
            cookie: CredentialPlace::Cookie { name: self.cookie.value.as_str().to_owned() },
            checksum: self.checksum,
            scopes: check_scopes(&self.scopes, &at.field("scopes"), report),
        }
    }
}
