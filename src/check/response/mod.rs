//! Stage 8, render: decision → `CheckResponse`.
//!
//! An empty `CheckResponse` allows the request, and so does one whose status is OK with a denial inside
//! (measured on Envoy 1.36 to 1.40). So no response is built by leaving something out: each of the three
//! answers is written whole, in one place.

mod denial_body;
mod principal_headers;
mod rate_limit_headers;

use std::sync::LazyLock;

use envoy_types::{
    ext_authz::v3::pb::{
        CheckResponse, DeniedHttpResponse, HeaderAppendAction, HeaderValue, HeaderValueOption, HttpResponse,
        HttpStatus, OkHttpResponse,
    },
    pb::google::{
        protobuf::{BoolValue, Struct, Value, value::Kind},
        rpc,
    },
};
use tonic::{Code, Status};

use crate::{
    config::{Api, CredentialPlace, Denials, Outage},
    domain::{DenialReason, OrganizationId, PlanName, UNAVAILABLE},
};

use super::{
    authn::Principal,
    decision::{Decision, Seen, Verdict, Waiver},
    rate_limit::Admission,
    refusal::{Refusal, RefusalKind},
    route::GuardedApi,
};

use self::principal_headers::Changes;

/// The status of an answer that could not be found out (RFC 9110, section 15.6.4).
const SERVICE_UNAVAILABLE: u16 = 503;
/// What a 401 asks for where no scheme has a name: a status of 401 has to ask for something.
const DEFAULT_SCHEME: &str = "ApiKey";

/// How a request is refused that belongs to no API.
static NO_API: LazyLock<Denials> = LazyLock::new(Denials::default);

/// Puts a decision into Envoy's words.
///
/// # Errors
///
/// A gRPC error for an outage, where the operator chose that way of telling Envoy.
pub fn render(decision: &Decision<'_>, outage: Outage) -> Result<CheckResponse, Status> {
    let seen = &decision.seen;
    match &decision.verdict {
        Verdict::Allowed(admission) => Ok(allowed(decision, admission)),
        Verdict::Waived(waiver, refusal) => Ok(waived(decision, waiver, refusal.kind.code())),
        Verdict::Refused(refusal) => match refusal.kind {
            RefusalKind::Denied(reason) => Ok(denied(seen, refusal, reason)),
            RefusalKind::Unavailable => match outage {
                Outage::ErrorResponse => Ok(unavailable(seen, refusal)),
                Outage::GrpcError => Err(Status::unavailable("the decision could not be found out")),
            },
        },
    }
}

fn allowed(decision: &Decision<'_>, admission: &Admission<'_>) -> CheckResponse {
    let changes = principal_headers::changes(admission.grant(), decision);
    let told = rate_limit_headers::headers(&decision.seen, None);
    goes_on(changes, told, metadata(&decision.seen, None))
}

/// The request goes on as it came, but for what would be taken for ours or for another request.
fn waived(decision: &Decision<'_>, waiver: &Waiver<'_>, reason: &'static str) -> CheckResponse {
    let changes = principal_headers::forgeries(waiver, decision);
    goes_on(changes, Vec::new(), metadata(&decision.seen, Some(("shadow_reason", reason))))
}

#[expect(deprecated, reason = "a decision is written whole, the field that Envoy no longer reads included")]
fn goes_on(changes: Changes, told: Vec<HeaderValueOption>, metadata: Struct) -> CheckResponse {
    CheckResponse {
        status: Some(grpc_status(Code::Ok)),
        dynamic_metadata: Some(metadata),
        http_response: Some(HttpResponse::OkResponse(OkHttpResponse {
            headers: changes.set,
            headers_to_remove: changes.remove,
            query_parameters_to_remove: changes.remove_parameters,
            query_parameters_to_set: Vec::new(),
            response_headers_to_add: told,
            dynamic_metadata: None,
        })),
    }
}

fn denied(seen: &Seen<'_>, refusal: &Refusal, reason: DenialReason) -> CheckResponse {
    let mut response = refused(seen, refusal, denials(seen).status(reason));
    response.headers.extend(rate_limit_headers::headers(seen, Some(refusal)));
    let mut code = Code::PermissionDenied;
    if reason.is_unauthenticated() {
        response.headers.push(set_header("www-authenticate", challenges(seen.api, reason)));
        code = Code::Unauthenticated;
    }
    CheckResponse {
        status: Some(grpc_status(code)),
        dynamic_metadata: Some(metadata(seen, Some(("reason", reason.code())))),
        http_response: Some(HttpResponse::DeniedResponse(response)),
    }
}

