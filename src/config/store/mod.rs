//! `store`: where keys, organizations, sessions and secrets are kept.

mod postgres;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    fmt,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{place::Place, problem::Report, text::Format, text::Text};

use self::postgres::RawPostgres;

pub use postgres::{PostgresAddress, PostgresLocation, PostgresTls};

/// The place where they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    /// An SQLite file, made if it is not there: `sqlite:PATH`.
    Sqlite(PathBuf),
    /// A PostgreSQL database, which many servers share: `postgres://USER@HOST:PORT/DATABASE`.
    Postgres(Box<PostgresLocation>),
    /// A folder of documents, which are only read: `files:DIRECTORY`.
    Files(PathBuf),
}

impl Default for StoreLocation {
    fn default() -> Self {
        Self::Sqlite(PathBuf::from("doorward.db"))
    }
}

/// Without user and password.
impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(server) => server.fmt(f),
            Self::Files(folder) => write!(f, "files:{}", folder.display()),
        }
    }
}

impl Format for StoreLocation {
    const NAME: &'static str = "store";
    const WHAT: &'static str =
        "a store such as `sqlite:doorward.db`, `postgres://doorward@localhost/doorward` or `files:keys.d`";
    // A password may stand in it.
    const IS_SECRET: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        if postgres::is_meant(text) {
            return postgres::read(text).map(Box::new).map(Self::Postgres);
        }
        // `sqlite://file` would mean `/file`, which nobody expects.
        let is_path = |path: &&str| !path.is_empty() && !path.starts_with("//") && !path.contains('\0');
        if let Some(path) = text.strip_prefix("sqlite:").filter(is_path) {
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        let folder = text.strip_prefix("files:").filter(is_path).map(|folder| Self::Files(folder.into()));
        folder.ok_or_else(|| {
            "expected `sqlite:PATH`, such as `sqlite:doorward.db` or `sqlite:/var/lib/doorward/doorward.db`, \
             `postgres://USER@HOST:PORT/DATABASE`, or `files:DIRECTORY`"
                .to_owned()
        })
    }

    fn shown(written: &str) -> Cow<'_, str> {
        postgres::shown(written)
    }
}

/// Where keys, organizations, sessions and secrets are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Store")]
pub(super) enum RawStore {
    /// `sqlite:PATH`, a file for one server; the address of a PostgreSQL database that many share:
    /// `postgres://USER@HOST:PORT/DATABASE`; or `files:DIRECTORY`, a folder of documents that are only read.
    Location(Text<StoreLocation>),
    /// A PostgreSQL database, and how it is spoken to.
    Postgres(Box<RawPostgres>),
}

impl Default for RawStore {
    fn default() -> Self {
        Self::Location(StoreLocation::default().into())
    }
}

impl RawStore {
    /// Paths are relative to `folder`.
    pub(super) fn check(&self, folder: &Path, at: &Place<'_>, report: &mut Report<'_>) -> StoreLocation {
        let (location, location_at, raw) = match self {
            Self::Location(location) => (location, *at, None),
            Self::Postgres(raw) => (&raw.url, at.field("url"), Some(raw)),
        };
        let mut alone = |found: &str, scheme: &str| {
            if raw.is_some() {
                let message = format!("found {found}, expected `postgres://…`, or `store: {scheme}` alone");
                report.add(&location_at, message);
            }
        };
        match location.value.clone() {
            StoreLocation::Sqlite(path) => {
                alone("an SQLite file", "sqlite:PATH");
                StoreLocation::Sqlite(folder.join(path))
            }
            StoreLocation::Files(path) => {
                alone("a folder", "files:DIRECTORY");
                StoreLocation::Files(folder.join(path))
            }
            StoreLocation::Postgres(server) => {
                let server =
                    postgres::check(*server, raw.map(|raw| &**raw), folder, (at, &location_at), report);
                StoreLocation::Postgres(Box::new(server))
            }
        }
    }
}
