//! What `doorward organizations` is told.

use clap::{ArgGroup, Args, Subcommand};

use crate::{
    cli::office::OfficeArguments,
    domain::{ApiName, Entitlement, OrganizationId, PlanName, ProjectId, Scope, UserId},
};

const EXAMPLES: &str = "\
Examples:
  doorward organizations create acme --name 'Acme Inc.' --api payments --plan developer
  doorward organizations suspend acme
  doorward organizations projects create apollo --organization acme --name Apollo \\
      --api payments
  doorward organizations members put ada --organization acme --api payments --scope write";

const UPDATE_EXAMPLES: &str = "\
What is named changes, and everything else stays. APIs and entitlements are named whole.

Examples:
  doorward organizations update acme --plan enterprise --entitlement sso --entitlement audit
  doorward organizations update acme --no-plan --no-entitlements";

const SUSPEND_EXAMPLES: &str = "\
Every running server refuses all keys, sessions, secrets and members of the organization within
a second, until it is resumed.

Example:
  doorward organizations suspend acme";

const REMOVE_PROJECT_EXAMPLES: &str = "\
Keys and secrets that name the project are left as they are: revoke them first.

Example:
  doorward organizations projects remove apollo";

const PUT_EXAMPLES: &str = "\
A membership that is there already is replaced.

Example:
  doorward organizations members put ada --organization acme --api payments --scope write";

const LIST_MEMBERS_EXAMPLES: &str = "\
Examples:
  doorward organizations members list --organization acme
  doorward organizations members list --user ada --output json";

/// Create, list, change and suspend organizations, with their projects and members.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct OrganizationsCommand {
    #[command(flatten)]
    pub(super) office: OfficeArguments,
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Add an organization.
    Create(Create),
    /// Show all organizations, oldest first.
    List {
        /// Only the organizations that may use this API.
        #[arg(long, value_name = "NAME")]
        api: Option<ApiName>,
    },
    /// Show one organization.
    Get {
        /// The organization's id.
        id: OrganizationId,
    },
    /// Change an organization.
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(Update),
    /// Refuse everything of an organization until it is resumed.
    #[command(after_help = SUSPEND_EXAMPLES)]
    Suspend {
        /// The organization's id.
        id: OrganizationId,
    },
    /// End the suspension of an organization.
    Resume {
        /// The organization's id.
        id: OrganizationId,
    },
    /// Create, list and remove the projects of organizations.
    #[command(subcommand)]
    Projects(ProjectAction),
    /// Put, list and remove the members of organizations.
    #[command(subcommand)]
    Members(MemberAction),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The organization's id: what requests, keys and tokens name it by.
    pub(super) id: OrganizationId,
    /// What people call it.
    #[arg(long, value_name = "TEXT")]
    pub(super) name: String,
    /// An API that it may use; can be given several times.
    #[arg(long = "api", required = true, value_name = "NAME")]
    pub(super) apis: Vec<ApiName>,
    /// The plan of those of its credentials that have none of their own: one of the configuration's, if that has any.
    #[arg(long, value_name = "NAME")]
    pub(super) plan: Option<PlanName>,
    /// Something that it has bought; can be given several times.
    #[arg(long = "entitlement", value_name = "NAME")]
    pub(super) entitlements: Vec<Entitlement>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("changes").required(true).multiple(true))]
pub(super) struct Update {
    /// The organization's id.
    pub(super) id: OrganizationId,
    /// What people call it.
    #[arg(long, value_name = "TEXT", group = "changes")]
    pub(super) name: Option<String>,
    /// An API that it may use; can be given several times.
    #[arg(long = "api", value_name = "NAME", group = "changes")]
    pub(super) apis: Option<Vec<ApiName>>,
    /// The plan of those of its credentials that have none of their own: one of the configuration's, if that has any.
    #[arg(long, value_name = "NAME", group = "changes")]
    pub(super) plan: Option<PlanName>,
    /// Take its plan away.
    #[arg(long, conflicts_with = "plan", group = "changes")]
    pub(super) no_plan: bool,
    /// Something that it has bought; can be given several times.
    #[arg(long = "entitlement", value_name = "NAME", group = "changes")]
    pub(super) entitlements: Option<Vec<Entitlement>>,
    /// Take all its entitlements away.
    #[arg(long, conflicts_with = "entitlements", group = "changes")]
    pub(super) no_entitlements: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum ProjectAction {
    /// Add a project to an organization.
    Create {
        /// The project's id, which no other project has.
        id: ProjectId,
        /// The organization that owns it.
        #[arg(long, value_name = "ID")]
        organization: OrganizationId,
        /// What people call it.
        #[arg(long, value_name = "TEXT")]
        name: String,
        /// An API that it may use; can be given several times.
        #[arg(long = "api", required = true, value_name = "NAME")]
        apis: Vec<ApiName>,
    },
    /// Show the projects of an organization, oldest first.
    List {
        /// The organization.
        #[arg(long, value_name = "ID")]
        organization: OrganizationId,
    },
    /// Remove a project.
    #[command(after_help = REMOVE_PROJECT_EXAMPLES)]
    Remove {
        /// The project's id.
        id: ProjectId,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum MemberAction {
    /// Make somebody a member of an organization.
    #[command(after_help = PUT_EXAMPLES)]
    Put {
        /// The person's id, as the product knows them.
        user: UserId,
        /// The organization.
        #[arg(long, value_name = "ID")]
        organization: OrganizationId,
        /// An API for which this holds; can be given several times.
        #[arg(long = "api", required = true, value_name = "NAME")]
        apis: Vec<ApiName>,
        /// What they may do there; can be given several times.
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<Scope>,
    },
    /// Show the members of an organization, or where somebody is a member.
    #[command(after_help = LIST_MEMBERS_EXAMPLES, group = ArgGroup::new("whose").required(true))]
    List {
        /// The organization.
        #[arg(long, value_name = "ID", group = "whose")]
        organization: Option<OrganizationId>,
        /// The person.
        #[arg(long, value_name = "ID", group = "whose")]
        user: Option<UserId>,
    },
    /// End somebody's membership of an organization.
    Remove {
        /// The person's id.
        user: UserId,
        /// The organization.
        #[arg(long, value_name = "ID")]
        organization: OrganizationId,
    },
}
