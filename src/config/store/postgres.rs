//! The address of a PostgreSQL database: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE`.

use std::{
    borrow::Cow,
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
};

use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::config::{
    client_tls::{ClientTls, RawClientTls},
    place::Place,
    problem::{Origin, Report},
    secret_source::{RawSecretSource, SecretSource, are_alike},
    text::Text,
};

use super::StoreLocation;

/// The port of a PostgreSQL server.
const PORT: u16 = 5432;
/// What stands for a password where the address is shown. No address can have it.
const HIDDEN: &str = "{hidden}";
/// The schemes.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// How TLS is asked for in the address.
const MODES: [&str; 3] = ["disable", "require", "verify-full"];

/// A PostgreSQL database, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct PostgresLocation {
    /// Where the server is.
    pub address: PostgresAddress,
    /// Who signs in.
    pub user: String,
    /// The password, where the server asks for one.
    pub password: Option<SecretSource>,
    /// The name of the database.
    pub database: String,
    /// TLS.
    pub tls: PostgresTls,
}

/// Where a server can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostgresAddress {
    /// Host and port. The host is a name or an IP address, without brackets.
    Tcp(String, u16),
    /// The folder of its Unix socket, and the port that its name ends with.
    Unix(PathBuf, u16),
}

/// TLS with a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostgresTls {
    /// None.
    Off,
    /// Encrypted, with whoever answers.
    Unverified {
        /// The client's certificate chain and its key, PEM.
        identity: Option<(PathBuf, PathBuf)>,
    },
    /// Encrypted, and the server has to prove its name. Without authorities the public ones vouch for it, of which this
    /// program has a list.
    Verified(ClientTls),
}

impl PostgresTls {
    /// The client's certificate chain and its key, if it has them.
    #[must_use]
    pub fn identity(&self) -> Option<&(PathBuf, PathBuf)> {
        match self {
            Self::Off => None,
            Self::Unverified { identity } | Self::Verified(ClientTls { identity, .. }) => identity.as_ref(),
        }
    }
}

impl PartialEq for PostgresLocation {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
            && self.user == other.user
            && are_alike(self.password.as_ref(), other.password.as_ref())
            && self.database == other.database
            && self.tls == other.tls
    }
}

impl Eq for PostgresLocation {}

/// Without user and password.
impl fmt::Display for PostgresLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = &self.database;
        match &self.address {
            PostgresAddress::Tcp(host, port) if host.contains(':') => {
                write!(f, "postgres://[{host}]:{port}/{database}")
            }
            PostgresAddress::Tcp(host, port) => write!(f, "postgres://{host}:{port}/{database}"),
            PostgresAddress::Unix(folder, port) => {
                write!(f, "postgres://:{port}/{database}?host={}", folder.display())
            }
        }
    }
}

/// A PostgreSQL database, and how it is spoken to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PostgresStore")]
pub(in crate::config) struct RawPostgres {
    /// Its address, as `postgres://USER@HOST:PORT/DATABASE`. TLS is used unless it is `localhost` or a Unix socket;
    /// `?sslmode=disable`, `require` or `verify-full` says otherwise.
    pub(super) url: Text<StoreLocation>,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<RawSecretSource>,
    /// The files of TLS, where it is used. They are read at start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<RawClientTls>,
}

/// Whether a text is meant as the address of such a database.
pub(super) fn is_meant(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.starts_with(scheme))
}

/// The database that an address names.
pub(super) fn read(text: &str) -> Result<PostgresLocation, String> {
    let shape = || {
        "expected `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; in a password `/` is `%2F`, `@` is `%40`, \
                    `#` is `%23` and `?` is `%3F`"
            .to_owned()
    };
    let url = Url::parse(text).map_err(|_| shape())?;
    if url.fragment().is_some() {
        return Err(shape());
    }
    let decoded = |text: &str| {
        if text.contains(['{', '}']) || text.contains("%7Bhidden%7D") {
            return Err(format!("expected the password in the place of `{HIDDEN}`"));
        }
        let clear = percent_decode_str(text).decode_utf8();
        clear
            .map(Cow::into_owned)
            .map_err(|_| "expected a user, a password and a database in UTF-8".to_owned())
    };
    let user = decoded(url.username())?;
    if user.is_empty() {
        return Err("expected a user before the host: `postgres://USER@HOST:PORT/DATABASE`".to_owned());
    }
    let database = decoded(url.path().trim_start_matches('/'))?;
    if database.is_empty() || database.contains('/') {
        return Err(
            "expected the name of a database after the host: `postgres://USER@HOST:PORT/DATABASE`".to_owned()
        );
    }
    let (mut mode, mut socket) = (None, None);
    for (name, value) in url.query_pairs() {
        match &*name {
            "sslmode" if MODES.contains(&&*value) => mode = Some(value),
            "sslmode" => {
                return Err(format!(
                    "expected `sslmode` to be {}: any other would go on without TLS, or trust a name that nobody has proven",
                    MODES.map(|mode| format!("`{mode}`")).join(", ")
                ));
            }
            "host" if value.starts_with('/') => socket = Some(PathBuf::from(&*value)),
            "host" => return Err("expected the folder of a Unix socket as `host` after the `?`".to_owned()),
            _ => {
                return Err("expected nothing but `sslmode` and `host` after the `?`: the files of TLS stand beside, as \
                            `store: { url: …, tls: { ca: FILE } }`"
                    .to_owned());
            }
        }
    }
    let port = url.port().unwrap_or(PORT);
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let address = match socket {
        Some(folder) if host.is_empty() || host == "localhost" => PostgresAddress::Unix(folder, port),
        None if !host.is_empty() && !host.contains(['%', ',']) => PostgresAddress::Tcp(host, port),
        _ => return Err("expected one host, or `?host=/FOLDER` of a Unix socket".to_owned()),
    };
    let tls = tls(mode.as_deref(), &address)?;
    let password = url.password().map(decoded).transpose()?.filter(|password| !password.is_empty());
    Ok(PostgresLocation { address, user, password: password.map(SecretSource::written), database, tls })
}

