//! The control plane: who may do what to keys, organizations and secrets, whichever way they ask.

mod field;
#[cfg(test)]
pub(crate) mod fixture;
mod keys;
mod message;
mod organizations;
mod problem;
mod secrets;

pub use keys::{Issued, KeyError, Keys, NewKey, parse_network};
pub use organizations::{NewMember, NewOrganization, NewProject, OrganizationError, Organizations};
pub use problem::Problem;
pub use secrets::{IssuedSecret, NewSecret, Resealed, SecretError, Secrets};

/// The messages of the admin API, made from `proto/doorward/admin/v1/admin.proto`.
#[expect(clippy::pedantic, reason = "it is generated")]
pub mod proto {
    tonic::include_proto!("doorward.admin.v1");
}
