//! The admin API: what can be asked, by whom, and how it is answered, whichever way it is asked.

mod audit;
mod credentials;
mod desk;
mod fault;
mod inspects;
mod keys;
mod mask;
mod method;
mod organizations;
mod page;
mod projects;
mod reach;
mod reading;
mod secrets;
mod sessions;

pub use desk::{Desk, Stores};
pub use fault::{ERROR_DOMAIN, Fault};
pub use inspects::Inspects;
pub use method::{
    About, Answers, AnswersAll, Body, CreateKey, CreateOrganization, CreateProject, CreateSecret,
    CreateSession, DeleteMember, DeleteProject, EndSession, EndSessions, GetKey, GetOrganization, GetProject,
    GetSecret, GetSession, ImportKeys, ListAuditRecords, ListKeys, ListMembers, ListOrganizations,
    ListProjects, ListSecrets, ListSessions, METHODS, Method, PutMember, REACHED, ResumeOrganization,
    RevealSecret, RevokeKey, RevokeSecret, RotateKey, RotateSecret, Spreads, SuspendOrganization, UpdateKey,
    UpdateOrganization, Verb, VerifyCredential, Visitor, each, permit,
};
pub use projects::EVERY_ORGANIZATION;
