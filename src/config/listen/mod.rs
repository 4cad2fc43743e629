//! `listen`: where Doorward can be reached.

mod admin;

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    place::Place,
    problem::Report,
    text::{Format, Text},
};

use self::admin::RawAdminListener;

pub use admin::AdminListener;

/// The longest path of a Unix socket on Linux, in bytes.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// The addresses of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where Envoy asks.
    pub check: Vec<CheckListener>,
    /// Where metrics and health are read over HTTP.
    pub telemetry: Option<SocketAddr>,
    /// Where administrators ask, if anywhere.
    pub admin: Option<AdminListener>,
}

/// One address on which Envoy asks, and how what passes there is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckListener {
    /// The address.
    pub address: ListenAddress,
    /// How it is protected.
    pub transport: Transport,
}

/// An address that is listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// IP address and port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// How connections to Doorward are protected. The files are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Not at all: a Unix socket, loopback, or `insecure: true`.
    Plain,
    /// By TLS in both directions.
    MutualTls {
        /// Doorward's certificate chain, PEM.
        certificate: PathBuf,
        /// Its private key, PEM.
        key: PathBuf,
        /// The authorities of which a client needs a certificate, PEM.
        client_ca: PathBuf,
    },
    /// By TLS; a client may prove itself by a certificate.
    Tls {
        /// Doorward's certificate chain, PEM.
        certificate: PathBuf,
        /// Its private key, PEM.
        key: PathBuf,
        /// The authorities whose certificates count, PEM. Without any, none is asked for.
        client_ca: Option<PathBuf>,
    },
}

/// The addresses of one process.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Listen")]
pub(super) struct RawListen {
    /// Where Envoy asks.
    #[schemars(length(min = 1))]
    check: Vec<RawCheckListener>,
    /// Where metrics and health are read over HTTP: `IP:PORT`, or `off`.
    telemetry: Text<TelemetryAddress>,
    /// Where administrators ask; nowhere unless it is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    admin: Option<RawAdminListener>,
}

/// An address on which Envoy asks.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "CheckListener")]
enum RawCheckListener {
    /// A Unix socket (`unix:PATH`) or an address that only this machine can reach (`127.0.0.1:9191`).
    Address(Text<ListenAddress>),
    /// An address, and how it is protected.
    Protected(RawProtected),
}

/// An address, and how it is protected.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ProtectedCheckListener")]
struct RawProtected {
    /// `IP:PORT`, `[IPv6]:PORT` or `unix:PATH`.
    address: Text<ListenAddress>,
    /// TLS in both directions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<RawTls>,
    /// Whether an address that others can reach may go without TLS, because something else protects it.
    #[serde(default)]
    insecure: bool,
}

/// TLS in both directions. The files are read again when they change.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CheckTls")]
struct RawTls {
    /// Doorward's certificate chain, PEM.
    certificate: Text<PathBuf>,
    /// Its private key, PEM.
    key: Text<PathBuf>,
    /// The authorities of which a client needs a certificate, PEM.
    client_ca: Text<PathBuf>,
}

impl Default for RawListen {
    fn default() -> Self {
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            check: vec![RawCheckListener::Address(ListenAddress::Tcp(address(9191)).into())],
            telemetry: TelemetryAddress(Some(address(9193))).into(),
            admin: None,
        }
    }
}

