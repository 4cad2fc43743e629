//! What was found and what was expected, in words.

use serde_json::Value;

use super::{
    schema::{allowed_values, kind, required, rule_of},
    text::Rule,
    tree::{Content, Node},
};

/// How alike two names are that are taken for one another, from 0 to 1.
const LIKENESS_MIN: f64 = 0.8;
/// The longest text that is quoted, in characters.
const QUOTED_MAX: usize = 60;

/// A value of a type that none of `shapes` is for.
pub(super) fn wrong_type(node: &Node, shapes: &[&Value]) -> String {
    let rules: Vec<&Rule> = shapes.iter().filter_map(|shape| rule_of(Some(shape))).collect();
    let is_secret = rules.iter().any(|rule| rule.is_secret);
    let expected: Vec<String> = shapes.iter().filter_map(|shape| describe(shape)).collect();
    let would_fit = |text: &str| {
        let fits = |shape: &&Value| rule_of(Some(shape)).is_none_or(|rule| (rule.fault)(text).is_none());
        shapes.iter().filter(|shape| kind(shape) == Some("string")).any(fits)
    };
    let hint = match &node.content {
        Content::Boolean(_) | Content::Integer(_) | Content::Float(_)
            if would_fit(&node.to_json().to_string()) =>
        {
            ": put it in quotes"
        }
        _ => "",
    };
    format!("found {}, expected {}{hint}", found(node, is_secret), any_of(&expected))
}

/// What a shape is for, in words; `None` for null, which stands for an absent field.
fn describe(shape: &Value) -> Option<String> {
    let values = allowed_values(shape);
    if !values.is_empty() {
        let values: Vec<String> = values.into_iter().map(written).collect();
        return Some(any_of(&values));
    }
    Some(match kind(shape)? {
        "null" => return None,
        "boolean" => "`true` or `false`".to_owned(),
        "integer" => "a whole number".to_owned(),
        "number" => "a number".to_owned(),
        "array" => "a list".to_owned(),
        "string" => rule_of(Some(shape)).map_or("a string", |rule| rule.what).to_owned(),
        _ => match required(shape).as_slice() {
            [] => "a mapping".to_owned(),
            names => format!("a mapping with `{}`", names.join("`, `")),
        },
    })
}

/// What a node holds, in words; nothing of it where it may be a secret.
pub(super) fn found(node: &Node, is_secret: bool) -> String {
    match &node.content {
        Content::Null => "nothing".to_owned(),
        Content::List(_) => "a list".to_owned(),
        Content::Mapping(_) => "a mapping".to_owned(),
        Content::Text(text) if is_secret => format!("{} characters", text.chars().count()),
        Content::Boolean(_) | Content::Integer(_) | Content::Float(_) if is_secret => "no string".to_owned(),
        Content::Boolean(value) => format!("`{value}`"),
        Content::Integer(value) => format!("the number {value}"),
        Content::Float(value) => format!("the number {value:?}"),
        Content::Text(text) => quoted(text),
    }
}

/// A text in quotes, cut where it is too long.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_MAX) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
    }
}

/// A value of the schema, as it would be written.
pub(super) fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| format!("`{text}`"))
}

/// Descriptions to choose from.
pub(super) fn any_of(alternatives: &[String]) -> String {
    match alternatives {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [others @ .., last] => format!("{} or {last}", others.join(", ")),
    }
}

/// Names to choose from.
pub(super) fn one_of(names: &[&str]) -> String {
    match names {
        [name] => format!("`{name}`"),
        names => format!("one of `{}`", names.join("`, `")),
    }
}

/// A field whose name nobody knows, and the one that was probably meant.
pub(super) fn unknown_field(known: &[&str], meant: Option<&str>) -> String {
    let meant = if known.len() > 1 { did_you_mean(meant) } else { String::new() };
    format!("found a field that is not known here, expected {}{meant}", one_of(known))
}

/// A question to end a message with.
pub(super) fn did_you_mean(meant: Option<&str>) -> String {
    meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default()
}

/// The name that was probably meant.
pub(super) fn nearest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    let alike = known.iter().map(|known| (strsim::jaro_winkler(name, known), *known));
    alike
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(one, _), (two, _)| one.total_cmp(two))
        .map(|(_, known)| known)
}
