//! The command line: argv → command → exit code.

mod audit;
mod check;
mod completions;
mod config;
mod credentials;
mod doctor;
mod hidden;
mod keys;
mod moments;
mod office;
mod organizations;
mod secrets;
mod serve;
mod sessions;
mod store;
mod table;

use std::{
    ffi::OsString,
    fmt::Display,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use prost_types::FieldMask;
use rand::{
    SeedableRng,
    rngs::{StdRng, SysRng},
};
use serde::Serialize;

use crate::{
    config::{Config, ConfigErrors, Fragments, Loaded, NotFound, find},
    store::StoreError,
};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Success,
    /// It was denied, or it failed.
    Failure,
    /// The command line or the configuration is wrong.
    Usage,
    /// Something that it needs cannot be reached.
    Unreachable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        // 64 and 69 are EX_USAGE and EX_UNAVAILABLE of sysexits(3).
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 64,
            Exit::Unreachable => 69,
        })
    }
}

/// Why a command ended before its time, told on standard error.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    /// How it ended.
    pub(crate) exit: Exit,
    /// What happened, and what to do next.
    pub(crate) message: String,
}

impl Failure {
    /// The message is the cause in its own words.
    pub(crate) fn new(exit: Exit, cause: impl Display) -> Self {
        Self { exit, message: cause.to_string() }
    }
}

impl From<NotFound> for Failure {
    fn from(error: NotFound) -> Self {
        Self::new(Exit::Usage, error)
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::new(Exit::Usage, errors)
    }
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

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(Exit::Failure, error)
    }
}

/// Keeps the door: answers Envoy's question whether a request may pass.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  doorward config check doorward.yaml
  doorward serve --config doorward.yaml
  doorward keys create --api payments --name CI --organization acme --scope read
  doorward check -H \"authorization: Bearer $KEY\" https://api.example.com/v1/scans

Exit codes:
  0   done
  1   denied or failed
  64  bad command line or configuration
  69  something needed cannot be reached"
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer Envoy's Checks until SIGTERM or SIGINT.
    Serve(serve::ServeCommand),
    /// Check, describe and show the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Explain what would be decided about a request, stage by stage.
    Check(check::CheckCommand),
    /// Look whether everything is well: files, store, listeners, clocks, and what the configuration says.
    Doctor(doctor::DoctorCommand),
    /// Create, list, rotate and revoke API keys.
    Keys(keys::KeysCommand),
    /// Create, list, change and suspend organizations, with their projects and members.
    Organizations(organizations::OrganizationsCommand),
    /// Create, list, rotate and revoke the secrets with which projects sign.
    Secrets(secrets::SecretsCommand),
    /// Create, list and end sessions.
    Sessions(sessions::SessionsCommand),
    /// Tell what a credential would be to an API.
    #[command(subcommand)]
    Credentials(credentials::CredentialsCommand),
    /// Show what administrators changed.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Back up the store of the configuration, and put a backup back.
    Store(store::StoreCommand),
    /// Print what a shell needs to complete the command line.
    Completions(completions::CompletionsCommand),
}

