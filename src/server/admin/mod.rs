//! The admin API on the wire: who gets in, and the same methods over gRPC and as REST.

mod access;
mod grpc;
mod inspector;
mod json_error;
mod listener;
mod path;
mod rest;
mod routes;
mod services;

pub(super) use access::Access;
pub(super) use listener::Listener;
pub(super) use services::services;

pub use routes::Routes;
