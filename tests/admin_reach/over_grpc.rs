//! The same methods over gRPC: what REST brings as JSON comes and goes as messages.

use std::collections::HashMap;

use axum::body::{Body, to_bytes};
use doorward::{
    admin::{
        api::{self, About, Answers, Method, Visitor},
        proto::{CreateKeyRequest, GetKeyRequest, IssuedKey, Key},
    },
    domain::{Administrator, Role},
};
use http::Request;
use prost::Message;
use serde_json::{Map, Value};
use tonic::Code;
use tonic_types::StatusExt;
use url::form_urlencoded;

use super::office::{self, Office};

/// A call of a method with this message.
fn call(method: &str, message: &impl Message) -> Request<Body> {
    framed(&format!("/doorward.admin.v1.{method}"), &message.encode_to_vec())
}

/// A call with this message: five bytes of a frame come before it.
fn framed(path: &str, message: &[u8]) -> Request<Body> {
    let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
    let frame = [&[0][..], &length, message].concat();
    let request = Request::builder().method("POST").uri(path);
    request.header("content-type", "application/grpc").body(Body::from(frame)).expect("a request")
}

/// The messages of a method, from JSON and to JSON.
#[derive(Clone, Copy)]
struct Messages {
    request: fn(Value) -> Vec<u8>,
    answer: fn(&[u8]) -> Value,
}

/// The messages of every method, by its name.
struct Collected(HashMap<&'static str, Messages>);

impl<D> Visitor<D> for Collected {
    fn visit<M: Method>(&mut self)
    where
        D: Answers<M>,
    {
        let request = |value| serde_json::from_value::<M::Request>(value).expect("a message").encode_to_vec();
        let answer =
            |bytes: &[u8]| serde_json::to_value(M::Answer::decode(bytes).expect("a message")).expect("JSON");
        self.0.insert(M::ABOUT.name, Messages { request, answer });
    }
}

/// What this administrator is answered over gRPC to what a request asks for as REST: as [`Office::ask`] tells it, and
/// the code in place of the status.
pub(crate) async fn ask(
    office: &Office,
    by: &Administrator,
    about: &About,
    request: Request<Body>,
) -> (Code, String) {
    let mut messages = Collected(HashMap::new());
    api::each::<office::Answering>(&mut messages);
    let messages = messages.0[about.name];
    let message = (messages.request)(Value::Object(message(about, request).await));
    let answer = office.answer(by, framed(&about.grpc_path(), &message)).await;
    if let Some(status) = tonic::Status::from_header_map(answer.headers()) {
        return (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default());
    }
    let body = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
    (Code::Ok, office::seen(&(messages.answer)(&body[5..])).to_owned())
}

/// The message that a request brings as REST.
async fn message(about: &About, request: Request<Body>) -> Map<String, Value> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    let body: Value =
        if body.is_empty() { Map::new().into() } else { serde_json::from_slice(&body).expect("JSON") };
    let mut message = match (about.body, body) {
        (api::Body::Field(field), body) => Map::from_iter([(field.to_owned(), body)]),
        (_, Value::Object(body)) => body,
        (_, body) => panic!("{body} is no message"),
    };
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    message.extend(query.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))));
    let cut = |path: &'static str| path.split(['/', ':']).collect::<Vec<_>>();
    let found = parts.uri.path().to_owned();
    for (name, value) in cut(about.path).into_iter().zip(found.split(['/', ':'])) {
        let Some(name) = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) else { continue };
        let within = match name.split_once('.') {
            Some((outer, own)) => (message[outer].as_object_mut().expect("an object"), own),
            None => (&mut message, name),
        };
        within.0.insert(within.1.to_owned(), value.into());
    }
    message
}

/// The status of an answer, and the message if it is one.
async fn answer<M: Message + Default>(
    office: &Office,
    by: &Administrator,
    request: Request<Body>,
) -> Result<M, tonic::Status> {
    let answer = office.answer(by, request).await;
    if let Some(status) = tonic::Status::from_header_map(answer.headers()) {
        return Err(status);
    }
    let body = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
    Ok(M::decode(&body[5..]).expect("a message"))
}

#[tokio::test]
async fn what_is_made_over_grpc_is_told_over_grpc_and_refused_in_its_words() {
    let (office, owner) = (Office::open().await, Office::owner());
    let key = Key {
        name: "CI".to_owned(),
        apis: vec!["payments".to_owned()],
        organization: "acme".to_owned(),
        ..Key::default()
    };
    let wanted = CreateKeyRequest { key: Some(key.clone()), ..CreateKeyRequest::default() };
    let create = || call("KeyService/CreateKey", &wanted);
    let issued: IssuedKey = answer(&office, &owner, create()).await.expect("a key");
    assert!(issued.key.starts_with("pay_"));
    let get = GetKeyRequest { id: issued.id.clone() };
    let told: Key = answer(&office, &owner, call("KeyService/GetKey", &get)).await.expect("the key");
    assert_eq!(Some(told), issued.record.map(|record| Key { uses: Some(0), ..record }));

    let viewer = Administrator { role: Role::Viewer, ..owner.clone() };
    let refused = answer::<IssuedKey>(&office, &viewer, create()).await.expect_err("too low a role");
    assert_eq!(refused.code(), Code::PermissionDenied);
    let reason = refused.get_details_error_info().expect("a reason").reason;
    assert_eq!(reason, "role_too_low");

    let nameless = CreateKeyRequest { key: Some(Key { name: String::new(), ..key }), ..wanted.clone() };
    let refused = answer::<IssuedKey>(&office, &owner, call("KeyService/CreateKey", &nameless)).await;
    let refused = refused.expect_err("it has no name");
    assert_eq!(refused.code(), Code::InvalidArgument);
    let fields = refused.get_details_bad_request().expect("the fields").field_violations;
    assert_eq!(fields.iter().map(|field| field.field.as_str()).collect::<Vec<_>>(), ["key.name"]);

    let unknown = answer::<Key>(&office, &owner, call("KeyService/Nothing", &get)).await;
    assert_eq!(unknown.expect_err("no such method").code(), Code::Unimplemented);
}
