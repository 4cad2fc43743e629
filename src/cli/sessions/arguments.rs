//! What `doorward sessions` is told.

use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};

use crate::{
    cli::{moments::parse_duration, office::OfficeArguments},
    domain::{ApiName, Membership, Scope, ScopeSet, SessionId, UserId},
};

const EXAMPLES: &str = "\
Examples:
  doorward sessions create --api board --user ada --lifetime 30d --idle 2h
  doorward sessions list --user ada
  doorward sessions end session_4fXq0TzLm2Ab9RkVw1Yc
  doorward sessions prune --older-than 30d";

const CREATE_EXAMPLES: &str = "\
The token is shown once, on the first line of the answer; the store keeps only its hash. Set it
as the cookie that the API names, with HttpOnly, Secure, SameSite and Path=/.

A session lives for at most 366 days. With --idle, it ends earlier unless it is used; that is
counted to within a sixteenth. If no organization is named, the store knows where the user
belongs. A token made elsewhere is taken over by its hash, if the API says so by
`checksum: optional`: `printf %s \"$TOKEN\" | sha256sum` gives it.

Examples:
  doorward sessions create --api board --user ada --lifetime 30d --idle 2h
  doorward sessions create --api board --user ada --organization acme=read,write \\
      --organization globex=read --scope profile --lifetime 12h --output json
  doorward sessions create --api board --user ada --lifetime 12h --hash sha256:9f86d081...";

const LIST_EXAMPLES: &str = "\
Examples:
  doorward sessions list --api board
  doorward sessions list --user ada --output json";

const END_EXAMPLES: &str = "\
Every running server refuses the session within a second. It cannot be taken back.

Examples:
  doorward sessions end session_4fXq0TzLm2Ab9RkVw1Yc
  doorward sessions end --user ada";

const PRUNE_EXAMPLES: &str = "\
What is removed is gone from lists as well. Sessions that are idle stay until they expire.

Example:
  doorward sessions prune --older-than 30d";

/// Create, list and end sessions.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct SessionsCommand {
    #[command(flatten)]
    pub(super) office: OfficeArguments,
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Begin a session and show its token once.
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Create),
    /// Show all sessions, oldest first.
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// Only the sessions that serve this API.
        #[arg(long, value_name = "NAME")]
        api: Option<ApiName>,
        /// Only the sessions of this user.
        #[arg(long, value_name = "ID")]
        user: Option<UserId>,
    },
    /// Show one session.
    Get {
        /// The session's id.
        id: SessionId,
    },
    /// End one session, or all of a user, at once and for ever.
    #[command(after_help = END_EXAMPLES, group = ArgGroup::new("which"))]
    End {
        /// The session's id.
        #[arg(group = "which")]
        id: Option<SessionId>,
        /// The user whose sessions are all to end.
        #[arg(long, value_name = "ID", group = "which")]
        user: Option<UserId>,
    },
    /// Remove the sessions that are long over.
    #[command(after_help = PRUNE_EXAMPLES)]
    Prune {
        /// How long ago they were ended or expired, at least.
        #[arg(long, value_parser = parse_duration, default_value = "30d", value_name = "DURATION")]
        older_than: Duration,
    },
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The API that the session is for; can be given several times.
    #[arg(long = "api", required = true, value_name = "NAME")]
    pub(super) apis: Vec<ApiName>,
    /// Who signed in, as the product knows them.
    #[arg(long, value_name = "ID")]
    pub(super) user: UserId,
    /// An organization in which they may act, and with which scopes; can be given several times. What stands after
    /// the last `=` are scopes.
    #[arg(long = "organization", value_parser = parse_membership, value_name = "ID[=SCOPE,SCOPE]")]
    pub(super) memberships: Vec<Membership>,
    /// What they may do in each of them; can be given several times.
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(super) scopes: Vec<Scope>,
    /// How long it lives in any case, such as `30d`.
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    pub(super) lifetime: Duration,
    /// How long it lives without being used, such as `2h`.
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    pub(super) idle: Option<Duration>,
    /// The hash of a token made elsewhere; otherwise one is made.
    #[arg(long, value_name = "sha256:HEX")]
    pub(super) hash: Option<String>,
}

/// Reads `ID` or `ID=SCOPE,SCOPE`.
fn parse_membership(text: &str) -> Result<Membership, String> {
    let (organization, scopes) = text.rsplit_once('=').unwrap_or((text, ""));
    let scopes: Result<Vec<Scope>, _> =
        scopes.split(',').filter(|scope| !scope.is_empty()).map(str::parse).collect();
    let scopes = ScopeSet::new(scopes.map_err(|error| error.to_string())?);
    Ok(Membership {
        organization: organization.parse().map_err(|error| format!("{error}"))?,
        scopes: scopes.map_err(|error| error.to_string())?,
    })
}
