//! `denials`: the bodies of refusals, as structures with named holes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::{DenialReason, UNAVAILABLE};

use super::{
    place::Place,
    problem::Report,
    template::{Hole, RawObject, RawTemplate, Template},
    text::{Format, Text, names},
    wording::one_of,
};

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

impl Denials {
    /// The fields of a reason, or of `unavailable` where there is none.
    #[must_use]
    pub fn fields(&self, code: &str) -> Option<&BTreeMap<String, Template>> {
        self.reasons.get(code)
    }

    /// The HTTP status of a refusal.
    #[must_use]
    pub fn status(&self, reason: DenialReason) -> u16 {
        if reason == DenialReason::RouteUnknown { self.route_unknown_status } else { reason.status() }
    }
}

/// How an API refuses.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Denials")]
pub(super) struct RawDenials {
    /// The content type of the bodies.
    content_type: Text<ContentType>,
    /// The structure of the bodies: JSON, whose strings may have holes. Always there to fill them:
    /// `{reason}`, `{status}`, `{api}`, `{title}`, `{detail}`, and where they make sense `{retry_after}`,
    /// `{required_scopes}` and `{provided_scopes}`; all others come from `reasons`. A member that is one hole
    /// which nothing fills is left out.
    body: RawObject,
    /// What fills the holes, by denial reason, or `unavailable` for an outage. `title` and `detail` given here
    /// take the place of Doorward's own sentences.
    #[schemars(extend("propertyNames" = names::<ReasonCode>()))]
    reasons: BTreeMap<Text<ReasonCode>, BTreeMap<String, RawTemplate>>,
    /// The status where no route matches: 404, or 403 for those who do not want to tell.
    #[schemars(extend("enum" = [404, 403]))]
    route_unknown: u16,
}

impl Default for RawDenials {
    /// The problem details of RFC 9457.
    fn default() -> Self {
        let members = [
            ("type", "about:blank"),
            ("title", "{title}"),
            ("status", "{status}"),
            ("detail", "{detail}"),
            ("reason", "{reason}"),
            ("retry_after", "{retry_after}"),
        ];
        let members = members.into_iter().map(|(name, text)| (name.to_owned(), json!(text)));
        Self {
            content_type: ContentType("application/problem+json".to_owned()).into(),
            body: RawObject(members.collect()),
            reasons: BTreeMap::new(),
            route_unknown: 404,
        }
    }
}

impl Default for Denials {
    /// What an API has that says nothing about its refusals, and a request that belongs to no API.
    fn default() -> Self {
        let raw = RawDenials::default();
        Self {
            content_type: raw.content_type.value.0,
            // The default is a template by the tests of this file.
            body: Template::read_object(&raw.body.0).unwrap_or(Template::Object(Vec::new())),
            reasons: BTreeMap::new(),
            route_unknown_status: raw.route_unknown,
        }
    }
}

impl RawDenials {
    pub(super) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> Denials {
        let mut reasons = BTreeMap::new();
        for (code, raw) in &self.reasons {
            let at = at.field("reasons");
            let at = at.field(code.as_written());
            let fields = raw.iter().map(|(name, value)| {
                let template = read(Template::read(&value.0), &at.field(name), report);
                (name.clone(), template)
            });
            reasons.insert(code.value.0, fields.collect());
        }
        let body = read(Template::read_object(&self.body.0), &at.field("body"), report);
        let denials = Denials {
            content_type: self.content_type.value.0.clone(),
            body,
            reasons,
            route_unknown_status: self.route_unknown,
        };
        denials.check_holes(at, report);
        denials
    }
}

/// The template; an empty one where its strings are no templates, which is reported.
fn read(template: Result<Template, String>, at: &Place<'_>, report: &mut Report<'_>) -> Template {
    template.unwrap_or_else(|fault| {
        report.add(at, format!("found a string, {fault}"));
        Template::Text(Vec::new())
    })
}

impl Denials {
    /// Reports holes that nothing can fill and fields that fill no hole.
    fn check_holes(&self, at: &Place<'_>, report: &mut Report<'_>) {
        let given: BTreeSet<&str> =
            self.reasons.values().flat_map(BTreeMap::keys).map(String::as_str).collect();
        let mut used: BTreeSet<String> = ["title", "detail"].map(str::to_owned).into();
        self.body.each_hole(&at.field("body"), &mut |hole, at| {
            if let Hole::Field(name) = hole {
                if !given.contains(name.as_str()) {
                    let names: Vec<&str> = Hole::built_in_names().chain(given.iter().copied()).collect();
                    let message = format!("found the hole `{{{name}}}`, expected {}", one_of(&names));
                    report.add(at, message);
                }
                used.insert(name.clone());
            }
        });
        for (code, fields) in &self.reasons {
            let at = at.field("reasons");
            let at = at.field(code);
            for (name, template) in fields {
                let at = at.field(name);
                if !used.contains(name) {
                    let message =
                        format!("found a field that fills nothing, expected a hole `{{{name}}}` in `body`");
                    report.add(&at, message);
                }
                check_field(name, template, &at, report);
            }
        }
    }
}

