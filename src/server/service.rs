//! The gRPC service that Envoy calls: nothing but the way from the wire to [`Checker::check`] and back, and the
//! bounds of what one connection may ask for.
//!
//! Checks are taken from HTTP/2 by hyper alone, since tonic's own way costs more than all that is done about a Check
//! (13.8 µs with a codec that decodes nothing; hyper with what [`super::inline`] does, 5.4 µs). Everything else, which
//! is asked rarely, is tonic's.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    Request, Response,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics::{counter, describe_counter};
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet, yield_now},
    time::timeout,
};
use tonic::{Code, Status, service::Routes};
use tower::ServiceExt;
use tracing::error;

use crate::{check::Checker, store::Lookups};

use super::{
    ServeError,
    answer::Answer,
    connection::Connection,
    health::Health,
    inline::{Inline, Streams},
    listener::Connections,
};

/// The one method that is not tonic's.
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
/// How many Checks one connection may have in flight. Envoy opens another connection for more.
const STREAMS_PER_CONNECTION_MAX: u32 = 1024;
/// The largest Check: a body of 1 MiB, and all that stands beside it.
const MESSAGE_BYTES_MAX: usize = (1024 + 256) * 1024;
/// What the operator is told of a larger one.
const TOO_LARGE: &str =
    "the Check is larger than 1.25 MiB: lower `max_request_bytes` in Envoy's `with_request_body`";
/// A Check that is larger than this is decided by a task of its own: reading and signing of bodies takes time.
const INLINE_BYTES_MAX: usize = 16 * 1024;
/// What stands before a message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;
/// Room for most answers, so that they are written without moving.
const ANSWER_BYTES_USUAL: usize = 1024;
/// The time that a message may take to arrive, and any other call to be answered. Envoy has given up long before.
const CALL_TIME: Duration = Duration::from_secs(2);
/// How often a connection that is silent is asked whether it still lives, and how long it may take to answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// Counts calls that ended in a gRPC error, by its code: messages that cannot be read, and outages where the
/// configuration says `outage: grpc_error`.
const GRPC_ERRORS: &str = "doorward_grpc_errors_total";

/// Answers on these connections until `ended`, then sends GOAWAY and finishes what is running.
pub(super) async fn serve<S: Lookups>(
    checker: Arc<Checker<S>>,
    health: Health,
    mut connections: Connections,
    mut ended: watch::Receiver<()>,
) -> Result<(), ServeError> {
    describe_counter!(GRPC_ERRORS, "Calls that ended in a gRPC error, by its code.");
    let others = Routes::new(health.service());
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            // The sender is gone only when the process ends anyway.
            _ = ended.changed() => break,
            Some(ended) = running.join_next() => tell_panic(ended),
            next = connections.next() => match next {
                Some(Ok(connection)) => {
                    running.spawn(serve_one(connection, Arc::clone(&checker), others.clone(), ended.clone()));
                }
                Some(Err(error)) => return Err(ServeError::Failed(error.into())),
                None => break,
            },
        }
    }
    while let Some(ended) = running.join_next().await {
        tell_panic(ended);
    }
    Ok(())
}

/// Tells of a connection that ended neither by itself nor by our will.
pub(super) fn tell_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && !error.is_cancelled()
    {
        error!(%error, "a connection broke off");
    }
}

/// Answers on one connection until it ends, or `ended` and nothing is running any more.
async fn serve_one<S: Lookups>(
    connection: Connection,
    checker: Arc<Checker<S>>,
    others: Routes,
    mut ended: watch::Receiver<()>,
) {
    let streams = Streams::default();
    let mut server = http2::Builder::new(streams.clone());
    server
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1)
        .auto_date_header(false);
    let service = service_fn(move |request| call(request, Arc::clone(&checker), others.clone()));
    let mut serving = pin!(Inline::new(server.serve_connection(TokioIo::new(connection), service), streams));
    // What a connection fails of is its client's doing, and it is closed.
    tokio::select! {
        _ = &mut serving => return,
        _ = ended.changed() => {}
    }
    serving.as_mut().connection().graceful_shutdown();
    let _ = serving.await;
}

/// Answers one call, and counts it if it fails.
async fn call<S: Lookups>(
    request: Request<Incoming>,
    checker: Arc<Checker<S>>,
    others: Routes,
) -> Result<Response<Answer>, Infallible> {
    let answered = if request.uri().path() == CHECK {
        check(request.into_body(), &checker).await.map_or_else(Status::into_http, succeeded)
    } else {
        let answered = timeout(CALL_TIME, others.oneshot(request)).await;
        answered.unwrap_or_else(|_| Ok(too_late().into_http()))?.map(Answer::Other)
    };
    count_error(&answered);
    Ok(answered)
}

/// Answers one Check: body of the request → body of the response.
async fn check<S: Lookups>(body: Incoming, checker: &Checker<S>) -> Result<Bytes, Status> {
    let mut arriving = pin!(read(body));
    // Nearly always all of it is there, and needs no timer. What a Check waits for itself is bounded by its budget.
    let message = match arriving.as_mut().now_or_never() {
        Some(arrived) => arrived?,
        None => timeout(CALL_TIME, arriving).await.unwrap_or_else(|_| Err(too_late()))?,
    };
    let mut answer = Vec::with_capacity(ANSWER_BYTES_USUAL);
    answer.extend_from_slice(&[0; PREFIX_BYTES]);
    match message {
        Some(message) => {
            if message.len() > INLINE_BYTES_MAX {
                yield_now().await;
            }
            checker.check(&message, &mut answer).await?;
        }
        None => checker.refuse_unread(TOO_LARGE, &mut answer)?,
    }
    let length = u32::try_from(answer.len() - PREFIX_BYTES);
    let length = length.map_err(|_| Status::internal("the answer is too large"))?;
    if let Some((_, place)) =
        answer.first_chunk_mut().map(|prefix: &mut [u8; PREFIX_BYTES]| prefix.split_at_mut(1))
    {
        place.copy_from_slice(&length.to_be_bytes());
    }
    Ok(answer.into())
}

/// Reads the one message of a call (gRPC over HTTP/2, Length-Prefixed-Message); `None` if it is too large.
async fn read(body: Incoming) -> Result<Option<Bytes>, Status> {
    // Nearly always a message arrives in one piece, and is not copied then.
    let arrived = match Limited::new(body, PREFIX_BYTES + MESSAGE_BYTES_MAX).collect().await {
        Ok(arrived) => arrived.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Ok(None),
        Err(error) => return Err(Status::cancelled(format!("the message did not arrive: {error}"))),
    };
    let prefix: Option<&[u8; PREFIX_BYTES]> = arrived.first_chunk();
    match prefix {
        Some([0, length @ ..]) if u32::from_be_bytes(*length) as usize == arrived.len() - PREFIX_BYTES => {
            Ok(Some(arrived.slice(PREFIX_BYTES..)))
        }
        Some([1, ..]) => Err(Status::unimplemented("compressed messages are not understood")),
        _ => Err(Status::invalid_argument("the call has no whole message, or more than one")),
    }
}

fn too_late() -> Status {
    Status::cancelled("the call took too long")
}

fn succeeded(message: Bytes) -> Response<Answer> {
    let mut response = Response::new(Answer::Message(message));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// Counts an answer that is a gRPC error: its status stands in the headers, since there is no message.
fn count_error<B>(response: &Response<B>) {
    if let Some(code) = response.headers().get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()))
        && code != Code::Ok
    {
        counter!(GRPC_ERRORS, "code" => format!("{code:?}")).increment(1);
    }
}
