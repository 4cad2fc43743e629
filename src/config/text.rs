//! Strings of the configuration that have a form of their own.

use std::{borrow::Cow, fmt, path::PathBuf, str::FromStr};

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::{Value, json};

use crate::domain::{
    ApiName, CredentialHash, Entitlement, Environment, HeaderName, KeyHint, KeyId, KeyPrefix, OrganizationId,
    PlanName, PrincipalKind, ProjectId, Quota, RoutePattern, Scope, SealingKeyId, SecretId, UserId,
    parse_network,
};

use super::{
    CounterLocation,
    administrators::{AdministratorName, CertificateName, GroupName},
    binding::SegmentName,
    credential::{
        jwt::{ClaimPath, HttpsUrl, TokenName},
        signature::MacPrefix,
        signed_text::SignedText,
    },
    credential_place::{AuthScheme, CookieName, QueryName},
    denials::{ContentType, ReasonCode},
    document::{LabelName, LabelValue, Name, RevokedKey, Sealed},
    duration::Span,
    fragment::FragmentName,
    grants::GrantedSecret,
    host::Host,
    include::FilePattern,
    listen::{ListenAddress, TelemetryAddress},
    origin::WebOrigin,
    secret_source::VariableName,
    shadow::Moment,
    store::StoreLocation,
    template::TextTemplate,
    wording::one_of,
};

/// A form that a string can have. The schema names it as the string's `format`, and the check of the tree's
/// shape applies it there, so that every badly formed string is found in one go.
pub(super) trait Format: Sized {
    /// Its name in the schema.
    const NAME: &'static str;
    /// What is expected where something else than a string stands.
    const WHAT: &'static str;
    /// Whether the string must not be shown, since a secret may stand in it.
    const IS_SECRET: bool = false;

    /// Reads the string; the error continues the sentence "found …, ".
    fn read(text: &str) -> Result<Self, String>;

    /// A string that could be read, as it may be shown: without what is secret in it.
    fn shown(written: &str) -> Cow<'_, str> {
        Cow::Borrowed(written)
    }
}

/// A string as it is written, and what it says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text<T> {
    written: String,
    pub(super) value: T,
}

impl<T> Text<T> {
    /// The string as it is written.
    pub(super) fn as_written(&self) -> &str {
        &self.written
    }
}

/// A value of the program's own: a default.
impl<T: fmt::Display> From<T> for Text<T> {
    fn from(value: T) -> Self {
        Self { written: value.to_string(), value }
    }
}

impl<'de, T: Format> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = String::deserialize(deserializer)?;
        let value = T::read(&written).map_err(D::Error::custom)?;
        Ok(Self { written, value })
    }
}

impl<T: Format> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&T::shown(&self.written))
    }
}

impl<T: Format> fmt::Debug for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::shown(&self.written).fmt(f)
    }
}

impl<T: Format> JsonSchema for Text<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": T::NAME })
    }
}

/// The schema of a mapping's keys.
pub(super) fn names<T: Format>() -> Value {
    json!({ "format": T::NAME })
}

/// What the check of the tree's shape knows of a format.
pub(super) struct Rule {
    name: &'static str,
    pub(super) what: &'static str,
    pub(super) is_secret: bool,
    /// What is wrong with a string, as a sentence after "found …, ".
    pub(super) fault: fn(&str) -> Option<String>,
}

const fn rule<T: Format>() -> Rule {
    Rule { name: T::NAME, what: T::WHAT, is_secret: T::IS_SECRET, fault: |text| T::read(text).err() }
}

const RULES: [Rule; 52] = [
    rule::<AdministratorName>(),
    rule::<ApiName>(),
    rule::<AuthScheme>(),
    rule::<CertificateName>(),
    rule::<ClaimPath>(),
    rule::<ContentType>(),
    rule::<CookieName>(),
    rule::<CounterLocation>(),
    rule::<CredentialHash>(),
    rule::<Entitlement>(),
    rule::<Environment>(),
    rule::<FilePattern>(),
    rule::<FragmentName>(),
    rule::<GrantedSecret>(),
    rule::<GroupName>(),
    rule::<HeaderName>(),
    rule::<Host>(),
    rule::<HttpsUrl>(),
    rule::<IpNet>(),
    rule::<KeyHint>(),
    rule::<KeyId>(),
    rule::<KeyPrefix>(),
    rule::<LabelName>(),
    rule::<LabelValue>(),
    rule::<ListenAddress>(),
    rule::<MacPrefix>(),
    rule::<Moment>(),
    rule::<Name>(),
    rule::<OrganizationId>(),
    rule::<PathBuf>(),
    rule::<PlanName>(),
    rule::<PrincipalKind>(),
    rule::<ProjectId>(),
    rule::<QueryName>(),
    rule::<Quota>(),
    rule::<ReasonCode>(),
    rule::<RevokedKey>(),
    rule::<RoutePattern>(),
    rule::<Scope>(),
    rule::<Sealed>(),
    rule::<SealingKeyId>(),
    rule::<SecretId>(),
    rule::<SegmentName>(),
    rule::<SignedText>(),
    rule::<Span>(),
    rule::<StoreLocation>(),
    rule::<TelemetryAddress>(),
    rule::<TextTemplate>(),
    rule::<TokenName>(),
    rule::<UserId>(),
    rule::<VariableName>(),
    rule::<WebOrigin>(),
];

