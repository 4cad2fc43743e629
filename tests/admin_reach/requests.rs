//! What is asked: each method, about what lies within an administrator's reach and beyond.

use axum::body::Body;
use http::Request;

use super::office::{Office, plain, post, with_body};

/// Where that lies which is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    /// At `payments`, which is theirs as `tills` is, of `acme`, with the scope `read`.
    Own,
    /// At another API.
    OtherApi,
    /// Of another organization.
    OtherOrganization,
    /// With the scope `write`.
    MoreScopes,
    /// At `tills`, which gives `write` to every session and to whoever signs.
    GivenScopes,
}

impl Side {
    pub(crate) const ALL: [Self; 5] =
        [Self::Own, Self::OtherApi, Self::OtherOrganization, Self::MoreScopes, Self::GivenScopes];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::OtherApi => "other API",
            Self::OtherOrganization => "other organization",
            Self::MoreScopes => "more scopes",
            Self::GivenScopes => "given scopes",
        }
    }

    fn api(self) -> &'static str {
        match self {
            Self::OtherApi => "games",
            Self::GivenScopes => "tills",
            Self::Own | Self::OtherOrganization | Self::MoreScopes => "payments",
        }
    }

    fn organization(self) -> &'static str {
        if matches!(self, Self::OtherOrganization) { "globex" } else { "acme" }
    }

    fn scope(self) -> &'static str {
        if matches!(self, Self::MoreScopes) { "write" } else { "read" }
    }
}

/// The request for a method. What it is about is made for it.
pub(crate) async fn of(method: &str, side: Side, office: &Office) -> Request<Body> {
    let (api, organization) = (side.api(), side.organization());
    let key = async || office.make(create_key(side)).await;
    let secret = async || office.make(create_secret(side, office).await).await;
    let session = async || office.make(create_session(side)).await;
    let project = async || office.make(create_project(side, office)).await;
    let new = async || office.make(create_organization(side, office)).await;
    let on = |kind: &str, id: String, verb: &str| post(format!("/v1/{kind}/{id}:{verb}"), "{}");
    let get = |kind: &str, id: String| plain("GET", format!("/v1/{kind}/{id}"));
    match method {
        "CreateKey" => create_key(side),
        "GetKey" => get("keys", key().await),
        "ListKeys" => plain("GET", format!("/v1/keys?api={api}&organization={organization}")),
        "UpdateKey" => with_body("PATCH", format!("/v1/keys/{}", key().await), r#"{"name": "another"}"#),
        "RotateKey" => on("keys", key().await, "rotate"),
        "RevokeKey" => on("keys", key().await, "revoke"),
        "ImportKeys" => import(side, office),
        "CreateSecret" => create_secret(side, office).await,
        "GetSecret" => get("secrets", secret().await),
        "ListSecrets" => plain("GET", format!("/v1/secrets?api={api}")),
        "RotateSecret" => on("secrets", secret().await, "rotate"),
        "RevokeSecret" => on("secrets", secret().await, "revoke"),
        "RevealSecret" => on("secrets", secret().await, "reveal"),
        "CreateSession" => create_session(side),
        "GetSession" => get("sessions", session().await),
        "ListSessions" => plain("GET", format!("/v1/sessions?api={api}")),
        "EndSession" => on("sessions", session().await, "end"),
        "EndSessions" => post("/v1/users/ada/sessions:end", "{}"),
        "CreateOrganization" => create_organization(side, office),
        "GetOrganization" => get("organizations", organization.to_owned()),
        "ListOrganizations" => plain("GET", format!("/v1/organizations?api={api}")),
        "UpdateOrganization" => {
            with_body("PATCH", format!("/v1/organizations/{}", new().await), r#"{"name": "another"}"#)
        }
        "SuspendOrganization" => on("organizations", new().await, "suspend"),
        "ResumeOrganization" => on("organizations", new().await, "resume"),
        "CreateProject" => create_project(side, office),
        "GetProject" => get("projects", project().await),
        "ListProjects" => plain("GET", format!("/v1/organizations/{organization}/projects")),
        "DeleteProject" => plain("DELETE", format!("/v1/projects/{}", project().await)),
        "PutMember" => put_member(side, "ada"),
        "ListMembers" => plain("GET", format!("/v1/organizations/{organization}/members")),
        "DeleteMember" => {
            let user = format!("user{}", office.number());
            office.make(put_member(side, &user)).await;
            plain("DELETE", format!("/v1/organizations/{organization}/members/{user}"))
        }
        "VerifyCredential" => {
            let body = format!(r#"{{"api": "{api}", "credential": "pay_nothing"}}"#);
            post("/v1/credentials:verify", body)
        }
        "ListAuditRecords" => plain("GET", format!("/v1/audit?organization={organization}")),
        other => panic!("{other} is not asked for here"),
    }
}

fn create_key(side: Side) -> Request<Body> {
    let (api, organization, scope) = (side.api(), side.organization(), side.scope());
    let body = format!(
        r#"{{"name": "a key", "apis": ["{api}"], "organization": "{organization}", "scopes": ["{scope}"]}}"#
    );
    post("/v1/keys", body)
}

fn import(side: Side, office: &Office) -> Request<Body> {
    let (api, organization, scope) = (side.api(), side.organization(), side.scope());
    let hash = format!("{:064x}", office.number());
    let line = serde_json::json!({
        "hash": format!("sha256:{hash}"), "api": api, "name": "imported", "organization": organization,
        "scopes": [scope],
    });
    post("/v1/keys:import", serde_json::json!({ "content": line.to_string() }).to_string())
}

async fn create_secret(side: Side, office: &Office) -> Request<Body> {
    // No project has more than two.
    let project = office.make(create_project(side, office)).await;
    let (api, organization) = (side.api(), side.organization());
    let body = format!(
        r#"{{"secret": {{"api": "{api}", "project": "{project}", "organization": "{organization}"}}}}"#
    );
    post("/v1/secrets", body)
}

fn create_session(side: Side) -> Request<Body> {
    let (api, organization, scope) = (side.api(), side.organization(), side.scope());
    let body = format!(
        r#"{{"user": "ada", "apis": ["{api}"], "organizations": [{{"organization": "{organization}", "scopes": ["{scope}"]}}]}}"#
    );
    post("/v1/sessions?lifetime=3600s", body)
}

fn create_organization(side: Side, office: &Office) -> Request<Body> {
    let (api, id) = (side.api(), format!("organization{}", office.number()));
    post("/v1/organizations", format!(r#"{{"id": "{id}", "name": "{id}", "apis": ["{api}"]}}"#))
}

fn create_project(side: Side, office: &Office) -> Request<Body> {
    let (api, organization, id) = (side.api(), side.organization(), format!("project{}", office.number()));
    let body =
        format!(r#"{{"id": "{id}", "name": "{id}", "apis": ["{api}"], "organization": "{organization}"}}"#);
    post("/v1/projects", body)
}

fn put_member(side: Side, user: &str) -> Request<Body> {
    let (api, organization, scope) = (side.api(), side.organization(), side.scope());
    let body = format!(r#"{{"apis": ["{api}"], "scopes": ["{scope}"]}}"#);
    with_body("PUT", format!("/v1/organizations/{organization}/members/{user}"), body)
}
