//! `doorward config check|schema|show`.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand};

use crate::config::{
    Config, Documents, Fragments, StoreLocation, document_schema, find, fragment_schema, schema,
};

use super::{ConfigFile, Exit, Failure, Output, print, to_json, unwritable};

/// What is asked of the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check a configuration, and tell everything that is wrong with it.
    Check(CheckCommand),
    /// Print the JSON Schema of the configuration.
    #[command(after_help = "\
Examples: have an editor complete and check the files
  doorward config schema > doorward.schema.json
  doorward config schema --fragment > fragment.schema.json
  doorward config schema --document > document.schema.json
  sed -i '1i # yaml-language-server: $schema=doorward.schema.json' doorward.yaml")]
    Schema {
        /// Print that of a fragment, one team's file
        #[arg(long, conflicts_with = "document")]
        fragment: bool,
        /// Print that of a document of the store `files:DIRECTORY`
        #[arg(long)]
        document: bool,
    },
    /// Print what is in force, defaults and overrides included, as YAML.
    #[command(after_help = "\
Examples:
  doorward config show --config doorward.yaml
  DOORWARD_CACHE__POSITIVE=30s doorward config show

The APIs of fragments stand among the others, so that the answer is a configuration of one
file. Fragments that are refused are told on standard error, and the exit code is 64.")]
    Show(ConfigFile),
}

/// `doorward config check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward config check doorward.yaml
  doorward config check --output json /etc/doorward/doorward.yaml
  DOORWARD_BUDGET=1s doorward config check

Every error is told with its line (or the environment's variable), its place, what was
found and what was expected, those of fragments and of a store's documents too. The exit
code is 64 if there is one. A warning tells of a risk in a configuration that is good
otherwise, and changes no exit code.")]
pub(super) struct CheckCommand {
    /// The file to check [default: the one that --config or the usual places name]
    #[arg(conflicts_with = "config")]
    file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
    /// How errors and warnings are written
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
}

/// Runs the command.
///
/// # Errors
///
/// There is no configuration, or it is wrong.
pub(super) fn run(command: &ConfigCommand, env: &[(String, String)]) -> Result<Exit, Failure> {
    match command {
        ConfigCommand::Check(command) => check(command, env),
        ConfigCommand::Schema { fragment, document } => {
            let schema = match (fragment, document) {
                (true, _) => fragment_schema(),
                (_, true) => document_schema(),
                _ => schema(),
            };
            print(&to_json(&schema)?).map(|()| Exit::Success)
        }
        ConfigCommand::Show(config) => {
            let loaded = config.load(env)?;
            print(&loaded.to_yaml().map_err(unwritable)?)?;
            Ok(if loaded.refused.is_empty() { Exit::Success } else { Exit::Usage })
        }
    }
}

fn check(command: &CheckCommand, env: &[(String, String)]) -> Result<Exit, Failure> {
    let path = match &command.file {
        Some(file) => find(Some(file), env)?,
        None => command.config.path(env)?,
    };
    let loaded = Config::load(&path, env, &Fragments::default());
    let loaded = loaded.and_then(|loaded| loaded.errors().map_or(Ok(loaded), Err));
    let documents = match &loaded {
        Ok(loaded) => documents(&loaded.config.store)?,
        Err(_) => None,
    };
    let of_documents = documents.as_ref().and_then(Documents::errors);
    let checked = loaded.and_then(|loaded| of_documents.map_or(Ok(loaded), Err));
    match (checked, command.output) {
        (Ok(loaded), Output::Table) => {
            let routes: usize = loaded.config.apis.iter().map(|api| api.routes.len()).sum();
            let apis = loaded.config.apis.len();
            let fragments = match loaded.taken {
                0 => String::new(),
                count => format!(", fragments: {count}"),
            };
            let warnings = match loaded.warnings.count() {
                0 => String::new(),
                count => format!(", warnings: {count}"),
            };
            for warning in loaded.warnings.lines() {
                // Whoever cannot see them is told their number.
                let _ = writeln!(io::stderr(), "{warning}");
            }
            let documents =
                documents.map_or_else(String::new, |documents| format!(", documents: {}", documents.count()));
            let counts = format!("APIs: {apis}, routes: {routes}{fragments}{documents}{warnings}");
            print(&format!("{}: good; {counts}", path.display()))?;
            Ok(Exit::Success)
        }
        (Ok(loaded), Output::Json) => print(&to_json(&loaded.warnings)?).map(|()| Exit::Success),
        (Err(errors), Output::Table) => Err(errors.into()),
        (Err(errors), Output::Json) => print(&to_json(&errors)?).map(|()| Exit::Usage),
    }
}

/// The documents of the store, if it is a folder of these.
///
/// # Errors
///
/// The folder cannot be read.
fn documents(store: &StoreLocation) -> Result<Option<Documents>, Failure> {
    let StoreLocation::Files(folder) = store else { return Ok(None) };
    let mut documents = Documents::new(folder);
    documents.look().map_err(|error| {
        let message = format!("the documents in {} cannot be read: {error}", folder.display());
        Failure::new(Exit::Unreachable, message)
    })?;
    Ok(Some(documents))
}