/// The rule of the format of this name; formats of JSON Schema's own have none.
pub(super) fn rule_of(format: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == format)
}

fn parse<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// Formats that are types of the domain: their errors say what is expected.
macro_rules! domain_formats {
    ($($type:ty, $name:literal, $what:literal;)*) => {
        $(impl Format for $type {
            const NAME: &'static str = $name;
            const WHAT: &'static str = $what;

            fn read(text: &str) -> Result<Self, String> {
                parse(text)
            }
        })*
    };
}

domain_formats! {
    ApiName, "api-name", "a name such as `orders`";
    Entitlement, "entitlement", "an entitlement such as `sso`";
    Environment, "environment", "an environment such as `live`";
    HeaderName, "header-name", "a header name";
    KeyHint, "key-hint", "what lists show of a key, such as `shop_live_abc1...`";
    KeyId, "key-id", "the id of a key such as `key_4fXq0TzLm2Ab9RkVw1Yc`";
    OrganizationId, "organization-id", "the id of an organization such as `acme`";
    PlanName, "plan-name", "the name of a plan such as `developer`";
    ProjectId, "project-id", "the id of a project such as `apollo`";
    Quota, "quota", "a quota such as `100/minute`";
    RoutePattern, "route-pattern", "a pattern such as `GET /v1/scans/**`";
    Scope, "scope", "a scope such as `read`";
    SealingKeyId, "sealing-key-id", "the name of a key such as `k1`";
    SecretId, "secret-id", "the id of a secret such as `secret_4fXq0TzLm2Ab9RkVw1Yc`";
    UserId, "user-id", "the id of a person, as tokens name them";
}

impl Format for KeyPrefix {
    const NAME: &'static str = "key-prefix";
    const WHAT: &'static str = "a prefix such as `sk_live_`";
    // Whoever pastes a whole key here must not find it in a log.
    const IS_SECRET: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        parse(text)
    }
}

impl Format for PrincipalKind {
    const NAME: &'static str = "principal-kind";
    const WHAT: &'static str = "a kind of principal such as `api_key`";

    fn read(text: &str) -> Result<Self, String> {
        // A route that anybody may call is public or optional, and says so.
        let mut kinds = Self::ALL.into_iter().filter(|kind| *kind != Self::Anonymous);
        let codes: Vec<&str> = kinds.clone().map(Self::code).collect();
        let found = kinds.find(|kind| kind.code() == text);
        found.ok_or_else(|| format!("expected {}", one_of(&codes)))
    }
}

impl Format for IpNet {
    const NAME: &'static str = "network";
    const WHAT: &'static str = "a network such as `203.0.113.0/24`";

    fn read(text: &str) -> Result<Self, String> {
        parse_network(text).map_err(str::to_owned)
    }
}

impl Format for PathBuf {
    const NAME: &'static str = "file-path";
    const WHAT: &'static str = "the path of a file";

    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains('\0') {
            return Err("expected the path of a file".to_owned());
        }
        Ok(Self::from(text))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{document_schema, schema};

    use super::*;

    #[test]
    fn each_format_of_the_schema_has_a_rule() {
        fn formats(schema: &Value, found: &mut Vec<String>) {
            match schema {
                Value::Object(members) => {
                    // Those of numbers are schemars' own.
                    if let (Some(Value::String(format)), false) =
                        (members.get("format"), members.contains_key("minimum"))
                    {
                        found.push(format.clone());
                    }
                    members.values().for_each(|value| formats(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| formats(value, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        formats(&schema(), &mut found);
        formats(&document_schema(), &mut found);
        found.sort_unstable();
        found.dedup();
        let mut known: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
        known.sort_unstable();
        assert_eq!(found, known);
    }
}
