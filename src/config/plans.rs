//! `plans`: quotas by name, and who makes use of them.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{PlanName, Quota};

use super::{
    Api, LimitRule, Quotas,
    place::Place,
    problem::Report,
    text::Text,
    wording::{did_you_mean, nearest, one_of},
};

/// Quotas by the names of plans.
pub type Plans = BTreeMap<PlanName, Arc<[Quota]>>;

/// Quotas as they are written, by the names of plans.
pub(super) type RawPlans = BTreeMap<Text<PlanName>, RawQuotas>;

/// Quotas that hold together, each for another period: `[100/minute, 1000/hour]`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "Quotas")]
pub(super) struct RawQuotas(#[schemars(length(min = 1, max = 8))] Vec<Text<Quota>>);

impl RawQuotas {
    /// The quotas; two of one period are reported.
    pub(super) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> Arc<[Quota]> {
        let quotas: Arc<[Quota]> = self.0.iter().map(|quota| quota.value).collect();
        for (index, quota) in quotas.iter().enumerate() {
            let mut earlier = quotas.iter().take(index);
            if let Some(first) = earlier.find(|other| other.period == quota.period) {
                let message = format!("found `{quota}` beside `{first}`, expected one quota for each period");
                report.add(&at.item(index), message);
            }
        }
        quotas
    }
}

/// Checks all plans.
pub(super) fn check(raw: &RawPlans, at: &Place<'_>, report: &mut Report<'_>) -> Plans {
    let plan = |(name, quotas): (&Text<PlanName>, &RawQuotas)| {
        (name.value.clone(), quotas.check(&at.field(name.as_written()), report))
    };
    raw.iter().map(plan).collect()
}

/// Whether every plan that the API names is there.
pub(super) fn has_all(plans: &Plans, api: &Api) -> bool {
    let mut rules = api.limits.rules.iter().chain(api.routes.iter().flat_map(|route| &route.limits));
    rules.all(|rule| match &rule.quotas {
        Quotas::Plan(name) => plans.contains_key(name),
        Quotas::Fixed(_) => true,
    })
}

/// Reports what the API at `at` names and `plans` lacks, and warns of requests that take more than there can be.
pub(super) fn check_use(api: &Api, plans: &Plans, at: &Place<'_>, report: &mut Report<'_>) {
    check_rules(&api.limits.rules, plans, &at.field("limits"), "rules", report);
    let routes_at = at.field("routes");
    for (index, route) in api.routes.iter().enumerate() {
        let at = routes_at.item(index);
        if !route.limits.is_empty() {
            check_rules(&route.limits, plans, &at, "limits", report);
        }
        if let Some((smallest, is_plan)) = smallest(&api.limits.rules, plans)
            && route.cost > smallest.limit.get()
        {
            let but = if is_plan { ", but for those whose own plan has more" } else { "" };
            let message = format!(
                "found {}, which is more than there ever is under `{smallest}`: such requests are always refused{but}",
                route.cost
            );
            report.warn(&at.field("cost"), message);
        }
    }
}

/// The quota of some rules that has the smallest limit, and whether only those meet it who have no plan of their own.
fn smallest(rules: &[LimitRule], plans: &Plans) -> Option<(Quota, bool)> {
    let quotas = rules.iter().flat_map(|rule| {
        let (quotas, is_plan) = match &rule.quotas {
            Quotas::Plan(name) => (plans.get(name).map(|quotas| &**quotas).unwrap_or_default(), true),
            Quotas::Fixed(quotas) => (&**quotas, false),
        };
        quotas.iter().map(move |quota| (*quota, is_plan))
    });
    quotas.min_by_key(|(quota, is_plan)| (quota.limit, *is_plan))
}

/// Reports the plans that some rules name and `plans` lacks. The rules stand under `list` at `at`, or else one of
/// them alone.
fn check_rules(rules: &[LimitRule], plans: &Plans, at: &Place<'_>, list: &str, report: &mut Report<'_>) {
    let list_at = at.field(list);
    for (index, rule) in rules.iter().enumerate() {
        let Quotas::Plan(name) = &rule.quotas else { continue };
        if plans.contains_key(name) {
            continue;
        }
        let known: Vec<&str> = plans.keys().map(PlanName::as_str).collect();
        let expected = match known.as_slice() {
            [] => "a plan among the `plans` of the main file, which has none".to_owned(),
            known => format!("{}, which `plans` of the main file has", one_of(known)),
        };
        let message =
            format!("found `{name}`, expected {expected}{}", did_you_mean(nearest(name.as_str(), &known)));
        let in_list = list_at.item(index);
        let rule_at = if report.is_written(&in_list) {
            in_list
        } else if report.is_written(&list_at) {
            list_at
        } else {
            *at
        };
        report.add(&rule_at.field("plan"), message);
    }
}
