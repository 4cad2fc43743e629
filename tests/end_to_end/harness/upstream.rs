//! An upstream that answers every request with the request itself, as JSON, and with the headers that it asks for.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use doorward::domain::folds_to;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// What the upstream received. A byte of a header's value that is not UTF-8 shows as the replacement character.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Echo {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Echo {
    /// The values of this header.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.filtered(|candidate| candidate.eq_ignore_ascii_case(name))
    }

    /// The values of every header that an application could take for this one.
    pub(crate) fn folded(&self, name: &str) -> Vec<&str> {
        self.filtered(|candidate| folds_to(candidate, name))
    }

    fn filtered(&self, wanted: impl Fn(&str) -> bool) -> Vec<&str> {
        let found = self.headers.iter().filter(|(candidate, _)| wanted(candidate));
        found.map(|(_, value)| value.as_str()).collect()
    }
}

/// How the name of a header begins that comes back with the answer, under the rest of the name.
const REPLY: &str = "x-reply-";

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    received: Arc<AtomicUsize>,
    _server: AbortOnDropHandle<()>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let received = Arc::new(AtomicUsize::new(0));
        let server = tokio::spawn(serve(listener, Arc::clone(&received)));
        Self { address, received, _server: AbortOnDropHandle::new(server) }
    }

    /// How many requests came this far.
    pub(crate) fn received(&self) -> usize {
        self.received.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, received: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        let received = Arc::clone(&received);
        let service = service_fn(move |request| {
            received.fetch_add(1, Ordering::SeqCst);
            async move { answer(request).await }
        });
        tokio::spawn(async move {
            // A connection that breaks is the client's to notice.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (request, body) = request.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let echo = Echo {
        method: request.method.to_string(),
        target: request.uri.to_string(),
        headers: request
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
            .collect(),
        body,
    };
    let echo = serde_json::to_vec(&echo).expect("JSON");
    let mut response = Response::builder();
    for (name, value) in &request.headers {
        if let Some(name) = name.as_str().strip_prefix(REPLY) {
            response = response.header(name, value);
        }
    }
    Ok(response.body(Full::new(echo.into())).expect("headers that were sent can be sent back"))
}