/// What the address says of TLS, or what is safe where it says nothing.
fn tls(mode: Option<&str>, address: &PostgresAddress) -> Result<PostgresTls, String> {
    let is_here = match address {
        PostgresAddress::Unix(..) => true,
        PostgresAddress::Tcp(host, _) => {
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    };
    match (mode, address) {
        (Some("require" | "verify-full"), PostgresAddress::Unix(..)) => {
            Err("expected no TLS over a Unix socket".to_owned())
        }
        (Some("require"), _) => Ok(PostgresTls::Unverified { identity: None }),
        (Some("verify-full"), _) => Ok(PostgresTls::Verified(ClientTls::default())),
        (None, _) if !is_here => Ok(PostgresTls::Verified(ClientTls::default())),
        _ => Ok(PostgresTls::Off),
    }
}

/// An address without its password.
pub(super) fn shown(written: &str) -> Cow<'_, str> {
    let hidden = || {
        let scheme = SCHEMES.iter().find(|scheme| written.starts_with(**scheme))?;
        let rest = written.strip_prefix(scheme)?;
        let authority = rest.split(['/', '?', '#']).next()?;
        // A password with a `/` in it was meant to be none of the path.
        let end = rest.rfind('@').filter(|end| *end >= authority.len()).or_else(|| authority.rfind('@'))?;
        let (userinfo, after) = (rest.get(..end)?, rest.get(end..)?);
        let (user, password) = userinfo.split_once(':')?;
        (!password.is_empty()).then(|| format!("{scheme}{user}:{HIDDEN}{after}"))
    };
    hidden().map_or(Cow::Borrowed(written), Cow::Owned)
}

/// The database with what does not stand in its address; the places are those of the store and of its address.
pub(super) fn check(
    server: PostgresLocation,
    raw: Option<&RawPostgres>,
    folder: &Path,
    (at, url_at): (&Place<'_>, &Place<'_>),
    report: &mut Report<'_>,
) -> PostgresLocation {
    // What the environment says stands in no file.
    if server.password.is_some() && !matches!(report.origin_of(url_at), Origin::Variable { .. }) {
        let message = "found a password in the address, expected it apart, as `password: { file: … }` or \
                       `password: { env: … }`: whoever may read the configuration can read it";
        report.warn(url_at, message);
    }
    if matches!(server.tls, PostgresTls::Unverified { .. }) {
        let message = "found `sslmode=require`, which trusts whoever answers; expected `verify-full`";
        report.warn(url_at, message);
    }
    let Some(raw) = raw else { return server };
    if server.password.is_some() && raw.password.is_some() {
        report.add(&at.field("password"), "found the password here and in `url`, expected it once");
    }
    let password = raw.password.as_ref().map(|raw| raw.check(&at.field("password"), report));
    let tls = match &raw.tls {
        Some(raw) => {
            let at = at.field("tls");
            let files = raw.check(folder, &at, report);
            with_files(&server.tls, files, &at, report)
        }
        None => server.tls,
    };
    PostgresLocation { password: password.or(server.password), tls, ..server }
}

/// TLS as the address wants it, with these files.
fn with_files(tls: &PostgresTls, files: ClientTls, at: &Place<'_>, report: &mut Report<'_>) -> PostgresTls {
    match tls {
        PostgresTls::Off => {
            report.add(at, "found `tls`, expected an address with `?sslmode=verify-full`");
            PostgresTls::Off
        }
        PostgresTls::Unverified { .. } => {
            if files.ca.is_some() {
                report.add(&at.field("ca"), "found authorities, expected `?sslmode=verify-full` with them");
            }
            PostgresTls::Unverified { identity: files.identity }
        }
        PostgresTls::Verified(_) => PostgresTls::Verified(files),
    }
}
