//! The control plane: who may do what to keys, whichever way they ask.

mod keys;

#[cfg(test)]
pub(crate) use keys::fixture;
pub use keys::{Issued, KeyError, Keys, NewKey, Problem, parse_network};

/// The messages of the admin API, made from `proto/doorward/admin/v1/admin.proto`.
#[expect(clippy::pedantic, reason = "it is generated")]
pub mod proto {
    tonic::include_proto!("doorward.admin.v1");
}
