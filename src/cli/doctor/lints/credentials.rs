//! Where credentials stand, and whose ids they tell.

use crate::{
    cli::doctor::finding::{Finding, Level},
    config::{Access, Api, CredentialPlace, CredentialRule, JwtCredential, Route},
    domain::{MethodSet, UserId},
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
    findings.extend(examine_issuers(api));
    findings
}

/// Ids are unique within their issuer alone (`OpenID` Connect Core 1.0, section 5.7).
fn examine_issuers(api: &Api) -> Option<Finding> {
    let rules: Vec<&JwtCredential> = api
        .credentials
        .iter()
        .filter_map(|rule| match rule {
            CredentialRule::Jwt(rule) => Some(&**rule),
            _ => None,
        })
        .collect();
    let (one, two) = rules.iter().enumerate().find_map(|(at, one)| {
        let two = rules.iter().skip(at + 1).find(|two| can_be_alike(one, two))?;
        Some((one, two))
    })?;
    let found = format!("somebody of `{}` can have the id of somebody of `{}`", two.issuer, one.issuer);
    let advice = "Give each an `id_prefix` in its `claims`, none of which begins with another, unless both tell of the \
                  same people.";
    Some(Finding::new(Level::Warning, "ids_of_two_issuers", api.name.to_string(), found).advise(advice))
}

/// Whether both issuers could tell one id: the prefix of one begins with that of the other.
fn can_be_alike(one: &JwtCredential, two: &JwtCredential) -> bool {
    let [one, two] = [one, two].map(|rule| rule.claims.id_prefix.as_ref().map_or("", UserId::as_str));
    one.starts_with(two) || two.starts_with(one)
}

/// Whether a request that may change something can take the route with a credential.
fn may_change(route: &Route) -> bool {
    let is_unsafe = match &route.pattern.methods {
        MethodSet::Any => true,
        MethodSet::These(methods) => methods.iter().any(|method| !SAFE.contains(&method.as_str())),
    };
    is_unsafe && route.access != Access::Public
}
