//! `credentials[].api_key`: the form of an API's keys and where they stand in a request.

use std::{cmp::Reverse, collections::BTreeMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::{
        credential_place::{CredentialPlace, RawCredentialPlace},
        place::Place,
        problem::Report,
        text::{Text, names},
    },
    domain::{Environment, KeyKind, KeyPrefix},
};

use super::ChecksumRule;

/// The form of an API's keys and where they stand in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyCredential {
    /// How keys begin, longest prefix first, so that the first that fits is the right one.
    pub prefixes: Vec<PrefixRule>,
    /// Whether keys without checksum are looked up, too.
    pub checksum: ChecksumRule,
    /// Where a key may stand.
    pub from: Vec<CredentialPlace>,
}

/// How the keys of one environment begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixRule {
    /// The prefix.
    pub prefix: KeyPrefix,
    /// Its environment; `None` where the product has none.
    pub environment: Option<Environment>,
    /// What its keys stand for; `None` where the prefix does not tell.
    pub kind: Option<KeyKind>,
}

/// The form of an API's keys and where they stand in a request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ApiKey")]
pub(in crate::config) struct RawApiKey {
    /// How keys begin, where the product has no environments. Either this or `prefixes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<Text<KeyPrefix>>,
    /// How keys begin, by environment. Either this or `prefix`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("propertyNames" = names::<Environment>(), "maxProperties" = 64))]
    prefixes: BTreeMap<Text<Environment>, Text<KeyPrefix>>,
    /// What these keys stand for, where their prefix tells it; otherwise each key says so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<RawKeyKind>,
    /// Whether keys made elsewhere, without Doorward's checksum, are accepted.
    #[serde(default)]
    checksum: ChecksumRule,
    /// Where a key may stand. Where several are filled, they must agree.
    #[schemars(length(min = 1, max = 16))]
    from: Vec<RawCredentialPlace>,
}

/// What keys stand for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KeyKind")]
enum RawKeyKind {
    /// Applications.
    ApiKey,
    /// Trusted automation of an organization.
    ServiceKey,
}

impl RawApiKey {
    pub(super) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> ApiKeyCredential {
        if self.prefix.is_some() != self.prefixes.is_empty() {
            let found = if self.prefix.is_some() { "both" } else { "neither" };
            report.add(at, format!("found {found} of `prefix` and `prefixes`, expected exactly one"));
        }
        let kind = self.kind.map(|kind| match kind {
            RawKeyKind::ApiKey => KeyKind::ApiKey,
            RawKeyKind::ServiceKey => KeyKind::ServiceKey,
        });
        let plain = self.prefix.iter().map(|prefix| PrefixRule {
            prefix: prefix.value.clone(),
            environment: None,
            kind,
        });
        let by_environment = self.prefixes.iter().map(|(environment, prefix)| PrefixRule {
            prefix: prefix.value.clone(),
            environment: Some(environment.value.clone()),
            kind,
        });
        let mut prefixes: Vec<PrefixRule> = plain.chain(by_environment).collect();
        prefixes.sort_by_key(|rule| Reverse(rule.prefix.as_str().len()));
        let from_at = at.field("from");
        let from = self.from.iter().enumerate();
        let from = from.map(|(index, place)| place.check(&prefixes, &from_at.item(index), report)).collect();
        ApiKeyCredential { prefixes, checksum: self.checksum, from }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{api, check, config};

    use super::*;
    use crate::config::CredentialRule;

    fn with_key(fields: &str) -> String {
        api(&[&format!("credentials: [{{ api_key: {{ {fields} }} }}]")])
    }

    #[test]
    fn the_longest_prefix_comes_first() {
        let fields = "prefixes: { a: sk_, b: sk_live_, c: sk_li }, from: [{ header: { name: x } }]";
        let config = config(&with_key(fields));
        let Some(CredentialRule::ApiKey(key)) = config.apis.first().and_then(|api| api.credentials.first())
        else {
            panic!("no API key");
        };
        let prefixes: Vec<&str> = key.prefixes.iter().map(|rule| rule.prefix.as_str()).collect();
        assert_eq!(prefixes, ["sk_live_", "sk_li", "sk_"]);
        assert_eq!(key.checksum, ChecksumRule::Required);
    }

    #[test]
    fn keys_have_one_prefix_or_one_for_each_environment() {
        let from = "from: [{ header: { name: x } }]";
        let at = "4:30 apis[0].credentials[0].api_key";
        let cases = [
            (format!("prefix: k, {from}"), None),
            (format!("prefixes: {{ live: k }}, {from}"), None),
            (from.to_owned(), Some(format!("{at}: found neither of `prefix` and `prefixes`"))),
            (format!("prefix: k, prefixes: {{ live: l }}, {from}"), Some(format!("{at}: found both of `prefix` and `prefixes`"))),
            (format!("prefixes: {{ live: k, test: k }}, {from}"), Some(format!("{at}: found the same prefix twice"))),
            (
                format!("prefixes: {{ Live: k }}, {from}"),
                Some("4:44 apis[0].credentials[0].api_key.prefixes.Live: found the name \"Live\", expected lower-case".to_owned()),
            ),
            (
                format!("prefix: 'k k', {from}"),
                Some("4:40 apis[0].credentials[0].api_key.prefix: found 3 characters, expected 1 to 32 letters".to_owned()),
            ),
        ];
        for (fields, expected) in cases {
            check(&with_key(&fields), expected.as_deref().as_slice());
        }
    }
}
