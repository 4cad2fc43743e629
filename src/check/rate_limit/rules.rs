//! The rules of every API, made ready: their quotas are bounds, and their metrics are resolved.

use std::{collections::HashMap, sync::Arc};

use metrics::{Counter, counter, describe_counter};

use crate::{
    check::route::{GuardedApi, Matched},
    config::{Api, Config, LimitBy, LimitRule, Quotas, Route},
    counters::Bound,
    domain::{PlanName, Quota, WindowKind},
};

/// Counts by API, by whom it is counted, and decision what rules were asked for.
const LIMITS: &str = "doorward_limits_total";

/// How much somebody may: quotas, and the bounds that they set, in the same order.
#[derive(Debug)]
pub struct Allowance {
    /// As they are written.
    pub quotas: Vec<Quota>,
    /// As they are counted.
    pub bounds: Arc<[Bound]>,
}

impl Allowance {
    fn new(quotas: &[Quota], window: WindowKind) -> Arc<Self> {
        let bounds = quotas.iter().map(|quota| Bound::new(*quota, window)).collect();
        Arc::new(Self { quotas: quotas.to_vec(), bounds })
    }
}

/// What each plan allows.
type Plans = HashMap<PlanName, Arc<Allowance>>;

/// One way of counting requests, made ready.
#[derive(Debug)]
pub struct Rule {
    /// Its name among the counters.
    pub name: String,
    /// Whom it counts by.
    pub by: LimitBy,
    /// What whoever has no plan of their own may.
    default: Arc<Allowance>,
    /// What those may who have one, if plans matter.
    plans: Option<Arc<Plans>>,
    pub(super) admitted: Counter,
    pub(super) refused: Counter,
}

impl Rule {
    /// What somebody may who has these plans: the first that is one of the configuration's counts.
    pub(super) fn allowance<'p>(&self, plans: impl IntoIterator<Item = Option<&'p PlanName>>) -> &Allowance {
        let own = self.plans.as_ref().and_then(|known| {
            let mut named = plans.into_iter().flatten();
            named.find_map(|plan| known.get(plan))
        });
        own.unwrap_or(&self.default)
    }

    /// Whether it depends on the plan what somebody may.
    pub(super) fn is_by_plan(&self) -> bool {
        self.plans.is_some()
    }
}

/// The rules of one API.
#[derive(Debug)]
struct ApiRules {
    everywhere: Vec<Rule>,
    /// In the order of the routes.
    by_route: Vec<RouteRules>,
}

/// The rules of one route.
#[derive(Debug)]
struct RouteRules {
    /// Those of it alone.
    own: Vec<Rule>,
    /// Whether one of its rules, the API's among them, counts by the client's address.
    count_by_address: bool,
}

/// The rules of every API.
#[derive(Debug)]
pub struct Rules {
    /// In the order of the APIs.
    by_api: Vec<ApiRules>,
}

impl Rules {
    /// Makes the rules of a checked configuration ready.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        describe_counter!(
            LIMITS,
            "Requests counted under a rule, by API, whom the rule counts by, and decision."
        );
        let [sliding, fixed] = [WindowKind::Sliding, WindowKind::Fixed].map(|window| {
            let plans = config.plans.iter();
            let ready = plans.map(|(name, quotas)| (name.clone(), Allowance::new(quotas, window)));
            Arc::new(ready.collect::<Plans>())
        });
        let by_api = config.apis.iter().map(|api| {
            let ready = |rule: &LimitRule| {
                let plans = match rule.window {
                    WindowKind::Sliding => &sliding,
                    WindowKind::Fixed => &fixed,
                };
                Rule::new(api, rule, plans)
            };
            let by_address = |rules: &[LimitRule]| rules.iter().any(|rule| rule.by == LimitBy::ClientAddress);
            let of_route = |route: &Route| RouteRules {
                own: route.limits.iter().map(ready).collect(),
                count_by_address: by_address(&route.limits)
                    || (route.cost > 0 && by_address(&api.limits.rules)),
            };
            ApiRules {
                everywhere: api.limits.rules.iter().map(ready).collect(),
                by_route: api.routes.iter().map(of_route).collect(),
            }
        });
        Self { by_api: by_api.collect() }
    }

    /// Whether a request is counted by its client's address.
    pub(super) fn count_by_address(&self, api: &GuardedApi, matched: Matched<'_>) -> bool {
        let route = self.by_api.get(api.index).and_then(|api| api.by_route.get(matched.index));
        route.is_some_and(|route| route.count_by_address)
    }

    /// The rules for a request, each with what it takes of the quotas: the API's, and those of the route.
    pub(super) fn of(&self, api: &GuardedApi, matched: Matched<'_>) -> impl Iterator<Item = (&Rule, u64)> {
        let cost = u64::from(matched.route.cost);
        let api = self.by_api.get(api.index);
        let everywhere = api.into_iter().filter(move |_| cost > 0).flat_map(|api| &api.everywhere);
        let of_route = api.and_then(|api| api.by_route.get(matched.index));
        let of_route = of_route.into_iter().flat_map(|route| &route.own);
        everywhere.map(move |rule| (rule, cost)).chain(of_route.map(|rule| (rule, 1)))
    }
}

impl Rule {
    fn new(api: &Api, rule: &LimitRule, plans: &Arc<Plans>) -> Self {
        let (default, plans) = match &rule.quotas {
            Quotas::Fixed(quotas) => (Allowance::new(quotas, rule.window), None),
            // The default plan is one of the configuration's, or it would not be a checked one.
            Quotas::Plan(name) => {
                let default = plans.get(name).map_or_else(|| Allowance::new(&[], rule.window), Arc::clone);
                (default, Some(Arc::clone(plans)))
            }
        };
        let counted = |decision: &'static str| counter!(LIMITS, "api" => api.name.to_string(), "by" => rule.by.name(), "decision" => decision);
        Self {
            name: rule.name.clone(),
            by: rule.by,
            default,
            plans,
            admitted: counted("admitted"),
            refused: counted("refused"),
        }
    }
}
