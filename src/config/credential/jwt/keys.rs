//! `keys`: where the keys of an issuer come from.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::config::{
    duration::Span,
    place::Place,
    problem::Report,
    secret_source::{RawSecretSource, SecretSource},
    text::Text,
};

use super::{Algorithm, https_url::HttpsUrl};

/// The shortest shared secret, in bytes.
const SECRET_BYTES_MIN: usize = 32;
/// What the addresses of metadata have in common (RFC 8615; `OpenID` Connect Discovery 1.0, section 4; RFC 8414).
const WELL_KNOWN: &str = "/.well-known/";

/// Where the keys of an issuer come from.
#[derive(Debug, Clone)]
pub enum JwtKeys {
    /// From a JWK set (RFC 7517) at this address.
    Jwks(RemoteKeys),
    /// From the JWK set that the issuer's metadata at this address name.
    Discovery(RemoteKeys),
    /// From a file with a JWK set.
    File(PathBuf),
    /// It is a shared secret.
    Secret(SecretSource),
}

/// Keys that are fetched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RemoteKeys {
    /// From where: an address with the scheme `https` and without user and password.
    pub url: Url,
    /// The certificates of the authorities that vouch for the server; `None` for those of the machine.
    pub ca: Option<PathBuf>,
    /// Whether the server may have an address that is not public.
    pub private_addresses: PrivateAddresses,
    /// When it is asked.
    pub timing: KeyTiming,
}

/// When the keys are fetched, and how long they count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyTiming {
    /// How long after a good fetch they are fetched again.
    pub refresh: Duration,
    /// The least time between two fetches, whatever asks for them.
    pub refetch: Duration,
    /// How long after the last good fetch they count.
    pub stale: Duration,
}

/// Whether a server may have an address that is not public: one of this machine or of a network of one's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrivateAddresses {
    /// It may not: an address that the issuer's metadata or the DNS bring in must not lead into the network.
    #[default]
    Refuse,
    /// It may.
    Allow,
}

impl JwtKeys {
    /// What algorithm is expected where one is named that these keys cannot be for.
    pub(super) fn fault_with(&self, algorithm: Algorithm) -> Option<String> {
        match (self, algorithm.secret_bytes_min()) {
            (Self::Jwks(_) | Self::Discovery(_), Some(_)) => {
                Some("an algorithm with public keys: a secret that is published is none".to_owned())
            }
            (Self::Secret(_), None) => Some("`HS256`, `HS384` or `HS512` with a shared secret".to_owned()),
            (Self::Secret(secret), Some(least)) if secret.expose().len() < least => {
                Some(format!("a secret of {least} bytes at least for it"))
            }
            _ => None,
        }
    }
}

/// Where the keys of an issuer come from.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "JwtKeys")]
pub(in crate::config) enum RawJwtKeys {
    /// From a JWK set (RFC 7517) at this `https` address.
    Jwks(RawRemoteKeys),
    /// From the JWK set that the issuer's metadata name. The whole `https` address of the metadata, such as
    /// `https://login.example.com/.well-known/openid-configuration`; the issuer in them has to be this one.
    Discovery(RawRemoteKeys),
    /// From a file with a JWK set; it is read again when it changes.
    File(Text<PathBuf>),
    /// It is a shared secret, of 32 bytes at least.
    Secret(RawSecretSource),
}

/// Keys that are fetched: their address, or more about it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "RemoteKeys")]
pub(in crate::config) enum RawRemoteKeys {
    /// The address.
    Short(Text<HttpsUrl>),
    /// The address, and how it is asked.
    Long(RawRemote),
}

/// Keys that are fetched.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Remote")]
pub(in crate::config) struct RawRemote {
    /// The address.
    url: Text<HttpsUrl>,
    /// A file with the certificates, in PEM, of the authorities that vouch for the server; otherwise those of the
    /// machine do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca: Option<Text<PathBuf>>,
    /// Whether the server may have an address that is not public.
    #[serde(default)]
    private_addresses: PrivateAddresses,
    /// How long after a good fetch the keys are fetched again. At most 1 day.
    #[serde(default = "default_refresh")]
    refresh: Text<Span>,
    /// The least time between two fetches, be it that a token names a key that is not known or that the last fetch
    /// failed. At most 1 hour.
    #[serde(default = "default_refetch")]
    refetch: Text<Span>,
    /// How long after the last good fetch the keys count, should the server be out of order. At most 30 days.
    #[serde(default = "default_stale")]
    stale: Text<Span>,
}

