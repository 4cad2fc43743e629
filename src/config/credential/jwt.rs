//! `credentials[].jwt`: tokens (RFC 7519) of one issuer.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::{
        credential_place::{CredentialPlace, RawCredentialPlace},
        place::Place,
        problem::Report,
        secret_source::{RawSecretSource, SecretSource},
        text::{Text, names},
    },
    domain::HeaderName,
};

/// Tokens of one issuer.
#[derive(Debug, Clone)]
pub struct JwtCredential {
    /// Who makes them: the claim `iss`, and by it the rule that a token falls under.
    pub issuer: String,
    /// For whom they are made: the claim `aud` names one of these.
    pub audiences: Vec<String>,
    /// Where the keys come from.
    pub keys: JwtKeys,
    /// Where a token may stand.
    pub from: Vec<CredentialPlace>,
    /// Which claims make the principal.
    pub claims: Claims,
}

/// Where the keys of an issuer come from.
#[derive(Debug, Clone)]
pub enum JwtKeys {
    /// From a JWK set (RFC 7517) at this address.
    Jwks(String),
    /// From the JWK set that the issuer's metadata name (OpenID Connect Discovery 1.0).
    Discovery(String),
    /// From a file with a JWK set.
    File(PathBuf),
    /// It is a shared secret.
    Secret(SecretSource),
}

/// Which claims make the principal. Each is the name of a claim, or a JSON Pointer (RFC 6901) into the claims.
#[derive(Debug, Clone)]
pub struct Claims {
    /// The principal's id.
    pub id: String,
    /// The organizations: a string, a list, or a mapping of organization → scopes.
    pub organizations: Option<String>,
    /// The scopes: a string with spaces between, or a list.
    pub scopes: Option<String>,
    /// Claims that the upstream reads, each under the name of a header.
    pub headers: Vec<(HeaderName, String)>,
}

/// Tokens (RFC 7519) of one issuer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Jwt")]
pub(in crate::config) struct RawJwt {
    /// Who makes them: the claim `iss`.
    issuer: String,
    /// For whom they are made: the claim `aud` names this, or one of these.
    audience: RawAudience,
    /// Where the keys come from.
    keys: RawJwtKeys,
    /// Where a token may stand.
    #[schemars(length(min = 1))]
    from: Vec<RawCredentialPlace>,
    /// Which claims make the principal.
    #[serde(default)]
    claims: RawClaims,
}

/// One audience or several.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Audience")]
enum RawAudience {
    /// This one.
    One(String),
    /// One of these.
    OneOf(#[schemars(length(min = 1))] Vec<String>),
}

/// Where the keys of an issuer come from.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "JwtKeys")]
enum RawJwtKeys {
    /// From a JWK set at this address.
    Jwks(String),
    /// From the JWK set that the issuer's metadata at this address name.
    Discovery(String),
    /// From a file with a JWK set.
    File(Text<PathBuf>),
    /// It is a shared secret.
    Secret(RawSecretSource),
}

/// Which claims make the principal: the name of each, or a JSON Pointer to it such as `/realm_access/roles`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Claims")]
struct RawClaims {
    /// The principal's id.
    id: String,
    /// The organizations: a string, a list, or a mapping of organization to scopes.
    #[serde(skip_serializing_if = "Option::is_none")]
    organizations: Option<String>,
    /// The scopes: a string with spaces between, or a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<String>,
    /// Claims that the upstream reads, by the name of the header.
    #[schemars(extend("propertyNames" = names::<HeaderName>()))]
    headers: BTreeMap<Text<HeaderName>, String>,
}

impl Default for RawClaims {
    fn default() -> Self {
        Self { id: "sub".to_owned(), organizations: None, scopes: None, headers: BTreeMap::new() }
    }
}

impl RawJwt {
    pub(super) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> JwtCredential {
        let from_at = at.field("from");
        let from = self.from.iter().enumerate();
        let keys_at = at.field("keys");
        JwtCredential {
            issuer: self.issuer.clone(),
            audiences: match &self.audience {
                RawAudience::One(one) => vec![one.clone()],
                RawAudience::OneOf(several) => several.clone(),
            },
            keys: match &self.keys {
                RawJwtKeys::Jwks(url) => JwtKeys::Jwks(url.clone()),
                RawJwtKeys::Discovery(url) => JwtKeys::Discovery(url.clone()),
                RawJwtKeys::File(path) => {
                    let path = report.path(&path.value);
                    if let Err(fault) = report.follow(&path) {
                        report.add(&keys_at.field("file"), format!("found {}, {fault}", path.display()));
                    }
                    JwtKeys::File(path)
                }
                RawJwtKeys::Secret(raw) => JwtKeys::Secret(raw.check(&keys_at.field("secret"), report)),
            },
            from: from.map(|(index, place)| place.check(&[], &from_at.item(index), report)).collect(),
            claims: Claims {
                id: self.claims.id.clone(),
                organizations: self.claims.organizations.clone(),
                scopes: self.claims.scopes.clone(),
                headers: self
                    .claims
                    .headers
                    .iter()
                    .map(|(name, claim)| (name.value.clone(), claim.clone()))
                    .collect(),
            },
        }
    }
}
