//! The names that rules have among the counters.

use std::fmt::Write as _;

use crate::domain::{Method, MethodSet, RoutePattern, Segment};

use super::LimitBy;

/// The name of the `number`th rule, from 1 on, that counts by `by` in an API, or in the route of this pattern.
///
/// Counters put `/` between the parts of their names and may put a name into braces, so it holds neither. In a pattern
/// `/` is written as `:`, and what is taken for any text as `*`, since its name makes no difference: no two
/// routes of an API have the same. `%` and `*` stand in no pattern otherwise.
pub(super) fn of(by: LimitBy, number: usize, pattern: Option<&RoutePattern>) -> String {
    let mut name = by.name().to_owned();
    if number > 1 {
        let _ = write!(name, ".{number}");
    }
    if let Some(pattern) = pattern {
        name.push('@');
        push_pattern(&mut name, pattern);
    }
    name
}

fn push_pattern(name: &mut String, pattern: &RoutePattern) {
    if let MethodSet::These(methods) = &pattern.methods {
        let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
        name.push_str(&methods.join(","));
    }
    for segment in &pattern.segments {
        name.push(':');
        match segment {
            Segment::Literal(text) => name.push_str(&text.replace(':', "%3A")),
            Segment::Capture(_) => name.push('*'),
        }
    }
    if pattern.open_ended {
        name.push_str(":**");
    }
}
