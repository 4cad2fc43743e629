//! Methods of the admin API as REST: a request's path, query and body become the message that gRPC would bring.

use axum::body::{Body, to_bytes};
use http::{HeaderValue, Request, Response, StatusCode, header, request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::{
    admin::api::{self, Answers, Fault, Method, Verb, permit},
    domain::Administrator,
};

use super::{
    json_error,
    routes::{Answering, Routes, reached},
};

/// The longest body, in bytes: an import of some hundred thousand keys.
pub(super) const BODY_BYTES_MAX: usize = 16 << 20;
/// Where the idempotency key may stand, too.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The field of the messages that holds it.
const REQUEST_ID: &str = "request_id";

/// What is asked for by path, query and body.
pub(super) struct Asked {
    /// The fields that stand in the path.
    pub(super) in_path: Vec<(&'static str, String)>,
    /// The request.
    pub(super) request: Request<Body>,
}

/// Answers a request for the method `M`.
pub(super) fn answer<D: Answers<M> + 'static, M: Method>(
    routes: Routes<D>,
    by: Administrator,
    asked: Asked,
) -> Answering {
    Box::pin(async move {
        if let Err(fault) = permit::<M>(&by) {
            return json_error::of(&fault);
        }
        let (parts, body) = asked.request.into_parts();
        let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
            return json_error::too_long();
        };
        if let Some(found) = other_type(&parts, &body) {
            return json_error::other_type(&found);
        }
        let request = match M::ABOUT.body {
            api::Body::None => of_query(&parts, &asked.in_path, &body),
            api::Body::All => of_body(None, &parts, asked.in_path, &body),
            api::Body::Field(field) => of_body(Some(field), &parts, asked.in_path, &body),
        };
        let answered = match request {
            Ok(request) => routes.desk().answer(&by, request).await,
            Err(fault) => Err(fault),
        };
        match answered.and_then(|answer| written(&answer)) {
            Ok(mut answer) => {
                if let Some(reached) = reached::<D, M>(routes.desk()).await {
                    answer.headers_mut().insert(api::REACHED, reached);
                }
                answer
            }
            Err(fault) => json_error::of(&fault),
        }
    })
}

/// The name of an HTTP method.
pub(super) fn name(verb: Verb) -> &'static str {
    match verb {
        Verb::Get => "GET",
        Verb::Post => "POST",
        Verb::Patch => "PATCH",
        Verb::Put => "PUT",
        Verb::Delete => "DELETE",
    }
}

/// An answer in JSON, which nobody keeps.
pub(super) fn json(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut answer = Response::new(text.into());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn written(answer: &impl Serialize) -> Result<Response<Body>, Fault> {
    let value = serde_json::to_value(answer).map_err(|error| Fault::internal(error.to_string()))?;
    let value = if value.is_null() { Value::Object(Map::new()) } else { value };
    Ok(json(StatusCode::OK, value.to_string()))
}

/// The type of a body that is not JSON.
fn other_type(parts: &Parts, body: &[u8]) -> Option<String> {
    let found = parts.headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?"));
    let essence = found.split(';').next().unwrap_or_default().trim();
    (!body.is_empty() && !essence.eq_ignore_ascii_case("application/json")).then(|| found.to_owned())
}

/// The message, all of which stands in path and query.
fn of_query<R: DeserializeOwned>(
    parts: &Parts,
    in_path: &[(&'static str, String)],
    body: &[u8],
) -> Result<R, Fault> {
    if !body.is_empty() {
        return Err(Fault::field("", "found a body, expected none"));
    }
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(in_path);
    form.extend_pairs(pairs(parts));
    let form = form.finish();
    let deserializer = serde_html_form::Deserializer::new(form_urlencoded::parse(form.as_bytes()));
    serde_path_to_error::deserialize(deserializer).map_err(|error| unreadable(&error))
}

/// The message, of which `field` or all that stands nowhere else stands in the body.
fn of_body<R: DeserializeOwned>(
    field: Option<&'static str>,
    parts: &Parts,
    in_path: Vec<(&'static str, String)>,
    body: &[u8],
) -> Result<R, Fault> {
    let mut message = Map::new();
    let body = object(body)?;
    match field {
        Some(field) => drop(message.insert(field.to_owned(), Value::Object(body))),
        None => message = body,
    }
    for (name, value) in in_path {
        place(&mut message, name, value)?;
    }
    for (name, value) in pairs(parts) {
        if field.is_none() {
            return Err(Fault::field(name, "found in the query, expected in the body"));
        }
        add(&mut message, &name, value)?;
    }
    if let Some(key) = parts.headers.get(IDEMPOTENCY_KEY) {
        // In a message nothing is no key; a header that is there has to hold one.
        let key = key.to_str().ok().filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| Fault::field(IDEMPOTENCY_KEY, "expected 1 to 128 visible characters"))?;
        add(&mut message, REQUEST_ID, key.to_owned())?;
    }
    serde_path_to_error::deserialize(Value::Object(message)).map_err(|error| unreadable(&error))
}

fn pairs(parts: &Parts) -> impl Iterator<Item = (String, String)> + '_ {
    let query = parts.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned()))
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    // Where it breaks off is told, but not what stands there.
    let at = |error: &serde_json::Error| format!("line {}, column {}", error.line(), error.column());
    serde_json::from_slice(body)
        .map_err(|error| Fault::field("", format!("expected a JSON object; it is none at {}", at(&error))))
}

/// Puts a field of the path where it belongs: `key.id` into the object `key`. The body may hold the same.
fn place(message: &mut Map<String, Value>, name: &str, value: String) -> Result<(), Fault> {
    let (within, own) = match name.split_once('.') {
        Some((outer, own)) => match message.get_mut(outer) {
            Some(Value::Object(inner)) => (inner, own),
            _ => return Err(Fault::field(outer, "expected an object")),
        },
        None => (message, name),
    };
    match within.get(own) {
        None => drop(within.insert(own.to_owned(), Value::String(value))),
        Some(Value::String(same)) if *same == value => {}
        Some(_) => return Err(Fault::field(name, "found another value than in the path")),
    }
    Ok(())
}

fn add(message: &mut Map<String, Value>, name: &str, value: String) -> Result<(), Fault> {
    if message.contains_key(name) {
        return Err(Fault::field(name, "found twice, expected once"));
    }
    message.insert(name.to_owned(), Value::String(value));
    Ok(())
}

/// What is wrong with a message. What was found is left out: it may be a key, by mistake.
fn unreadable(error: &serde_path_to_error::Error<impl std::fmt::Display>) -> Fault {
    let (path, message) = (error.path().to_string(), error.inner().to_string());
    let path = if path == "." { "" } else { &path };
    let what = match (message.starts_with("unknown field"), message.split_once("expected ")) {
        (true, Some((_, expected))) => format!("found an unknown field, expected {expected}"),
        (false, Some((_, expected))) => format!("expected {expected}"),
        _ => "expected a value of another kind: /v1/openapi.json tells which".to_owned(),
    };
    Fault::field(path, what)
}
