//! Errors of the admin API as JSON: the standard model (AIP-193).

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use tonic::Code;

use crate::admin::api::{ERROR_DOMAIN, Fault};

use super::rest;

/// The answer to what is not done.
pub(super) fn of(fault: &Fault) -> Response<Body> {
    answer(http_status(fault.code), fault)
}

/// The answer to a request of another type than is read.
pub(super) fn other_type(found: &str) -> Response<Body> {
    let message = format!("found a body of the type {found:?}, expected application/json");
    let fault = Fault::new(Code::InvalidArgument, "content_type_unknown", message);
    answer(StatusCode::UNSUPPORTED_MEDIA_TYPE, &fault)
}

/// The answer to a body that is too long.
pub(super) fn too_long() -> Response<Body> {
    let message = format!("the body is longer than {} bytes", rest::BODY_BYTES_MAX);
    answer(StatusCode::PAYLOAD_TOO_LARGE, &Fault::new(Code::InvalidArgument, "body_too_long", message))
}

/// The answer where there is nothing.
pub(super) fn unknown_path() -> Response<Body> {
    let message = "there is nothing at this path: /v1/openapi.json tells what there is";
    answer(StatusCode::NOT_FOUND, &Fault::new(Code::NotFound, "path_unknown", message))
}

/// The answer where there is something, but for other HTTP methods.
pub(super) fn unknown_verb(verbs: &[&str]) -> Response<Body> {
    let message = format!("this path is for {}", verbs.join(", "));
    answer(StatusCode::METHOD_NOT_ALLOWED, &Fault::new(Code::Unimplemented, "method_unknown", message))
}

fn answer(status: StatusCode, fault: &Fault) -> Response<Body> {
    let mut details = vec![json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": fault.reason,
        "domain": ERROR_DOMAIN,
    })];
    if !fault.fields.is_empty() {
        let violation = |(field, what): &(String, String)| json!({ "field": field, "description": what });
        let violations: Vec<Value> = fault.fields.iter().map(violation).collect();
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "field_violations": violations,
        }));
    }
    let (name, message) = (name(fault.code), &fault.message);
    let error = json!({
        "error": { "code": status.as_u16(), "status": name, "message": message, "details": details }
    });
    rest::json(status, error.to_string())
}

/// The HTTP status of a code, as `google/rpc/code.proto` maps them.
fn http_status(code: Code) -> StatusCode {
    match code {
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
