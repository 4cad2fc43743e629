//! Methods about the projects and members of organizations.

use crate::{
    admin::{
        NewMember, NewProject,
        proto::{
            CreateProjectRequest, DeleteMemberRequest, DeleteProjectRequest, GetProjectRequest,
            ListMembersRequest, ListMembersResponse, ListProjectsRequest, ListProjectsResponse, Member,
            Project, PutMemberRequest,
        },
    },
    domain::{self, Administrator, OrganizationId, ProjectId, ProjectRecord, UserId},
    store::{MemberFilter, PageRequest, ProjectFilter, RecordKind, StoreError},
};

use super::{
    Answers, CreateProject, DeleteMember, DeleteProject, Desk, Fault, GetProject, Inspects, ListMembers,
    ListProjects, PutMember, Stores,
    desk::author,
    page::{next, page},
    reach::{self, Grantee, Rights},
    reading::{Reading, one, present},
};

/// Stands for the id of an organization where every one is meant (AIP-159).
pub const EVERY_ORGANIZATION: &str = "-";

impl<S: Stores, I: Inspects> Answers<CreateProject> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: CreateProjectRequest) -> Result<Project, Fault> {
        let project = present("project", request.project)?;
        let mut reading = Reading::of("project");
        reading.output_only(&[("created", project.created.is_some())]);
        let id = reading.one("id", &project.id);
        let organization = reading.one("organization", &project.organization);
        let apis = reading.list("apis", &project.apis);
        let name = project.name;
        let wanted = (|| Some(NewProject { id: id?, name, apis, organization: organization? }))();
        let wanted = reading.end(wanted)?;
        reach::change(by, &wanted.apis, Some(&wanted.organization))?;
        let config = self.config();
        let created = self.organizations(&config).create_project(wanted, &author(by)).await;
        Ok(Project::of(&created.map_err(|error| Fault::of_organization("project", error))?))
    }
}

impl<S: Stores, I: Inspects> Answers<GetProject> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: GetProjectRequest) -> Result<Project, Fault> {
        Ok(Project::of(&self.project(by, &request.id).await?))
    }
}

impl<S: Stores, I: Inspects> Answers<ListProjects> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: ListProjectsRequest,
    ) -> Result<ListProjectsResponse, Fault> {
        let organization = self.organization(by, "organization", &request.organization).await?;
        let filter = ProjectFilter { organization: Some(organization.id), apis: by.reach.apis.clone() };
        let page = self.store.projects(&filter, &page(request.page_size, &request.page_token)?).await?;
        Ok(ListProjectsResponse {
            next_page_token: next(&page),
            projects: page.records.iter().map(Project::of).collect(),
        })
    }
}

impl<S: Stores, I: Inspects> Answers<DeleteProject> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: DeleteProjectRequest) -> Result<(), Fault> {
        let record = self.project(by, &request.id).await?;
        reach::change(by, &record.apis, Some(&record.organization))?;
        let config = self.config();
        let removed = self.organizations(&config).remove_project(&record.id, &author(by)).await;
        removed.map(drop).map_err(|error| Fault::of_organization("", error))
    }
}

impl<S: Stores, I: Inspects> Answers<PutMember> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: PutMemberRequest) -> Result<Member, Fault> {
        let member = present("member", request.member)?;
        let mut reading = Reading::of("member");
        let user = reading.one("user", &member.user);
        let organization = reading.one("organization", &member.organization);
        let (apis, scopes) = (reading.list("apis", &member.apis), reading.list("scopes", &member.scopes));
        let wanted = (|| Some(NewMember { user: user?, organization: organization?, apis, scopes }))();
        let wanted = reading.end(wanted)?;
        reach::change(by, &wanted.apis, Some(&wanted.organization))?;
        // What is there is replaced, so that it has to be theirs, too.
        if let Some(before) = self.member(&wanted.user, &wanted.organization).await? {
            reach::change(by, &before.apis, Some(&before.organization))?;
        }
        let config = self.config();
        let scopes = wanted.scopes.iter().collect();
        let rights = Rights { to: Grantee::Member, apis: &wanted.apis, scopes, plan: None };
        reach::grant(by, &config.apis, &rights)?;
        let put = self.organizations(&config).put_member(wanted, &author(by)).await;
        Ok(Member::of(&put.map_err(|error| Fault::of_organization("member", error))?))
    }
}

impl<S: Stores, I: Inspects> Answers<ListMembers> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: ListMembersRequest,
    ) -> Result<ListMembersResponse, Fault> {
        let user: Option<UserId> = request.user.as_deref().map(|user| one("user", user)).transpose()?;
        let organization = match request.organization.as_str() {
            EVERY_ORGANIZATION if user.is_some() => reach::organization(by, None)?,
            id => Some(self.organization(by, "organization", id).await?.id),
        };
        let filter = MemberFilter { organization, apis: by.reach.apis.clone(), user };
        let page = self.store.members(&filter, &page(request.page_size, &request.page_token)?).await?;
        Ok(ListMembersResponse {
            next_page_token: next(&page),
            members: page.records.iter().map(Member::of).collect(),
        })
    }
}

impl<S: Stores, I: Inspects> Answers<DeleteMember> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: DeleteMemberRequest) -> Result<(), Fault> {
        let organization = self.organization(by, "organization", &request.organization).await?;
        let user: UserId = one("user", &request.user)?;
        let config = self.config();
        let organizations = self.organizations(&config);
        let member = self.member(&user, &organization.id).await?;
        let member = member.ok_or(StoreError::NotFound(RecordKind::Member))?;
        reach::see(by, "member", &member.apis, Some(&member.organization))?;
        reach::change(by, &member.apis, Some(&member.organization))?;
        let removed = organizations.remove_member(&user, &organization.id, &author(by)).await;
        removed.map(drop).map_err(|error| Fault::of_organization("", error))
    }
}

impl<S: Stores, I> Desk<S, I> {
    /// The membership of a user in an organization.
    async fn member(
        &self,
        user: &UserId,
        organization: &OrganizationId,
    ) -> Result<Option<domain::Member>, Fault> {
        let (user, organization) = (Some(user.clone()), Some(organization.clone()));
        let filter = MemberFilter { user, organization, apis: None };
        Ok(self.store.members(&filter, &PageRequest::default()).await?.records.into_iter().next())
    }

    /// A project that the administrator may see.
    async fn project(&self, by: &Administrator, id: &str) -> Result<ProjectRecord, Fault> {
        let id: ProjectId = one("id", id)?;
        let record = self.store.project(&id).await?;
        reach::see(by, "project", &record.apis, Some(&record.organization))?;
        Ok(record)
    }
}
