//! Templates: JSON values whose strings have holes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{place::Place, text::Format};

/// A JSON value with holes. Text is escaped when it is written, by construction.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// `null`, a boolean or a number.
    Scalar(Value),
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

/// A JSON value whose strings have holes, as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct RawTemplate(pub(super) Value);

impl JsonSchema for RawTemplate {
    fn schema_name() -> Cow<'static, str> {
        "Template".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let inner = generator.subschema_for::<Self>();
        json_schema!({
            "description": "Any value. In a string `{name}` is a hole; `{{` and `}}` are braces. A string that is one hole takes the type of what fills it.",
            "anyOf": [
                { "type": "null" },
                { "type": "boolean" },
                { "type": "number" },
                { "type": "string", "format": TextTemplate::NAME },
                { "type": "array", "items": inner },
                { "type": "object", "additionalProperties": inner },
            ],
        })
    }
}

/// The members of a JSON object whose strings have holes, as they are written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct RawObject(pub(super) Map<String, Value>);

impl JsonSchema for RawObject {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ObjectTemplate".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<RawTemplate>() })
    }
}

/// A string with holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextTemplate(Vec<Part>);

impl Format for TextTemplate {
    const NAME: &'static str = "text-template";
    const WHAT: &'static str = "a string, with holes such as `{detail}`";

    fn read(text: &str) -> Result<Self, String> {
        let fault = || {
            "expected holes such as `{detail}`, of letters, digits and `_`, and other braces twice".to_owned()
        };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let parts = pieces(text).ok_or_else(fault)?.into_iter().map(|piece| match piece {
            Piece::Literal(text) => Ok(Part::Literal(text)),
            Piece::Hole(name) if name.bytes().all(legal) => Ok(Part::Hole(Hole::named(name))),
            Piece::Hole(_) => Err(fault()),
        });
        parts.collect::<Result<_, _>>().map(Self)
    }
}

/// A piece of a string with holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Text as it stands, never empty; `{{` and `}}` in it are single braces again.
    Literal(String),
    /// The name of a hole, never empty.
    Hole(&'t str),
}

/// Takes a string with holes to pieces; `None` if a brace neither belongs to a hole nor stands twice.
pub(super) fn pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        literal.push_str(before);
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            literal.extend(from.chars().next());
            rest = after;
            continue;
        }
        let (name, after) = from.strip_prefix('{')?.split_once('}')?;
        if name.is_empty() || name.contains('{') {
            return None;
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Hole(name));
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Some(pieces)
}

impl Hole {
    /// The holes that need no field, by their names.
    const BUILT_IN: [(&'static str, Self); 8] = [
        ("reason", Self::Reason),
        ("status", Self::Status),
        ("api", Self::Api),
        ("retry_after", Self::RetryAfter),
        ("required_scopes", Self::RequiredScopes),
        ("provided_scopes", Self::ProvidedScopes),
        ("title", Self::Title),
        ("detail", Self::Detail),
    ];

    /// The hole of this name.
    pub(super) fn named(name: &str) -> Self {
        let built_in = Self::BUILT_IN.into_iter().find(|(known, _)| *known == name);
        built_in.map_or_else(|| Self::Field(name.to_owned()), |(_, hole)| hole)
    }

    /// The names of the holes that need no field.
    pub(super) fn built_in_names<'n>() -> impl Iterator<Item = &'n str> {
        Self::BUILT_IN.into_iter().map(|(name, _)| name)
    }
}

impl Template {
    /// The template that `value` is written as.
    ///
    /// # Errors
    ///
    /// What is wrong with one of its strings.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Self::Scalar(value.clone())),
            Value::String(text) => TextTemplate::read(text).map(|TextTemplate(parts)| Self::Text(parts)),
            Value::Array(items) => items.iter().map(Self::read).collect::<Result<_, _>>().map(Self::Array),
            Value::Object(members) => Self::read_object(members),
        }
    }

    /// The template of an object.
    ///
    /// # Errors
    ///
    /// What is wrong with one of its strings.
    pub(super) fn read_object(members: &Map<String, Value>) -> Result<Self, String> {
        let members = members.iter().map(|(name, value)| Ok((name.clone(), Self::read(value)?)));
        members.collect::<Result<_, _>>().map(Self::Object)
    }

    /// Shows each hole and its place to `visit`.
    pub(super) fn each_hole(&self, at: &Place<'_>, visit: &mut impl FnMut(&Hole, &Place<'_>)) {
        match self {
            Self::Scalar(_) => {}
            Self::Text(parts) => {
                for part in parts {
                    if let Part::Hole(hole) = part {
                        visit(hole, at);
                    }
                }
            }
            Self::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.each_hole(&at.item(index), visit);
                }
            }
            Self::Object(members) => {
                for (name, value) in members {
                    value.each_hole(&at.field(name), visit);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn literal(text: &str) -> Part {
        Part::Literal(text.to_owned())
    }

    #[test]
    fn holes_stand_in_braces_and_braces_stand_twice() {
        let field = |name: &str| Part::Hole(Hole::Field(name.to_owned()));
        let cases = [
            ("", vec![]),
            ("plain", vec![literal("plain")]),
            ("{status}", vec![Part::Hole(Hole::Status)]),
            ("{message}", vec![field("message")]),
            ("{a}{b}", vec![field("a"), field("b")]),
            (
                "Retry after {retry_after} s.",
                vec![literal("Retry after "), Part::Hole(Hole::RetryAfter), literal(" s.")],
            ),
            ("{{a}} {{{a}}}", vec![literal("{a} {"), field("a"), literal("}")]),
        ];
        for (text, parts) in cases {
            assert_eq!(TextTemplate::read(text), Ok(TextTemplate(parts)), "{text}");
        }
    }

    #[test]
    fn a_brace_that_is_no_hole_is_refused() {
        for text in ["{", "}", "{}", "{a", "a}", "{a b}", "{ä}", "{{}", "{a}}", "{\"code\": 1}"] {
            let fault = TextTemplate::read(text).expect_err(text);
            assert!(fault.starts_with("expected holes such as"), "{text}: {fault}");
        }
    }

    proptest! {
        #[test]
        fn doubling_the_braces_of_any_text_makes_it_literal(text in "\\PC{0,40}") {
            let doubled = text.replace('{', "{{").replace('}', "}}");
            let expected = if text.is_empty() { vec![] } else { vec![literal(&text)] };
            prop_assert_eq!(TextTemplate::read(&doubled), Ok(TextTemplate(expected)));
        }
    }
}
