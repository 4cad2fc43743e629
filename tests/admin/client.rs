//! One request on a connection of its own, and its answer.

use std::{path::Path, sync::Arc};

use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Bytes,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, pki_types::ServerName};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsConnector;

/// Reflection asked for the services: `list_services` of `ServerReflectionRequest`, empty.
const LIST_SERVICES: &[u8] = &[0, 0, 0, 0, 2, 0x3a, 0];
/// A path where there is nothing: who gets in is told so.
pub(crate) const NOTHING: &str = "/v1/nothing";

/// What a request has beside its path.
pub(crate) type Headers<'a> = &'a [(&'a str, &'a str)];

/// What is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    trailers: HeaderMap,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    /// The reason in the standard model of errors.
    pub(crate) fn reason(&self) -> String {
        self.error()["details"][0]["reason"].as_str().unwrap_or_default().to_owned()
    }

    /// The error in the standard model.
    pub(crate) fn error(&self) -> Value {
        let json: Value = serde_json::from_slice(&self.body).expect("JSON");
        json["error"].clone()
    }

    /// The status of a gRPC call.
    pub(crate) fn grpc_status(&self) -> Option<&str> {
        let status = self.headers.get("grpc-status").or_else(|| self.trailers.get("grpc-status"));
        status.map(|status| status.to_str().expect("text"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Bytes that go both ways.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Wire for T {}

pub(crate) async fn over_unix(path: &Path) -> UnixStream {
    UnixStream::connect(path).await.expect("a connection")
}

/// The same, unless nobody listens.
pub(crate) async fn try_over_unix(path: &Path) -> Option<UnixStream> {
    UnixStream::connect(path).await.ok()
}

pub(crate) async fn over_tcp(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.expect("a connection")
}

/// A connection by TLS; the error is the client's.
pub(crate) async fn over_tls(
    port: u16,
    config: ClientConfig,
    protocol: &str,
) -> Result<impl Wire + use<>, String> {
    let mut config = config;
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, over_tcp(port).await).await;
    let stream = stream.map_err(|error| error.to_string())?;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
    Ok(stream)
}

/// Asks over HTTP/1.1.
pub(crate) async fn get(wire: impl Wire, path: &str, headers: Headers<'_>) -> Answer {
    try_get(wire, path, headers).await.expect("an answer")
}

/// The same; the error is that of the connection.
pub(crate) async fn try_get(
    wire: impl Wire,
    path: &str,
    headers: Headers<'_>,
) -> Result<Answer, hyper::Error> {
    ask(wire, Method::GET, path, headers, "").await
}

/// The same by any method, with a body.
pub(crate) async fn ask(
    wire: impl Wire,
    method: Method,
    path: &str,
    headers: Headers<'_>,
    body: &str,
) -> Result<Answer, hyper::Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(wire)).await?;
    tokio::spawn(connection);
    let answer = sender.send_request(request(method, path, headers, body.as_bytes())).await?;
    try_read(answer).await
}

/// Asks over HTTP/2.
pub(crate) async fn get_2(wire: impl Wire, path: &str, headers: Headers<'_>) -> Answer {
    over_2(wire, request(Method::GET, &format!("http://localhost{path}"), headers, &[])).await
}

/// Asks reflection for the services over gRPC.
pub(crate) async fn services(wire: impl Wire, headers: Headers<'_>) -> Answer {
    call(wire, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", headers, LIST_SERVICES).await
}

/// Asks for the health over gRPC.
pub(crate) async fn health(wire: impl Wire, headers: Headers<'_>) -> Answer {
    call(wire, "/grpc.health.v1.Health/Check", headers, &[0; 5]).await
}

async fn call(wire: impl Wire, path: &str, headers: Headers<'_>, message: &'static [u8]) -> Answer {
    let grpc = [("content-type", "application/grpc"), ("te", "trailers")];
    let headers = [&grpc[..], headers].concat();
    over_2(wire, request(Method::POST, &format!("http://localhost{path}"), &headers, message)).await
}

async fn over_2(wire: impl Wire, request: Request<Full<Bytes>>) -> Answer {
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(wire)).await.expect("a connection");
    tokio::spawn(connection);
    read(sender.send_request(request).await.expect("an answer")).await
}

fn request(method: Method, uri: &str, headers: Headers<'_>, body: &[u8]) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(uri);
    if uri.starts_with('/') && !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(Bytes::copy_from_slice(body))).expect("a request")
}

async fn read(answer: http::Response<hyper::body::Incoming>) -> Answer {
    try_read(answer).await.expect("a body")
}

async fn try_read(answer: http::Response<hyper::body::Incoming>) -> Result<Answer, hyper::Error> {
    let (parts, body) = answer.into_parts();
    let collected = body.collect().await?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let body = collected.to_bytes().to_vec();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body, trailers })
}
