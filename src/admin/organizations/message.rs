//! Organizations, projects and members as messages of the admin API.

use crate::{
    admin::{
        json::wire,
        proto::{Member, Organization, Project, organization::Status},
    },
    domain::{self, OrganizationRecord, ProjectRecord},
};

impl Organization {
    /// The message about an organization.
    #[must_use]
    pub fn of(record: &OrganizationRecord) -> Self {
        let status = if record.suspended.is_some() { Status::Suspended } else { Status::Active };
        Self {
            id: record.id.to_string(),
            name: record.name.clone(),
            apis: record.apis.iter().map(ToString::to_string).collect(),
            plan: record.plan.as_ref().map(ToString::to_string),
            entitlements: record.entitlements.iter().map(ToString::to_string).collect(),
            status: status.into(),
            suspended: record.suspended.map(wire),
            created: Some(wire(record.created)),
        }
    }
}

impl Project {
    /// The message about a project.
    #[must_use]
    pub fn of(record: &ProjectRecord) -> Self {
        Self {
            id: record.id.to_string(),
            name: record.name.clone(),
            apis: record.apis.iter().map(ToString::to_string).collect(),
            organization: record.organization.to_string(),
            created: Some(wire(record.created)),
        }
    }
}

impl Member {
    /// The message about a membership.
    #[must_use]
    pub fn of(member: &domain::Member) -> Self {
        Self {
            user: member.user.to_string(),
            organization: member.organization.to_string(),
            apis: member.apis.iter().map(ToString::to_string).collect(),
            scopes: member.scopes.iter().map(ToString::to_string).collect(),
        }
    }
}
