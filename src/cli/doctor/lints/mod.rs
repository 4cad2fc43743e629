//! What the configuration says, as opposed to what it seems to say. Only what is certain is told.

mod credentials;
mod exposure;
mod limits;
mod open;
mod reach;
mod satisfied;
mod scopes;

use crate::{
    config::{Api, Config, Route},
    domain::Timestamp,
};

use super::finding::Finding;

pub(super) fn examine(config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut findings = exposure::examine(config, now);
    for api in &config.apis {
        findings.extend(open::examine(api));
        findings.extend(reach::examine(api));
        findings.extend(satisfied::examine(api));
        findings.extend(scopes::examine(api));
        findings.extend(credentials::examine(api));
        findings.extend(limits::examine(api));
    }
    findings
}

/// How a route is named: by its API and its pattern.
fn route_of(api: &Api, route: &Route) -> String {
    format!("{}, route {}", api.name, route.pattern)
}
