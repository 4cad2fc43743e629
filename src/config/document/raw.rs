//! A document as it is written.

use std::{collections::BTreeMap, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    config::{
        shadow::Moment,
        text::{Format, Text, names},
    },
    domain::{
        ApiName, CredentialHash, Entitlement, Environment, KeyHint, KeyId, KeyKind, LABEL_NAME_BYTES_MAX,
        LABEL_VALUE_BYTES_MAX, NAME_BYTES_MAX, OrganizationId, PlanName, ProjectId, Scope, SealingKeyId,
        SecretId, UserId, is_label_name, is_label_value, is_name,
    },
};

/// Keys, secrets and organizations that stand in a file. Several such documents lie in the folder of a store
/// `files:DIRECTORY`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Document")]
pub(in crate::config) struct RawDocument {
    /// API keys, by their hashes.
    #[serde(default)]
    pub(super) keys: Vec<RawKey>,
    /// The secrets with which projects sign, sealed.
    #[serde(default)]
    pub(super) secrets: Vec<RawSecret>,
    /// Organizations, with their projects and members.
    #[serde(default)]
    pub(super) organizations: Vec<RawOrganization>,
    /// What is taken back, in whichever document it stands. It counts even if the rest of this document is refused.
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "it makes the schema; what stands there is read even if the rest cannot be"
    )]
    revoked: RawRevoked,
}

/// An API key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DeclaredKey")]
pub(super) struct RawKey {
    /// Its id: never the key.
    pub(super) id: Text<KeyId>,
    /// The SHA-256 of the key, as `sha256:…`: never the key itself.
    pub(super) hash: Text<CredentialHash>,
    /// What lists show of the key, such as `shop_live_abc1...`.
    #[serde(default)]
    pub(super) hint: Option<Text<KeyHint>>,
    /// What its owner calls it.
    pub(super) name: Text<Name>,
    /// What it stands for.
    #[serde(default)]
    pub(super) kind: RawKind,
    /// The APIs that it is for.
    #[schemars(length(min = 1))]
    pub(super) apis: Vec<Text<ApiName>>,
    /// The organization that it belongs to.
    pub(super) organization: Text<OrganizationId>,
    /// The one project that it is confined to.
    #[serde(default)]
    pub(super) project: Option<Text<ProjectId>>,
    /// The environment that it is for, where the API has environments.
    #[serde(default)]
    pub(super) environment: Option<Text<Environment>>,
    /// What it may do.
    #[serde(default)]
    pub(super) scopes: Vec<Text<Scope>>,
    /// Its own plan.
    #[serde(default)]
    pub(super) plan: Option<Text<PlanName>>,
    /// The networks that it may be used from; everywhere if none is listed.
    #[serde(default)]
    pub(super) sources: Vec<Text<IpNet>>,
    /// When it was made.
    pub(super) created: Text<Moment>,
    /// From when on it is refused.
    #[serde(default)]
    pub(super) expires: Option<Text<Moment>>,
    /// The first key of those that it goes back to by rotation: what was counted by that goes on.
    #[serde(default)]
    pub(super) lineage: Option<Text<KeyId>>,
    /// Whatever its owner wants to find it by.
    #[serde(default)]
    #[schemars(extend("propertyNames" = names::<LabelName>(), "maxProperties" = crate::domain::LABELS_MAX))]
    pub(super) labels: BTreeMap<String, Text<LabelValue>>,
}

/// What an API key stands for.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawKind {
    /// An application.
    #[default]
    ApiKey,
    /// Trusted automation of the organization.
    ServiceKey,
}

impl From<RawKind> for KeyKind {
    fn from(kind: RawKind) -> Self {
        match kind {
            RawKind::ApiKey => Self::ApiKey,
            RawKind::ServiceKey => Self::ServiceKey,
        }
    }
}

/// A secret with which a project signs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DeclaredSecret")]
pub(super) struct RawSecret {
    /// Its id: never the secret.
    pub(super) id: Text<SecretId>,
    /// The API that it is for.
    pub(super) api: Text<ApiName>,
    /// The organization that owns the project.
    pub(super) organization: Text<OrganizationId>,
    /// The project that signs with it.
    pub(super) project: Text<ProjectId>,
    /// The key of `sealing` under which it is sealed.
    pub(super) sealing_key: Text<SealingKeyId>,
    /// The secret as `doorward secrets create --declare` sealed it, for this API, project and id.
    pub(super) sealed: Text<Sealed>,
    /// When it was made.
    pub(super) created: Text<Moment>,
    /// From when on it proves nothing.
    #[serde(default)]
    pub(super) expires: Option<Text<Moment>>,
}

