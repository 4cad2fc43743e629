//! `principal_headers`: under which names the upstream reads who is asking.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{HeaderName, folds_to};

use super::{place::Place, problem::Report, reserved_headers, text::Text};

/// The names of the principal headers. All differ, even after folding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalHeaders {
    /// The principal's id.
    pub id: HeaderName,
    /// Its kind.
    pub kind: HeaderName,
    /// Its organization.
    pub organization: HeaderName,
    /// Its project.
    pub project: HeaderName,
    /// Its environment.
    pub environment: HeaderName,
    /// Its scopes and all that they imply, with spaces between.
    pub scopes: HeaderName,
    /// Its plan.
    pub plan: HeaderName,
    /// The id of the credential that proved it.
    pub credential: HeaderName,
}

impl PrincipalHeaders {
    /// All names, in a fixed order.
    #[must_use]
    pub fn all(&self) -> [&HeaderName; 8] {
        [
            &self.id,
            &self.kind,
            &self.organization,
            &self.project,
            &self.environment,
            &self.scopes,
            &self.plan,
            &self.credential,
        ]
    }
}

/// Under which names the upstream reads who is asking. Whatever a client sends under one of these names, or one
/// that an application could take for it, never reaches the upstream.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "PrincipalHeaders")]
pub(super) struct RawPrincipalHeaders {
    /// The principal's id.
    id: Text<HeaderName>,
    /// Its kind: `api_key`, `service_key`, `anonymous`, ….
    kind: Text<HeaderName>,
    /// Its organization.
    organization: Text<HeaderName>,
    /// Its project, if it is confined to one.
    project: Text<HeaderName>,
    /// Its environment, if it has one.
    environment: Text<HeaderName>,
    /// Its scopes and all that they imply, with spaces between.
    scopes: Text<HeaderName>,
    /// Its plan, if it has one.
    plan: Text<HeaderName>,
    /// The id of the credential that proved it, never the credential.
    credential: Text<HeaderName>,
}

impl Default for RawPrincipalHeaders {
    fn default() -> Self {
        let name = |name| HeaderName::from_static(name).into();
        Self {
            id: name("x-principal-id"),
            kind: name("x-principal-kind"),
            organization: name("x-principal-organization"),
            project: name("x-principal-project"),
            environment: name("x-principal-environment"),
            scopes: name("x-principal-scopes"),
            plan: name("x-principal-plan"),
            credential: name("x-principal-credential"),
        }
    }
}

/// The fields, in the order of [`PrincipalHeaders::all`].
const FIELDS: [&str; 8] =
    ["id", "kind", "organization", "project", "environment", "scopes", "plan", "credential"];

impl RawPrincipalHeaders {
    /// `credentials` are the headers in which credentials come.
    pub(super) fn check(
        &self,
        credentials: &[&HeaderName],
        at: &Place<'_>,
        report: &mut Report<'_>,
    ) -> PrincipalHeaders {
        let headers = PrincipalHeaders {
            id: self.id.value.clone(),
            kind: self.kind.value.clone(),
            organization: self.organization.value.clone(),
            project: self.project.value.clone(),
            environment: self.environment.value.clone(),
            scopes: self.scopes.value.clone(),
            plan: self.plan.value.clone(),
            credential: self.credential.value.clone(),
        };
        let named = || FIELDS.into_iter().zip(headers.all());
        for (index, (field, name)) in named().enumerate() {
            let folds = |other: &str| folds_to(name.as_str(), other);
            let twin = named().take(index).find(|(_, other)| folds(other.as_str()));
            let fault = if let Some((other, _)) = twin {
                Some(format!("expected a name that no application takes for that of `{other}`"))
            } else if credentials.iter().any(|header| folds(header.as_str()))
                || folds("authorization")
                || folds("cookie")
            {
                Some("expected a header in which no credential comes".to_owned())
            } else {
                reserved_headers::fault(name).map(str::to_owned)
            };
            if let Some(fault) = fault {
                report.add(&at.field(field), format!("found `{name}`, {fault}"));
            }
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{api, check, config};

    use super::*;

    #[test]
    fn the_fields_stand_in_the_order_of_the_names() {
        let fields = FIELDS.map(|field| format!("{field}: y-{field}")).join(", ");
        let config = config(&api(&[&format!("principal_headers: {{ {fields} }}")]));
        let names = config.apis.first().map(|api| api.principal_headers.all().map(ToString::to_string));
        assert_eq!(names, Some(FIELDS.map(|field| format!("y-{field}"))));
    }

    #[test]
    fn a_principal_header_is_nobody_elses() {
        let cases = [
            ("{ id: X-User }", None),
            (
                "{ id: ':path' }",
                Some("6:30 apis[0].principal_headers.id: found \":path\", expected 1 to 64 letters"),
            ),
            (
                "{ id: host }",
                Some(
                    "6:30 apis[0].principal_headers.id: found `host`, expected a header that does not steer",
                ),
            ),
            (
                "{ id: Transfer_Encoding }",
                Some(
                    "6:30 apis[0].principal_headers.id: found `transfer_encoding`, expected a header that does not",
                ),
            ),
            (
                "{ id: x-envoy-user }",
                Some("6:30 apis[0].principal_headers.id: found `x-envoy-user`, expected a header outside"),
            ),
            (
                "{ id: X.Forwarded.User }",
                Some(
                    "6:30 apis[0].principal_headers.id: found `x.forwarded.user`, expected a header outside",
                ),
            ),
            (
                "{ id: authorization }",
                Some(
                    "6:30 apis[0].principal_headers.id: found `authorization`, expected a header in which no",
                ),
            ),
            (
                "{ id: cookie }",
                Some("6:30 apis[0].principal_headers.id: found `cookie`, expected a header in which no"),
            ),
            (
                "{ id: x_api_key }",
                Some("6:30 apis[0].principal_headers.id: found `x_api_key`, expected a header in which no"),
            ),
            (
                "{ id: x_principal.kind }",
                Some(
                    "6:24 apis[0].principal_headers.kind: found `x-principal-kind`, expected a name that no application takes for that of `id`",
                ),
            ),
            (
                "{ user: x }",
                Some("6:26 apis[0].principal_headers.user: found a field that is not known here"),
            ),
        ];
        for (headers, expected) in cases {
            check(&api(&[&format!("principal_headers: {headers}")]), expected.as_slice());
        }
    }
}
