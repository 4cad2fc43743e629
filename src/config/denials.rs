//! `denials`: the bodies of refusals, as structures with named holes.

use std::collections::BTreeMap;

use crate::domain::DenialReason;

/// How an API refuses.
#[derive(Debug, Clone, PartialEq)]
pub struct Denials {
    /// The content type of the bodies.
    pub content_type: String,
    /// The structure of the bodies.
    pub body: Template,
    /// What fills the holes named after fields, by denial reason's code or `unavailable`.
    pub reasons: BTreeMap<&'static str, BTreeMap<String, Template>>,
    /// The status of `route_unknown`: 404 or 403.
    pub route_unknown_status: u16,
}

/// A JSON value with holes. Text is escaped when it is written, by construction.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// `null`, a boolean or a number.
    Scalar(serde_json::Value),
    /// A string; one that is a lone hole takes the type of what fills it.
    Text(Vec<Part>),
    /// An array.
    Array(Vec<Template>),
    /// An object, its members in the order in which they are written. A member that is a lone hole which
    /// nothing fills is left out.
    Object(Vec<(String, Template)>),
}

/// A piece of a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Literal(String),
    /// A hole.
    Hole(Hole),
}

/// What fills a hole. In the configuration it is written as `{name}`; `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hole {
    /// `{reason}`: the stable code.
    Reason,
    /// `{status}`: the HTTP status, a number.
    Status,
    /// `{api}`: the API's name.
    Api,
    /// `{retry_after}`: seconds, a number; absent unless it is known.
    RetryAfter,
    /// `{required_scopes}`: what the route asks for, an array.
    RequiredScopes,
    /// `{provided_scopes}`: what the credential was given, an array.
    ProvidedScopes,
    /// `{title}`: the phrase of the HTTP status, unless the reason has a field of this name.
    Title,
    /// `{detail}`: a sentence for the developer who reads it, unless the reason has a field of this name.
    Detail,
    /// Any other: the field of this name of the reason at hand; absent where the reason has none.
    Field(String),
}

impl Denials {
    /// The fields of a reason, or of `unavailable` where there is none.
    #[must_use]
    pub fn fields(&self, code: &str) -> Option<&BTreeMap<String, Template>> {
        self.reasons.get(code)
    }

    /// The HTTP status of a refusal.
    #[must_use]
    pub fn status(&self, reason: DenialReason) -> u16 {
        if reason == DenialReason::RouteUnknown {
            self.route_unknown_status
        } else {
            reason.status()
        }
    }
}
