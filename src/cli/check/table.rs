//! An explanation for people.

use serde_json::Value;

use crate::cli::table::plain;

use super::{
    answer::Answer,
    explanation::{Explanation, Refused, Stage},
    facts::Facts,
};

/// Where what a stage concluded begins, and what it saw under it.
const INDENT: usize = 14;

/// The explanation, a block for each stage, then what to do next, then what Envoy is told.
pub(super) fn render(explanation: &Explanation) -> String {
    let mut lines = Vec::new();
    for stage in &explanation.stages {
        lines.push(headline(stage));
        lines.extend(told(&stage.saw, INDENT));
    }
    for sentence in &explanation.advice {
        lines.extend([String::new(), plain(sentence)]);
    }
    lines.push(String::new());
    lines.extend(answer(&explanation.answer));
    lines.join("\n")
}

fn headline(Stage { number, name, concluded, refused, .. }: &Stage) -> String {
    let concluded = concluded.replace('_', " ");
    let why = match refused {
        Some(Refused { reason, cause }) => format!(": {reason} – {}", plain(cause)),
        None => String::new(),
    };
    format!("{:INDENT$}{concluded}{why}", format!("{number} {name}"))
}

/// The facts, their values one below the other; what has facts of its own gets a line of its own.
fn told(facts: &Facts, indent: usize) -> Vec<String> {
    let width = facts.keys().map(String::len).max().unwrap_or_default();
    let mut lines = Vec::new();
    for (name, value) in facts {
        let values = match value {
            Value::Array(items) if items.iter().any(Value::is_object) => items.iter().map(shown).collect(),
            value => vec![shown(value)],
        };
        let mut name = plain(&name.replace('_', " "));
        for value in values {
            lines.push(format!("{:indent$}{name:width$}  {value}", "").trim_end().to_owned());
            name.clear();
        }
    }
    lines
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(facts) => {
            let facts = facts.iter().map(|(name, value)| format!("{} {}", plain(name), shown(value)));
            facts.collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

/// What Envoy is told, a line for each change that it makes.
fn answer(answer: &Answer) -> Vec<String> {
    let mut lines = vec![format!("Envoy is told: {}", answer.summary())];
    let mut add = |what: &str, text: &str| lines.push(plain(&format!("  {what} {text}")));
    for (name, value) in &answer.headers {
        add("header to the client", &format!("{name}: {}", value.as_str().unwrap_or_default()));
    }
    for (name, value) in &answer.set_headers {
        add("set header", &format!("{name}: {}", value.as_str().unwrap_or_default()));
    }
    for name in &answer.removed_headers {
        add("remove header", name);
    }
    for name in &answer.removed_query_parameters {
        add("remove query parameter", name);
    }
    for (name, value) in &answer.metadata {
        add("metadata", &format!("{name}: {}", value.as_str().unwrap_or_default()));
    }
    if let Some(body) = &answer.body {
        add("body", body);
    }
    lines
}
