//! Stage 8, render: decision → the bytes of a `CheckResponse`.
//!
//! An empty `CheckResponse` allows the request, and so does one whose status is OK with a denial inside
//! (measured on Envoy 1.36 to 1.40). So no response is built by leaving something out: each of the three
//! answers is written whole, in one place.

mod denial_body;
mod fields;
mod hygiene;
mod principal_headers;
mod rate_limit_headers;
mod refusals;

use tonic::{Code, Status};

use crate::{
    config::{Config, Outage},
    domain::{DenialReason, OrganizationId, PlanName, UNAVAILABLE},
};

use super::{
    authn::Principal,
    decision::{Decision, Seen, Verdict},
    refusal::{Refusal, RefusalKind},
    wire::Message,
};

use self::{
    fields::{
        DENIED_HEADERS, DENIED_RESPONSE, DYNAMIC_METADATA, ERROR_RESPONSE, OK_RESPONSE, OK_RESPONSE_HEADERS,
        STATUS, STATUS_CODE, set_header, set_member,
    },
    hygiene::Hygiene,
    refusals::Refusals,
};

/// Puts decisions into Envoy's words.
#[derive(Debug)]
pub(super) struct Renderer {
    /// In the order of the APIs.
    by_api: Vec<(Hygiene, Refusals)>,
    /// How a request is refused that belongs to no API.
    no_api: Refusals,
    outage: Outage,
}

impl Renderer {
    /// Makes ready what the answers of a checked configuration have in common.
    #[must_use]
    pub(super) fn new(config: &Config) -> Self {
        let ready = |api| (Hygiene::new(api), Refusals::new(Some(api)));
        Self {
            by_api: config.apis.iter().map(ready).collect(),
            no_api: Refusals::new(None),
            outage: config.outage,
        }
    }

    /// Appends the answer to `out`.
    ///
    /// # Errors
    ///
    /// A gRPC error for an outage, where the operator chose that way of telling Envoy; and if what goes on has no API,
    /// which no decision says.
    pub(super) fn render(&self, decision: &Decision<'_>, out: &mut Vec<u8>) -> Result<(), Status> {
        let seen = &decision.seen;
        let of_api = seen.api.and_then(|api| self.by_api.get(api.index));
        let refusals = of_api.map_or(&self.no_api, |(_, refusals)| refusals);
        let hygiene = of_api.map(|(hygiene, _)| hygiene);
        let hygiene = || hygiene.ok_or_else(|| Status::internal("a request to no API would go on"));
        let mut response = Message::new(out);
        match &decision.verdict {
            Verdict::Allowed(admission) => {
                let hygiene = hygiene()?;
                goes_on(&mut response, seen, None, |ok| {
                    principal_headers::changes(hygiene, admission.grant(), decision, ok);
                    rate_limit_headers::write(seen, None, OK_RESPONSE_HEADERS, ok);
                    warn(decision, ok);
                });
            }
            // The request goes on as it came, but for what would be taken for ours or for another request.
            Verdict::Waived(waiver, refusal) => {
                let hygiene = hygiene()?;
                let reason = Some(("shadow_reason", refusal.kind.code()));
                goes_on(&mut response, seen, reason, |ok| {
                    principal_headers::forgeries(hygiene, waiver, decision, ok);
                });
            }
            Verdict::Refused(refusal) => match refusal.kind {
                RefusalKind::Denied(reason) => denied(&mut response, refusals, seen, refusal, reason),
                RefusalKind::Unavailable => match self.outage {
                    Outage::ErrorResponse => unavailable(&mut response, refusals, seen, refusal),
                    Outage::GrpcError => {
                        return Err(Status::unavailable("the decision could not be found out"));
                    }
                },
            },
        }
        Ok(())
    }
}

/// Tells whoever uses a key that it ends soon.
fn warn(decision: &Decision<'_>, ok: &mut Message<'_>) {
    let warning = decision.seen.api.and_then(|api| api.config.expiry_warning.as_ref());
    if let (Some(end), Some(warning)) = (decision.ends_soon, warning) {
        set_header(ok, OK_RESPONSE_HEADERS, warning.header.as_str(), [&*end.to_string()]);
    }
}

fn goes_on(
    response: &mut Message<'_>,
    seen: &Seen<'_>,
    reason: Option<(&str, &str)>,
    changes: impl FnOnce(&mut Message<'_>),
) {
    status(response, Code::Ok);
    response.message(OK_RESPONSE, changes);
    metadata(response, seen, reason);
}

fn denied(
    response: &mut Message<'_>,
    refusals: &Refusals,
    seen: &Seen<'_>,
    refusal: &Refusal,
    reason: DenialReason,
) {
    let is_unauthenticated = reason.is_unauthenticated();
    status(response, if is_unauthenticated { Code::Unauthenticated } else { Code::PermissionDenied });
    response.message(DENIED_RESPONSE, |denied| {
        refusals.write(seen, refusal, denied);
        rate_limit_headers::write(seen, Some(refusal), DENIED_HEADERS, denied);
        if is_unauthenticated {
            set_header(denied, DENIED_HEADERS, "www-authenticate", [refusals.challenges(reason)]);
        }
    });
    metadata(response, seen, Some(("reason", reason.code())));
}

fn unavailable(response: &mut Message<'_>, refusals: &Refusals, seen: &Seen<'_>, refusal: &Refusal) {
    status(response, Code::Unavailable);
    response.message(ERROR_RESPONSE, |denied| refusals.write(seen, refusal, denied));
    metadata(response, seen, Some(("reason", UNAVAILABLE)));
}

fn status(response: &mut Message<'_>, code: Code) {
    response.message(STATUS, |status| status.number(STATUS_CODE, code as u64));
}

/// What Envoy's access log can show of a Check; `reason` is the name and the code of that of a refusal.
fn metadata(response: &mut Message<'_>, seen: &Seen<'_>, reason: Option<(&str, &str)>) {
    let principal = seen.principal.as_ref();
    let members = [
        ("api", seen.api.map(|api| api.config.name.as_str())),
        ("principal_id", principal.and_then(Principal::id)),
        ("principal_kind", principal.map(|principal| principal.kind().code())),
        ("organization", seen.organization().map(OrganizationId::as_str)),
        ("plan", seen.plan().map(PlanName::as_str)),
    ];
    response.message(DYNAMIC_METADATA, |metadata| {
        for (name, text) in members {
            if let Some(text) = text {
                set_member(metadata, name, text);
            }
        }
        if let Some((name, code)) = reason {
            set_member(metadata, name, code);
        }
    });
}
