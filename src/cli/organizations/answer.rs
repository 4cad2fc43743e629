//! What `doorward organizations` answers to people.

use crate::{
    admin::proto::{Member, Organization, Project},
    cli::table::{self, list, optional, plain, time},
};

const ORGANIZATION_COLUMNS: [&str; 7] =
    ["ID", "NAME", "APIS", "PLAN", "ENTITLEMENTS", "CREATED", "SUSPENDED"];
const PROJECT_COLUMNS: [&str; 5] = ["ID", "NAME", "APIS", "ORGANIZATION", "CREATED"];
const MEMBER_COLUMNS: [&str; 4] = ["USER", "ORGANIZATION", "APIS", "SCOPES"];

pub(super) fn organization(organization: &Organization) -> Vec<String> {
    table::details(ORGANIZATION_COLUMNS.into_iter().zip(organization_row(organization)))
}

pub(super) fn organizations(organizations: &[Organization]) -> Vec<String> {
    table::rows(ORGANIZATION_COLUMNS, organizations.iter().map(organization_row))
}

pub(super) fn suspended(Organization { id, suspended, .. }: &Organization) -> Vec<String> {
    vec![format!("The organization {} is suspended since {}.", plain(id), time(*suspended))]
}

pub(super) fn resumed(organization: &Organization) -> Vec<String> {
    vec![format!("The organization {} is not suspended.", plain(&organization.id))]
}

pub(super) fn project(project: &Project) -> Vec<String> {
    table::details(PROJECT_COLUMNS.into_iter().zip(project_row(project)))
}

pub(super) fn projects(projects: &[Project]) -> Vec<String> {
    table::rows(PROJECT_COLUMNS, projects.iter().map(project_row))
}

pub(super) fn project_removed(Project { id, organization, .. }: &Project) -> Vec<String> {
    vec![format!("The project {} of {} was removed.", plain(id), plain(organization))]
}

pub(super) fn member(member: &Member) -> Vec<String> {
    table::details(MEMBER_COLUMNS.into_iter().zip(member_row(member)))
}

pub(super) fn members(members: &[Member]) -> Vec<String> {
    table::rows(MEMBER_COLUMNS, members.iter().map(member_row))
}

pub(super) fn member_removed(Member { user, organization, .. }: &Member) -> Vec<String> {
    vec![format!("{} is no longer a member of {}.", plain(user), plain(organization))]
}

fn organization_row(organization: &Organization) -> [String; 7] {
    [
        plain(&organization.id),
        plain(&organization.name),
        list(&organization.apis),
        optional(organization.plan.as_deref()),
        list(&organization.entitlements),
        time(organization.created),
        time(organization.suspended),
    ]
}

fn project_row(project: &Project) -> [String; 5] {
    [
        plain(&project.id),
        plain(&project.name),
        list(&project.apis),
        plain(&project.organization),
        time(project.created),
    ]
}

fn member_row(member: &Member) -> [String; 4] {
    [plain(&member.user), plain(&member.organization), list(&member.apis), list(&member.scopes)]
}
