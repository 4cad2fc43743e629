//! What `doorward audit` is told.

use clap::{Args, Subcommand};

use crate::{
    cli::office::OfficeArguments,
    domain::{OrganizationId, Timestamp, parse_moment},
};

const LIST_EXAMPLES: &str = "\
As JSON, each record also tells what was there before and after.

Examples:
  doorward audit list
  doorward audit list --id key_4fXq0TzLm2Ab9RkVw1Yc --output json
  doorward audit list --actor backend --kind key --since 2030-01-31";

/// Show what administrators changed.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AuditCommand {
    /// Show changes, latest first.
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    pub(super) office: OfficeArguments,
    /// Only changes by this administrator; `cli` is whoever used the command line on the store.
    #[arg(long, value_name = "NAME")]
    pub(super) actor: Option<String>,
    /// Only changes of this kind of thing, such as `key`.
    #[arg(long, value_name = "KIND")]
    pub(super) kind: Option<String>,
    /// Only changes of what has this id.
    #[arg(long, value_name = "ID")]
    pub(super) id: Option<String>,
    /// Only changes of what belongs to this organization.
    #[arg(long, value_name = "ID")]
    pub(super) organization: Option<OrganizationId>,
    /// Only changes at this moment or later: a date, or a date and time in UTC.
    #[arg(long, value_parser = parse_moment, value_name = "DATE")]
    pub(super) since: Option<Timestamp>,
    /// The most to show.
    #[arg(long, default_value_t = 1000, value_name = "COUNT")]
    pub(super) limit: usize,
}
