//! What all commands are told that work on the store of the configuration, and how they reach it.

use clap::Args;

use crate::{
    config::{Config, StoreLocation},
    domain::Author,
    store::{SqliteStore, StoreError},
};

use super::{ConfigFile, Exit, Failure, Output};

/// `--config FILE` and `--output FORM`.
#[derive(Debug, Args)]
pub(super) struct StoreArguments {
    #[command(flatten)]
    pub(super) config: ConfigFile,
    /// How to answer: for people or for programs.
    #[arg(long, global = true, value_enum, default_value = "table")]
    pub(super) output: Output,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::Unavailable(_) | StoreError::Corrupt(_) => Exit::Unreachable,
            _ => Exit::Failure,
        };
        Self::new(exit, error)
    }
}

/// Whoever runs a command on the store.
pub(super) fn author() -> Author {
    Author::on_the_store(rustix::process::getuid().as_raw())
}

/// Does some work on the store of the configuration, which is closed again whatever comes of it.
///
/// # Errors
///
/// The store cannot be reached, or the work failed.
pub(super) async fn with_store<T>(
    config: &Config,
    work: impl AsyncFnOnce(&SqliteStore) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let StoreLocation::Sqlite(path) = &config.store;
    let store = SqliteStore::open(path, SqliteStore::PATIENCE).await?;
    let done = work(&store).await;
    store.close().await;
    done
}
