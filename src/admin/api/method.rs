//! What can be asked of the admin API: one table for gRPC, for REST, for who may ask, and for the documentation.

use prost::Message;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    admin::proto,
    domain::{Administrator, Role},
    store::Spread,
};

use super::Fault;

/// A method of the admin API.
pub trait Method: Send + Sync + 'static {
    /// What is asked.
    type Request: Message + Default + DeserializeOwned + Send + 'static;
    /// What is answered.
    type Answer: Message + Default + Serialize + Send + 'static;

    /// What it is.
    const ABOUT: About;
}

/// What a method is, apart from its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The service that it belongs to, such as `KeyService`.
    pub service: &'static str,
    /// Its name, such as `CreateKey`.
    pub name: &'static str,
    /// The least role of whoever may ask.
    pub role: Role,
    /// The HTTP method.
    pub verb: Verb,
    /// The path, with the fields of the request that it holds: `/v1/keys/{id}:rotate`.
    pub path: &'static str,
    /// What of the request stands in the body.
    pub body: Body,
}

impl About {
    /// Its path over gRPC.
    #[must_use]
    pub fn grpc_path(&self) -> String {
        format!("/doorward.admin.v1.{}/{}", self.service, self.name)
    }

    /// Whether it may change something.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.role > Role::Viewer
    }

    /// Whether it may take something from somebody. Whoever asks for that is told whether it is in force everywhere.
    #[must_use]
    pub fn takes_away(&self) -> bool {
        let adds = ["Create", "Import", "Reveal"].iter().any(|verb| self.name.starts_with(verb));
        self.changes() && !adds
    }
}

/// The HTTP methods of the admin API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Asks only.
    Get,
    /// Makes, or does something.
    Post,
    /// Changes.
    Patch,
    /// Puts in a place.
    Put,
    /// Removes.
    Delete,
}

/// What of a request stands in the body of its HTTP form. All else stands in the path and the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    None,
    /// All that does not stand in the path.
    All,
    /// This field.
    Field(&'static str),
}

macro_rules! methods {
    ($(
        $(#[$doc:meta])*
        $service:ident/$name:ident($request:ident) -> $answer:ty, $role:ident, $verb:ident $path:literal, $body:expr;
    )+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $name;

            impl Method for $name {
                type Request = proto::$request;
                type Answer = $answer;

                const ABOUT: About = About {
                    service: stringify!($service),
                    name: stringify!($name),
                    role: Role::$role,
                    verb: Verb::$verb,
                    path: $path,
                    body: $body,
                };
            }
        )+

        /// All methods.
        pub const METHODS: &[About] = &[$($name::ABOUT),+];

        /// Answers all methods.
        pub trait AnswersAll: $(Answers<$name> +)+ 'static {}

        impl<D: $(Answers<$name> +)+ 'static> AnswersAll for D {}

        /// Does something for each method that `D` answers.
        pub fn each<D: AnswersAll>(visitor: &mut impl Visitor<D>) {
            $(visitor.visit::<$name>();)+
        }
    };
}

use proto::{
    EndSessionsResponse, ImportKeysResponse, IssuedKey, IssuedSecret, IssuedSession, Key,
    ListAuditRecordsResponse, ListKeysResponse, ListMembersResponse, ListOrganizationsResponse,
    ListProjectsResponse, ListSecretsResponse, ListSessionsResponse, Member, Organization, Project,
    RevealedSecret, Secret, Session, VerifiedCredential,
};

