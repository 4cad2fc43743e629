//! Clients that send exactly what they are told, byte for byte: an HTTP library would refuse half of what an
//! attacker sends.

use std::{
    convert::Infallible,
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::BodyExt;
use hyper::{
    body::{Body, Bytes, Frame},
    client::conn::http2::SendRequest,
    ext::Protocol,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::upstream::Echo;

/// How long an answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// A request, its headers in their order and as often as they are given.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) target: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) is_streamed: bool,
}

impl Request {
    pub(crate) fn new(method: &str, host: &str, target: impl Into<Vec<u8>>) -> Self {
        Self {
            method: method.to_owned(),
            host: host.to_owned(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
            is_streamed: false,
        }
    }

    pub(crate) fn get(host: &str, target: impl Into<Vec<u8>>) -> Self {
        Self::new("GET", host, target)
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn bearer(self, key: &str) -> Self {
        self.with("authorization", format!("Bearer {key}"))
    }

    /// With a body, and its length.
    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self { body: body.clone(), ..self }.with("content-length", body.len().to_string())
    }

    /// With a body that says its length nowhere: in HTTP/1 as one chunk (RFC 9112, section 7.1), in HTTP/2 by its end.
    pub(crate) fn streamed(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), is_streamed: true, ..self }
    }

    /// With a body of JSON.
    pub(crate) fn json(self, body: &serde_json::Value) -> Self {
        self.with("content-type", "application/json").body(body.to_string())
    }

    fn over_http2(&self, scheme: &str) -> hyper::Request<Exactly> {
        let target = std::str::from_utf8(&self.target).expect("a target of ASCII");
        let mut builder = hyper::Request::builder()
            .method(self.method.as_str())
            .uri(format!("{scheme}://{}{target}", self.host));
        for (name, value) in &self.headers {
            builder = builder.header(name, value.as_slice());
        }
        let has_body = self.is_streamed || !self.body.is_empty();
        let body = Exactly(has_body.then(|| self.body.clone().into()));
        builder.body(body).expect("a request that HTTP/2 can carry")
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} ", self.method).into_bytes();
        bytes.extend(&self.target);
        bytes.extend(format!(" HTTP/1.1\r\nhost: {}\r\n", self.host).bytes());
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: ").bytes());
            bytes.extend(value);
            bytes.extend(b"\r\n");
        }
        if self.is_streamed {
            bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
            if !self.body.is_empty() {
                bytes.extend(format!("{:x}\r\n", self.body.len()).bytes());
                bytes.extend(&self.body);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            bytes.extend(b"\r\n");
            bytes.extend(&self.body);
        }
        bytes
    }
}

#[derive(Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The header's value; panics if it was sent more than once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name));
        let first = values.next();
        assert!(values.next().is_none(), "{name} was sent more than once: {:?}", self.headers);
        first.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What the upstream received; panics unless the answer came from there.
    pub(crate) fn echo(&self) -> Echo {
        assert_eq!(self.status, 200, "the upstream was not reached: {self:?}");
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: no echo in {self:?}"))
    }
}

/// Shows the body as text.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}", self.status, self.headers, self.text())
    }
}

/// Speaks HTTP/1.1, over one connection for as long as the other side keeps it open.
pub(crate) struct Http1 {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Http1 {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends a request and reads its answer. Nothing is tried twice.
    pub(crate) async fn try_send(&mut self, request: &Request) -> io::Result<Response> {
        let bytes = request.to_bytes();
        let exchange = self.exchange(&bytes, request.method == "HEAD");
        let outcome = tokio::time::timeout(ANSWER_TIME, exchange).await;
        let outcome = outcome.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        if !matches!(&outcome, Ok(response) if response.header("connection") != Some("close")) {
            self.stream = None;
        }
        outcome
    }

    pub(crate) async fn send(&mut self, request: &Request) -> Response {
        self.try_send(request).await.unwrap_or_else(|error| panic!("no answer to {request:?}: {error}"))
    }

    async fn exchange(&mut self, bytes: &[u8], is_head: bool) -> io::Result<Response> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => BufReader::new(TcpStream::connect(self.address).await?),
        };
        let response = exchange(&mut stream, bytes, is_head).await?;
        self.stream = Some(stream);
        Ok(response)
    }
}