fn default_refresh() -> Text<Span> {
    Text::of_ms(300_000)
}

fn default_refetch() -> Text<Span> {
    Text::of_ms(10_000)
}

fn default_stale() -> Text<Span> {
    Text::of_ms(86_400_000)
}

impl RawJwtKeys {
    /// Checks them; files are followed.
    pub(in crate::config) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> JwtKeys {
        match self {
            Self::Jwks(raw) => JwtKeys::Jwks(raw.check(&at.field("jwks"), report)),
            Self::Discovery(raw) => {
                let at = at.field("discovery");
                let keys = raw.check(&at, report);
                if !keys.url.path().contains(WELL_KNOWN) {
                    let message = format!(
                        "found an address without `{WELL_KNOWN}`, expected the whole address of the metadata, \
                         such as `https://login.example.com/.well-known/openid-configuration`"
                    );
                    report.add(&at, message);
                }
                JwtKeys::Discovery(keys)
            }
            Self::File(path) => {
                let path = report.path(&path.value);
                follow(&path, &at.field("file"), report);
                JwtKeys::File(path)
            }
            Self::Secret(raw) => {
                let at = at.field("secret");
                let secret = raw.check(&at, report);
                let found = secret.expose().len();
                if (1..SECRET_BYTES_MIN).contains(&found) {
                    let message = format!("found {found} bytes, expected {SECRET_BYTES_MIN} at least");
                    report.add(&at, message);
                }
                JwtKeys::Secret(secret)
            }
        }
    }
}

impl RawRemoteKeys {
    fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> RemoteKeys {
        let short;
        let raw = match self {
            Self::Long(raw) => raw,
            Self::Short(url) => {
                short = RawRemote::new(url.clone());
                &short
            }
        };
        let ca = raw.ca.as_ref().map(|path| report.path(&path.value));
        if let Some(path) = &ca {
            follow(path, &at.field("ca"), report);
        }
        let timing = KeyTiming {
            refresh: raw.refresh.within(1_000..=86_400_000, &at.field("refresh"), report),
            refetch: raw.refetch.within(100..=3_600_000, &at.field("refetch"), report),
            stale: raw.stale.within(1_000..=2_592_000_000, &at.field("stale"), report),
        };
        if timing.stale < timing.refresh {
            let message = format!(
                "found {}, expected no less than `refresh`, which is {}",
                raw.stale.as_written(),
                raw.refresh.as_written()
            );
            report.add(&at.field("stale"), message);
        }
        RemoteKeys { url: raw.url.value.url().clone(), ca, private_addresses: raw.private_addresses, timing }
    }
}

impl RawRemote {
    /// An address of which nothing else is said.
    fn new(url: Text<HttpsUrl>) -> Self {
        Self {
            url,
            ca: None,
            private_addresses: PrivateAddresses::default(),
            refresh: default_refresh(),
            refetch: default_refetch(),
            stale: default_stale(),
        }
    }
}

