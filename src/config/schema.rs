//! The JSON Schema of the configuration: made of the raw sections, and read by the check of the tree's shape.
//!
//! The readers know that part of JSON Schema which schemars makes of our own types.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::{
    RawConfig,
    document::RawDocument,
    fragment::RawFragment,
    text::{self, Rule},
    tree::{Content, Node},
};

/// The JSON Schema (draft 2020-12) of the configuration file.
#[must_use]
pub fn schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<RawConfig>().to_value()
}

/// The JSON Schema (draft 2020-12) of a fragment.
#[must_use]
pub fn fragment_schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<RawFragment>().to_value()
}

/// The JSON Schema (draft 2020-12) of a document of the store `files:DIRECTORY`.
#[must_use]
pub fn document_schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<RawDocument>().to_value()
}

/// Whether a shape is for values of this type.
pub(super) fn admits(shape: &Value, node: &Node) -> bool {
    let is = |name: &str| {
        matches!(
            (&node.content, name),
            (Content::Null, "null")
                | (Content::Boolean(_), "boolean")
                | (Content::Integer(_), "integer" | "number")
                | (Content::Float(_), "number")
                | (Content::Text(_), "string")
                | (Content::List(_), "array")
                | (Content::Mapping(_), "object")
        )
    };
    match shape.get("type") {
        Some(Value::String(name)) => is(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}

pub(super) fn allowed_values(shape: &Value) -> Vec<&Value> {
    let several = shape.get("enum").and_then(Value::as_array).into_iter().flatten();
    several.chain(shape.get("const")).collect()
}

pub(super) fn required(shape: &Value) -> Vec<&str> {
    let names = shape.get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str).collect()
}

pub(super) fn properties(shape: &Value) -> Vec<&str> {
    let known = shape.get("properties").and_then(Value::as_object);
    known.into_iter().flat_map(|known| known.keys()).map(String::as_str).collect()
}

pub(super) fn rule_of(shape: Option<&Value>) -> Option<&'static Rule> {
    text::rule_of(shape?.get("format")?.as_str()?)
}

/// The type that a shape is for.
pub(super) fn kind(shape: &Value) -> Option<&str> {
    match shape.get("type")? {
        Value::Array(kinds) => kinds.first()?.as_str(),
        kind => kind.as_str(),
    }
}
