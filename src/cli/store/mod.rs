//! `doorward store`: backups of the store of the configuration, and its move to another one.

mod arguments;
mod copying;
#[cfg(test)]
mod tests;

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
};

use serde_json::{Value, json};

use crate::{
    config::{Config, StoreLocation},
    store::{BackupError, Contents, SqlStore, Sqlite},
};

use super::{Exit, Failure, Output, block_on, print, render};

use self::arguments::Action;

pub(super) use arguments::StoreCommand;

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Store(error) => error.into(),
            other => Self::new(Exit::Failure, other),
        }
    }
}

/// Runs the command, and prints its answer.
///
/// # Errors
///
/// There is no configuration or it is wrong, or the command could not be carried out.
pub(super) fn run(command: &StoreCommand, env: &[(String, String)]) -> Result<Exit, Failure> {
    let config = command.config.load(env)?.config;
    let answer = block_on(execute(&command.action, command.output, &config, env))?;
    print(&answer).map(|()| Exit::Success)
}

/// Carries out a command, and gives the answer as it is printed.
///
/// # Errors
///
/// It could not be carried out: the store is as it was.
async fn execute(
    action: &Action,
    output: Output,
    config: &Config,
    env: &[(String, String)],
) -> Result<String, Failure> {
    match action {
        Action::Backup { file } => {
            let store = Sqlite::open_as_it_is(path(config)?, SqlStore::PATIENCE).await?;
            let backup = store.backup(file, tell).await;
            store.close().await;
            let contents = backup?;
            render(output, &facts(file, contents), || {
                vec![format!("{} holds {}.", file.display(), sentence(contents))]
            })
        }
        Action::Migrate => {
            let store = SqlStore::open(&config.store, SqlStore::PATIENCE).await?;
            let (place, schema) = (config.store.to_string(), store.schema_version());
            store.close().await;
            render(output, &json!({ "store": place, "schema": schema }), || {
                vec![format!("{place} has the schema {schema}, which is that of this version.")]
            })
        }
        Action::Copy { into } => copying::copy(&config.store, into, env, output).await,
        Action::Restore { file } => {
            let contents = Sqlite::restore(file, path(config)?).await?;
            render(output, &facts(file, contents), || {
                vec![
                    format!("The store holds {}, as {} does.", sentence(contents), file.display()),
                    "Whatever was revoked, suspended or ended after that is good again: the logs of servers tell of it."
                        .to_owned(),
                ]
            })
        }
    }
}

/// The file of the store.
///
/// # Errors
///
/// It is none.
fn path(config: &Config) -> Result<&Path, Failure> {
    match &config.store {
        StoreLocation::Sqlite(path) => Ok(path),
        StoreLocation::Postgres(_) => {
            let message = format!("{} is backed up by `pg_dump`, and put back by `pg_restore`", config.store);
            Err(Failure::new(Exit::Usage, message))
        }
        StoreLocation::Files(_) => {
            let message = format!("{} is backed up where its documents are written", config.store);
            Err(Failure::new(Exit::Usage, message))
        }
    }
}

fn facts(file: &Path, Contents { bytes, keys, changed }: Contents) -> Value {
    json!({ "file": file.display().to_string(), "bytes": bytes, "keys": keys, "changed": changed })
}

fn sentence(Contents { keys, changed, .. }: Contents) -> String {
    let keys = match keys {
        1 => "1 key".to_owned(),
        count => format!("{count} keys"),
    };
    match changed {
        Some(at) => format!("{keys}, and was changed by administrators last at {at}"),
        None => format!("{keys}, and was never changed by administrators"),
    }
}

/// Tells a person how far it has come.
fn tell(done: u64, most: u64) {
    if done > 0 && io::stderr().is_terminal() {
        // Whoever cannot see it misses nothing that the answer does not say.
        let _ = writeln!(io::stderr(), "{} of at most {} MiB", done >> 20, most >> 20);
    }
}
