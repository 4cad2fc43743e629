//! Asking Doorward directly, as Envoy does.

use std::path::Path;

use envoy_types::{
    ext_authz::v3::pb::{
        Address, CheckRequest, CheckResponse, DeniedHttpResponse, HeaderValue, HttpResponse,
    },
    pb::envoy::{
        config::core::v3::{Address as AddressMessage, HeaderMap, SocketAddress},
        service::auth::v3::{
            AttributeContext,
            attribute_context::{HttpRequest, Peer, Request},
            authorization_client::AuthorizationClient,
        },
    },
};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};

/// Where the headers of a Check stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// In `headers`, joined: what Envoy does by default.
    Joined,
    /// In `header_map`, raw: what Envoy does with `encode_raw_headers`.
    Raw,
}

/// A connection over Doorward's Unix socket.
pub(crate) async fn channel(socket: &Path) -> Channel {
    let endpoint = Endpoint::from_shared(format!("unix:{}", socket.display())).expect("an endpoint");
    endpoint.connect().await.expect("a connection")
}

/// A client for Checks over Doorward's Unix socket.
pub(crate) async fn client(socket: &Path) -> AuthorizationClient<Channel> {
    AuthorizationClient::new(channel(socket).await)
}

/// A Check as Envoy sends it for a request from 127.0.0.1.
pub(crate) fn check(
    form: Form,
    method: &str,
    host: &str,
    target: &str,
    headers: &[(&str, &[u8])],
) -> CheckRequest {
    let mut http = HttpRequest {
        method: method.to_owned(),
        host: host.to_owned(),
        path: target.to_owned(),
        ..Default::default()
    };
    match form {
        Form::Joined => {
            let text = |value: &[u8]| value.iter().copied().map(char::from).collect();
            http.headers = headers.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect();
        }
        Form::Raw => {
            let raw = |(name, value): &(&str, &[u8])| HeaderValue {
                key: (*name).to_owned(),
                value: String::new(),
                raw_value: value.to_vec(),
            };
            http.header_map = Some(HeaderMap { headers: headers.iter().map(raw).collect() });
        }
    }
    let peer = SocketAddress { address: "127.0.0.1".to_owned(), ..Default::default() };
    CheckRequest {
        attributes: Some(AttributeContext {
            source: Some(Peer {
                address: Some(AddressMessage { address: Some(Address::SocketAddress(peer)) }),
                ..Default::default()
            }),
            request: Some(Request { http: Some(http), ..Default::default() }),
            ..Default::default()
        }),
    }
}

/// Asks, and panics unless the request is denied in the way that Envoy understands.
pub(crate) async fn denied(
    client: &mut AuthorizationClient<Channel>,
    request: CheckRequest,
) -> (u16, DeniedHttpResponse) {
    let answer = client.check(request).await.expect("an answer").into_inner();
    denial(answer)
}

/// The denial in an answer; panics if there is none.
pub(crate) fn denial(answer: CheckResponse) -> (u16, DeniedHttpResponse) {
    let code = answer.status.as_ref().map(|status| status.code);
    let refusing = [Code::PermissionDenied, Code::Unauthenticated].map(|code| Some(code as i32));
    assert!(refusing.contains(&code), "it is not denied: {answer:?}");
    let Some(HttpResponse::DeniedResponse(denied)) = answer.http_response else {
        panic!("there is no denied_response in {answer:?}");
    };
    let status = denied.status.as_ref().expect("a status").code;
    (u16::try_from(status).expect("an HTTP status"), denied)
}

/// Whether the answer lets the request through. An answer that leaves the status out does.
pub(crate) fn is_allowed(answer: &Result<tonic::Response<CheckResponse>, Status>) -> bool {
    answer.as_ref().is_ok_and(|answer| {
        let status = answer.get_ref().status.as_ref();
        status.is_none_or(|status| status.code == Code::Ok as i32)
    })
}
