//! Scopes that are named and never asked for, or asked for and never named.

use std::collections::BTreeSet;

use crate::{
    cli::doctor::finding::{Finding, Level},
    config::{Api, CredentialRule},
    domain::{Scope, ScopeSet},
};

pub(super) fn examine(api: &Api) -> Vec<Finding> {
    let asked: BTreeSet<&Scope> = api.routes.iter().flat_map(|route| &route.scopes).collect();
    let named = named(api);
    let place = |scope: &Scope| format!("{}, scope {scope}", api.name);
    let unused = named.iter().filter(|scope| !implied(api, scope).iter().any(|scope| asked.contains(scope)));
    let mut findings: Vec<Finding> = unused
        .map(|scope| {
            let found = "no route asks for it, nor for what it implies";
            Finding::new(Level::Warning, "scope_unused", place(scope), found)
                .advise("Take it away, unless the application reads it in the header of scopes.")
        })
        .collect();
    if named.is_empty() {
        return findings;
    }
    let granted = |scope: &&Scope| named.iter().any(|named| implied(api, named).contains(scope));
    for scope in asked.iter().filter(|scope| !granted(scope)) {
        let found = "a route asks for it, and nothing else in the configuration names it";
        findings.push(
            Finding::new(Level::Info, "scope_unnamed", place(scope), found)
                .advise("Is it written as it should be? Keys have it only if they are created with it."),
        );
    }
    findings
}

/// The scopes that the configuration names elsewhere than in routes.
fn named(api: &Api) -> BTreeSet<&Scope> {
    let presets = api.scope_presets.values().flat_map(|preset| &preset.scopes);
    let granted = api.credentials.iter().filter_map(|rule| match rule {
        CredentialRule::ApiKey(_) => None,
        CredentialRule::Jwt(jwt) => Some(&jwt.scopes),
        CredentialRule::Signature(signature) => Some(&signature.scopes),
        CredentialRule::Session(session) => Some(&session.scopes),
    });
    api.implications.named().chain(presets).chain(granted.flatten()).collect()
}

/// The scope and all that it implies.
fn implied(api: &Api, scope: &Scope) -> Vec<Scope> {
    let Ok(held) = ScopeSet::new(vec![scope.clone()]) else {
        return Vec::new();
    };
    api.implications.expand(&held).into_iter().cloned().collect()
}
