//! The same methods over gRPC: what REST brings as JSON comes and goes as messages.

use axum::body::{Body, to_bytes};
use doorward::{
    admin::proto::{CreateKeyRequest, GetKeyRequest, IssuedKey, Key},
    domain::{Administrator, Role},
};
use http::Request;
use prost::Message;
use tonic::Code;
use tonic_types::StatusExt;

use super::office::Office;

/// A call of a method with this message: five bytes of a frame come before it.
fn call(method: &str, message: &impl Message) -> Request<Body> {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
    let frame = [&[0][..], &length, &message].concat();
    let request = Request::builder().method("POST").uri(format!("/doorward.admin.v1.{method}"));
    request.header("content-type", "application/grpc").body(Body::from(frame)).expect("a request")
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
