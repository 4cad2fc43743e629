//! The control plane: who may do what to keys, organizations, secrets and sessions, whichever way they ask.

pub mod access;
pub mod api;
mod field;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod json;
mod keys;
mod organizations;
mod problem;
mod record;
mod secrets;
mod sessions;

pub use keys::{Import, ImportFormat, Issued, KeyError, Keys, LineProblems, NewKey};
pub use organizations::{NewMember, NewOrganization, NewProject, OrganizationError, Organizations};
pub use problem::Problem;
pub use secrets::{IssuedSecret, NewSecret, Resealed, RevealedSecret, SecretError, Secrets};
pub use sessions::{IssuedSession, NewSession, SessionError, Sessions};

/// The messages of the admin API, made from `proto/doorward/admin/v1`.
#[expect(clippy::pedantic, reason = "it is generated")]
pub mod proto {
    tonic::include_proto!("doorward.admin.v1");

    /// The definitions themselves, with their comments: a `google.protobuf.FileDescriptorSet`.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/admin.binpb"));
}
