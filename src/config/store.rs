//! `store`: where keys are kept.

use std::path::PathBuf;

/// The place where keys are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    /// An SQLite file, made if it is not there: `sqlite:PATH`.
    Sqlite(PathBuf),
}
