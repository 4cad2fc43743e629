//! `store`: where keys, organizations, sessions and secrets are kept.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::text::Format;

/// The place where they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    /// An SQLite file, made if it is not there: `sqlite:PATH`.
    Sqlite(PathBuf),
}

impl StoreLocation {
    /// The same place, its path relative to `folder` if it is relative at all.
    pub(super) fn within(&self, folder: &Path) -> Self {
        let Self::Sqlite(path) = self;
        Self::Sqlite(folder.join(path))
    }
}

impl Default for StoreLocation {
    fn default() -> Self {
        Self::Sqlite(PathBuf::from("doorward.db"))
    }
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Sqlite(path) = self;
        write!(f, "sqlite:{}", path.display())
    }
}

impl Format for StoreLocation {
    const NAME: &'static str = "store";
    const WHAT: &'static str = "a store such as `sqlite:doorward.db`";
    // The location of a database server holds its password.
    const IS_SECRET: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        match text.strip_prefix("sqlite:") {
            // `sqlite://file` would mean `/file`, which nobody expects.
            Some(path) if !path.is_empty() && !path.starts_with("//") && !path.contains('\0') => {
                Ok(Self::Sqlite(PathBuf::from(path)))
            }
            _ => Err(
                "expected `sqlite:PATH`, such as `sqlite:doorward.db` or `sqlite:/var/lib/doorward/doorward.db`"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_an_sqlite_file() {
        let cases = [
            ("sqlite:keys.db", Some("/etc/doorward/keys.db")),
            ("sqlite:/var/lib/keys.db", Some("/var/lib/keys.db")),
            ("sqlite:", None),
            ("sqlite://keys.db", None),
            ("postgres://localhost", None),
            ("keys.db", None),
        ];
        for (text, path) in cases {
            let store = StoreLocation::read(text).ok().map(|store| store.within(Path::new("/etc/doorward")));
            assert_eq!(store, path.map(|path| StoreLocation::Sqlite(path.into())), "{text}");
        }
    }
}
