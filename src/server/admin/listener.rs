//! The address on which administrators ask: HTTP/1.1 and HTTP/2 for whoever [`Access`] lets in.

use std::{
    convert::Infallible,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::body::Body;
use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use rustls::pki_types::CertificateDer;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::timeout,
};
use tonic::Code;
use tower::{Service, ServiceExt};
use tracing::debug;
use webpki::EndEntityCert;

use crate::{
    admin::{
        access::{Caller, Hosts},
        api::Fault,
    },
    config::{AdminListener, ListenAddress, Transport},
    server::{
        ServeError,
        connection::{Connection, Stream},
        listener::{Accepted, Bound, accept_one, bind, pause},
        service::tell_panic,
        tls::{Acceptor, Certificates},
    },
};

use super::{Access, access, routes::is_grpc};

/// The owner alone may connect.
const SOCKET_MODE: u32 = 0o600;
/// The most connections. Each may use a file descriptor, of which the Checks need most.
const CONNECTIONS_MAX: usize = 256;
/// How many requests one connection may have in flight.
const STREAMS_PER_CONNECTION_MAX: u32 = 64;
/// The longest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// The time that a client has to shake hands, and to send the head of a request.
const GREETING_TIME: Duration = Duration::from_secs(5);
/// The time from the head of a request to that of its answer.
const CALL_TIME: Duration = Duration::from_mins(1);
/// A connection on which nothing was asked for so long, or up to twice, is closed.
const IDLE_TIME: Duration = Duration::from_mins(1);
/// How often a connection that is silent is asked whether it still lives, and how long it may take to answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// The address on which administrators ask.
pub(in crate::server) struct Listener {
    socket: Bound,
    door: Arc<Door>,
}

/// What stands between a connection and what answers.
struct Door {
    acceptor: Option<Acceptor>,
    hosts: Hosts,
    access: Arc<Access>,
}

impl Listener {
    /// Binds the address.
    ///
    /// # Errors
    ///
    /// [`ServeError::Listen`].
    pub(in crate::server) async fn bind(
        config: &AdminListener,
        certificates: &Certificates,
        access: Arc<Access>,
    ) -> Result<Self, ServeError> {
        let socket = bind(&config.address, SOCKET_MODE).await.map_err(|error| ServeError::Listen {
            address: config.address.to_string(),
            field: "listen.admin",
            error,
        })?;
        let hosts = match (&config.address, &config.transport) {
            (ListenAddress::Tcp(_), Transport::Plain) => Hosts::Listed(config.hosts.clone()),
            _ => Hosts::Any,
        };
        let acceptor = certificates.acceptor(&config.transport);
        Ok(Self { socket, door: Arc::new(Door { acceptor, hosts, access }) })
    }

    /// Has `answering` answer until `ended`, then finishes what is running.
    pub(in crate::server) async fn serve<S>(self, answering: S, mut ended: watch::Receiver<()>)
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
    {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let (mut running, mut failing) = (JoinSet::new(), false);
        loop {
            let accepting = async {
                // The semaphore is never closed.
                let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
                Ok::<_, io::Error>((accept_one(&self.socket).await?, place))
            };
            tokio::select! {
                // The sender is gone only when the process ends anyway.
                _ = ended.changed() => break,
                Some(ended) = running.join_next() => tell_panic(ended),
                accepted = accepting => match accepted {
                    Ok((accepted, place)) => {
                        failing = false;
                        let door = Arc::clone(&self.door);
                        running.spawn(door.serve_one(accepted, place, answering.clone(), ended.clone()));
                    }
                    Err(error) => pause(&error, &mut failing).await,
                },
            }
        }
        while let Some(ended) = running.join_next().await {
            tell_panic(ended);
        }
    }
}

