//! The projects of organizations.

use crate::{
    admin::{field, record::changed},
    domain::{ApiName, Author, OrganizationId, ProjectId, ProjectRecord},
    store::{OrganizationStore, Page, PageRequest, ProjectFilter, ProjectStore},
};

use super::{OrganizationError, Organizations, refuse};

/// What is wanted of a new project; the fields of [`ProjectRecord`] that its creator chooses.
#[derive(Debug, Clone)]
pub struct NewProject {
    /// Its id, which no other project of the store has.
    pub id: ProjectId,
    /// What people call it: 1 to 256 bytes without control characters.
    pub name: String,
    /// The APIs that it may use, at least one.
    pub apis: Vec<ApiName>,
    /// The organization that owns it.
    pub organization: OrganizationId,
}

impl<S: OrganizationStore + ProjectStore> Organizations<'_, S> {
    /// Adds a project to an organization.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::Invalid`] with everything that the configuration does not allow, or
    /// [`OrganizationError::Store`], also where there is no such organization or the id is taken.
    pub async fn create_project(
        &self,
        wanted: NewProject,
        by: &Author,
    ) -> Result<ProjectRecord, OrganizationError> {
        let mut problems = Vec::new();
        problems.extend(field::name_problem(&wanted.name));
        problems.extend(field::api_problems(self.apis, &wanted.apis));
        let fields = [("id", wanted.id.as_str()), ("name", &wanted.name)];
        problems.extend(field::secrets_in_clear(self.apis, fields));
        refuse(problems)?;
        let record = ProjectRecord {
            id: wanted.id,
            name: wanted.name,
            apis: wanted.apis,
            organization: wanted.organization,
            created: self.now(),
        };
        self.store.insert_project(&record, by).await?;
        changed("create", &record, by);
        Ok(record)
    }

    /// The projects that the filter lets through, oldest first.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::Invalid`] if no API has a name that the filter asks for, or
    /// [`OrganizationError::Store`], also where no organization has the id that it asks for.
    pub async fn projects(
        &self,
        filter: &ProjectFilter,
        page: &PageRequest,
    ) -> Result<Page<ProjectRecord>, OrganizationError> {
        field::known_apis(self.apis, filter.apis.as_deref())?;
        if let Some(organization) = &filter.organization {
            self.store.organization(organization).await?;
        }
        Ok(self.store.projects(filter, page).await?)
    }

    /// Removes a project, and returns what it was. Keys and secrets that name it are left as they are.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::Store`], also where no project has this id.
    pub async fn remove_project(
        &self,
        id: &ProjectId,
        by: &Author,
    ) -> Result<ProjectRecord, OrganizationError> {
        let record = self.store.remove_project(id, self.now(), by).await?;
        changed("remove", &record, by);
        Ok(record)
    }
}
