//! `listen.admin`: where administrators ask.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{host::Host, place::Place, problem::Report, text::Text};

use super::{ListenAddress, Transport, check_protection};

/// The address on which administrators ask, and how what passes there is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminListener {
    /// The address.
    pub address: ListenAddress,
    /// How it is protected.
    pub transport: Transport,
    /// The names under which it may be asked without TLS, beside addresses and `localhost`; in lower case.
    pub hosts: Vec<String>,
}

/// Where administrators ask.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "AdminListener")]
pub(super) enum RawAdminListener {
    /// A Unix socket (`unix:PATH`), which is for its owner alone, or an address that only this machine can reach.
    Address(Text<ListenAddress>),
    /// An address, and how it is protected.
    Protected(RawProtected),
}

/// An address, and how it is protected.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ProtectedAdminListener")]
pub(super) struct RawProtected {
    /// `IP:PORT`, `[IPv6]:PORT` or `unix:PATH`.
    address: Text<ListenAddress>,
    /// TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<RawTls>,
    /// Whether an address that others can reach may go without TLS, because something else protects it.
    #[serde(default)]
    insecure: bool,
    /// The names under which it may be asked without TLS, beside addresses and `localhost`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<Text<Host>>,
}

/// TLS. The files are read again when they change.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AdminTls")]
struct RawTls {
    /// Doorward's certificate chain, PEM.
    certificate: Text<PathBuf>,
    /// Its private key, PEM.
    key: Text<PathBuf>,
    /// The authorities by whose certificates administrators may prove themselves, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_ca: Option<Text<PathBuf>>,
}

impl RawAdminListener {
    /// Paths are relative to `folder`.
    pub(super) fn check(&self, folder: &Path, at: &Place<'_>, report: &mut Report<'_>) -> AdminListener {
        let (address, tls, insecure, hosts) = match self {
            Self::Address(address) => (address, None, false, &[][..]),
            Self::Protected(raw) => (&raw.address, raw.tls.as_ref(), raw.insecure, raw.hosts.as_slice()),
        };
        check_protection(&address.value, tls.is_some(), insecure, "certificate: …, key: …", at, report);
        if !hosts.is_empty() && (tls.is_some() || matches!(address.value, ListenAddress::Unix(_))) {
            let message = "found `hosts`, expected none: they are for TCP without TLS";
            report.add(&at.field("hosts"), message);
        }
        AdminListener {
            address: address.value.within(folder, at, report),
            transport: tls.map_or(Transport::Plain, |tls| Transport::Tls {
                certificate: folder.join(&tls.certificate.value),
                key: folder.join(&tls.key.value),
                client_ca: tls.client_ca.as_ref().map(|path| folder.join(&path.value)),
            }),
            hosts: hosts.iter().map(|host| host.value.0.clone()).collect(),
        }
    }
}

impl AdminListener {
    /// Whether clients may prove themselves by a certificate.
    #[must_use]
    pub fn knows_certificates(&self) -> bool {
        matches!(&self.transport, Transport::Tls { client_ca: Some(_), .. })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{api, check, config};

    use super::*;

    const WITH_TOKEN: &str =
        "administrators: [{ name: a, role: owner, tokens: [{ env: KEY }] }]\nlisten: { admin: ";

    #[test]
    fn nobody_administers_unless_an_address_is_named() {
        assert_eq!(config(&api(&[])).listen.admin, None);
        let text = format!("{}listen: {{ admin: unix:admin.sock }}", api(&[]));
        let listener = config(&text).listen.admin.expect("a listener");
        assert_eq!(listener.address, ListenAddress::Unix("/etc/doorward/admin.sock".into()));
        assert_eq!(listener.transport, Transport::Plain);
    }

    #[test]
    fn who_listens_to_others_says_how_that_is_protected() {
        let without = "found 0.0.0.0:1, which others can reach, without protection; expected `{ address: 0.0.0.0:1, \
                       tls: { certificate: …, key: … } }`, or";
        let cases = [
            ("127.0.0.1:1", None),
            ("{ address: 0.0.0.0:1, insecure: true, hosts: [admin.test] }", None),
            ("{ address: 0.0.0.0:1, tls: { certificate: a, key: b } }", None),
            ("{ address: 0.0.0.0:1, tls: { certificate: a, key: b, client_ca: c } }", None),
            ("0.0.0.0:1", Some(": ".to_owned() + without)),
            (
                "{ address: 127.0.0.1:1, tls: { certificate: a, key: b }, insecure: true }",
                Some(": found `tls` and `insecure: true`".to_owned()),
            ),
            (
                "{ address: unix:a, tls: { certificate: a, key: b } }",
                Some(": found `tls` on a Unix socket".to_owned()),
            ),
            ("127.0.0.1:9191", Some(": found 127.0.0.1:9191, which is listened on already".to_owned())),
            ("127.0.0.1:9193", Some(": found 127.0.0.1:9193, which is listened on already".to_owned())),
        ];
        for (listener, expected) in cases {
            let text = format!("{}{WITH_TOKEN}{listener} }}", api(&[]));
            let expected = expected.map(|expected| format!("7:18 listen.admin{expected}"));
            check(&text, expected.as_deref().as_slice());
        }
    }

    #[test]
    fn names_are_for_tcp_without_tls() {
        let text = format!("{}listen: {{ admin: {{ address: unix:a, hosts: [a.test] }} }}", api(&[]));
        check(&text, &["6:44 listen.admin.hosts: found `hosts`, expected none"]);
    }
}
