//! The admin API on the wire: the same methods over gRPC and as REST.

mod grpc;
mod inspector;
mod json_error;
mod path;
mod rest;
mod routes;

pub use routes::Routes;
