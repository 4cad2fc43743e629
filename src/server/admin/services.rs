//! What is answered beside the methods of the admin API: gRPC's health and reflection.

use axum::Router;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;

use crate::server::ServeError;

use super::json_error;

/// The messages of the admin API and its services.
const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/admin.binpb"));
/// What may be asked by nobody in particular: a load balancer has no role.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// Whether a path may be asked by nobody in particular.
pub(super) fn is_open(path: &str) -> bool {
    path.starts_with(HEALTH)
}

/// Health and reflection. Any other path is answered as one where there is nothing.
///
/// # Errors
///
/// The descriptors cannot be read: a mistake of ours.
pub(in crate::server) fn services(health: HealthServer<HealthService>) -> Result<Router, ServeError> {
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .build_v1()
        .map_err(|error| ServeError::Failed(error.into()))?;
    let routes = Routes::new(health).add_service(reflection);
    Ok(routes.into_axum_router().reset_fallback().fallback(async || json_error::unknown_path()))
}
