//! What all commands are told that ask something of an administrator's office.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{ConfigFile, Output};

/// Names the server, where the command line does not.
pub(crate) const SERVER_VARIABLE: &str = "DOORWARD_ADMIN";
/// Holds the token, which is no argument: every user of the machine could read it there.
pub(crate) const TOKEN_VARIABLE: &str = "DOORWARD_ADMIN_TOKEN";

/// `--config FILE` or `--admin URL`, and `--output FORM`.
#[derive(Debug, Args)]
pub(in crate::cli) struct OfficeArguments {
    #[command(flatten)]
    pub(in crate::cli) config: ConfigFile,
    /// How to answer: for people or for programs.
    #[arg(long, global = true, value_enum, default_value = "table")]
    pub(in crate::cli) output: Output,
    #[command(flatten)]
    pub(super) server: ServerArguments,
}

/// Which server is asked, and who asks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Asking a server instead of the store of the configuration")]
pub(super) struct ServerArguments {
    // Not doc comments, since in Markdown the brackets would be links.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "Its admin listener: `unix:PATH`, `https://HOST:PORT` or `http://HOST:PORT` [default: $DOORWARD_ADMIN]"
    )]
    pub(super) admin: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "A file with your token, where that is not in $DOORWARD_ADMIN_TOKEN"
    )]
    pub(super) token_file: Option<PathBuf>,
    /// The authorities that may vouch for it (PEM), in the place of those of the machine.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
    /// Your certificate (PEM).
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) certificate: Option<PathBuf>,
    /// The private key of your certificate (PEM).
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
}
