//! Errors of the admin API as JSON: the standard model (AIP-193).

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use tonic::Code;

use crate::admin::api::{ERROR_DOMAIN, Fault};

use super::rest;

/// The answer to what is not done.
pub(super) fn of(fault: &Fault) -> Response<Body> {
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
    answer(http_status(fault.code), name(fault.code), &fault.message, &details)
}

/// The answer to a request of another type than is read.
pub(super) fn other_type(found: &str) -> Response<Body> {
    let message = format!("found a body of the type {found:?}, expected application/json");
    answer(StatusCode::UNSUPPORTED_MEDIA_TYPE, name(Code::InvalidArgument), &message, &[])
}

/// The answer to a body that is too long.
pub(super) fn too_long() -> Response<Body> {
    let message = format!("the body is longer than {} bytes", rest::BODY_BYTES_MAX);
    answer(StatusCode::PAYLOAD_TOO_LARGE, name(Code::InvalidArgument), &message, &[])
}

/// The answer where there is nothing.
pub(super) fn unknown_path() -> Response<Body> {
    let message = "there is nothing at this path: /v1/openapi.json tells what there is";
    answer(StatusCode::NOT_FOUND, name(Code::NotFound), message, &[])
}

/// The answer where there is something, but for other HTTP methods.
pub(super) fn unknown_verb(verbs: &[&str]) -> Response<Body> {
    let message = format!("this path is for {}", verbs.join(", "));
    answer(StatusCode::METHOD_NOT_ALLOWED, name(Code::Unimplemented), &message, &[])
}

fn answer(status: StatusCode, name: &str, message: &str, details: &[Value]) -> Response<Body> {
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
