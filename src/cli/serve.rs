//! `doorward serve`.

use clap::Args;

use crate::{
    server::{self, ConfigSource, ServeError},
    telemetry,
};

use super::{ConfigFile, Exit, Failure, block_on, randomness};

/// `doorward serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward serve --config doorward.yaml
  DOORWARD_LISTEN__CHECK='[\"unix:/run/doorward/check.sock\"]' doorward serve

The configuration is read again when it changes, and on SIGHUP. On SIGTERM the server says
that it is not ready, serves on for `shutdown.drain`, and finishes what is running. Logs go to
standard error; what is logged is chosen by RUST_LOG, such as RUST_LOG=debug.")]
pub(super) struct ServeCommand {
    #[command(flatten)]
    config: ConfigFile,
}

/// Serves until told to end.
///
/// # Errors
///
/// There is no configuration or it is wrong, or something that serving needs cannot be had.
pub(super) fn run(command: &ServeCommand, env: Vec<(String, String)>) -> Result<Exit, Failure> {
    let path = command.config.path(&env)?;
    let _written_at_the_end = telemetry::install_logs();
    let source = ConfigSource { path, env };
    let mut rng = randomness()?;
    block_on(async { Ok(server::serve(source, &mut rng).await?) }).map(|()| Exit::Success)
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let exit = match &error {
            ServeError::Config(_) | ServeError::Tls(_) => Exit::Usage,
            ServeError::Store(_) | ServeError::Listen { .. } => Exit::Unreachable,
            ServeError::Metrics(_) | ServeError::Signals(_) | ServeError::Failed(_) => Exit::Failure,
        };
        Self::new(exit, error)
    }
}
