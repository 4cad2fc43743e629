//! `sealing`: the keys under which what has to be read back is kept.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{SealingKey, SealingKeyId, SealingKeys};

use super::{
    Api, CredentialRule, SecretOrigin,
    place::Place,
    problem::Report,
    secret_source::RawSecretSource,
    text::{Text, names},
    wording::one_of,
};

/// The keys under which the secrets of projects are sealed.
#[derive(Debug, Clone)]
pub struct Sealing {
    /// The keys.
    pub keys: SealingKeys,
    /// Where each comes from.
    pub origins: Vec<SecretOrigin>,
}

/// The keys under which the secrets of projects are sealed in the store. Whoever loses a key loses what is sealed
/// under it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Sealing")]
pub(super) struct RawSealing {
    /// The key under which secrets are sealed from now on: one of `keys`.
    current: Text<SealingKeyId>,
    /// The keys, by their names: each 32 bytes, as 64 hexadecimal digits or in base64. One may go when no secret is
    /// sealed under it any more, which `doorward secrets reseal` sees to. A name is for one key only, for ever.
    #[schemars(extend("propertyNames" = names::<SealingKeyId>()))]
    keys: BTreeMap<Text<SealingKeyId>, RawSecretSource>,
}

impl RawSealing {
    /// The keys; none where that cannot be told, which is reported.
    pub(super) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> Option<Sealing> {
        let keys_at = at.field("keys");
        let mut keys = BTreeMap::new();
        let mut origins = Vec::with_capacity(self.keys.len());
        for (id, raw) in &self.keys {
            let at = keys_at.field(id.as_written());
            let source = raw.check(&at, report);
            match source.expose().parse::<SealingKey>() {
                Ok(key) => {
                    keys.insert(id.value.clone(), key);
                }
                // What could not be read at all is reported already.
                Err(_) if source.expose().is_empty() => {}
                Err(fault) => report.add(&at, format!("found something else in {}, {fault}", source.origin)),
            }
            origins.push(source.origin);
        }
        let current = &self.current.value;
        if self.keys.is_empty() {
            report.add(&keys_at, "found no key, expected one at least");
        } else if !self.keys.keys().any(|id| id.value == *current) {
            let ids: Vec<&str> = self.keys.keys().map(Text::as_written).collect();
            report.add(&at.field("current"), format!("found `{current}`, expected {}", one_of(&ids)));
        }
        SealingKeys::new(current.clone(), keys).map(|keys| Sealing { keys, origins })
    }
}

/// Reports the signatures of the API at `at`, whose secrets could not be kept, as there is no `sealing`.
pub(super) fn check_need(api: &Api, at: &Place<'_>, report: &mut Report<'_>) {
    let at = at.field("credentials");
    for (index, rule) in api.credentials.iter().enumerate() {
        if matches!(rule, CredentialRule::Signature(_)) {
            let message = "found a signature, expected `sealing` to be configured in the main file: secrets are kept under its keys";
            report.add(&at.item(index).field("signature"), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{Config, SecretOrigin, tests::api};

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    /// Parses `sealing` in a folder with a file `key`, and an environment with `KEY`.
    fn parse(sealing: &str, file: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("key"), file).expect("a file");
        let env = [("KEY".to_owned(), HEX.to_owned())];
        let text = format!("{}sealing: {sealing}\n", api(&[]));
        let loaded = Config::parse(&text, &folder.path().join("doorward.yaml"), &env);
        let folder = format!("{}/", folder.path().display());
        loaded.map(|loaded| loaded.config).map_err(|errors| errors.to_string().replace(&folder, ""))
    }

    #[test]
    fn keys_come_from_files_and_the_environment() {
        let config =
            parse("{ current: k2, keys: { k1: { file: key }, k2: { env: KEY } } }", &format!("{HEX}\n"));
        let sealing = config.expect("good").sealing.expect("keys");
        assert_eq!(sealing.keys.current().as_str(), "k2");
        assert!(
            matches!(sealing.origins.as_slice(), [SecretOrigin::File(path), SecretOrigin::Env(_)] if path.ends_with(Path::new("key")))
        );
        assert!(!format!("{sealing:?}").contains("0102"));
    }

    #[test]
    fn what_is_wrong_with_a_key_is_told_without_the_key() {
        let one = "{ current: k1, keys: { k1: { file: key } } }";
        for (sealing, file, expected) in [
            (
                one,
                "s3cr3t",
                "6:37: sealing.keys.k1: found something else in key, expected 32 bytes, as 64 hexadecimal digits or in base64",
            ),
            (one, "", "6:37: sealing.keys.k1: found key, which is empty"),
            (
                "{ current: k1, keys: { k1: { file: none } } }",
                "",
                "6:37: sealing.keys.k1: found none, which cannot be read",
            ),
            (
                "{ current: k1, keys: { k1: { env: NONE } } }",
                "",
                "6:37: sealing.keys.k1: found $NONE, which is not set",
            ),
            (
                "{ current: k3, keys: { k1: { env: KEY } } }",
                "",
                "6:21: sealing.current: found `k3`, expected `k1`",
            ),
            (
                "{ current: K1, keys: { k1: { env: KEY } } }",
                "",
                "6:21: sealing.current: found \"K1\", expected lower-case letters",
            ),
            (
                "{ current: k1, keys: { K1: { env: KEY } } }",
                "",
                "6:33: sealing.keys.K1: found the name \"K1\", expected lower-case letters",
            ),
            ("{ current: k1, keys: {} }", "", "6:31: sealing.keys: found no key"),
        ] {
            let errors = parse(sealing, file).expect_err(sealing);
            let line = errors.lines().next().unwrap_or_default();
            assert!(line.starts_with(&format!("doorward.yaml:{expected}")), "{sealing}\nfound {errors}");
            assert!(!errors.contains("s3cr3t"), "{errors}");
        }
    }
}
