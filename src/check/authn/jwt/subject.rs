//! Claims → the subject, as the configuration maps them. Nothing is truncated or left out: what cannot be what it
//! stands for makes the token bad.

use std::{fmt::Display, str::FromStr, sync::Arc};

use percent_encoding::utf8_percent_encode;
use serde_json::Value;

use crate::{
    check::authn::TokenSubject,
    config::{ClaimPath, JwtCredential},
    domain::{
        HEADER_VALUE_BYTES_MAX, HEADER_VALUE_ESCAPES, HeaderName, Membership, OrganizationId, Scope,
        ScopeSet, UserId,
    },
};

use super::fault::ClaimFault;

/// The most organizations that a token may name.
const ORGANIZATIONS_MAX: usize = 64;

/// Whom these claims are about.
///
/// # Errors
///
/// A claim cannot be what the rule makes of it.
pub(super) fn of(claims: &Value, rule: &JwtCredential) -> Result<TokenSubject, ClaimFault> {
    let paths = &rule.claims;
    let id = paths.id.find(claims).and_then(Value::as_str).ok_or_else(|| wrong(&paths.id, "a string"))?;
    let own_id: UserId = parse(id, "id", &paths.id)?;
    let user = match &paths.id_prefix {
        Some(prefix) => parse(&format!("{prefix}{own_id}"), "id", &paths.id)?,
        None => own_id,
    };
    let own = match &paths.scopes {
        Some(path) => path.find(claims).map_or_else(|| Ok(Vec::new()), |claim| scopes(claim, path))?,
        None => Vec::new(),
    };
    let memberships = match &paths.organizations {
        Some(path) => {
            Some(path.find(claims).map_or_else(|| Ok(Vec::new()), |claim| memberships(claim, path))?)
        }
        None => None,
    };
    let scopes_path = paths.scopes.as_ref().unwrap_or(&paths.id);
    Ok(TokenSubject {
        user,
        memberships: memberships.map(Arc::from),
        scopes: set(rule.scopes.iter().cloned().chain(own).collect(), scopes_path)?,
        headers: headers(claims, rule)?,
    })
}

fn wrong(path: &ClaimPath, expected: &'static str) -> ClaimFault {
    ClaimFault::Type { claim: path.to_string(), expected }
}

fn no_value(path: &ClaimPath, what: &'static str, expected: impl Display) -> ClaimFault {
    ClaimFault::Value { claim: path.to_string(), what, expected: expected.to_string() }
}

fn parse<T: FromStr<Err: Display>>(
    text: &str,
    what: &'static str,
    path: &ClaimPath,
) -> Result<T, ClaimFault> {
    text.parse().map_err(|error: T::Err| no_value(path, what, error))
}

/// A string with spaces between (RFC 8693, section 4.2), or a list.
fn scopes(claim: &Value, path: &ClaimPath) -> Result<Vec<Scope>, ClaimFault> {
    let expected = || wrong(path, "a string with spaces between scopes, or a list of scopes");
    let scope = |text: &str| parse(text, "scope", path);
    match claim {
        Value::String(text) => text.split(' ').filter(|text| !text.is_empty()).map(scope).collect(),
        Value::Array(items) => {
            items.iter().map(|item| item.as_str().ok_or_else(expected).and_then(scope)).collect()
        }
        _ => Err(expected()),
    }
}

fn set(scopes: Vec<Scope>, path: &ClaimPath) -> Result<ScopeSet, ClaimFault> {
    ScopeSet::new(scopes).map_err(|error| no_value(path, "set of scopes", error))
}

/// One organization, a list of them, or a mapping of organization → scopes; each once.
fn memberships(claim: &Value, path: &ClaimPath) -> Result<Vec<Membership>, ClaimFault> {
    let expected = || wrong(path, "an organization, a list of them, or an object of organization to scopes");
    let organization = |text: &str| parse::<OrganizationId>(text, "organization", path);
    let without_scopes =
        |text: &str| Ok(Membership { organization: organization(text)?, scopes: ScopeSet::default() });
    let mut named: Vec<Membership> = match claim {
        Value::String(one) => vec![without_scopes(one)?],
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().ok_or_else(expected).and_then(without_scopes))
            .collect::<Result<_, _>>()?,
        Value::Object(members) => members
            .iter()
            .map(|(id, claim)| {
                Ok(Membership { organization: organization(id)?, scopes: set(scopes(claim, path)?, path)? })
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(expected()),
    };
    if named.len() > ORGANIZATIONS_MAX {
        let expected = format!("expected at most {ORGANIZATIONS_MAX}, not {}", named.len());
        return Err(no_value(path, "set of organizations", expected));
    }
    named.sort_by(|one, two| one.organization.cmp(&two.organization));
    named.dedup_by(|one, two| one.organization == two.organization);
    Ok(named)
}

/// The claims that the upstream reads, ready to be sent. An empty one is none: an empty header may be dropped.
fn headers(claims: &Value, rule: &JwtCredential) -> Result<Vec<(HeaderName, Box<str>)>, ClaimFault> {
    let mut headers = Vec::new();
    for (name, path) in &rule.claims.headers {
        let Some(claim) = path.find(claims) else { continue };
        let text = match claim {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            _ => return Err(wrong(path, "a string, a number, `true` or `false`")),
        };
        let encoded = utf8_percent_encode(&text, HEADER_VALUE_ESCAPES).to_string();
        if encoded.len() > HEADER_VALUE_BYTES_MAX {
            let expected = format!(
                "expected at most {HEADER_VALUE_BYTES_MAX} bytes once percent-encoded, not {}",
                encoded.len()
            );
            return Err(no_value(path, "value of a header", expected));
        }
        if !encoded.is_empty() {
            headers.push((name.clone(), encoded.into()));
        }
    }
    Ok(headers)
}
