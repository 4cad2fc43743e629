//! The members of organizations.

use crate::{
    admin::{field, record::changed},
    domain::{ApiName, Author, Member, OrganizationId, Scope, UserId},
    store::{MemberFilter, MemberStore, OrganizationStore, Page, PageRequest},
};

use super::{OrganizationError, Organizations, refuse};

/// What is wanted of a membership.
#[derive(Debug, Clone)]
pub struct NewMember {
    /// Who.
    pub user: UserId,
    /// The organization.
    pub organization: OrganizationId,
    /// The APIs for which this holds, at least one.
    pub apis: Vec<ApiName>,
    /// What they may do there, beside what they may do everywhere.
    pub scopes: Vec<Scope>,
}

impl<S: OrganizationStore + MemberStore> Organizations<'_, S> {
    /// Makes somebody a member of an organization, or replaces what is known of their membership.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::Invalid`] with everything that the configuration does not allow, or
    /// [`OrganizationError::Store`], also where there is no such organization.
    pub async fn put_member(&self, wanted: NewMember, by: &Author) -> Result<Member, OrganizationError> {
        let scopes = wanted.scopes.iter().map(|scope| ("scopes", scope.as_str()));
        let fields = std::iter::once(("user", wanted.user.as_str())).chain(scopes);
        let mut problems = Vec::new();
        problems.extend(field::api_problems(self.apis, &wanted.apis));
        problems.extend(field::secrets_in_clear(self.apis, fields));
        refuse(problems)?;
        let member = Member {
            user: wanted.user,
            organization: wanted.organization,
            apis: wanted.apis,
            scopes: field::scope_set(wanted.scopes)?,
        };
        match self.store.put_member(&member, self.now(), by).await? {
            Some(before) if before == member => {}
            Some(_) => changed("update", &member, by),
            None => changed("create", &member, by),
        }
        Ok(member)
    }

    /// The memberships that the filter lets through, by the ids of the users and then of the organizations.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::Invalid`] if no API has a name that the filter asks for, or
    /// [`OrganizationError::Store`], also where no organization has the id that it asks for.
    pub async fn members(
        &self,
        filter: &MemberFilter,
        page: &PageRequest,
    ) -> Result<Page<Member>, OrganizationError> {
        field::known_apis(self.apis, filter.apis.as_deref())?;
        if let Some(organization) = &filter.organization {
            self.store.organization(organization).await?;
        }
        Ok(self.store.members(filter, page).await?)
    }

    /// Ends a membership, and returns what it was.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::Store`], also where the user is no member of the organization.
    pub async fn remove_member(
        &self,
        user: &UserId,
        organization: &OrganizationId,
        by: &Author,
    ) -> Result<Member, OrganizationError> {
        let member = self.store.remove_member(user, organization, self.now(), by).await?;
        changed("remove", &member, by);
        Ok(member)
    }
}
