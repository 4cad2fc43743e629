//! The body of a refusal: the configured structure with its holes filled. Text is escaped when it is written,
//! so that nothing which fills a hole can break out of its string.

use serde_json::{Map, Value};

use crate::{
    check::{
        decision::Seen,
        refusal::{Refusal, RefusalKind},
    },
    config::{Denials, Hole, Part, Template},
    domain::{DenialReason, Scope},
};

/// What the holes are filled from.
pub(super) struct Filling<'a> {
    /// How the API refuses.
    pub(super) denials: &'a Denials,
    /// What it refuses for.
    pub(super) kind: RefusalKind,
    /// The HTTP status of that.
    pub(super) status: u16,
    /// The name of the API, if there is one.
    pub(super) api: Option<&'a str>,
    /// The request and its refusal, if there is one already.
    pub(super) of: Option<(&'a Seen<'a>, &'a Refusal)>,
}

/// Writes the body of a refusal as JSON.
pub(super) fn render(filling: &Filling<'_>) -> String {
    filling.fill(&filling.denials.body).unwrap_or(Value::Null).to_string()
}

/// Whether the body of such a refusal is the same for every request.
pub(super) fn is_fixed(denials: &Denials, kind: RefusalKind) -> bool {
    let tells_of_request = |template: &Template| {
        holes(template)
            .iter()
            .any(|hole| matches!(hole, Hole::RetryAfter | Hole::RequiredScopes | Hole::ProvidedScopes))
    };
    let fields = denials.fields(kind.code()).into_iter().flat_map(|fields| fields.values());
    !std::iter::once(&denials.body).chain(fields).any(tells_of_request)
}

/// All holes of a template.
fn holes(template: &Template) -> Vec<&Hole> {
    match template {
        Template::Scalar(_) => Vec::new(),
        Template::Text(parts) => {
            let holes = parts.iter().filter_map(|part| match part {
                Part::Hole(hole) => Some(hole),
                Part::Literal(_) => None,
            });
            holes.collect()
        }
        Template::Array(items) => items.iter().flat_map(holes).collect(),
        Template::Object(members) => members.iter().flat_map(|(_, member)| holes(member)).collect(),
    }
}

impl Filling<'_> {
    /// The value that a template becomes; `None` for a lone hole that nothing fills.
    fn fill(&self, template: &Template) -> Option<Value> {
        Some(match template {
            Template::Scalar(value) => value.clone(),
            Template::Text(parts) => match parts.as_slice() {
                [Part::Hole(hole)] => return self.hole(hole),
                parts => Value::String(parts.iter().map(|part| self.part(part)).collect()),
            },
            Template::Array(items) => items.iter().filter_map(|item| self.fill(item)).collect(),
            Template::Object(members) => {
                let filled =
                    members.iter().filter_map(|(name, member)| Some((name.clone(), self.fill(member)?)));
                Value::Object(filled.collect::<Map<_, _>>())
            }
        })
    }

    fn part(&self, part: &Part) -> String {
        match part {
            Part::Literal(text) => text.clone(),
            Part::Hole(hole) => match self.hole(hole) {
                None => String::new(),
                Some(Value::String(text)) => text,
                Some(value) => value.to_string(),
            },
        }
    }

    fn hole(&self, hole: &Hole) -> Option<Value> {
        match hole {
            Hole::Reason => Some(self.kind.code().into()),
            Hole::Status => Some(self.status.into()),
            Hole::Api => self.api.map(Value::from),
            Hole::RetryAfter => self.of?.1.retry_after_seconds().map(Value::from),
            Hole::RequiredScopes => {
                Some(self.of?.0.route().map(|route| names(&route.scopes)).unwrap_or_default().into())
            }
            Hole::ProvidedScopes => Some(self.of?.0.scopes().map(names).unwrap_or_default().into()),
            Hole::Title => self.field("title").or_else(|| Some(title(self.status).into())),
            Hole::Detail => self.field("detail").or_else(|| Some(detail(self.kind).into())),
            Hole::Field(name) => self.field(name),
        }
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fill(self.denials.fields(self.kind.code())?.get(name)?)
    }
}

fn names<'s>(scopes: impl IntoIterator<Item = &'s Scope>) -> Vec<&'s str> {
    scopes.into_iter().map(Scope::as_str).collect()
}

/// The phrase of an HTTP status (RFC 9110, section 15; RFC 6585, section 4).
fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        _ => "Service Unavailable",
    }
}

/// A sentence for the developer who reads the refusal. It says nothing that the code does not.
fn detail(kind: RefusalKind) -> &'static str {
    let RefusalKind::Denied(reason) = kind else {
        return "The request could not be authorized just now. Please try again.";
    };
    match reason {
        DenialReason::RequestMalformed => "The request cannot be read unambiguously.",
        DenialReason::RouteUnknown => "There is nothing at this address.",
        DenialReason::TransportInsecure => "Credentials are accepted over HTTPS only.",
        DenialReason::CredentialMissing => "The request carries no credential.",
        DenialReason::CredentialAmbiguous => "The request carries more than one credential.",
        DenialReason::CredentialMalformed => "The credential does not have a form that is accepted here.",
        DenialReason::TooManyAttempts => "Too many credentials from this address were refused.",
        DenialReason::CredentialInvalid => "The credential is not valid.",
        DenialReason::BodyIncomplete => "The signed body is too large.",
        DenialReason::CredentialKindNotAllowed => "This kind of credential is not accepted here.",
        DenialReason::SourceNotAllowed => "The credential may not be used from this address.",
        DenialReason::OriginNotAllowed => "The request comes from an origin that is not allowed.",
        DenialReason::OrganizationMissing => "The request has to name an organization.",
        DenialReason::OrganizationMismatch => "The credential does not belong to this organization.",
        DenialReason::OrganizationSuspended => "The organization is suspended.",
        DenialReason::ProjectMismatch => "The credential does not belong to this project.",
        DenialReason::EnvironmentMismatch => "The credential is for another environment.",
        DenialReason::ScopeMissing => "The credential lacks a scope that is required here.",
        DenialReason::EntitlementMissing => "The organization has no entitlement to this.",
        DenialReason::RateLimited => "The quota is used up for now.",
    }
}
