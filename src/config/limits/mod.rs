//! `limits`: how much may be done in how long a time, and what is said of it.

mod rule_name;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{PlanName, Quota, RoutePattern, WindowKind};

use super::{place::Place, plans::RawQuotas, problem::Report, text::Text};

/// The limits of an API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// By what requests are counted. All rules must have room.
    pub rules: Vec<LimitRule>,
    /// How a moment is told in `X-RateLimit-Reset`.
    pub reset: ResetForm,
    /// Which headers tell of the limits.
    pub headers: LimitHeaders,
    /// What is done where shared counters do not answer.
    pub without_counters: WithoutCounters,
    /// How many bad credentials may come from one address; empty is any number.
    pub attempts: Vec<Quota>,
}

/// One way of counting requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRule {
    /// Its name among the counters, without `/` or braces: the same for as long as it counts the same, whatever
    /// becomes of other routes. No two rules of an API have the same.
    pub name: String,
    /// Whom it counts by.
    pub by: LimitBy,
    /// How much each of them may.
    pub quotas: Quotas,
    /// How its windows lie.
    pub window: WindowKind,
}

/// Whom requests are counted by. A request that has none of it is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitBy {
    /// The credential: a key with all that it was rotated from, a session, the person of a token, the project of a signature.
    Credential,
    /// The principal: a key with all that it was rotated from, the person of a session or token, the project of a signature.
    Principal,
    /// The organization that the principal acts for.
    Organization,
    /// The project that it acts in.
    Project,
    /// The client's address; of IPv6 the first 64 bits.
    ClientAddress,
}

impl LimitBy {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Principal => "principal",
            Self::Organization => "organization",
            Self::Project => "project",
            Self::ClientAddress => "client_address",
        }
    }
}

/// How much somebody may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quotas {
    /// What their plan says, or else this plan. `Config::plans` has it.
    Plan(PlanName),
    /// The same for everybody.
    Fixed(Arc<[Quota]>),
}

/// How a moment is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResetForm {
    /// By the seconds until then.
    #[default]
    Seconds,
    /// By the seconds since the Unix epoch.
    Epoch,
}

