//! What `doorward keys` is told.

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use ipnet::IpNet;

use crate::{
    admin::{json::Coded, proto::key::Status},
    cli::{
        moments::{Expiry, parse_duration, parse_expiry},
        office::OfficeArguments,
    },
    domain::{
        ApiName, Environment, KeyId, KeyKind, OrganizationId, PlanName, ProjectId, Scope, parse_network,
    },
};

const EXAMPLES: &str = "\
Examples:
  doorward keys create --api payments --name CI --organization acme --environment live \\
      --scope read
  doorward keys list --api payments
  doorward keys rotate key_4fXq0TzLm2Ab9RkVw1Yc --overlap 24h
  doorward keys revoke key_4fXq0TzLm2Ab9RkVw1Yc";

const CREATE_EXAMPLES: &str = "\
The key is shown once, on the first line of the answer; the store keeps only its hash.

Examples:
  doorward keys create --api payments --name 'CI of the shop' --organization acme \\
      --environment live --scope scans:read --scope scans:write --expires 90d
  doorward keys create --api payments --name Backup --organization acme --environment live \\
      --kind service_key --source 203.0.113.0/24 --expires 2030-12-31 --output json

With --declare the document is on standard output, and the key on standard error:
  doorward keys create --declare --api payments --name CI --organization acme >keys.d/ci.yaml";

const LIST_EXAMPLES: &str = "\
Examples:
  doorward keys list
  doorward keys list --api payments --output json
  doorward keys list --older-than 90d
  doorward keys list --unused-for 30d
  doorward keys list --organization acme --status active --label team=payments
  doorward keys list --expires-within 14d --admin unix:/run/doorward/admin.sock";

const UPDATE_EXAMPLES: &str = "\
What is named changes, and everything else stays. Scopes and labels are named whole. Every
running server knows it within a second; a revoked key is not changed any more.

Examples:
  doorward keys update key_4fXq0TzLm2Ab9RkVw1Yc --name 'CI of the shop' --expires 90d
  doorward keys update key_4fXq0TzLm2Ab9RkVw1Yc --scope scans:read --label team=payments
  doorward keys update key_4fXq0TzLm2Ab9RkVw1Yc --no-plan --no-expiry";

const ROTATE_EXAMPLES: &str = "\
The new key has the rights and the end of the old one. Both work for the time of the overlap,
at most 90 days; a revoked or expired key cannot be rotated, and no key twice.

Examples:
  doorward keys rotate key_4fXq0TzLm2Ab9RkVw1Yc --overlap 24h
  doorward keys rotate key_4fXq0TzLm2Ab9RkVw1Yc --overlap 0s --output json";

const REVOKE_EXAMPLES: &str = "\
Every running server refuses the key within a second. It cannot be taken back.

Example:
  doorward keys revoke key_4fXq0TzLm2Ab9RkVw1Yc";

