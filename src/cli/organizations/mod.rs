//! `doorward organizations`: organizations, with their projects and members.

mod answer;
mod arguments;
#[cfg(test)]
mod tests;

use serde_json::json;

use crate::{
    admin::{
        api::{
            CreateOrganization, CreateProject, DeleteMember, DeleteProject, EVERY_ORGANIZATION,
            GetOrganization, GetProject, ListMembers, ListOrganizations, ListProjects, PutMember,
            ResumeOrganization, SuspendOrganization, UpdateOrganization,
        },
        proto::{
            CreateOrganizationRequest, CreateProjectRequest, DeleteMemberRequest, DeleteProjectRequest,
            GetOrganizationRequest, GetProjectRequest, ListMembersRequest, ListOrganizationsRequest,
            ListProjectsRequest, Member, Organization, Project, PutMemberRequest, ResumeOrganizationRequest,
            SuspendOrganizationRequest, UpdateOrganizationRequest,
        },
    },
    domain::{OrganizationId, UserId},
};

use super::{
    Exit, Failure, Output, mask,
    office::{self, Office},
    print, render, texts,
};

use self::arguments::{Action, Create, MemberAction, ProjectAction, Update};

pub(super) use arguments::OrganizationsCommand;

/// Runs the command, and prints its answer.
///
/// # Errors
///
/// It could not be carried out, or nobody could be asked.
pub(super) fn run(command: OrganizationsCommand, env: &[(String, String)]) -> Result<Exit, Failure> {
    let OrganizationsCommand { office, action } = command;
    let work = async |at: &Office| execute(action, office.output, at).await;
    print(&office::work(&office, env, work)?).map(|()| Exit::Success)
}

/// Carries out a command, and gives the answer as it is printed.
///
/// # Errors
///
/// What was asked makes no sense, is refused, or nobody could be asked.
async fn execute(action: Action, output: Output, office: &Office) -> Result<String, Failure> {
    match action {
        Action::Create(arguments) => {
            let request = CreateOrganizationRequest { organization: Some(wanted(arguments)) };
            let created = office.ask::<CreateOrganization>(request).await?;
            render(output, &created, || answer::organization(&created))
        }
        Action::List { api } => {
            let api = api.map(|api| api.to_string());
            let request = ListOrganizationsRequest { api, ..ListOrganizationsRequest::default() };
            let organizations = office.list::<ListOrganizations>(request, usize::MAX).await?;
            render(output, &json!({ "organizations": organizations }), || {
                answer::organizations(&organizations)
            })
        }
        Action::Get { id } => {
            let request = GetOrganizationRequest { id: id.to_string() };
            let organization = office.ask::<GetOrganization>(request).await?;
            render(output, &organization, || answer::organization(&organization))
        }
        Action::Update(arguments) => {
            let updated = office.ask::<UpdateOrganization>(update(arguments)).await?;
            render(output, &updated, || answer::organization(&updated))
        }
        Action::Suspend { id } => {
            let request = SuspendOrganizationRequest { id: id.to_string() };
            let suspended = office.ask::<SuspendOrganization>(request).await?;
            render(output, &suspended, || answer::suspended(&suspended))
        }
        Action::Resume { id } => {
            let request = ResumeOrganizationRequest { id: id.to_string() };
            let resumed = office.ask::<ResumeOrganization>(request).await?;
            render(output, &resumed, || answer::resumed(&resumed))
        }
        Action::Projects(action) => execute_on_projects(action, output, office).await,
        Action::Members(action) => execute_on_members(action, output, office).await,
    }
}

fn wanted(Create { id, name, apis, plan, entitlements }: Create) -> Organization {
    Organization {
        id: id.to_string(),
        name,
        apis: texts(&apis),
        plan: plan.map(|plan| plan.to_string()),
        entitlements: texts(&entitlements),
        ..Organization::default()
    }
}

fn update(arguments: Update) -> UpdateOrganizationRequest {
    let changed = [
        ("name", arguments.name.is_some()),
        ("apis", arguments.apis.is_some()),
        ("plan", arguments.plan.is_some() || arguments.no_plan),
        ("entitlements", arguments.entitlements.is_some() || arguments.no_entitlements),
    ];
    let organization = Organization {
        id: arguments.id.to_string(),
        name: arguments.name.unwrap_or_default(),
        apis: texts(&arguments.apis.unwrap_or_default()),
        plan: arguments.plan.map(|plan| plan.to_string()),
        entitlements: texts(&arguments.entitlements.unwrap_or_default()),
        ..Organization::default()
    };
    UpdateOrganizationRequest { organization: Some(organization), update_mask: Some(mask(&changed)) }
}

async fn execute_on_projects(
    action: ProjectAction,
    output: Output,
    office: &Office,
) -> Result<String, Failure> {
    match action {
        ProjectAction::Create { id, organization, name, apis } => {
            let project = Project {
                id: id.to_string(),
                name,
                apis: texts(&apis),
                organization: organization.to_string(),
                created: None,
            };
            let request = CreateProjectRequest { project: Some(project) };
            let created = office.ask::<CreateProject>(request).await?;
            render(output, &created, || answer::project(&created))
        }
        ProjectAction::List { organization } => {
            let organization = organization.to_string();
            let request = ListProjectsRequest { organization, ..ListProjectsRequest::default() };
            let projects = office.list::<ListProjects>(request, usize::MAX).await?;
            render(output, &json!({ "projects": projects }), || answer::projects(&projects))
        }
        ProjectAction::Remove { id } => {
            let id = id.to_string();
            let project = office.ask::<GetProject>(GetProjectRequest { id: id.clone() }).await?;
            office.ask::<DeleteProject>(DeleteProjectRequest { id }).await?;
            render(output, &project, || answer::project_removed(&project))
        }
    }
}

async fn execute_on_members(
    action: MemberAction,
    output: Output,
    office: &Office,
) -> Result<String, Failure> {
    match action {
        MemberAction::Put { user, organization, apis, scopes } => {
            let member = Member {
                user: user.to_string(),
                organization: organization.to_string(),
                apis: texts(&apis),
                scopes: texts(&scopes),
            };
            let put = office.ask::<PutMember>(PutMemberRequest { member: Some(member) }).await?;
            render(output, &put, || answer::member(&put))
        }
        MemberAction::List { organization, user } => {
            let members = members(organization, user, office).await?;
            render(output, &json!({ "members": members }), || answer::members(&members))
        }
        MemberAction::Remove { user, organization } => {
            let before = members(Some(organization.clone()), Some(user.clone()), office).await?;
            let (user, organization) = (user.to_string(), organization.to_string());
            let removed =
                Member { user: user.clone(), organization: organization.clone(), ..Member::default() };
            office.ask::<DeleteMember>(DeleteMemberRequest { user, organization }).await?;
            let removed = before.into_iter().next().unwrap_or(removed);
            render(output, &removed, || answer::member_removed(&removed))
        }
    }
}

/// The members of an organization, or those who are this user; one of the two is named.
async fn members(
    organization: Option<OrganizationId>,
    user: Option<UserId>,
    office: &Office,
) -> Result<Vec<Member>, Failure> {
    let organization = organization.map_or_else(|| EVERY_ORGANIZATION.to_owned(), |id| id.to_string());
    let user = user.map(|user| user.to_string());
    let request = ListMembersRequest { organization, user, ..ListMembersRequest::default() };
    office.list::<ListMembers>(request, usize::MAX).await
}