impl RawListen {
    /// Paths are relative to `folder`.
    pub(super) fn check(&self, folder: &Path, at: &Place<'_>, report: &mut Report<'_>) -> Listen {
        let telemetry = self.telemetry.value.0;
        let mut check: Vec<CheckListener> = Vec::with_capacity(self.check.len());
        for (index, raw) in self.check.iter().enumerate() {
            let at = at.field("check");
            let listener = raw.check(folder, &at.item(index), report);
            if let Some(first) = check.iter().position(|other| other.address == listener.address) {
                let message =
                    format!("found {} again, expected it once: {at}[{first}] has it", listener.address);
                report.add(&at.item(index), message);
            }
            if telemetry.map(ListenAddress::Tcp).as_ref() == Some(&listener.address) {
                report.add(&at.item(index), "found the address of `listen.telemetry`, expected another");
            }
            check.push(listener);
        }
        let admin = self.admin.as_ref().map(|raw| {
            let at = at.field("admin");
            let listener = raw.check(folder, &at, report);
            let is_taken = check.iter().any(|other| other.address == listener.address)
                || telemetry.map(ListenAddress::Tcp).as_ref() == Some(&listener.address);
            if is_taken {
                let message =
                    format!("found {}, which is listened on already, expected another", listener.address);
                report.add(&at, message);
            }
            listener
        });
        Listen { check, telemetry, admin }
    }
}

impl RawCheckListener {
    fn check(&self, folder: &Path, at: &Place<'_>, report: &mut Report<'_>) -> CheckListener {
        let (address, tls, insecure) = match self {
            Self::Address(address) => (address, None, false),
            Self::Protected(raw) => (&raw.address, raw.tls.as_ref(), raw.insecure),
        };
        let files = "certificate: …, key: …, client_ca: …";
        check_protection(&address.value, tls.is_some(), insecure, files, at, report);
        CheckListener {
            address: address.value.within(folder, at, report),
            transport: tls.map_or(Transport::Plain, |tls| tls.within(folder)),
        }
    }
}

/// Reports an address that others can reach without TLS, unless something else protects it. `files` are the fields
/// of its `tls`.
fn check_protection(
    address: &ListenAddress,
    has_tls: bool,
    insecure: bool,
    files: &str,
    at: &Place<'_>,
    report: &mut Report<'_>,
) {
    let message = match address {
        ListenAddress::Tcp(_) if has_tls && insecure => {
            "found `tls` and `insecure: true`, expected one of them".to_owned()
        }
        ListenAddress::Unix(_) if has_tls => {
            "found `tls` on a Unix socket, expected none: the socket's mode protects it".to_owned()
        }
        ListenAddress::Tcp(tcp) if !has_tls && !insecure && !tcp.ip().to_canonical().is_loopback() => {
            let address = quoted_for_yaml(tcp);
            format!(
                "found {tcp}, which others can reach, without protection; expected \
                 `{{ address: {address}, tls: {{ {files} }} }}`, or \
                 `{{ address: {address}, insecure: true }}` where something else protects it"
            )
        }
        _ => return,
    };
    report.add(at, message);
}

/// An IPv6 address begins with a bracket, which YAML would take for a list.
fn quoted_for_yaml(address: &SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.to_string(),
        SocketAddr::V6(address) => format!("\"{address}\""),
    }
}

impl RawTls {
    fn within(&self, folder: &Path) -> Transport {
        Transport::MutualTls {
            certificate: folder.join(&self.certificate.value),
            key: folder.join(&self.key.value),
            client_ca: folder.join(&self.client_ca.value),
        }
    }
}

impl ListenAddress {
    fn within(&self, folder: &Path, at: &Place<'_>, report: &mut Report<'_>) -> Self {
        let Self::Unix(path) = self else {
            return self.clone();
        };
        let path = folder.join(path);
        let length = path.as_os_str().len();
        if length > SOCKET_PATH_BYTES_MAX {
            let message = format!(
                "found a path of {length} bytes, expected {SOCKET_PATH_BYTES_MAX} at most for a Unix socket"
            );
            report.add(at, message);
        }
        Self::Unix(path)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Format for ListenAddress {
    const NAME: &'static str = "listen-address";
    const WHAT: &'static str = "an address such as `127.0.0.1:9191` or `unix:/run/doorward/check.sock`";

    fn read(text: &str) -> Result<Self, String> {
        let address = match text.strip_prefix("unix:") {
            Some(path) => PathBuf::read(path).ok().map(Self::Unix),
            None => text.parse().ok().map(Self::Tcp),
        };
        address.ok_or_else(|| {
            "expected `IP:PORT`, `[IPv6]:PORT` or `unix:PATH`, such as `127.0.0.1:9191`".to_owned()
        })
    }
}

/// Where metrics and health are read, if anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TelemetryAddress(Option<SocketAddr>);

impl fmt::Display for TelemetryAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("off"),
        }
    }
}

