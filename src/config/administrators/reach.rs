//! What an administrator may do, and with what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::{place::Place, problem::Report, text::Text},
    domain::{ApiName, OrganizationId, Reach, Role, Scope},
};

/// What somebody may do, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What they may do.
    pub role: Role,
    /// With what.
    pub reach: Reach,
}

/// What an administrator may do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Role")]
pub(in crate::config) enum RawRole {
    /// Look.
    Viewer,
    /// Change things.
    Editor,
    /// See secrets.
    Owner,
}

impl From<RawRole> for Role {
    fn from(role: RawRole) -> Self {
        match role {
            RawRole::Viewer => Self::Viewer,
            RawRole::Editor => Self::Editor,
            RawRole::Owner => Self::Owner,
        }
    }
}

/// Checks the fields `apis`, `organization` and `scopes` of the mapping at `at`.
pub(super) fn check(
    apis: &[Text<ApiName>],
    organization: Option<&Text<OrganizationId>>,
    scopes: &[Text<Scope>],
    at: &Place<'_>,
    report: &mut Report<'_>,
) -> Reach {
    let reach = Reach {
        apis: (!apis.is_empty()).then(|| apis.iter().map(|api| api.value.clone()).collect()),
        organization: organization.map(|organization| organization.value.clone()),
        scopes: scopes.iter().map(|scope| scope.value.clone()).collect(),
    };
    // An empty list must not be taken for all of them.
    if apis.is_empty() && report.is_written(&at.field("apis")) {
        report.add(&at.field("apis"), "found an empty list, expected an API, or no `apis` for all of them");
    }
    if !reach.scopes.is_empty() && !reach.is_confined() {
        let message = "found scopes, expected none: whoever is confined neither to `apis` nor to an `organization` may \
                       grant all";
        report.add(&at.field("scopes"), message);
    }
    reach
}

/// The APIs in the field `apis` of the mapping at `at`, each with its place.
pub(super) fn each_api(apis: &[Text<ApiName>], at: &Place<'_>, visit: &mut dyn FnMut(&ApiName, &Place<'_>)) {
    let at = at.field("apis");
    for (index, api) in apis.iter().enumerate() {
        visit(&api.value, &at.item(index));
    }
}