fn unavailable(seen: &Seen<'_>, refusal: &Refusal) -> CheckResponse {
    let response = refused(seen, refusal, SERVICE_UNAVAILABLE);
    CheckResponse {
        status: Some(grpc_status(Code::Unavailable)),
        dynamic_metadata: Some(metadata(seen, Some(("reason", UNAVAILABLE)))),
        http_response: Some(HttpResponse::ErrorResponse(response)),
    }
}

/// How the API in question refuses.
fn denials<'r>(seen: &Seen<'r>) -> &'r Denials {
    seen.api.map_or_else(|| &*NO_API, |api| &api.config.denials)
}

fn refused(seen: &Seen<'_>, refusal: &Refusal, status: u16) -> DeniedHttpResponse {
    let denials = denials(seen);
    DeniedHttpResponse {
        status: Some(HttpStatus { code: i32::from(status) }),
        headers: vec![set_header("content-type", denials.content_type.clone())],
        body: denial_body::render(denials, seen, refusal, status),
    }
}

/// A header that replaces whatever stands there. Both fields are needed: Envoy up to 1.40 looks at the older
/// `append` alone, its successors at `append_action` alone. It reads no `raw_value` (measured on 1.36 to 1.40).
#[expect(deprecated, reason = "every released Envoy reads the older field")]
fn set_header(name: &str, value: String) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue { key: name.to_owned(), value, raw_value: Vec::new() }),
        append: Some(BoolValue { value: false }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd as i32,
        keep_empty_value: false,
    }
}

fn grpc_status(code: Code) -> rpc::Status {
    rpc::Status { code: code as i32, message: String::new(), details: Vec::new() }
}

/// What Envoy's access log can show of a Check; `refused` is the name and the code of the reason.
fn metadata(seen: &Seen<'_>, refused: Option<(&'static str, &'static str)>) -> Struct {
    let principal = seen.principal.as_ref();
    let members = [
        ("api", seen.api.map(|api| api.config.name.as_str())),
        ("principal_id", principal.and_then(Principal::id)),
        ("principal_kind", principal.map(|principal| principal.kind().code())),
        ("organization", seen.organization().map(OrganizationId::as_str)),
        ("plan", seen.plan().map(PlanName::as_str)),
    ];
    let members = members.into_iter().filter_map(|(name, text)| Some((name, text?)));
    let fields = members.chain(refused).map(|(name, text)| {
        let value = Value { kind: Some(Kind::StringValue(text.to_owned())) };
        (name.to_owned(), value)
    });
    Struct { fields: fields.collect() }
}

/// The challenges that go with a 401 (RFC 9110, section 11.6.1): one for each scheme that the API accepts. With
/// `Bearer`, a credential that was presented in vain is told apart (RFC 6750, section 3.1).
fn challenges(api: Option<&GuardedApi>, reason: DenialReason) -> String {
    let Some(api) = api else {
        return DEFAULT_SCHEME.to_owned();
    };
    let realm = &api.config.name;
    let mut challenges: Vec<String> = Vec::new();
    for scheme in schemes(&api.config) {
        let in_vain = reason != DenialReason::CredentialMissing && scheme.eq_ignore_ascii_case("bearer");
        let error = if in_vain { ", error=\"invalid_token\"" } else { "" };
        let challenge = format!("{scheme} realm=\"{realm}\"{error}");
        if !challenges.contains(&challenge) {
            challenges.push(challenge);
        }
    }
    challenges.join(", ")
}

fn schemes(api: &Api) -> Vec<&str> {
    let named: Vec<&str> = api
        .credential_places()
        .filter_map(|place| match place {
            CredentialPlace::Header { scheme, .. } => scheme.as_deref(),
            CredentialPlace::Query { .. } | CredentialPlace::Cookie { .. } => None,
        })
        .collect();
    if named.is_empty() { vec![DEFAULT_SCHEME] } else { named }
}
