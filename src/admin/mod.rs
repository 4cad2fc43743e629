//! The control plane: who may do what to keys, whichever way they ask.

pub mod keys;

/// The messages of the admin API, made from `proto/doorward/admin/v1/admin.proto`.
#[expect(clippy::pedantic, reason = "it is generated")]
pub mod proto {
    tonic::include_proto!("doorward.admin.v1");
}