impl Format for TelemetryAddress {
    const NAME: &'static str = "telemetry-address";
    const WHAT: &'static str = "an address such as `127.0.0.1:9193`, or `off`";

    fn read(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let address = text.parse().map(|address| Self(Some(address)));
        address.map_err(|_| "expected `IP:PORT`, `[IPv6]:PORT` or `off`, such as `127.0.0.1:9193`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{api, check};

    #[test]
    fn who_listens_to_others_says_how_that_is_protected() {
        let tls = "tls: { certificate: a, key: b, client_ca: c }";
        let without = "found 0.0.0.0:1, which others can reach, without protection; expected `{ address: 0.0.0.0:1, \
                       tls: { certificate: …, key: …, client_ca: … } }`, or `{ address: 0.0.0.0:1, insecure: true }`";
        let cases = [
            ("127.0.0.1:1".to_owned(), None),
            ("127.9.9.9:1".to_owned(), None),
            ("'[::1]:1'".to_owned(), None),
            ("'[::ffff:127.0.0.1]:1'".to_owned(), None),
            ("unix:/run/check.sock".to_owned(), None),
            ("{ address: 0.0.0.0:1, insecure: true }".to_owned(), None),
            (format!("{{ address: 0.0.0.0:1, {tls} }}"), None),
            (format!("{{ address: 127.0.0.1:1, {tls} }}"), None),
            ("0.0.0.0:1".to_owned(), Some(without)),
            ("{ address: 0.0.0.0:1 }".to_owned(), Some(without)),
            ("{ address: 0.0.0.0:1, insecure: false }".to_owned(), Some(without)),
            (
                "'[::]:1'".to_owned(),
                Some(
                    "found [::]:1, which others can reach, without protection; expected `{ address: \"[::]:1\",",
                ),
            ),
            (
                format!("{{ address: 0.0.0.0:1, insecure: true, {tls} }}"),
                Some("found `tls` and `insecure: true`"),
            ),
            (format!("{{ address: unix:a, {tls} }}"), Some("found `tls` on a Unix socket")),
            (format!("unix:/{}", "a".repeat(107)), Some("found a path of 108 bytes, expected 107 at most")),
            ("localhost:1".to_owned(), Some("found \"localhost:1\", expected `IP:PORT`")),
            ("'unix:'".to_owned(), Some("found \"unix:\", expected `IP:PORT`")),
            ("127.0.0.1".to_owned(), Some("found \"127.0.0.1\", expected `IP:PORT`")),
        ];
        for (listener, expected) in cases {
            let text = format!("{}listen: {{ check: [{listener}] }}", api(&[]));
            let expected = expected.map(|expected| format!("6:19 listen.check[0]: {expected}"));
            check(&text, expected.as_deref().as_slice());
        }
    }

    #[test]
    fn an_address_is_listened_to_once() {
        let text = api(&[])
            + "listen: { check: [127.0.0.1:1, unix:a, 127.0.0.1:1, unix:/etc/doorward/a], telemetry: 127.0.0.1:1 }";
        check(
            &text,
            &[
                "6:19 listen.check[0]: found the address of `listen.telemetry`, expected another",
                "6:40 listen.check[2]: found 127.0.0.1:1 again, expected it once: listen.check[0] has it",
                "6:40 listen.check[2]: found the address of `listen.telemetry`, expected another",
                "6:53 listen.check[3]: found unix:/etc/doorward/a again, expected it once: listen.check[1] has it",
            ],
        );
    }
}
