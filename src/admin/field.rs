//! What fields are held to that keys, secrets, organizations and sessions have alike.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::{Api, Plans},
    domain::{
        ApiName, LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX, NAME_BYTES_MAX, PlanName,
        SCOPES_MAX, Scope, ScopeSet, Timestamp, is_label_name, is_well_formed_key,
        is_well_formed_session_token, to_the_millisecond,
    },
};

use super::problem::{Problem, named, quoted};

/// The longest time in which a key or a secret and its successor both work.
const OVERLAP_MAX: Duration = Duration::from_hours(90 * 24);

/// What is wrong with what something is called.
pub(super) fn name_problem(name: &str) -> Option<Problem> {
    let found = if name.is_empty() {
        "nothing".to_owned()
    } else if name.len() > NAME_BYTES_MAX {
        format!("{} bytes", name.len())
    } else if name.chars().any(char::is_control) {
        "a control character".to_owned()
    } else {
        return None;
    };
    let expected = format!("expected 1 to {NAME_BYTES_MAX} bytes without control characters");
    Some(Problem::new("name", found, expected))
}

/// Everything that is wrong with a list of APIs: each has to be configured and to stand there once.
pub(super) fn api_problems(configured: &[Api], names: &[ApiName]) -> Vec<Problem> {
    if names.is_empty() {
        return vec![no_api()];
    }
    let mut problems = Vec::new();
    for (at, name) in names.iter().enumerate() {
        if names.iter().take(at).any(|other| other == name) {
            problems.push(Problem::new("apis", format!("`{name}` twice"), "expected each API once"));
        } else {
            problems.extend(api(configured, name).err());
        }
    }
    problems
}

pub(super) fn no_api() -> Problem {
    Problem::new("apis", "none", "expected the API that it is for")
}

/// Looks whether these are APIs, for a list of what serves them.
pub(super) fn known_apis(configured: &[Api], names: Option<&[ApiName]>) -> Result<(), Problem> {
    names.unwrap_or_default().iter().try_for_each(|name| api(configured, name).map(drop))
}

/// The API of this name.
pub(super) fn api<'a>(configured: &'a [Api], name: &ApiName) -> Result<&'a Api, Problem> {
    configured.iter().find(|api| api.name == *name).ok_or_else(|| {
        let names = configured.iter().map(|api| &api.name);
        let expected = format!("expected one of {}", named(names));
        Problem::new("apis", quoted(name.as_str()), expected)
    })
}

/// What is wrong with a plan: where the configuration has plans, it has to be one of them. Without any, the name is
/// for the applications alone, which read it in a header.
pub(super) fn plan_problem(plans: &Plans, plan: Option<&PlanName>) -> Option<Problem> {
    let unknown = plan.filter(|plan| !plans.is_empty() && !plans.contains_key(*plan))?;
    let expected = format!("expected one of the configured plans: {}", named(plans.keys()));
    Some(Problem::new("plan", quoted(unknown.as_str()), expected))
}

/// The scopes as a set.
pub(super) fn scope_set(scopes: Vec<Scope>) -> Result<ScopeSet, Problem> {
    ScopeSet::new(scopes).map_err(|error| {
        let found = format!("{} scopes", error.found);
        Problem::new("scopes", found, format!("expected at most {SCOPES_MAX}"))
    })
}

/// The fields in which a key or a session's token stands by mistake; it would be stored and shown in clear.
pub(super) fn secrets_in_clear<'f>(
    configured: &[Api],
    fields: impl IntoIterator<Item = (&'static str, &'f str)>,
) -> impl Iterator<Item = Problem> {
    let is_key = |text: &str| {
        configured.iter().flat_map(Api::prefix_rules).any(|rule| is_well_formed_key(text, &rule.prefix))
    };
    fields.into_iter().filter_map(move |(field, text)| {
        let found = if is_key(text) {
            "a key in clear"
        } else if is_well_formed_session_token(text) {
            "a session's token in clear"
        } else {
            return None;
        };
        Some(Problem::new(field, found, "expected no secret"))
    })
}

/// What is wrong with labels.
pub(super) fn label_problems(labels: &BTreeMap<String, String>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if labels.len() > LABELS_MAX {
        let found = format!("{} labels", labels.len());
        problems.push(Problem::new("labels", found, format!("expected at most {LABELS_MAX}")));
    }
    for (name, value) in labels {
        if !is_label_name(name) {
            let expected = format!("expected a name of 1 to {LABEL_NAME_BYTES_MAX} characters `a-z0-9._/-`");
            problems.push(Problem::new("labels", format!("the name {}", quoted(name)), expected));
        }
        if value.len() > LABEL_VALUE_BYTES_MAX {
            let found = format!("a value of {} bytes", value.len());
            let expected = format!("expected at most {LABEL_VALUE_BYTES_MAX} bytes");
            problems.push(Problem::new("labels", found, expected));
        }
        if value.chars().any(char::is_control) {
            let found = "a control character in a value";
            problems.push(Problem::new("labels", found, "expected none"));
        }
    }
    problems
}

/// What is wrong with the moment from which on something is refused.
pub(super) fn expiry_problem(expires: Option<Timestamp>, now: Timestamp) -> Option<Problem> {
    let past = expires.filter(|expires| *expires <= now)?;
    Some(Problem::new("expires", past.to_string(), format!("expected a moment after {now}")))
}

/// When what is replaced now ends after this overlap.
pub(super) fn overlap_ends(now: Timestamp, overlap: Duration) -> Result<Timestamp, Problem> {
    let problem = || {
        let found = format!("{} hours", overlap.as_secs().div_ceil(3600));
        Problem::new("overlap", found, "expected at most 90 days")
    };
    if overlap > OVERLAP_MAX {
        return Err(problem());
    }
    let ends = now.checked_add(overlap).map_err(|_| problem())?;
    Ok(to_the_millisecond(ends))
}