/// Sends one request over a connection that is there already, such as one by TLS.
pub(crate) async fn send_over(stream: impl AsyncRead + AsyncWrite + Unpin, request: &Request) -> Response {
    let answer = try_send_over(stream, request).await;
    answer.unwrap_or_else(|error| panic!("no answer to {request:?}: {error}"))
}

/// The same with somebody who may be gone.
pub(crate) async fn try_send_over(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &Request,
) -> io::Result<Response> {
    let (mut stream, bytes) = (BufReader::new(stream), request.to_bytes());
    let exchange = exchange(&mut stream, &bytes, request.method == "HEAD");
    tokio::time::timeout(ANSWER_TIME, exchange).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    bytes: &[u8],
    is_head: bool,
) -> io::Result<Response> {
    stream.write_all(bytes).await?;
    read_response(stream, is_head).await
}

async fn read_response(stream: &mut (impl AsyncBufRead + Unpin), is_head: bool) -> io::Result<Response> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let status_line = read_line(stream).await?;
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| bad("no status line"))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream).await?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| bad("a header without colon"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut response = Response { status, headers, body: Vec::new() };
    if is_head {
        return Ok(response);
    }
    response.body = if response.header("transfer-encoding") == Some("chunked") {
        read_chunks(stream).await?
    } else {
        let length = response.header("content-length").unwrap_or("0");
        let mut body = vec![0; length.parse().map_err(|_| bad("content-length is no number"))?];
        stream.read_exact(&mut body).await?;
        body
    };
    Ok(response)
}

async fn read_chunks(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream).await?;
        let size = usize::from_str_radix(&line, 16);
        let size = size.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let start = body.len();
        body.resize(start + size, 0);
        stream.read_exact(&mut body[start..]).await?;
        read_line(stream).await?;
        if size == 0 {
            return Ok(body);
        }
    }
}

async fn read_line(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await?;
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let text = String::from_utf8_lossy(&line);
    Ok(text.trim_end_matches('\r').to_owned())
}

/// Sends one request over a connection of its own.
pub(crate) async fn send(address: SocketAddr, request: &Request) -> Response {
    Http1::to(address).send(request).await
}

/// Reads a page of a part's own administration, such as `/metrics`.
pub(crate) async fn get(address: SocketAddr, target: &str) -> io::Result<Response> {
    Http1::to(address).try_send(&Request::get("localhost", target).with("connection", "close")).await
}

/// Speaks HTTP/2, over one connection.
pub(crate) struct Http2(SendRequest<Exactly>);

/// A body in one frame, or none. It does not tell its length, or else hyper would send a `content-length` of its own.
struct Exactly(Option<Bytes>);

impl Body for Exactly {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

impl Http2 {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.expect("a connection")).await
    }

    /// Over a connection that is there already, such as one by TLS.
    pub(crate) async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .expect("a handshake");
        tokio::spawn(connection);
        Self(sender)
    }

    pub(crate) async fn send(&mut self, request: &Request) -> Response {
        self.send_as("http", request).await
    }

    /// The same with this scheme, which a client is free to choose.
    pub(crate) async fn send_as(&mut self, scheme: &str, request: &Request) -> Response {
        self.exchange(request.over_http2(scheme)).await
    }

    /// Asks for a WebSocket (RFC 8441, section 5), which has to be refused: nothing is said over it.
    pub(crate) async fn web_socket(&mut self, request: &Request) -> Response {
        // The answer to any request proves that the other side has said whether it can do this.
        self.send(&Request::get(&request.host, "/")).await;
        let mut request = Request { method: "CONNECT".to_owned(), ..request.clone() }.over_http2("http");
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        self.exchange(request).await
    }

    async fn exchange(&mut self, request: hyper::Request<Exactly>) -> Response {
        let answer = async {
            let (head, body) = self.0.send_request(request).await?.into_parts();
            Ok::<_, hyper::Error>((head, body.collect().await?.to_bytes()))
        };
        let answer = tokio::time::timeout(ANSWER_TIME, answer).await.expect("an answer in time");
        let (head, body) = answer.expect("an answer");
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        Response {
            status: head.status.as_u16(),
            headers: head
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
                .collect(),
            body: body.to_vec(),
        }
    }
}
