//! Routes that let through more than the others: without a credential, or with any.

use crate::{
    cli::doctor::finding::{Finding, Level},
    config::{Access, Api, NamePlace, Route},
    domain::Segment,
};

use super::route_of;

pub(super) fn examine(api: &Api) -> Vec<Finding> {
    let mut findings = Vec::new();
    for route in &api.routes {
        findings.extend(access(api, route));
        findings.extend(unbound(api, route));
    }
    findings
}

fn access(api: &Api, route: &Route) -> Option<Finding> {
    let place = route_of(api, route);
    let info = |check, found| Some(Finding::new(Level::Info, check, &place, found));
    match (route.access, asks_for_more(route)) {
        (Access::Public, _) => info("route_open", "it is open to everybody"),
        (Access::Optional, false) => {
            info("route_open", "it is open to everybody: a credential can be left out")
        }
        (Access::Optional, true) => {
            let found =
                "`optional` has no effect: whoever presents nothing is refused for lack of what it asks for";
            let finding = Finding::new(Level::Warning, "optional_in_vain", place, found);
            Some(finding.advise("Take `optional` away, or what it asks for."))
        }
        (Access::Required, false) => info("any_credential", "any credential of the API will do"),
        (Access::Required, true) => None,
    }
}

/// Whether it asks for anything that nobody has who presents nothing.
fn asks_for_more(route: &Route) -> bool {
    !(route.scopes.is_empty()
        && route.principals.is_empty()
        && route.environments.is_empty()
        && route.entitlements.is_empty())
}

/// A segment that seems to name what the principal has to belong to, where nothing asks for that.
fn unbound(api: &Api, route: &Route) -> Option<Finding> {
    if route.access == Access::Public {
        return None;
    }
    let bindings = [("organization", &route.organization), ("project", &route.project)];
    let is_bound = |index: usize| {
        let places =
            bindings.iter().filter_map(|(_, binding)| binding.as_ref()).flat_map(|binding| &binding.from);
        places.into_iter().any(|place| *place == NamePlace::Segment(index))
    };
    let segments = route.pattern.segments.iter().enumerate().filter(|(index, _)| !is_bound(*index));
    let (word, name) = segments
        .filter_map(|(_, segment)| match segment {
            Segment::Capture(name) => Some(name),
            Segment::Literal(_) => None,
        })
        .find_map(|name| {
            let begins = |(word, _): &&(&'static str, _)| name.to_ascii_lowercase().starts_with(word);
            Some((bindings.iter().find(begins)?.0, name))
        })?;
    let found = format!("the principal need not belong to the {word} that `{{{name}}}` names");
    let finding = Finding::new(Level::Info, "segment_unbound", route_of(api, route), found);
    Some(finding.advise(format!("If it should, say `{word}: {{ from: [{{ path: {name} }}] }}`.")))
}
