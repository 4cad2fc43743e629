//! Whether this process may be asked, over gRPC for Envoy and over HTTP for Kubernetes, and its metrics.
//!
//! Once ready, it stays ready until it ends: were health to fall with the store, every replica would leave at
//! once and an outage of the store would become one of everything.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{Router, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

use crate::telemetry::Metrics;

use super::ServeError;

/// The service that Envoy calls.
pub(super) const ENVOY_SERVICE: &str = "envoy.service.auth.v3.Authorization";
/// The services whose health is told: the server as a whole, and the one that Envoy calls.
const SERVICES: [&str; 2] = ["", ENVOY_SERVICE];

/// Whether this process may be asked.
#[derive(Debug, Clone)]
pub(super) struct Health {
    ready: Arc<AtomicBool>,
    reporter: HealthReporter,
}

impl Health {
    /// Not ready yet.
    pub(super) fn new() -> Self {
        Self { ready: Arc::default(), reporter: HealthReporter::new() }
    }

    /// Says from now on that it is ready, or that it no longer is.
    pub(super) async fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in SERVICES {
            self.reporter.set_service_status(service, status).await;
        }
    }

    /// The gRPC health service (`grpc.health.v1`).
    pub(super) fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }

    /// Ends whatever watches its health: a watch would keep its connection open to the last.
    pub(super) async fn end(&mut self) {
        for service in SERVICES {
            self.reporter.clear_service_status(service).await;
        }
    }

    fn readyz(&self) -> (StatusCode, &'static str) {
        if self.ready.load(Ordering::Acquire) {
            (StatusCode::OK, "ready\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
        }
    }
}

/// Serves `/healthz`, `/readyz` and `/metrics` for ever.
///
/// # Errors
///
/// [`ServeError::Listen`] if the address cannot be bound. What is returned otherwise is to be run.
pub(super) async fn serve(
    address: SocketAddr,
    health: Health,
    metrics: Metrics,
) -> Result<impl Future<Output = ()>, ServeError> {
    let listener = TcpListener::bind(address).await.map_err(|error| ServeError::Listen {
        address: address.to_string(),
        field: "listen.telemetry",
        error,
    })?;
    let router = Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(move || async move { health.readyz() }))
        .route("/metrics", get(move || async move { metrics.render() }));
    Ok(async {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "telemetry can no longer be read");
        }
    })
}
