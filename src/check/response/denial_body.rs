//! The body of a refusal: the configured structure with its holes filled. Text is escaped when it is written,
//! so that nothing which fills a hole can break out of its string.

use std::borrow::Cow;

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::Value;

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

/// Room for most bodies, so that they are written without moving.
const BODY_BYTES_USUAL: usize = 512;

/// Writes the body of a refusal as JSON.
pub(super) fn render(filling: &Filling<'_>) -> String {
    let mut body = Vec::with_capacity(BODY_BYTES_USUAL);
    // Nothing but text is written, to memory: this cannot fail.
    let _ = serde_json::to_writer(&mut body, &filling.filled(&filling.denials.body));
    String::from_utf8(body).unwrap_or_default()
}

/// Whether the body of such a refusal is the same for every request, as long as it is not over after some time.
pub(super) fn is_fixed(denials: &Denials, kind: RefusalKind) -> bool {
    let tells_of_request = |template: &Template| {
        holes(template).iter().any(|hole| matches!(hole, Hole::RequiredScopes | Hole::ProvidedScopes))
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

impl<'a> Filling<'a> {
    fn filled(&'a self, template: &'a Template) -> Filled<'a> {
        match template {
            Template::Scalar(value) => Filled::Scalar(value),
            Template::Text(parts) => match parts.as_slice() {
                [Part::Hole(hole)] => self.hole(hole),
                parts => Filled::Text(self.text(parts).into()),
            },
            Template::Array(items) => Filled::Array(self, items),
            Template::Object(members) => Filled::Object(self, members),
        }
    }

    fn text(&'a self, parts: &'a [Part]) -> String {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Hole(hole) => self.hole(hole).append_to(&mut text),
            }
        }
        text
    }

    fn hole(&'a self, hole: &Hole) -> Filled<'a> {
        match hole {
            Hole::Reason => self.kind.code().into(),
            Hole::Status => Filled::Number(self.status.into()),
            Hole::Api => self.api.map_or(Filled::Nothing, Filled::from),
            Hole::RetryAfter => {
                let seconds = self.of.and_then(|(_, refusal)| refusal.retry_after_seconds());
                seconds.map_or(Filled::Nothing, Filled::Number)
            }
            Hole::RequiredScopes => self.scopes(|seen| Some(&seen.route()?.scopes)),
            Hole::ProvidedScopes => self.scopes(|seen| Some(seen.scopes()?.iter().as_slice())),
            Hole::Title => self.field("title").unwrap_or_else(|| title(self.status).into()),
            Hole::Detail => self.field("detail").unwrap_or_else(|| detail(self.kind).into()),
            Hole::Field(name) => self.field(name).unwrap_or(Filled::Nothing),
        }
    }

    fn scopes(&self, of: impl FnOnce(&'a Seen<'a>) -> Option<&'a [Scope]>) -> Filled<'a> {
        self.of.map_or(Filled::Nothing, |(seen, _)| Filled::Scopes(of(seen).unwrap_or_default()))
    }

    fn field(&'a self, name: &str) -> Option<Filled<'a>> {
        let field = self.filled(self.denials.fields(self.kind.code())?.get(name)?);
        (!field.is_nothing()).then_some(field)
    }
}

/// What a template became.
enum Filled<'a> {
    /// A lone hole that nothing fills.
    Nothing,
    Text(Cow<'a, str>),
    Number(u64),
    Scopes(&'a [Scope]),
    Scalar(&'a Value),
    Array(&'a Filling<'a>, &'a [Template]),
    Object(&'a Filling<'a>, &'a [(String, Template)]),
}

impl<'a> From<&'a str> for Filled<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl Filled<'_> {
    fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Appends it to a text: one as it stands, anything else as JSON.
    fn append_to(&self, text: &mut String) {
        match self {
            Self::Nothing => {}
            Self::Text(own) => text.push_str(own),
            other => text.push_str(&serde_json::to_string(other).unwrap_or_default()),
        }
    }
}

impl Serialize for Filled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_unit(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Scopes(scopes) => serializer.collect_seq(scopes.iter().map(Scope::as_str)),
            Self::Scalar(value) => value.serialize(serializer),
            Self::Array(filling, items) => {
                let mut array = serializer.serialize_seq(None)?;
                for item in items.iter().map(|item| filling.filled(item)).filter(|item| !item.is_nothing()) {
                    array.serialize_element(&item)?;
                }
                array.end()
            }
            Self::Object(filling, members) => {
                let mut object = serializer.serialize_map(None)?;
                for (name, member) in *members {
                    let member = filling.filled(member);
                    if !member.is_nothing() {
                        object.serialize_entry(name, &member)?;
                    }
                }
                object.end()
            }
        }
    }
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
