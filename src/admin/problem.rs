//! What is wrong with a field of what is wanted, in sentences for whoever asked. No secret stands in them.

use std::fmt;

/// The longest text that is repeated to whoever wrote it: shorter than any key, which may stand in any field
/// by mistake.
const QUOTED_MAX: usize = 24;

/// One field that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field.
    pub field: &'static str,
    /// What stands there.
    pub found: String,
    /// What should: it begins with "expected".
    pub expected: String,
}

impl Problem {
    /// A problem of this field.
    pub fn new(field: &'static str, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { field, found: found.into(), expected: expected.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: found {}, {}", self.field, self.found, self.expected)
    }
}

/// A text as a problem shows it: in quotes and escaped, or only its length where it might be a key.
pub(super) fn quoted(text: &str) -> String {
    if text.chars().count() <= QUOTED_MAX {
        format!("{text:?}")
    } else {
        format!("a text of {} characters", text.chars().count())
    }
}

/// Names in a row.
pub(super) fn named<T: fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Problems, each in a line.
pub(super) fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
