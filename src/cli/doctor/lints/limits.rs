//! Limits that leave somebody out.

use crate::{
    cli::doctor::finding::{Finding, Level},
    config::{Access, Api, LimitBy, LimitRule, Route},
};

pub(super) fn examine(api: &Api) -> Vec<Finding> {
    uncounted(api).into_iter().collect()
}

/// Routes of an API with limits that take requests without a credential, which nothing counts.
fn uncounted(api: &Api) -> Option<Finding> {
    let by_address = |rules: &[LimitRule]| rules.iter().any(|rule| rule.by == LimitBy::ClientAddress);
    let is_uncounted = |route: &&Route| {
        let is_counted = (route.cost > 0 && by_address(&api.limits.rules)) || by_address(&route.limits);
        route.access != Access::Required && !is_counted
    };
    let uncounted: Vec<&Route> = api.routes.iter().filter(is_uncounted).collect();
    let first = uncounted.first().filter(|_| !api.limits.rules.is_empty())?;
    let found = format!(
        "no limit counts requests without a credential on {} of its routes, such as {}",
        uncounted.len(),
        first.pattern
    );
    let finding = Finding::new(Level::Info, "anonymous_uncounted", &api.name, found);
    Some(finding.advise("If one should, add a rule `{ by: client_address, quotas: […] }`."))
}
