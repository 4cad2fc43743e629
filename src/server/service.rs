//! The gRPC service that Envoy calls: nothing but the way from the wire to [`Checker::check`] and back.

use std::sync::Arc;

use envoy_types::ext_authz::v3::pb::{Authorization, AuthorizationServer, CheckRequest, CheckResponse};
use tokio::sync::watch;
use tonic::{Request, Response, Status, transport::Server};

use crate::{check::Checker, store::KeyStore};

use super::{ServeError, health::Health, listener::Connections};

/// How many Checks one connection may have in flight: more than one connection can do well.
const STREAMS_PER_CONNECTION_MAX: u32 = 16_384;

#[derive(Debug)]
struct CheckService<S: KeyStore>(Arc<Checker<S>>);

#[tonic::async_trait]
impl<S: KeyStore> Authorization for CheckService<S> {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        self.0.check(request.get_ref()).await.map(Response::new)
    }
}

/// Answers on these connections until `ended`, then sends GOAWAY and finishes what is running.
pub(super) async fn serve<S: KeyStore>(
    checker: Arc<Checker<S>>,
    health: Health,
    connections: Connections,
    mut ended: watch::Receiver<()>,
) -> Result<(), ServeError> {
    Server::builder()
        .max_concurrent_streams(Some(STREAMS_PER_CONNECTION_MAX))
        .add_service(health.service())
        .add_service(AuthorizationServer::new(CheckService(checker)))
        .serve_with_incoming_shutdown(connections, async move {
            // The sender is gone only when the process ends anyway.
            let _ = ended.changed().await;
        })
        .await
        .map_err(|error| ServeError::Failed(error.into()))
}
