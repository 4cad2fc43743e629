//! The gRPC service that Envoy calls: nothing but the way from the wire to [`Checker::check`] and back, and the
//! bounds of what one connection may ask for.

use std::{sync::Arc, time::Duration};

use axum::http::Response as HttpResponse;
use envoy_types::ext_authz::v3::pb::{Authorization, AuthorizationServer, CheckRequest, CheckResponse};
use metrics::{counter, describe_counter};
use tokio::sync::watch;
use tonic::{Code, Request, Response, Status, transport::Server};
use tower::util::MapResponseLayer;

use crate::{check::Checker, store::Lookups};

use super::{ServeError, health::Health, listener::Connections};

/// How many Checks one connection may have in flight. Envoy opens another connection for more.
const STREAMS_PER_CONNECTION_MAX: u32 = 1024;
/// The largest Check: a body of 1 MiB, and all that stands beside it.
const MESSAGE_BYTES_MAX: usize = (1024 + 256) * 1024;
/// The time that a call may take, its message's arrival included. A Check is answered long before, or Envoy has
/// given up on it.
const CALL_TIME: Duration = Duration::from_secs(2);
/// How often a connection that is silent is asked whether it still lives, and how long it may take to answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// Counts calls that ended in a gRPC error, by its code: messages that cannot be read, and outages where the
/// configuration says `outage: grpc_error`.
const GRPC_ERRORS: &str = "doorward_grpc_errors_total";

#[derive(Debug)]
struct CheckService<S: Lookups>(Arc<Checker<S>>);

#[tonic::async_trait]
impl<S: Lookups> Authorization for CheckService<S> {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        self.0.check(request.get_ref()).await.map(Response::new)
    }
}

/// Answers on these connections until `ended`, then sends GOAWAY and finishes what is running.
pub(super) async fn serve<S: Lookups>(
    checker: Arc<Checker<S>>,
    health: Health,
    connections: Connections,
    mut ended: watch::Receiver<()>,
) -> Result<(), ServeError> {
    describe_counter!(GRPC_ERRORS, "Calls that ended in a gRPC error, by its code.");
    let checks = AuthorizationServer::new(CheckService(checker)).max_decoding_message_size(MESSAGE_BYTES_MAX);
    Server::builder()
        .max_concurrent_streams(Some(STREAMS_PER_CONNECTION_MAX))
        .http2_keepalive_interval(Some(KEEPALIVE.0))
        .http2_keepalive_timeout(Some(KEEPALIVE.1))
        .timeout(CALL_TIME)
        .layer(MapResponseLayer::new(count_error))
        .add_service(health.service())
        .add_service(checks)
        .serve_with_incoming_shutdown(connections, async move {
            // The sender is gone only when the process ends anyway.
            let _ = ended.changed().await;
        })
        .await
        .map_err(|error| ServeError::Failed(error.into()))
}

/// Counts an answer that is a gRPC error: its status stands in the headers, since there is no message.
fn count_error<B>(response: HttpResponse<B>) -> HttpResponse<B> {
    if let Some(code) = response.headers().get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()))
        && code != Code::Ok
    {
        counter!(GRPC_ERRORS, "code" => format!("{code:?}")).increment(1);
    }
    response
}