/// `--config FILE`, as every command has it that needs a configuration.
#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    // Not a doc comment, since in Markdown the brackets would be a link.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "The configuration [default: $DOORWARD_CONFIG, ./doorward.yaml, /etc/doorward/doorward.yaml]"
    )]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// Whether the command line names one.
    pub(crate) fn is_named(&self) -> bool {
        self.config.is_some()
    }

    /// Finds the configuration.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn path(&self, env: &[(String, String)]) -> Result<PathBuf, NotFound> {
        find(self.config.as_deref(), env)
    }

    /// Finds the configuration and reads it. Fragments that are refused are told on standard error: the others do
    /// without them.
    ///
    /// # Errors
    ///
    /// There is none, or it is wrong.
    pub(crate) fn load(&self, env: &[(String, String)]) -> Result<Loaded, Failure> {
        let loaded = Config::load(&self.path(env)?, env, &Fragments::default())?;
        if let Some(errors) = loaded.errors() {
            // Whether it could be told changes nothing.
            let _ = writeln!(io::stderr(), "fragments that are refused are left out:\n{errors}");
        }
        Ok(loaded)
    }
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Runs the command that `args` ask for, the program's name first, in the environment `env`.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> Exit {
    let command = match CommandLine::try_parse_from(args) {
        Ok(CommandLine { command }) => command,
        Err(error) => {
            // Help and version are no errors. Whether they could be written changes nothing.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Success };
        }
    };
    let text = |text: OsString| text.to_string_lossy().into_owned();
    let env: Vec<(String, String)> = env.into_iter().map(|(name, value)| (text(name), text(value))).collect();
    let done = match command {
        Command::Serve(command) => serve::run(&command, env),
        Command::Config(command) => config::run(&command, &env),
        Command::Check(command) => check::run(&command, &env),
        Command::Doctor(command) => doctor::run(&command, &env),
        Command::Keys(command) => keys::run(command, &env),
        Command::Organizations(command) => organizations::run(command, &env),
        Command::Secrets(command) => secrets::run(command, &env),
        Command::Sessions(command) => sessions::run(command, &env),
        Command::Credentials(command) => credentials::run(command, &env),
        Command::Audit(command) => audit::run(command, &env),
        Command::Store(command) => store::run(&command, &env),
        Command::Completions(command) => completions::run(&command),
    };
    done.unwrap_or_else(|failure| {
        // Nothing is left to do if standard error is closed, too.
        let _ = writeln!(io::stderr(), "{}", failure.message);
        failure.exit
    })
}

/// Writes an answer to standard output.
///
/// # Errors
///
/// It cannot be written. A pipe that its reader has closed (`… | head`) is no error: the reader has enough.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritable(error)),
        _ => Ok(()),
    }
}

/// An answer as it is printed: for people as these lines, for programs as JSON.
///
/// # Errors
///
/// It cannot be written as JSON: a mistake of ours.
pub(crate) fn render(
    output: Output,
    answer: &impl Serialize,
    lines: impl FnOnce() -> Vec<String>,
) -> Result<String, Failure> {
    match output {
        Output::Table => Ok(lines().join("\n")),
        Output::Json => to_json(answer),
    }
}

/// An answer in JSON.
///
/// # Errors
///
/// It cannot be written as JSON: a mistake of ours.
pub(crate) fn to_json(answer: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(answer).map_err(unwritable)
}

/// As messages hold them.
pub(crate) fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// Those of these fields that are changed.
pub(crate) fn mask(fields: &[(&str, bool)]) -> FieldMask {
    let changed = fields.iter().filter(|(_, is_changed)| *is_changed);
    FieldMask { paths: changed.map(|(name, _)| (*name).to_owned()).collect() }
}

/// The answer is known but cannot be written.
pub(crate) fn unwritable(error: impl Display) -> Failure {
    Failure::new(Exit::Failure, format!("cannot write the answer: {error}"))
}

/// The machine's randomness.
///
/// # Errors
///
/// There is none to be had.
pub(crate) fn randomness() -> Result<StdRng, Failure> {
    StdRng::try_from_rng(&mut SysRng)
        .map_err(|error| Failure::new(Exit::Unreachable, format!("no randomness: {error}")))
}

/// Runs what is asynchronous on threads of its own.
///
/// # Errors
///
/// The threads cannot be started, or `work` failed.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Runtime::new()?.block_on(work)
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::*;

    #[test]
    fn the_commands_fit_together() {
        CommandLine::command().debug_assert();
    }

    /// Clap breaks what is longer than the terminal is wide, wherever that is.
    #[test]
    fn the_help_is_broken_into_lines_by_hand_only() {
        fn check(command: &Command) {
            let after = command.get_after_help().map(ToString::to_string);
            for line in after.iter().flat_map(|text| text.lines()) {
                assert!(line.len() <= 95, "{}: {line}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&CommandLine::command());
    }
}