const IMPORT_EXAMPLES: &str = "\
Each line is a JSON object with `hash`, `api` (or `apis`), `name` and `organization`, and as
needed with `hint`, `id`, `kind`, `project`, `environment`, `scopes`, `plan`, `expires`,
`sources` and `labels`:

  {\"hash\": \"sha256:9f86d081...\", \"api\": \"payments\", \"name\": \"CI\", \"organization\": \"acme\",
   \"environment\": \"live\", \"scopes\": [\"read\"]}      (in one line)

In CSV, what is a list stands with spaces between, and labels as `name=value`.

Either all keys are imported or none, and every problem is told with its line. Never put a key
in clear into the file: `printf %s \"$KEY\" | sha256sum` gives its hash.

Examples:
  doorward keys import keys.jsonl
  doorward keys import keys.csv --dry-run
  ./export-keys | doorward keys import -";

/// Create, list, change, rotate and revoke API keys.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct KeysCommand {
    #[command(flatten)]
    pub(super) office: OfficeArguments,
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Make a new key and show it once.
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Create),
    /// Show all keys, oldest first.
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Show one key.
    Get {
        /// The key's id.
        id: KeyId,
    },
    /// Change a key.
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(Update),
    /// Replace a key by a new one, and let both work for a while.
    #[command(after_help = ROTATE_EXAMPLES)]
    Rotate {
        /// The key's id.
        id: KeyId,
        /// How long the old key goes on working, such as `24h`.
        #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
        overlap: Duration,
    },
    /// Take a key back, at once and for ever.
    #[command(after_help = REVOKE_EXAMPLES)]
    Revoke {
        /// The key's id.
        id: KeyId,
    },
    /// Take over keys made elsewhere, by their hashes.
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Import),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only the keys that serve this API.
    #[arg(long, value_name = "NAME")]
    pub(super) api: Option<ApiName>,
    /// Only the keys of this organization.
    #[arg(long, value_name = "ID")]
    pub(super) organization: Option<OrganizationId>,
    /// Only the keys of this project.
    #[arg(long, value_name = "ID")]
    pub(super) project: Option<ProjectId>,
    /// Only the keys that are so.
    #[arg(long, value_parser = parse_status, value_name = "active|expired|revoked")]
    pub(super) status: Option<Status>,
    /// Only the keys with this label, whatever its value or with this one.
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(super) label: Option<String>,
    /// Only keys that work and were made so long ago or earlier: those that it is time to rotate.
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    pub(super) older_than: Option<Duration>,
    /// Only keys that work, but not for longer than this.
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    pub(super) expires_within: Option<Duration>,
    /// Only keys that work and were not used for so long: those that it may be time to revoke.
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    pub(super) unused_for: Option<Duration>,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an argument of its own")]
#[command(group = ArgGroup::new("changes").required(true).multiple(true))]
pub(super) struct Update {
    /// The key's id.
    pub(super) id: KeyId,
    /// What its owner calls it.
    #[arg(long, value_name = "TEXT", group = "changes")]
    pub(super) name: Option<String>,
    /// What it may do; can be given several times.
    #[arg(long = "scope", value_name = "SCOPE", group = "changes")]
    pub(super) scopes: Option<Vec<Scope>>,
    /// Take all its scopes away.
    #[arg(long, conflicts_with = "scopes", group = "changes")]
    pub(super) no_scopes: bool,
    /// Its own plan: one of the configuration's, if that has any.
    #[arg(long, value_name = "NAME", group = "changes")]
    pub(super) plan: Option<PlanName>,
    /// Take its own plan away.
    #[arg(long, conflicts_with = "plan", group = "changes")]
    pub(super) no_plan: bool,
    /// When it expires: after a duration such as `90d`, or at a date or time in UTC.
    #[arg(long, value_parser = parse_expiry, value_name = "DURATION|DATE", group = "changes")]
    pub(super) expires: Option<Expiry>,
    /// Let it work until it is revoked.
    #[arg(long, conflicts_with = "expires", group = "changes")]
    pub(super) no_expiry: bool,
    /// Something to find it by; can be given several times.
    #[arg(long = "label", value_parser = parse_label, value_name = "NAME=VALUE", group = "changes")]
    pub(super) labels: Option<Vec<(String, String)>>,
    /// Take all its labels away.
    #[arg(long, conflicts_with = "labels", group = "changes")]
    pub(super) no_labels: bool,
}

#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file; `-` reads from standard input.
    pub(super) file: PathBuf,
    /// Its form: a JSON object in each line, or comma-separated values with the names of the fields in the first line.
    /// Otherwise what the file's name ends with says so.
    #[arg(long, value_enum, value_name = "json-lines|csv")]
    pub(super) format: Option<Form>,
    /// Only tell what would be refused.
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// In which form keys stand that are imported.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Form {
    /// A JSON object in each line.
    JsonLines,
    /// Comma-separated values.
    Csv,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The API that the key is for; several, if their keys begin alike.
    #[arg(long = "api", required = true, value_name = "NAME")]
    pub(super) apis: Vec<ApiName>,
    /// What its owner calls it.
    #[arg(long, value_name = "TEXT")]
    pub(super) name: String,
    /// The organization that it belongs to.
    #[arg(long, value_name = "ID")]
    pub(super) organization: OrganizationId,
    /// The one project that it is confined to; otherwise it reaches all of the organization's.
    #[arg(long, value_name = "ID")]
    pub(super) project: Option<ProjectId>,
    /// What it stands for: an application, or trusted automation of the organization.
    #[arg(long, default_value = "api_key", value_name = "api_key|service_key")]
    pub(super) kind: KeyKind,
    /// The environment that it is for, where the API has environments.
    #[arg(long, value_name = "NAME")]
    pub(super) environment: Option<Environment>,
    /// What it may do; can be given several times.
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(super) scopes: Vec<Scope>,
    /// A set of scopes that the API names in `scope_presets`.
    #[arg(long, value_name = "NAME")]
    pub(super) preset: Option<String>,
    /// Its own plan: one of the configuration's, if that has any.
    #[arg(long, value_name = "NAME")]
    pub(super) plan: Option<PlanName>,
    /// When it expires: after a duration such as `90d`, or at a date or time in UTC.
    #[arg(long, value_parser = parse_expiry, value_name = "DURATION|DATE")]
    pub(super) expires: Option<Expiry>,
    /// A network that it may be used from; can be given several times, otherwise it is everywhere.
    #[arg(long = "source", value_parser = parse_network, value_name = "CIDR")]
    pub(super) sources: Vec<IpNet>,
    /// Something to find it by; can be given several times.
    #[arg(long = "label", value_parser = parse_label, value_name = "NAME=VALUE")]
    pub(super) labels: Vec<(String, String)>,
    /// Keep it nowhere, but print a document that declares it, for a store `files:DIRECTORY`.
    #[arg(long, conflicts_with = "admin")]
    pub(super) declare: bool,
}

fn parse_label(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("expected a name, `=` and a value")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn parse_status(text: &str) -> Result<Status, &'static str> {
    let status = Status::NAMES.iter().find(|status| status.code() == text);
    status.copied().ok_or("expected `active`, `expired` or `revoked`")
}
