//! What `doorward credentials` is told.

use clap::{Args, Subcommand};

use crate::{cli::office::OfficeArguments, domain::ApiName};

const VERIFY_EXAMPLES: &str = "\
The credential is read from standard input: an argument could be read by every user of the
machine. It is not used: no limit counts it. The exit code is 1 if it proves nobody.

Examples:
  doorward credentials verify --api payments < key.txt
  doorward credentials verify --api payments --admin unix:/run/doorward/admin.sock < key.txt";

/// Tell what a credential would be to an API.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CredentialsCommand {
    /// Tell who a key, the token of a session or the token of an issuer proves, or why it does not.
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    #[command(flatten)]
    pub(super) office: OfficeArguments,
    /// The API.
    #[arg(long, value_name = "NAME")]
    pub(super) api: ApiName,
}
