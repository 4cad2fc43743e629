//! What `doorward organizations` answers, for people and for programs.

use serde_json::json;

use crate::{
    admin::proto,
    cli::{
        Failure, Output,
        table::{self, list, optional, optional_time, plain, time},
        to_json,
    },
    domain::{OrganizationRecord, PlanName, ProjectRecord},
    store::Member,
};

const ORGANIZATION_COLUMNS: [&str; 7] =
    ["ID", "NAME", "APIS", "PLAN", "ENTITLEMENTS", "CREATED", "SUSPENDED"];
const PROJECT_COLUMNS: [&str; 5] = ["ID", "NAME", "APIS", "ORGANIZATION", "CREATED"];
const MEMBER_COLUMNS: [&str; 4] = ["USER", "ORGANIZATION", "APIS", "SCOPES"];

pub(super) enum Answer {
    Organization(OrganizationRecord),
    Organizations(Vec<OrganizationRecord>),
    Suspended(OrganizationRecord),
    Resumed(OrganizationRecord),
    Project(ProjectRecord),
    Projects(Vec<ProjectRecord>),
    ProjectRemoved(ProjectRecord),
    Member(Member),
    Members(Vec<Member>),
    MemberRemoved(Member),
}

impl Answer {
    /// The answer as it is printed.
    ///
    /// # Errors
    ///
    /// It cannot be written as JSON: a mistake of ours.
    pub(super) fn render(&self, output: Output) -> Result<String, Failure> {
        match output {
            Output::Table => Ok(self.lines().join("\n")),
            Output::Json => self.json(),
        }
    }

    fn json(&self) -> Result<String, Failure> {
        match self {
            Self::Organization(record) | Self::Suspended(record) | Self::Resumed(record) => {
                to_json(&proto::Organization::of(record))
            }
            Self::Organizations(records) => {
                let organizations: Vec<_> = records.iter().map(proto::Organization::of).collect();
                to_json(&json!({ "organizations": organizations }))
            }
            Self::Project(record) | Self::ProjectRemoved(record) => to_json(&proto::Project::of(record)),
            Self::Projects(records) => {
                let projects: Vec<_> = records.iter().map(proto::Project::of).collect();
                to_json(&json!({ "projects": projects }))
            }
            Self::Member(member) | Self::MemberRemoved(member) => to_json(&proto::Member::of(member)),
            Self::Members(members) => {
                let members: Vec<_> = members.iter().map(proto::Member::of).collect();
                to_json(&json!({ "members": members }))
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        match self {
            Self::Organization(record) => {
                table::details(ORGANIZATION_COLUMNS.into_iter().zip(organization_row(record)))
            }
            Self::Organizations(records) => {
                table::rows(ORGANIZATION_COLUMNS, records.iter().map(organization_row))
            }
            Self::Suspended(record) => {
                let (id, since) = (plain(record.id.as_str()), optional_time(record.suspended));
                vec![format!("The organization {id} is suspended since {since}.")]
            }
            Self::Resumed(record) => {
                vec![format!("The organization {} is not suspended.", plain(record.id.as_str()))]
            }
            Self::Project(record) => table::details(PROJECT_COLUMNS.into_iter().zip(project_row(record))),
            Self::Projects(records) => table::rows(PROJECT_COLUMNS, records.iter().map(project_row)),
            Self::ProjectRemoved(record) => {
                let (id, organization) = (plain(record.id.as_str()), plain(record.organization.as_str()));
                vec![format!("The project {id} of {organization} was removed.")]
            }
            Self::Member(member) => table::details(MEMBER_COLUMNS.into_iter().zip(member_row(member))),
            Self::Members(members) => table::rows(MEMBER_COLUMNS, members.iter().map(member_row)),
            Self::MemberRemoved(member) => {
                let (user, organization) = (plain(member.user.as_str()), plain(member.organization.as_str()));
                vec![format!("{user} is no longer a member of {organization}.")]
            }
        }
    }
}

fn organization_row(record: &OrganizationRecord) -> [String; 7] {
    [
        plain(record.id.as_str()),
        plain(&record.name),
        list(&record.apis),
        optional(record.plan.as_ref().map(PlanName::as_str)),
        list(&record.entitlements),
        time(record.created),
        optional_time(record.suspended),
    ]
}

fn project_row(record: &ProjectRecord) -> [String; 5] {
    [
        plain(record.id.as_str()),
        plain(&record.name),
        list(&record.apis),
        plain(record.organization.as_str()),
        time(record.created),
    ]
}

fn member_row(member: &Member) -> [String; 4] {
    [
        plain(member.user.as_str()),
        plain(member.organization.as_str()),
        list(&member.apis),
        list(&member.scopes),
    ]
}
