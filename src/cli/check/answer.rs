//! What Envoy is told, without what may be a credential.

use envoy_types::{
    ext_authz::v3::pb::{CheckResponse, DeniedHttpResponse, HeaderValueOption, HttpResponse},
    pb::google::protobuf::{Struct, value::Kind},
};
use serde::Serialize;
use tonic::Status;

use crate::{check::route::GuardedApi, domain::HeaderName};

use super::facts::Facts;

/// What stands in place of what may be a credential.
const REDACTED: &str = "[redacted]";

/// What Envoy is told.
#[derive(Debug, Default, Serialize)]
pub(super) struct Answer {
    /// The HTTP status of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<i32>,
    /// The gRPC status by which an outage is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) grpc_error: Option<String>,
    /// What the client gets with a refusal, or with the upstream's answer.
    #[serde(skip_serializing_if = "Facts::is_empty")]
    pub(super) headers: Facts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
    /// What the upstream gets.
    #[serde(skip_serializing_if = "Facts::is_empty")]
    pub(super) set_headers: Facts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) removed_headers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) removed_query_parameters: Vec<String>,
    /// What Envoy's access log can show.
    #[serde(skip_serializing_if = "Facts::is_empty")]
    pub(super) metadata: Facts,
}

impl Answer {
    pub(super) fn new(response: Result<CheckResponse, Status>, api: Option<&GuardedApi>) -> Self {
        let response = match response {
            Ok(response) => response,
            Err(status) => {
                return Self { grpc_error: Some(format!("{:?}", status.code())), ..Self::default() };
            }
        };
        let metadata = response.dynamic_metadata.map(members).unwrap_or_default();
        match response.http_response {
            Some(HttpResponse::OkResponse(allowed)) => Self {
                headers: headers(allowed.response_headers_to_add, |_| true),
                set_headers: headers(allowed.headers, |name| is_ours(name, api)),
                removed_headers: allowed.headers_to_remove,
                removed_query_parameters: allowed.query_parameters_to_remove,
                metadata,
                ..Self::default()
            },
            Some(HttpResponse::DeniedResponse(refusal) | HttpResponse::ErrorResponse(refusal)) => {
                Self { metadata, ..Self::refused(refusal) }
            }
            None => Self { metadata, ..Self::default() },
        }
    }

    fn refused(refusal: DeniedHttpResponse) -> Self {
        Self {
            status: refusal.status.map(|status| status.code),
            headers: headers(refusal.headers, |_| true),
            body: Some(refusal.body),
            ..Self::default()
        }
    }

    /// The answer in a few words.
    pub(super) fn summary(&self) -> String {
        match (self.status, &self.grpc_error) {
            (Some(status), _) => status.to_string(),
            (None, Some(code)) => format!("gRPC error {code}"),
            (None, None) => "goes on".to_owned(),
        }
    }
}

/// Whether the upstream reads this header from us: a principal header or a claim. What else is set is what is left of
/// the client's own, such as its other cookies.
fn is_ours(name: &str, api: Option<&GuardedApi>) -> bool {
    let is = |own: &HeaderName| own.as_str() == name;
    api.is_some_and(|api| {
        api.config.principal_headers.all().into_iter().chain(api.config.claim_headers()).any(is)
    })
}

fn headers(set: Vec<HeaderValueOption>, shows: impl Fn(&str) -> bool) -> Facts {
    let named = set.into_iter().filter_map(|option| option.header).map(|header| {
        let value = if shows(&header.key) { header.value } else { REDACTED.to_owned() };
        (header.key, value.into())
    });
    named.collect()
}

fn members(metadata: Struct) -> Facts {
    let mut members: Facts = metadata
        .fields
        .into_iter()
        .filter_map(|(name, value)| match value.kind {
            Some(Kind::StringValue(text)) => Some((name, text.into())),
            _ => None,
        })
        .collect();
    members.sort_keys();
    members
}