/// Which headers tell of the limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitHeaders {
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset`.
    #[default]
    #[serde(rename = "x_ratelimit")]
    XRateLimit,
    /// The fields `RateLimit` and `RateLimit-Policy` of the IETF's draft.
    Ietf,
    /// Both.
    Both,
    /// None on allowed answers, for callers that reject them; `Retry-After` alone on refusals.
    None,
}

/// What is done where shared counters do not answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WithoutCounters {
    /// This replica counts for itself, with its share of the limit.
    #[default]
    Local,
    /// Everything is admitted.
    Allow,
    /// Everything is unavailable.
    Deny,
}

/// How much may be done, in how long a time: one rule, or several under `rules`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Limits")]
pub(super) struct RawLimits {
    /// By what requests are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<LimitBy>,
    /// The plan of whoever has none of their own. Either this or `quotas`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<Text<PlanName>>,
    /// What everybody may, whatever their plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quotas: Option<RawQuotas>,
    /// How its windows lie; `sliding` unless this says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<RawWindow>,
    /// Several rules in the place of the one: a request needs room under all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8))]
    rules: Option<Vec<RawLimitRule>>,
    /// How `X-RateLimit-Reset` tells a moment.
    #[serde(default)]
    reset: ResetForm,
    /// Which headers tell of the limits.
    #[serde(default)]
    headers: LimitHeaders,
    /// What is done where shared counters do not answer.
    #[serde(default)]
    without_counters: WithoutCounters,
    /// How many bad credentials may come from one client address. One that is known to be good is never refused
    /// for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempts: Option<RawQuotas>,
}

/// One way of counting requests.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LimitRule")]
pub(super) struct RawLimitRule {
    /// By what requests are counted.
    by: LimitBy,
    /// The plan of whoever has none of their own. Either this or `quotas`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<Text<PlanName>>,
    /// What everybody may, whatever their plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quotas: Option<RawQuotas>,
    /// How its windows lie.
    #[serde(default)]
    window: RawWindow,
}

/// One rule, or several.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "RouteLimits")]
pub(super) enum RawRouteLimits {
    /// One rule.
    One(RawLimitRule),
    /// Several: a request needs room under all of them.
    Several(#[schemars(length(min = 1, max = 8))] Vec<RawLimitRule>),
}

/// How the windows of a quota lie.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Window")]
pub(super) enum RawWindow {
    /// Every stretch of time of the period's length is a window: the limit holds in each of them.
    #[default]
    Sliding,
    /// Windows follow each other, aligned to the clock: around a border twice the limit can pass.
    Fixed,
}

impl RawWindow {
    fn kind(self) -> WindowKind {
        match self {
            Self::Sliding => WindowKind::Sliding,
            Self::Fixed => WindowKind::Fixed,
        }
    }
}

/// Whom an API, or one of its routes, can count by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Countable {
    /// Whether anybody has to prove who they are.
    pub(super) has_principals: bool,
    /// Whether `client_address` is declared.
    pub(super) has_address: bool,
}

impl Countable {
    /// What is wrong with counting by `by`, as a sentence after "found `by: …`, ".
    fn fault(self, by: LimitBy) -> Option<&'static str> {
        match by {
            LimitBy::ClientAddress if !self.has_address => Some(NO_ADDRESS),
            LimitBy::ClientAddress => None,
            _ if !self.has_principals => Some(
                "expected `client_address`: where no credential is asked for, nothing else can be counted",
            ),
            _ => None,
        }
    }
}

const NO_ADDRESS: &str = "expected the API to say how the client's address is told: `client_address: peer` or `client_address: { hops: … }`";

impl RawLimits {
    pub(super) fn check(&self, countable: Countable, at: &Place<'_>, report: &mut Report<'_>) -> Limits {
        Limits {
            rules: self.check_rules(countable, at, report),
            reset: self.reset,
            headers: self.headers,
            without_counters: self.without_counters,
            attempts: self.check_attempts(countable, &at.field("attempts"), report),
        }
    }

    fn check_rules(&self, countable: Countable, at: &Place<'_>, report: &mut Report<'_>) -> Vec<LimitRule> {
        let alone = [
            ("by", self.by.is_some()),
            ("plan", self.plan.is_some()),
            ("quotas", self.quotas.is_some()),
            ("window", self.window.is_some()),
        ];
        let alone = alone.into_iter().find(|(_, is_written)| *is_written);
        match (&self.rules, self.by, alone) {
            (Some(rules), _, None) => check_several(rules, countable, None, &at.field("rules"), report),
            (Some(_), _, Some((name, _))) => {
                let message = format!("found `{name}` beside `rules`, expected it in one of them");
                report.add(&at.field(name), message);
                Vec::new()
            }
            (None, Some(by), _) => {
                let (plan, quotas) = (self.plan.clone(), self.quotas.clone());
                let rule = RawLimitRule { by, plan, quotas, window: self.window.unwrap_or_default() };
                let name = rule_name::of(by, 1, None);
                rule.check(name, countable, at, report).into_iter().collect()
            }
            (None, None, Some((name, _))) => {
                report.add(at, format!("found `{name}` without `by`, expected both"));
                Vec::new()
            }
            (None, None, None) => {
                if self.attempts.is_none() {
                    report.add(at, "found no rule, expected `by`, `rules` or `attempts`");
                }
                Vec::new()
            }
        }
    }

    fn check_attempts(&self, countable: Countable, at: &Place<'_>, report: &mut Report<'_>) -> Vec<Quota> {
        let Some(attempts) = &self.attempts else { return Vec::new() };
        if !countable.has_address {
            report.add(at, format!("found `attempts`, {NO_ADDRESS}"));
        }
        if !countable.has_principals {
            report.add(
                at,
                "found `attempts` in an API without `credentials`, expected none: no credential can be bad",
            );
        }
        attempts.check(at, report).to_vec()
    }
}

impl RawRouteLimits {
    /// Checks the rules of the route that has this `pattern`.
    pub(super) fn check(
        &self,
        pattern: &RoutePattern,
        countable: Countable,
        at: &Place<'_>,
        report: &mut Report<'_>,
    ) -> Vec<LimitRule> {
        match self {
            Self::One(rule) => {
                let name = rule_name::of(rule.by, 1, Some(pattern));
                rule.check(name, countable, at, report).into_iter().collect()
            }
            Self::Several(rules) => check_several(rules, countable, Some(pattern), at, report),
        }
    }
}

fn check_several(
    rules: &[RawLimitRule],
    countable: Countable,
    pattern: Option<&RoutePattern>,
    at: &Place<'_>,
    report: &mut Report<'_>,
) -> Vec<LimitRule> {
    let rule = |(index, rule): (usize, &RawLimitRule)| {
        let alike = rules.iter().take(index + 1).filter(|other| other.by == rule.by).count();
        rule.check(rule_name::of(rule.by, alike, pattern), countable, &at.item(index), report)
    };
    rules.iter().enumerate().filter_map(rule).collect()
}

impl RawLimitRule {
    /// The rule; `None` where how much it allows cannot be told, which is reported.
    fn check(
        &self,
        name: String,
        countable: Countable,
        at: &Place<'_>,
        report: &mut Report<'_>,
    ) -> Option<LimitRule> {
        if let Some(fault) = countable.fault(self.by) {
            report.add(&at.field("by"), format!("found `{}`, {fault}", self.by.name()));
        }
        let quotas = match (&self.plan, &self.quotas) {
            (Some(plan), None) => Quotas::Plan(plan.value.clone()),
            (None, Some(quotas)) => Quotas::Fixed(quotas.check(&at.field("quotas"), report)),
            (plan, _) => {
                let found = if plan.is_some() { "both" } else { "neither" };
                report.add(at, format!("found {found} of `plan` and `quotas`, expected one of them"));
                return None;
            }
        };
        Some(LimitRule { name, by: self.by, quotas, window: self.window.kind() })
    }
}
