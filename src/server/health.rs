//! Whether this process may be asked, over gRPC for Envoy and over HTTP for Kubernetes, and its metrics.
//!
//! Once ready, it stays ready until it ends: were health to fall with the store, every replica would leave at
//! once and an outage of the store would become one of everything.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::get};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

use crate::telemetry::Metrics;

use super::{ServeError, listener::pause, service::tell_panic};

/// The most connections on which telemetry is asked for. The oldest makes way for another one, so that whoever is silent keeps
/// no probe waiting.
const CONNECTIONS_MAX: usize = 64;
/// The time that a client has to send the head of a request, the first one or the next.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// The longest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;
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
    Ok(answer(listener, router))
}

/// Has `router` answer whoever connects.
async fn answer(listener: TcpListener, router: Router) {
    let (mut running, mut handles, mut failing) = (JoinSet::new(), VecDeque::new(), false);
    loop {
        tokio::select! {
            Some(ended) = running.join_next() => tell_panic(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    failing = false;
                    handles.retain(|handle: &AbortHandle| !handle.is_finished());
                    if handles.len() >= CONNECTIONS_MAX && let Some(oldest) = handles.pop_front() {
                        oldest.abort();
                    }
                    handles.push_back(running.spawn(answer_one(stream, router.clone())));
                }
                Err(error) => pause(&error, &mut failing).await,
            },
        }
    }
}

/// Answers on one connection until it ends, or nothing is asked any more.
async fn answer_one(stream: TcpStream, router: Router) {
    let mut server = auto::Builder::new(TokioExecutor::new()).http1_only();
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD_BYTES_MAX);
    // What a connection fails of is its client's doing, and it is closed.
    let _ = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::{Instant, timeout},
    };

    use super::*;

    /// Long enough for what should be done at once.
    const PATIENCE: Duration = Duration::from_secs(20);

    async fn begin() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("an address");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(answer(listener, Router::new().route("/healthz", get(async || "alive\n"))));
        address
    }

    async fn connect(address: SocketAddr) -> TcpStream {
        TcpStream::connect(address).await.expect("a connection")
    }

    /// Asks, and leaves the connection open.
    async fn is_answered(stream: &mut TcpStream) -> bool {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n").await.expect("written");
        let mut said = Vec::new();
        while !said.ends_with(b"alive\n") {
            match timeout(PATIENCE, stream.read_buf(&mut said)).await {
                Ok(Ok(length)) if length > 0 => {}
                _ => return false,
            }
        }
        said.starts_with(b"HTTP/1.1 200 ")
    }

    /// Whether the other side ends a connection within this time.
    async fn ends(stream: &mut TcpStream, within: Duration) -> bool {
        matches!(timeout(within, stream.read(&mut [0])).await, Ok(Ok(0) | Err(_)))
    }

    #[tokio::test]
    async fn silent_connections_keep_no_probe_waiting() {
        let address = begin().await;
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            silent.push(connect(address).await);
        }
        let begun = Instant::now();
        assert!(is_answered(&mut connect(address).await).await, "a probe finds no place");
        assert!(begun.elapsed() < HEAD_TIME, "a probe waits for a place");
        let oldest = silent.first_mut().expect("one");
        assert!(ends(oldest, HEAD_TIME / 2).await, "there are more connections than there may be");
    }

    #[tokio::test]
    async fn a_connection_on_which_nothing_is_asked_is_closed() {
        let address = begin().await;
        let (mut silent, mut asked) = (connect(address).await, connect(address).await);
        let mut begun = connect(address).await;
        begun.write_all(b"GET /healthz HTTP/1.1\r\n").await.expect("written");
        assert!(is_answered(&mut asked).await && is_answered(&mut asked).await, "one asks twice");
        for (stream, what) in [(&mut silent, "silent"), (&mut begun, "begun"), (&mut asked, "asked before")] {
            assert!(ends(stream, PATIENCE).await, "{what}");
        }
    }
}