impl Door {
    /// Answers on one connection until it ends, or `ended` and nothing is running any more.
    async fn serve_one<S>(
        self: Arc<Self>,
        accepted: Accepted,
        place: OwnedSemaphorePermit,
        answering: S,
        mut ended: watch::Receiver<()>,
    ) where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
    {
        let (stream, caller) = match timeout(GREETING_TIME, self.greet(accepted)).await {
            Ok(Ok(greeted)) => greeted,
            Ok(Err(error)) => return debug!(%error, "a connection of an administrator ended before it began"),
            Err(_) => return debug!("a connection of an administrator took too long to begin"),
        };
        let use_of_it = Arc::new(Use::default());
        let asked = Asked { door: self, caller, use_of_it: Arc::clone(&use_of_it) };
        let service = service_fn(move |request| {
            let (asked, answering) = (asked.clone(), answering.clone());
            async move { Ok::<_, Infallible>(asked.answer(request, answering).await) }
        });
        let server = server();
        let connection = TokioIo::new(Connection::new(stream, place));
        let mut serving = pin!(server.serve_connection(connection, service));
        // What a connection fails of is its client's doing, and it is closed.
        tokio::select! {
            _ = &mut serving => return,
            _ = ended.changed() => serving.as_mut().graceful_shutdown(),
            () = use_of_it.ends() => {
                serving.as_mut().graceful_shutdown();
                let _ = timeout(GREETING_TIME, serving).await;
                return;
            }
        }
        let _ = serving.await;
    }

    /// Lets a client prove itself where it may.
    async fn greet(&self, accepted: Accepted) -> io::Result<(Stream, Caller)> {
        match accepted {
            Accepted::Unix(stream) => {
                let uid = stream.peer_cred()?.uid();
                Ok((Stream::Unix(stream), Caller::Unix { uid }))
            }
            Accepted::Tcp(stream) => {
                let address = stream.peer_addr()?;
                let Some(acceptor) = &self.acceptor else {
                    return Ok((Stream::Tcp(stream), Caller::Tcp { address, certificate: None }));
                };
                let stream = acceptor.accept(stream).await?;
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let certificate = shown.map(names);
                Ok((Stream::Tls(Box::new(stream)), Caller::Tcp { address, certificate }))
            }
        }
    }
}

/// HTTP/1.1 and HTTP/2, within bounds.
fn server() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(GREETING_TIME).max_buf_size(HEAD_BYTES_MAX);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1);
    server
}

/// The subject alternative names of a certificate that was verified: those of the DNS in lower case, and URIs.
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else {
        return Vec::new();
    };
    let dns = certificate.valid_dns_names().map(str::to_ascii_lowercase);
    dns.chain(certificate.valid_uri_names().map(str::to_owned)).collect()
}

/// What is asked on one connection.
#[derive(Clone)]
struct Asked {
    door: Arc<Door>,
    caller: Caller,
    use_of_it: Arc<Use>,
}

impl Asked {
    async fn answer<S>(&self, request: Request<Incoming>, answering: S) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let _running = self.use_of_it.begin();
        let is_grpc = is_grpc(&request);
        let Door { access, hosts, .. } = &*self.door;
        let answered = async {
            match access.admit(request.map(Body::new), &self.caller, hosts).await {
                Ok(request) => answering.oneshot(request).await.unwrap_or_else(|never| match never {}),
                Err(refused) => refused,
            }
        };
        timeout(CALL_TIME, answered).await.unwrap_or_else(|_| access::answer(too_late(), is_grpc))
    }
}

fn too_late() -> Fault {
    let message = "the request took too long".to_owned();
    Fault { code: Code::DeadlineExceeded, reason: "too_late", message, fields: Vec::new() }
}

/// How much a connection is used.
#[derive(Debug, Default)]
struct Use {
    begun: AtomicUsize,
    running: AtomicUsize,
}

/// A request that is being answered.
struct Running<'a>(&'a Use);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Use {
    fn begin(&self) -> Running<'_> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(self)
    }

    /// Waits until nothing has been asked for a while.
    async fn ends(&self) {
        let mut before = None;
        loop {
            let begun = self.begun.load(Ordering::Relaxed);
            if self.running.load(Ordering::Relaxed) == 0 && before == Some(begun) {
                return;
            }
            before = Some(begun);
            tokio::time::sleep(IDLE_TIME).await;
        }
    }
}
