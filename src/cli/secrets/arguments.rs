//! What `doorward secrets` is told.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use crate::{
    cli::{
        moments::{Expiry, parse_duration, parse_expiry},
        office::OfficeArguments,
    },
    domain::{ApiName, OrganizationId, ProjectId, SecretId},
};

const EXAMPLES: &str = "\
Secrets are kept sealed under a key that `sealing` in the configuration names.

Examples:
  doorward secrets create --api ingest --project apollo --organization acme
  doorward secrets list --project apollo
  doorward secrets rotate secret_4fXq0TzLm2Ab9RkVw1Yc --overlap 24h
  doorward secrets reseal";

const CREATE_EXAMPLES: &str = "\
The secret is on the first line of the answer; its text, byte for byte, is the key of the HMAC.
At most two secrets of a project are active for an API at once.

With --secret-file a secret made elsewhere is taken over: a text of at least 16 bytes, without
the line's end at its end. Nobody has to sign otherwise than before.

Examples:
  doorward secrets create --api ingest --project apollo --organization acme
  doorward secrets create --api ingest --project apollo --organization acme --expires 90d
  ./old-secret apollo | doorward secrets create --api ingest --project apollo \\
      --organization acme --secret-file -

With --declare the document is on standard output, and the secret on standard error:
  doorward secrets create --declare --api ingest --project apollo --organization acme \\
      >keys.d/apollo.yaml";

const LIST_EXAMPLES: &str = "\
Examples:
  doorward secrets list
  doorward secrets list --api ingest --project apollo --output json";

const ROTATE_EXAMPLES: &str = "\
The new secret is on the first line of the answer and has the end of the old one. Both are good
for the time of the overlap, at most 90 days, in which all who sign change over. A revoked or
expired secret cannot be rotated, and none twice.

Examples:
  doorward secrets rotate secret_4fXq0TzLm2Ab9RkVw1Yc --overlap 24h
  doorward secrets rotate secret_4fXq0TzLm2Ab9RkVw1Yc --overlap 0s --output json";

const REVOKE_EXAMPLES: &str = "\
Every running server refuses what it signed within a second. It cannot be taken back.

Example:
  doorward secrets revoke secret_4fXq0TzLm2Ab9RkVw1Yc";

const RESEAL_EXAMPLES: &str = "\
To change the sealing key: add the new key to `sealing.keys` everywhere, make it `current`, run
this, and remove the old key when this says that nothing is sealed under another key. It can be
interrupted and run again.

Example:
  doorward secrets reseal";

/// Create, list, rotate and revoke the secrets with which projects sign.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct SecretsCommand {
    #[command(flatten)]
    pub(super) office: OfficeArguments,
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Make a new secret, or take one over.
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Create),
    /// Show all secrets' records, oldest first.
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// Only the secrets that serve this API.
        #[arg(long, value_name = "NAME")]
        api: Option<ApiName>,
        /// Only the secrets of this project.
        #[arg(long, value_name = "ID")]
        project: Option<ProjectId>,
    },
    /// Show one secret's record.
    Get {
        /// The secret's id.
        id: SecretId,
    },
    /// Replace a secret by a new one, and let both be good for a while.
    #[command(after_help = ROTATE_EXAMPLES)]
    Rotate {
        /// The secret's id.
        id: SecretId,
        /// How long the old secret goes on being good, such as `24h`.
        #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
        overlap: Duration,
    },
    /// Take a secret back, at once and for ever.
    #[command(after_help = REVOKE_EXAMPLES)]
    Revoke {
        /// The secret's id.
        id: SecretId,
    },
    /// Print a secret in clear.
    Reveal {
        /// The secret's id.
        id: SecretId,
    },
    /// Seal all secrets under the current sealing key.
    #[command(after_help = RESEAL_EXAMPLES)]
    Reseal,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The API that it serves.
    #[arg(long, value_name = "NAME")]
    pub(super) api: ApiName,
    /// The project that signs with it.
    #[arg(long, value_name = "ID")]
    pub(super) project: ProjectId,
    /// The organization that owns the project.
    #[arg(long, value_name = "ID")]
    pub(super) organization: OrganizationId,
    /// A file with a secret that was made elsewhere; `-` reads from standard input.
    #[arg(long, value_name = "FILE")]
    pub(super) secret_file: Option<PathBuf>,
    /// When it expires: after a duration such as `90d`, or at a date or time in UTC.
    #[arg(long, value_parser = parse_expiry, value_name = "DURATION|DATE")]
    pub(super) expires: Option<Expiry>,
    /// Keep it nowhere, but print a document that declares it, sealed, for a store `files:DIRECTORY`.
    #[arg(long, conflicts_with = "admin")]
    pub(super) declare: bool,
}
