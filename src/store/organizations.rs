//! Keeping organizations, the projects that they own, and who belongs to them.
//!
//! As with keys, a change is durable before it is acknowledged, and writes the marks of what it concerns into
//! the change table and its records into the audit log within its own transaction. What stays as it was is no change.

use crate::domain::{
    ApiName, Author, Entitlement, Member, MemberRecord, OrganizationId, OrganizationRecord, PlanName,
    ProjectId, ProjectRecord, Timestamp, UserId,
};

use super::{Changes, Finds, Page, PageRequest, StoreError};

/// A change of one field of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrganizationEdit {
    /// What people call it.
    Name(String),
    /// The APIs that it may use.
    Apis(Vec<ApiName>),
    /// The plan of those of its credentials that have none of their own.
    Plan(Option<PlanName>),
    /// What it has bought.
    Entitlements(Vec<Entitlement>),
}

/// Which organizations a list shows.
#[derive(Debug, Clone, Default)]
pub struct OrganizationFilter {
    /// Only organizations that may use one of these APIs.
    pub apis: Option<Vec<ApiName>>,
}

/// Which projects a list shows.
#[derive(Debug, Clone, Default)]
pub struct ProjectFilter {
    /// Only projects of this organization.
    pub organization: Option<OrganizationId>,
    /// Only projects that may use one of these APIs.
    pub apis: Option<Vec<ApiName>>,
}

/// Which memberships a list shows.
#[derive(Debug, Clone, Default)]
pub struct MemberFilter {
    /// Only memberships of this organization.
    pub organization: Option<OrganizationId>,
    /// Only memberships of this user.
    pub user: Option<UserId>,
    /// Only memberships that hold for one of these APIs.
    pub apis: Option<Vec<ApiName>>,
}

/// Keeps organizations.
pub trait OrganizationStore: Finds<OrganizationRecord> + Changes {
    /// Adds an organization.
    fn insert_organization(
        &self,
        record: &OrganizationRecord,
        by: &Author,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The organization with this id.
    fn organization(
        &self,
        id: &OrganizationId,
    ) -> impl Future<Output = Result<OrganizationRecord, StoreError>> + Send;

    /// The organizations that the filter lets through, oldest first.
    fn organizations(
        &self,
        filter: &OrganizationFilter,
        page: &PageRequest,
    ) -> impl Future<Output = Result<Page<OrganizationRecord>, StoreError>> + Send;

    /// Makes all these changes, or none of them. Returns the record as it is now.
    fn update_organization(
        &self,
        id: &OrganizationId,
        edits: &[OrganizationEdit],
        at: Timestamp,
        by: &Author,
    ) -> impl Future<Output = Result<OrganizationRecord, StoreError>> + Send;

    /// Suspends an organization; one that is suspended already stays as it was. Returns the record as it is now.
    fn suspend_organization(
        &self,
        id: &OrganizationId,
        at: Timestamp,
        by: &Author,
    ) -> impl Future<Output = Result<OrganizationRecord, StoreError>> + Send;

    /// Ends the suspension of an organization, if it is suspended. Returns the record as it is now.
    fn resume_organization(
        &self,
        id: &OrganizationId,
        at: Timestamp,
        by: &Author,
    ) -> impl Future<Output = Result<OrganizationRecord, StoreError>> + Send;
}

/// Keeps projects. A project stays with its organization.
pub trait ProjectStore: Finds<ProjectRecord> + Changes {
    /// Adds a project. [`StoreError::NotFound`] if its organization is not there.
    fn insert_project(
        &self,
        record: &ProjectRecord,
        by: &Author,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The project with this id.
    fn project(&self, id: &ProjectId) -> impl Future<Output = Result<ProjectRecord, StoreError>> + Send;

    /// The projects that the filter lets through, oldest first.
    fn projects(
        &self,
        filter: &ProjectFilter,
        page: &PageRequest,
    ) -> impl Future<Output = Result<Page<ProjectRecord>, StoreError>> + Send;

    /// Removes a project, and returns what it was. Keys and secrets that name it are left as they are.
    fn remove_project(
        &self,
        id: &ProjectId,
        at: Timestamp,
        by: &Author,
    ) -> impl Future<Output = Result<ProjectRecord, StoreError>> + Send;
}

/// Keeps who belongs to which organizations.
pub trait MemberStore: Finds<MemberRecord> + Changes {
    /// Makes somebody a member, or changes for which APIs and with which scopes they are one. Returns what their
    /// membership was before. [`StoreError::NotFound`] if the organization is not there.
    fn put_member(
        &self,
        member: &Member,
        at: Timestamp,
        by: &Author,
    ) -> impl Future<Output = Result<Option<Member>, StoreError>> + Send;

    /// Ends a membership, and returns what it was.
    fn remove_member(
        &self,
        user: &UserId,
        organization: &OrganizationId,
        at: Timestamp,
        by: &Author,
    ) -> impl Future<Output = Result<Member, StoreError>> + Send;

    /// The memberships that the filter lets through, by the ids of the users and then of the organizations.
    fn members(
        &self,
        filter: &MemberFilter,
        page: &PageRequest,
    ) -> impl Future<Output = Result<Page<Member>, StoreError>> + Send;
}
