//! `credentials`: what an API accepts as proof of who is asking.

use std::{cmp::Reverse, collections::BTreeMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{Environment, KeyPrefix};

use super::{
    key_place::{KeyPlace, RawKeyPlace},
    place::Place,
    problem::Report,
    text::{Text, names},
    wording::one_of,
};

/// One kind of credential that an API accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialRule {
    /// An API key.
    ApiKey(ApiKeyCredential),
}

/// The form of an API's keys and where they stand in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyCredential {
    /// How keys begin, longest prefix first, so that the first that fits is the right one.
    pub prefixes: Vec<PrefixRule>,
    /// Whether keys without checksum are looked up, too.
    pub checksum: ChecksumRule,
    /// Where a key may stand.
    pub from: Vec<KeyPlace>,
}

/// How the keys of one environment begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixRule {
    /// The prefix.
    pub prefix: KeyPrefix,
    /// Its environment; `None` where the product has none.
    pub environment: Option<Environment>,
}

/// Whether keys need a checksum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChecksumRule {
    /// A key without one is refused without a look-up.
    #[default]
    Required,
    /// Keys made elsewhere are accepted as well.
    Optional,
}

/// The places in which a key may stand, of all kinds of keys together.
pub(super) fn key_places(credentials: &[CredentialRule]) -> impl Iterator<Item = &KeyPlace> {
    credentials.iter().flat_map(|CredentialRule::ApiKey(key)| &key.from)
}

/// How keys begin, of all kinds of keys together.
pub(super) fn prefix_rules(credentials: &[CredentialRule]) -> impl Iterator<Item = &PrefixRule> {
    credentials.iter().flat_map(|CredentialRule::ApiKey(key)| &key.prefixes)
}

/// A kind of credential that an API accepts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Credential")]
pub(super) enum RawCredential {
    /// API keys.
    ApiKey(RawApiKey),
}

/// The form of an API's keys and where they stand in a request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ApiKey")]
pub(super) struct RawApiKey {
    /// How keys begin, where the product has no environments. Either this or `prefixes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<Text<KeyPrefix>>,
    /// How keys begin, by environment. Either this or `prefix`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("propertyNames" = names::<Environment>()))]
    prefixes: BTreeMap<Text<Environment>, Text<KeyPrefix>>,
    /// Whether keys made elsewhere, without Doorward's checksum, are accepted.
    #[serde(default)]
    checksum: ChecksumRule,
    /// Where a key may stand. Where several are filled, they must agree.
    #[schemars(length(min = 1))]
    from: Vec<RawKeyPlace>,
}

/// Checks the credentials of one API together: no prefix and no place serves two of them.
pub(super) fn check(raw: &[RawCredential], at: &Place<'_>, report: &mut Report<'_>) -> Vec<CredentialRule> {
    let mut prefixes: Vec<KeyPrefix> = Vec::new();
    let mut places: Vec<KeyPlace> = Vec::new();
    let mut checked = Vec::with_capacity(raw.len());
    for (index, RawCredential::ApiKey(key)) in raw.iter().enumerate() {
        let at = at.item(index);
        let at = at.field("api_key");
        let key = key.check(&at, report);
        for rule in &key.prefixes {
            if prefixes.contains(&rule.prefix) {
                report.add(&at, "found the same prefix twice, expected each once in an API");
            }
            prefixes.push(rule.prefix.clone());
        }
        for (index, place) in key.from.iter().enumerate() {
            if places.iter().any(|other| other.overlaps(place)) {
                let message = "found a place that is listed already, expected each once (a header either with schemes or without)";
                report.add(&at.field("from").item(index), message);
            }
            places.push(place.clone());
        }
        checked.push(CredentialRule::ApiKey(key));
    }
    checked
}

impl RawApiKey {
    fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> ApiKeyCredential {
        if self.prefix.is_some() != self.prefixes.is_empty() {
            let found = if self.prefix.is_some() { "both" } else { "neither" };
            report.add(at, format!("found {found} of `prefix` and `prefixes`, expected exactly one"));
        }
        let plain =
            self.prefix.iter().map(|prefix| PrefixRule { prefix: prefix.value.clone(), environment: None });
        let by_environment = self.prefixes.iter().map(|(environment, prefix)| PrefixRule {
            prefix: prefix.value.clone(),
            environment: Some(environment.value.clone()),
        });
        let mut prefixes: Vec<PrefixRule> = plain.chain(by_environment).collect();
        prefixes.sort_by_key(|rule| Reverse(rule.prefix.as_str().len()));
        let from_at = at.field("from");
        let from = self.from.iter().enumerate();
        let from = from.map(|(index, place)| place.check(&prefixes, &from_at.item(index), report)).collect();
        ApiKeyCredential { prefixes, checksum: self.checksum, from }
    }
}

/// The environments listed; each must be among those `known`.
pub(super) fn check_environments<'e>(
    listed: &[Text<Environment>],
    known: impl Iterator<Item = &'e Environment>,
    at: &Place<'_>,
    report: &mut Report<'_>,
) -> Vec<Environment> {
    let known: Vec<&Environment> = known.collect();
    for (index, environment) in listed.iter().enumerate() {
        if !known.contains(&&environment.value) {
            let names: Vec<&str> = known.iter().map(|environment| environment.as_str()).collect();
            let expected = match names.as_slice() {
                [] => "no environment, since `prefixes` names none".to_owned(),
                names => format!("{}, which `prefixes` names", one_of(names)),
            };
            let message = format!("found `{}`, expected {expected}", environment.value);
            report.add(&at.item(index), message);
        }
    }
    listed.iter().map(|environment| environment.value.clone()).collect()
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{api, check, config};

    use super::*;

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

    #[test]
    fn two_kinds_of_keys_share_no_prefix_and_no_place() {
        let key = "{ api_key: { prefix: k, from: [{ header: { name: x } }] } }";
        let text = api(&[&format!("credentials:\n      - {key}\n      - {key}")]);
        check(
            &text,
            &[
                "6:20 apis[0].credentials[1].api_key: found the same prefix twice",
                "6:40 apis[0].credentials[1].api_key.from[0]: found a place that is listed already",
            ],
        );
    }
}
