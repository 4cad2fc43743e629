//! Servers that decide nothing: what any server of Envoy's protocol on tonic has to do.

use std::{
    convert::Infallible,
    future::{self, Ready},
    hint::black_box,
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll},
};

use envoy_types::ext_authz::v3::pb::{
    Authorization, AuthorizationServer, CheckRequest, CheckResponse, HeaderAppendAction, HeaderValue,
    HeaderValueOption, HttpResponse, OkHttpResponse,
};
use futures_util::stream;
use prost::Message;
use tokio::net::{TcpListener, UnixListener};
use tonic::{
    Request, Response, Status,
    body::Body,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::{Bytes, Service, http},
    server::{Grpc, NamedService, UnaryService},
    transport::{Server, server::Router},
};

/// What a floor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Floor {
    /// Decodes the request, and makes an answer with five headers each time.
    Decoding,
    /// Takes the request as bytes, and gives the same bytes each time.
    Bytes,
}

/// What a floor is told when it is started.
#[derive(Debug, clap::Args)]
pub(crate) struct FloorArguments {
    #[arg(long)]
    floor: Floor,
    /// Where it listens.
    #[arg(long)]
    tcp: std::net::SocketAddr,
    #[arg(long)]
    unix: PathBuf,
}

/// Serves until it is killed. It has one thread for its work, as the measured product has.
pub(crate) fn serve(arguments: &FloorArguments) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let tcp = TcpListener::bind(arguments.tcp).await.expect("the address is free");
        let unix = UnixListener::bind(&arguments.unix).expect("the path is free");
        let tcp = stream::unfold(tcp, async |listener| {
            let stream = listener.accept().await.map(|(stream, _)| stream);
            let stream = stream.inspect(|stream| stream.set_nodelay(true).expect("a socket"));
            Some((stream, listener))
        });
        let unix = stream::unfold(unix, async |listener| {
            Some((listener.accept().await.map(|(stream, _)| stream), listener))
        });
        let (over_tcp, over_unix) = (router(arguments.floor), router(arguments.floor));
        tokio::try_join!(
            over_tcp.serve_with_incoming(Box::pin(tcp)),
            over_unix.serve_with_incoming(Box::pin(unix))
        )
        .expect("it serves");
    });
}

fn router(floor: Floor) -> Router {
    match floor {
        Floor::Decoding => Server::builder().add_service(AuthorizationServer::new(AlwaysOk)),
        Floor::Bytes => Server::builder().add_service(SameBytes(answer().encode_to_vec().into())),
    }
}

fn answer() -> CheckResponse {
    let headers = [
        ("x-principal-id", "key_7Jx2mQ9vT4bLr8Zc"),
        ("x-principal-kind", "api_key"),
        ("x-principal-organization", "acme"),
        ("x-principal-scopes", "read"),
        ("x-ratelimit-remaining", "999999999"),
    ];
    let headers = headers.map(|(key, value)| HeaderValueOption {
        header: Some(HeaderValue { key: key.into(), value: value.into(), ..Default::default() }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..Default::default()
    });
    let ok = OkHttpResponse { headers: headers.into(), ..Default::default() };
    CheckResponse {
        status: Some(envoy_types::pb::google::rpc::Status::default()),
        http_response: Some(HttpResponse::OkResponse(ok)),
        ..Default::default()
    }
}

struct AlwaysOk;

#[tonic::async_trait]
impl Authorization for AlwaysOk {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        black_box(request.into_inner());
        Ok(Response::new(answer()))
    }
}

/// A service that gives these bytes to everybody.
#[derive(Clone)]
struct SameBytes(Bytes);

impl NamedService for SameBytes {
    const NAME: &'static str = "envoy.service.auth.v3.Authorization";
}

impl Service<http::Request<Body>> for SameBytes {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(Grpc::new(Uncoded).unary(service, request).await) })
    }
}

impl UnaryService<Bytes> for SameBytes {
    type Response = Bytes;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        black_box(request.into_inner());
        future::ready(Ok(Response::new(self.0.clone())))
    }
}

/// Messages as they come.
struct Uncoded;

impl Codec for Uncoded {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Uncoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put(to, item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(1024, 32 * 1024)
    }
}

impl Decoder for Uncoded {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = bytes::Buf::remaining(from);
        Ok(Some(bytes::Buf::copy_to_bytes(from, length)))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(2048, 32 * 1024)
    }
}
