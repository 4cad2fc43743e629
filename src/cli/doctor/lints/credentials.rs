//! Where credentials stand.

use crate::{
    cli::doctor::finding::{Finding, Level},
    config::{Access, Api, CredentialPlace, Route},
    domain::MethodSet,
};

/// Methods that only read (RFC 9110, section 9.2.1), for which a cookie needs no `Origin`.
const SAFE: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

pub(super) fn examine(api: &Api) -> Vec<Finding> {
    let mut findings = Vec::new();
    for place in api.credential_places() {
        let at = format!("{}, {place}", api.name);
        match place {
            CredentialPlace::Query { environments, .. } if environments.is_empty() => {
                let found = "every credential may stand in the query, which ends up in logs and histories";
                findings.push(
                    Finding::new(Level::Warning, "credential_in_query", at, found).advise(
                        "Name the `environments` whose keys may stand there, such as that for tests.",
                    ),
                );
            }
            CredentialPlace::Cookie { .. } if api.origins.is_empty() && api.routes.iter().any(may_change) => {
                let found = "the API lists no `origins`: whoever presents this cookie can only read";
                findings.push(
                    Finding::new(Level::Warning, "cookie_without_origins", at, found)
                        .advise("List the web origins of the pages that may act with it."),
                );
            }
            _ => {}
        }
    }
    findings
}

/// Whether a request that may change something can take the route with a credential.
fn may_change(route: &Route) -> bool {
    let is_unsafe = match &route.pattern.methods {
        MethodSet::Any => true,
        MethodSet::These(methods) => methods.iter().any(|method| !SAFE.contains(&method.as_str())),
    };
    is_unsafe && route.access != Access::Public
}