/// An organization.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DeclaredOrganization")]
pub(super) struct RawOrganization {
    /// Its id.
    pub(super) id: Text<OrganizationId>,
    /// What people call it.
    pub(super) name: Text<Name>,
    /// The APIs that it may use.
    #[schemars(length(min = 1))]
    pub(super) apis: Vec<Text<ApiName>>,
    /// The plan of those of its credentials that have none of their own.
    #[serde(default)]
    pub(super) plan: Option<Text<PlanName>>,
    /// What it has bought.
    #[serde(default)]
    pub(super) entitlements: Vec<Text<Entitlement>>,
    /// Since when it is suspended: everything of it is refused, before that moment too.
    #[serde(default)]
    pub(super) suspended: Option<Text<Moment>>,
    /// When it was made.
    pub(super) created: Text<Moment>,
    /// The projects that it owns.
    #[serde(default)]
    pub(super) projects: Vec<RawProject>,
    /// Who belongs to it.
    #[serde(default)]
    pub(super) members: Vec<RawMember>,
}

/// A project.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DeclaredProject")]
pub(super) struct RawProject {
    /// Its id.
    pub(super) id: Text<ProjectId>,
    /// What people call it.
    pub(super) name: Text<Name>,
    /// The APIs that it may use; those of its organization if they are left out.
    #[serde(default)]
    pub(super) apis: Option<Vec<Text<ApiName>>>,
    /// When it was made.
    pub(super) created: Text<Moment>,
}

/// That somebody belongs to the organization.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DeclaredMember")]
pub(super) struct RawMember {
    /// The person, as tokens and sessions name them.
    pub(super) user: Text<UserId>,
    /// The APIs for which this holds; those of the organization if they are left out.
    #[serde(default)]
    pub(super) apis: Option<Vec<Text<ApiName>>>,
    /// What they may do there, beside what they may do everywhere.
    #[serde(default)]
    pub(super) scopes: Vec<Text<Scope>>,
}

/// What is taken back.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Revoked")]
struct RawRevoked {
    /// Keys, by their ids or hashes.
    #[serde(default)]
    #[expect(dead_code, reason = "as above")]
    keys: Vec<Text<RevokedKey>>,
    /// Secrets, by their ids.
    #[serde(default)]
    #[expect(dead_code, reason = "as above")]
    secrets: Vec<Text<SecretId>>,
}

/// What something is called.
#[derive(Debug, Clone)]
pub(in crate::config) struct Name(pub(super) String);

impl Format for Name {
    const NAME: &'static str = "name";
    const WHAT: &'static str = "a name such as `CI of the shop`";

    fn read(text: &str) -> Result<Self, String> {
        let expected = || format!("expected 1 to {NAME_BYTES_MAX} bytes without control characters");
        if is_name(text) { Ok(Self(text.to_owned())) } else { Err(expected()) }
    }
}

/// The name of a label.
pub(in crate::config) struct LabelName;

impl Format for LabelName {
    const NAME: &'static str = "label-name";
    const WHAT: &'static str = "the name of a label such as `team`";

    fn read(text: &str) -> Result<Self, String> {
        let expected = || format!("expected 1 to {LABEL_NAME_BYTES_MAX} characters `a-z0-9._/-`");
        if is_label_name(text) { Ok(Self) } else { Err(expected()) }
    }
}

/// The value of a label.
#[derive(Debug, Clone)]
pub(in crate::config) struct LabelValue(pub(super) String);

impl Format for LabelValue {
    const NAME: &'static str = "label-value";
    const WHAT: &'static str = "the value of a label such as `payments`";

    fn read(text: &str) -> Result<Self, String> {
        let expected =
            || format!("expected at most {LABEL_VALUE_BYTES_MAX} bytes without control characters");
        if is_label_value(text) { Ok(Self(text.to_owned())) } else { Err(expected()) }
    }
}

/// A sealed secret: nonce, ciphertext and tag.
#[derive(Debug, Clone)]
pub(in crate::config) struct Sealed(pub(super) Vec<u8>);

impl Format for Sealed {
    const NAME: &'static str = "sealed-secret";
    const WHAT: &'static str = "a secret as `doorward secrets create --declare` sealed it";
    // Whoever writes the secret itself here must not find it in a log.
    const IS_SECRET: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        // A nonce of 12 bytes, and a tag of 16.
        let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() > 28);
        bytes.map(Self).ok_or_else(|| "expected a sealed secret in base64".to_owned())
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(&self.0))
    }
}

/// A key that is taken back.
#[derive(Debug, Clone)]
pub(in crate::config) enum RevokedKey {
    /// By its id.
    Id(KeyId),
    /// By its hash.
    Hash(CredentialHash),
}

impl Format for RevokedKey {
    const NAME: &'static str = "revoked-key";
    const WHAT: &'static str = "the id of a key, or its hash as `sha256:…`";
    // Whoever writes the key itself here must not find it in a log.
    const IS_SECRET: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        if text.starts_with("sha256:") {
            return CredentialHash::read(text).map(Self::Hash);
        }
        KeyId::read(text).map(Self::Id)
    }
}
