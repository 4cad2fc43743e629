//! Plans: who has one that the configuration does not have, and which nobody has.

use std::collections::BTreeMap;

use crate::{
    config::{Config, LimitRule, Quotas},
    domain::{KeyRecord, OrganizationRecord, PlanName},
};

use super::finding::{Finding, Level};

/// Looks at the plans of `keys`, which work, and of `organizations`.
pub(super) fn examine(
    config: &Config,
    keys: &[KeyRecord],
    organizations: &[OrganizationRecord],
) -> Vec<Finding> {
    if config.plans.is_empty() {
        return Vec::new();
    }
    let defaults: Vec<&PlanName> = rules(config).filter_map(default_plan).collect();
    if defaults.is_empty() {
        let found = "no limit goes by plans, so that they have no effect";
        let finding = Finding::new(Level::Warning, "plans_in_vain", "plans", found);
        return vec![finding.advise("Say `limits: { by: credential, plan: … }` where they should hold.")];
    }
    let of_keys = || keys.iter().filter_map(|key| key.plan.as_ref());
    let of_organizations = || organizations.iter().filter_map(|organization| organization.plan.as_ref());
    let mut findings = unknown(config, of_keys(), "keys", "working keys have");
    findings.extend(unknown(config, of_organizations(), "organizations", "organizations have"));
    let is_used = |plan: &PlanName| {
        defaults.contains(&plan) || of_keys().chain(of_organizations()).any(|used| used == plan)
    };
    let unused: Vec<String> =
        config.plans.keys().filter(|plan| !is_used(plan)).map(|plan| format!("`{plan}`")).collect();
    if !unused.is_empty() {
        let found = format!("nobody has these yet, and no API falls back on them: {}", unused.join(", "));
        findings.push(Finding::new(Level::Info, "plan_unused", "plans", found));
    }
    findings
}

fn rules(config: &Config) -> impl Iterator<Item = &LimitRule> {
    config
        .apis
        .iter()
        .flat_map(|api| api.limits.rules.iter().chain(api.routes.iter().flat_map(|route| &route.limits)))
}

fn default_plan(rule: &LimitRule) -> Option<&PlanName> {
    match &rule.quotas {
        Quotas::Plan(plan) => Some(plan),
        Quotas::Fixed(_) => None,
    }
}

/// The plans that the configuration does not have, with how many have each.
fn unknown<'p>(
    config: &Config,
    named: impl Iterator<Item = &'p PlanName>,
    place: &str,
    have: &str,
) -> Vec<Finding> {
    let mut unknown: BTreeMap<&PlanName, usize> = BTreeMap::new();
    for plan in named.filter(|plan| !config.plans.contains_key(*plan)) {
        *unknown.entry(plan).or_default() += 1;
    }
    let finding = |(plan, count): (&PlanName, usize)| {
        let found = format!("`plans` has no `{plan}`, which {count} {have}: it counts as none");
        Finding::new(Level::Warning, "plan_unknown", place, found)
            .advise(format!("Add `{plan}` to `plans`, or give them another."))
    };
    unknown.into_iter().map(finding).collect()
}
