//! The members of organizations.

use crate::{
    admin::{field, record::changed},
    domain::{ApiName, Author, OrganizationId, Scope, UserId},
    store::{Member, MemberStore, OrganizationStore},
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

    /// The members of an organization, by the ids of the users.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::Store`], also where no organization has this id.
    pub async fn members(&self, organization: &OrganizationId) -> Result<Vec<Member>, OrganizationError> {
        self.store.organization(organization).await?;
        Ok(self.store.members_of(organization).await?)
    }

    /// Where somebody is a member, by the ids of the organizations.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::Store`].
    pub async fn memberships(&self, user: &UserId) -> Result<Vec<Member>, OrganizationError> {
        Ok(self.store.memberships_of(user).await?)
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