fn follow(path: &Path, at: &Place<'_>, report: &mut Report<'_>) {
    if let Err(fault) = report.open(path) {
        report.add(at, format!("found {}, {fault}", path.display()));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::config::{
        Config, CredentialRule,
        tests::{api, check, config},
    };

    use super::*;

    const AT: &str = "apis[0].credentials[0].jwt.keys";

    /// The keys stand in line 6, from column 17 on.
    fn with_keys(keys: &str) -> String {
        api(&[&format!(
            "credentials:\n      - jwt:\n          keys: {keys}\n          issuer: i\n          audience: a\n          \
             from: [{{ header: {{ name: x }} }}]"
        )])
    }

    fn keys_of(mut config: Config) -> JwtKeys {
        match config.apis.remove(0).credentials.remove(0) {
            CredentialRule::Jwt(jwt) => jwt.keys,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_address_alone_is_asked_in_the_usual_way() {
        let JwtKeys::Jwks(keys) = keys_of(config(&with_keys("{ jwks: 'https://a.test/jwks' }"))) else {
            panic!("no address");
        };
        let seconds = Duration::from_secs;
        let timing = KeyTiming { refresh: seconds(300), refetch: seconds(10), stale: seconds(86_400) };
        assert_eq!(keys.url.as_str(), "https://a.test/jwks");
        assert_eq!((keys.timing, keys.ca), (timing, None));
        assert_eq!(keys.private_addresses, PrivateAddresses::Refuse);
        let long = "{ jwks: { url: 'https://a.test', private_addresses: allow, refresh: 1m, refetch: 1s, stale: 1h } }";
        let JwtKeys::Jwks(keys) = keys_of(config(&with_keys(long))) else {
            panic!("no address");
        };
        let timing = KeyTiming { refresh: seconds(60), refetch: seconds(1), stale: seconds(3600) };
        assert_eq!((keys.timing, keys.private_addresses), (timing, PrivateAddresses::Allow));
    }

    #[test]
    fn keys_come_from_one_place_and_safely() {
        let https = "expected an address such as `https://";
        let cases = [
            (
                "{}",
                "17 @: found none of `jwks`, `discovery`, `file`, `secret`, expected exactly one".to_owned(),
            ),
            ("{ jwks: 'http://a.test/' }", format!("25 @.jwks: found 14 characters, {https}")),
            ("{ jwks: 'a.test/jwks' }", format!("25 @.jwks: found 11 characters, {https}")),
            ("{ jwks: 'file:///etc/jwks' }", format!("25 @.jwks: found 16 characters, {https}")),
            (
                "{ jwks: 'https://me:hunter2@a.test/' }",
                "25 @.jwks: found 26 characters, expected an address without user".to_owned(),
            ),
            (
                "{ jwks: 'https://a.test/#x' }",
                "25 @.jwks: found 17 characters, expected an address without `#`".to_owned(),
            ),
            (
                "{ discovery: 'https://a.test' }",
                "30 @.discovery: found an address without `/.well-known/`".to_owned(),
            ),
            (
                "{ jwks: { url: 'https://a.test', refresh: 0s } }",
                "59 @.jwks.refresh: found 0s, expected from 1s to 1day".to_owned(),
            ),
            (
                "{ jwks: { url: 'https://a.test', refetch: 2h } }",
                "59 @.jwks.refetch: found 2h, expected from 100ms to 1h".to_owned(),
            ),
            (
                "{ jwks: { url: 'https://a.test', refresh: 1h, stale: 1m } }",
                "70 @.jwks.stale: found 1m, expected no less than `refresh`, which is 1h".to_owned(),
            ),
            (
                "{ jwks: { url: 'https://a.test', ca: missing.pem } }",
                "54 @.jwks.ca: found /etc/doorward/missing.pem, which cannot be read".to_owned(),
            ),
            (
                "{ file: missing.json }",
                "25 @.file: found /etc/doorward/missing.json, which cannot be read".to_owned(),
            ),
            ("{ secret: { env: NOT_SET } }", "27 @.secret: found $NOT_SET, which is not set".to_owned()),
        ];
        for (keys, expected) in cases {
            check(&with_keys(keys), &[&format!("6:{}", expected.replace('@', AT))]);
        }
    }

    #[test]
    fn a_shared_secret_is_long_enough_for_its_algorithms() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        let text = |algorithms: &str| {
            let keys = with_keys(&format!("{{ secret: {{ file: {} }} }}", path.display()));
            keys.replace(
                "          issuer: i",
                &format!("          algorithms: {algorithms}\n          issuer: i"),
            )
        };
        let too_short = format!("6:27 {AT}.secret: found 31 bytes, expected 32 at least");
        let algorithm = "7:24 apis[0].credentials[0].jwt.algorithms[0]: found";
        let cases = [
            (31, "[]", Some(too_short)),
            (32, "[HS256]", None),
            (
                32,
                "[HS512]",
                Some(format!("{algorithm} `HS512`, expected a secret of 64 bytes at least for it")),
            ),
            (64, "[HS512]", None),
            (64, "[RS256]", Some(format!("{algorithm} `RS256`, expected `HS256`, `HS384` or `HS512`"))),
        ];
        for (length, algorithms, expected) in cases {
            // The end of the line is none of it.
            fs::write(&path, "s".repeat(length) + "\n").expect("a file");
            check(&text(algorithms), expected.as_deref().as_slice());
        }
    }
}
