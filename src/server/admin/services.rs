//! All that is answered to administrators: the methods, and gRPC's health and reflection.

use axum::{Router, extract::Request};
use http::Extensions;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;

use crate::{
    admin::{api::AnswersAll, proto::DESCRIPTORS},
    domain::Administrator,
    server::ServeError,
};

use super::{json_error, routes};

/// What may be asked by nobody in particular: a load balancer has no role.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// Whether a path may be asked by nobody in particular.
pub(super) fn is_open(path: &str) -> bool {
    path.starts_with(HEALTH)
}

/// Health, reflection, and the methods to which `methods` leads.
///
/// # Errors
///
/// The descriptors cannot be read: a mistake of ours.
pub(in crate::server) fn services<D: AnswersAll>(
    health: HealthServer<HealthService>,
    methods: routes::Routes<D>,
) -> Result<Router, ServeError> {
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .build_v1()
        .map_err(|error| ServeError::Failed(error.into()))?;
    let routes = Routes::new(health).add_service(reflection);
    let answer = async move |mut request: Request| match administrator(request.extensions_mut()) {
        Some(by) => methods.answer(by, request).await,
        None => json_error::unknown_path(),
    };
    Ok(routes.into_axum_router().reset_fallback().fallback(answer))
}

/// Who asks, as the door found out.
fn administrator(extensions: &mut Extensions) -> Option<Administrator> {
    extensions.remove()
}