methods! {
    /// Makes a key.
    KeyService/CreateKey(CreateKeyRequest) -> IssuedKey, Editor, Post "/v1/keys", Body::Field("key");
    /// Tells of a key.
    KeyService/GetKey(GetKeyRequest) -> Key, Viewer, Get "/v1/keys/{id}", Body::None;
    /// Tells of keys.
    KeyService/ListKeys(ListKeysRequest) -> ListKeysResponse, Viewer, Get "/v1/keys", Body::None;
    /// Changes a key.
    KeyService/UpdateKey(UpdateKeyRequest) -> Key, Editor, Patch "/v1/keys/{key.id}", Body::Field("key");
    /// Replaces a key.
    KeyService/RotateKey(RotateKeyRequest) -> IssuedKey, Editor, Post "/v1/keys/{id}:rotate", Body::All;
    /// Revokes a key.
    KeyService/RevokeKey(RevokeKeyRequest) -> Key, Editor, Post "/v1/keys/{id}:revoke", Body::All;
    /// Takes over keys.
    KeyService/ImportKeys(ImportKeysRequest) -> ImportKeysResponse, Editor, Post "/v1/keys:import", Body::All;
    /// Makes a secret. All of it stands in the body: a secret does not belong into a query.
    SecretService/CreateSecret(CreateSecretRequest) -> IssuedSecret, Editor, Post "/v1/secrets", Body::All;
    /// Tells of a secret.
    SecretService/GetSecret(GetSecretRequest) -> Secret, Viewer, Get "/v1/secrets/{id}", Body::None;
    /// Tells of secrets.
    SecretService/ListSecrets(ListSecretsRequest) -> ListSecretsResponse, Viewer, Get "/v1/secrets", Body::None;
    /// Replaces a secret.
    SecretService/RotateSecret(RotateSecretRequest) -> IssuedSecret, Editor, Post "/v1/secrets/{id}:rotate", Body::All;
    /// Revokes a secret.
    SecretService/RevokeSecret(RevokeSecretRequest) -> Secret, Editor, Post "/v1/secrets/{id}:revoke", Body::All;
    /// Tells a secret in clear.
    SecretService/RevealSecret(RevealSecretRequest) -> RevealedSecret, Owner, Post "/v1/secrets/{id}:reveal", Body::All;
    /// Begins a session.
    SessionService/CreateSession(CreateSessionRequest) -> IssuedSession, Editor, Post "/v1/sessions", Body::Field("session");
    /// Tells of a session.
    SessionService/GetSession(GetSessionRequest) -> Session, Viewer, Get "/v1/sessions/{id}", Body::None;
    /// Tells of sessions.
    SessionService/ListSessions(ListSessionsRequest) -> ListSessionsResponse, Viewer, Get "/v1/sessions", Body::None;
    /// Ends a session.
    SessionService/EndSession(EndSessionRequest) -> Session, Editor, Post "/v1/sessions/{id}:end", Body::All;
    /// Ends all sessions of a user.
    SessionService/EndSessions(EndSessionsRequest) -> EndSessionsResponse, Editor, Post "/v1/users/{user}/sessions:end", Body::All;
    /// Adds an organization.
    OrganizationService/CreateOrganization(CreateOrganizationRequest) -> Organization, Editor, Post "/v1/organizations", Body::Field("organization");
    /// Tells of an organization.
    OrganizationService/GetOrganization(GetOrganizationRequest) -> Organization, Viewer, Get "/v1/organizations/{id}", Body::None;
    /// Tells of organizations.
    OrganizationService/ListOrganizations(ListOrganizationsRequest) -> ListOrganizationsResponse, Viewer, Get "/v1/organizations", Body::None;
    /// Changes an organization.
    OrganizationService/UpdateOrganization(UpdateOrganizationRequest) -> Organization, Editor, Patch "/v1/organizations/{organization.id}", Body::Field("organization");
    /// Suspends an organization.
    OrganizationService/SuspendOrganization(SuspendOrganizationRequest) -> Organization, Editor, Post "/v1/organizations/{id}:suspend", Body::All;
    /// Ends the suspension of an organization.
    OrganizationService/ResumeOrganization(ResumeOrganizationRequest) -> Organization, Editor, Post "/v1/organizations/{id}:resume", Body::All;
    /// Adds a project.
    OrganizationService/CreateProject(CreateProjectRequest) -> Project, Editor, Post "/v1/projects", Body::Field("project");
    /// Tells of a project.
    OrganizationService/GetProject(GetProjectRequest) -> Project, Viewer, Get "/v1/projects/{id}", Body::None;
    /// Tells of projects.
    OrganizationService/ListProjects(ListProjectsRequest) -> ListProjectsResponse, Viewer, Get "/v1/organizations/{organization}/projects", Body::None;
    /// Removes a project.
    OrganizationService/DeleteProject(DeleteProjectRequest) -> (), Editor, Delete "/v1/projects/{id}", Body::None;
    /// Puts a membership.
    OrganizationService/PutMember(PutMemberRequest) -> Member, Editor, Put "/v1/organizations/{member.organization}/members/{member.user}", Body::Field("member");
    /// Tells of members.
    OrganizationService/ListMembers(ListMembersRequest) -> ListMembersResponse, Viewer, Get "/v1/organizations/{organization}/members", Body::None;
    /// Ends a membership.
    OrganizationService/DeleteMember(DeleteMemberRequest) -> (), Editor, Delete "/v1/organizations/{organization}/members/{user}", Body::None;
    /// Tells what a credential is.
    CredentialService/VerifyCredential(VerifyCredentialRequest) -> VerifiedCredential, Viewer, Post "/v1/credentials:verify", Body::All;
    /// Tells of changes.
    AuditService/ListAuditRecords(ListAuditRecordsRequest) -> ListAuditRecordsResponse, Viewer, Get "/v1/audit", Body::None;
}

/// Whether the role of an administrator suffices for a method.
///
/// # Errors
///
/// It does not.
pub fn permit<M: Method>(by: &Administrator) -> Result<(), Fault> {
    let needed = M::ABOUT.role;
    if by.role >= needed {
        return Ok(());
    }
    let (name, role) = (M::ABOUT.name, by.role);
    Err(Fault::role(format!("{name} is for the role {needed} and those above; you have the role {role}")))
}

/// The header, or the metadata over gRPC, that says on how many servers a change is in force, and of how many.
pub const REACHED: &str = "doorward-reached";

/// Knows how far changes have come among the servers.
pub trait Spreads: Send + Sync {
    /// How far all has come that was changed until now, once that is settled or after a second; nothing, if it cannot be
    /// found out.
    fn spread(&self) -> impl Future<Output = Option<Spread>> + Send;
}

/// Answers one method.
pub trait Answers<M: Method>: Spreads {
    /// What this administrator, whose role suffices, is answered.
    ///
    /// # Errors
    ///
    /// It is not done, and why.
    fn answer(
        &self,
        by: &Administrator,
        request: M::Request,
    ) -> impl Future<Output = Result<M::Answer, Fault>> + Send;
}

/// Does something for a method.
pub trait Visitor<D> {
    /// Does it.
    fn visit<M: Method>(&mut self)
    where
        D: Answers<M>;
}