/// A field may use what is always there, but no field: so nothing goes in circles.
fn check_field(name: &str, template: &Template, at: &Place<'_>, report: &mut Report<'_>) {
    let may_be_replaced = |hole: &Hole| matches!(hole, Hole::Title | Hole::Detail);
    template.each_hole(at, &mut |hole, at| {
        if matches!(hole, Hole::Field(_)) || (may_be_replaced(hole) && may_be_replaced(&Hole::named(name))) {
            report.add(
                at,
                "found the hole of a field within a field, expected only holes that Doorward fills itself",
            );
        }
    });
}

/// The media type of a body, with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ContentType(String);

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Format for ContentType {
    const NAME: &'static str = "media-type";
    const WHAT: &'static str = "a media type such as `application/json`";

    fn read(text: &str) -> Result<Self, String> {
        let is_token = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
        };
        let is_printable = |text: &str| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        match essence.split_once('/') {
            Some((kind, subtype)) if is_token(kind) && is_token(subtype) && is_printable(parameters) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(format!("expected {}", Self::WHAT)),
        }
    }
}

/// The code of a denial reason, or [`UNAVAILABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReasonCode(&'static str);

impl Format for ReasonCode {
    const NAME: &'static str = "denial-reason";
    const WHAT: &'static str = "a denial reason such as `credential_missing`";

    fn read(text: &str) -> Result<Self, String> {
        let mut codes = DenialReason::ALL.into_iter().map(DenialReason::code).chain([UNAVAILABLE]);
        let known: Vec<&str> = codes.clone().collect();
        let found = codes.find(|code| *code == text).map(Self);
        found.ok_or_else(|| format!("expected {}", one_of(&known)))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{
        Part,
        tests::{api, check, config},
    };

    use super::*;

    #[test]
    fn a_body_keeps_the_order_in_which_it_is_written() {
        let config = config(&api(&[
            "denials: { body: { z: 1, a: \"{status}\", m: [null, \"x {x}\"] }, reasons: { rate_limited: { x: 1 } } }",
        ]));
        let text = |parts: &[Part]| Template::Text(parts.to_vec());
        let expected = Template::Object(vec![
            ("z".to_owned(), Template::Scalar(json!(1))),
            ("a".to_owned(), text(&[Part::Hole(Hole::Status)])),
            (
                "m".to_owned(),
                Template::Array(vec![
                    Template::Scalar(json!(null)),
                    text(&[Part::Literal("x ".to_owned()), Part::Hole(Hole::Field("x".to_owned()))]),
                ]),
            ),
        ]);
        assert_eq!(config.apis.first().map(|api| &api.denials.body), Some(&expected));
    }

    #[test]
    fn every_hole_can_be_filled_and_every_field_fills_one() {
        let body = "body: { a: \"{message}\" }";
        let cases = [
            (format!("{body}, reasons: {{ rate_limited: {{ message: \"{{detail}}\" }} }}"), vec![]),
            ("reasons: { unavailable: { title: Busy, detail: \"{status}\" } }".to_owned(), vec![]),
            (
                body.to_owned(),
                vec![
                    "6:27 apis[0].denials.body.a: found the hole `{message}`, expected one of `reason`, `status`, `api`, \
                      `retry_after`, `required_scopes`, `provided_scopes`, `title`, `detail`",
                ],
            ),
            (
                "body: { a: { b: [\"{oops\"] } }".to_owned(),
                vec!["6:33 apis[0].denials.body.a.b[0]: found \"{oops\", expected holes such as `{detail}`"],
            ),
            (
                "reasons: { rate_limited: { message: x } }".to_owned(),
                vec!["6:52 apis[0].denials.reasons.rate_limited.message: found a field that fills nothing"],
            ),
            (
                format!("{body}, reasons: {{ rate_limited: {{ message: \"{{message}}\" }} }}"),
                vec![
                    "6:78 apis[0].denials.reasons.rate_limited.message: found the hole of a field within a field",
                ],
            ),
            (
                "reasons: { rate_limited: { detail: \"{title}\" } }".to_owned(),
                vec![
                    "6:51 apis[0].denials.reasons.rate_limited.detail: found the hole of a field within a field",
                ],
            ),
            (
                "reasons: { rate_limit: { detail: x } }".to_owned(),
                vec![
                    "6:27 apis[0].denials.reasons.rate_limit: found the name \"rate_limit\", expected one of `request_malformed`",
                ],
            ),
        ];
        for (fields, expected) in cases {
            check(&api(&[&format!("denials: {{ {fields} }}")]), &expected);
        }
    }

    #[test]
    fn a_content_type_cannot_break_out_of_its_header() {
        for good in ["application/json", "application/problem+json; charset=utf-8"] {
            assert!(ContentType::read(good).is_ok(), "{good}");
        }
        for bad in ["", "json", "a/", "/b", "a/b\r\nx: y", "a/b; c=\n", "a b/c", "a/b/c", "ä/b"] {
            assert!(ContentType::read(bad).is_err(), "{bad:?}");
        }
    }
}
