//! What limits say, and what is wrong with them.

use proptest::prelude::*;

use crate::{
    config::{
        LimitBy, LimitHeaders, Limits, Quotas, ResetForm, WithoutCounters,
        tests::{api, check, config, warnings},
    },
    domain::{Period, RoutePattern, WindowKind},
};

use super::rule_name;

const PLANS: &str = "plans: { free: [100/minute, 1000/day], paid: [2000/minute] }\n";

/// An API with a client address in line 6 and these fields from line 7 on, and plans.
fn limited(fields: &[&str]) -> String {
    api(&[&["client_address: peer"], fields].concat()) + PLANS
}

fn limits(text: &str) -> Limits {
    config(&limited(&[&format!("limits: {text}")])).apis[0].limits.clone()
}

#[test]
fn one_rule_stands_alone_and_several_in_a_list() {
    let alone = limits("{ by: credential, plan: free }");
    assert_eq!(alone.rules.len(), 1);
    assert_eq!(alone.rules[0].quotas, Quotas::Plan("free".parse().expect("a name")));
    assert_eq!(alone.rules[0].window, WindowKind::Sliding);
    assert_eq!((alone.reset, alone.headers), (ResetForm::Seconds, LimitHeaders::XRateLimit));
    assert_eq!((alone.without_counters, alone.attempts), (WithoutCounters::Local, vec![]));
    let listed = limits("{ rules: [{ by: credential, plan: free }] }");
    assert_eq!(alone.rules, listed.rules);

    let all = limits(
        "{ by: client_address, quotas: [200/minute], window: fixed, reset: epoch, headers: ietf, without_counters: deny, attempts: [20/minute, 100/day] }",
    );
    assert!(matches!(&all.rules[0].quotas, Quotas::Fixed(quotas) if quotas[0].limit.get() == 200));
    assert_eq!((all.rules[0].by, all.rules[0].window), (LimitBy::ClientAddress, WindowKind::Fixed));
    assert_eq!((all.reset, all.headers), (ResetForm::Epoch, LimitHeaders::Ietf));
    assert_eq!(all.without_counters, WithoutCounters::Deny);
    assert_eq!(
        all.attempts.iter().map(|quota| quota.period).collect::<Vec<_>>(),
        [Period::Minute, Period::Day]
    );
    assert!(limits("{ attempts: [20/minute] }").rules.is_empty(), "attempts can be all that is limited");
}

#[test]
fn what_no_rule_can_mean_is_told() {
    let at = "apis[0].limits";
    let cases = [
        ("{}", format!("7:13 {at}: found no rule, expected `by`, `rules` or `attempts`")),
        ("{ reset: epoch }", format!("7:13 {at}: found no rule")),
        ("{ plan: free }", format!("7:13 {at}: found `plan` without `by`, expected both")),
        (
            "{ by: credential }",
            format!("7:13 {at}: found neither of `plan` and `quotas`, expected one of them"),
        ),
        (
            "{ by: credential, plan: free, quotas: [1/day] }",
            format!("7:13 {at}: found both of `plan` and `quotas`, expected one of them"),
        ),
        (
            "{ by: credential, rules: [{ by: project, plan: free }] }",
            format!("7:19 {at}.by: found `by` beside `rules`, expected it in one of them"),
        ),
        ("{ rules: [] }", format!("7:22 {at}.rules: found an empty list")),
        ("{ rules: [{ plan: free }] }", format!("7:23 {at}.rules[0]: found no field `by`, which is needed")),
        (
            "{ by: adress, plan: free }",
            format!(
                "7:19 {at}.by: found \"adress\", expected `credential`, `principal`, `organization`, `project` or `client_address`"
            ),
        ),
        ("{ by: credential, quotas: [] }", format!("7:39 {at}.quotas: found an empty list")),
        (
            "{ by: credential, quotas: [0/minute] }",
            format!("7:40 {at}.quotas[0]: found \"0/minute\", expected a quota such as `100/minute`"),
        ),
        (
            "{ by: credential, quotas: [100/minute, 5/day, 200/minute] }",
            format!(
                "7:59 {at}.quotas[2]: found `200/minute` beside `100/minute`, expected one quota for each period"
            ),
        ),
        (
            "{ attempts: [1/second, 2/second] }",
            format!("7:36 {at}.attempts[1]: found `2/second` beside `1/second`"),
        ),
        ("{ by: credential, plan: Free }", format!("7:37 {at}.plan: found \"Free\", expected lower-case")),
        (
            "{ by: credential, plan: fre }",
            format!(
                "7:37 {at}.plan: found `fre`, expected one of `free`, `paid`, which `plans` of the main file has; did you mean `free`?"
            ),
        ),
        (
            "{ rules: [{ by: project, plan: paid }, { by: credential, plan: gold }] }",
            format!("7:76 {at}.rules[1].plan: found `gold`, expected one of `free`, `paid`"),
        ),
        (
            "{ by: credential, plan: free, headers: x-ratelimit }",
            format!("7:52 {at}.headers: found \"x-ratelimit\", expected `x_ratelimit`"),
        ),
        (
            "{ by: credential, plan: free, window: tumbling }",
            format!("7:51 {at}.window: found \"tumbling\", expected `sliding` or `fixed`"),
        ),
    ];
    for (text, expected) in cases {
        check(&limited(&[&format!("limits: {text}")]), &[&expected]);
    }
}

#[test]
fn a_list_that_every_check_goes_through_is_short() {
    let rules = |count: usize| vec!["{ by: project, plan: free }"; count].join(", ");
    check(&limited(&[&format!("limits: {{ rules: [{}] }}", rules(8))]), &[]);
    let nine = rules(9);
    let too_many = "found 9 entries, expected 8 at most";
    check(
        &limited(&[&format!("limits: {{ rules: [{nine}] }}")]),
        &[&format!("7:22 apis[0].limits.rules: {too_many}")],
    );
    check(
        &limited(&[&format!("routes: [{{ match: /, limits: [{nine}] }}]")]),
        &[&format!("5:34 apis[0].routes[0].limits: {too_many}")],
    );
    let quotas = ["1/day"; 9].join(", ");
    check(
        &(api(&[]) + &format!("plans: {{ free: [{quotas}] }}")),
        &[&format!("6:16 plans.free: {too_many}")],
    );
}

#[test]
fn what_an_api_cannot_know_it_cannot_count_by() {
    let public = ["credentials: []", "routes: [{ match: /, public: true }]"];
    let at = "apis[0].limits";
    let no_address = "expected the API to say how the client's address is told: `client_address: peer`";
    let cases = [
        (&[][..], "{ by: credential, quotas: [1/day] }", None),
        (
            &["client_address: { hops: 1 }"],
            "{ by: client_address, quotas: [1/day], attempts: [1/day] }",
            None,
        ),
        (
            &[],
            "{ by: client_address, quotas: [1/day] }",
            Some(format!("6:19 {at}.by: found `client_address`, {no_address}")),
        ),
        (
            &[],
            "{ rules: [{ by: client_address, quotas: [1/day] }] }",
            Some(format!("6:29 {at}.rules[0].by: found `client_address`, {no_address}")),
        ),
        (&[], "{ attempts: [1/day] }", Some(format!("6:25 {at}.attempts: found `attempts`, {no_address}"))),
        (
            &public,
            "{ by: organization, quotas: [1/day] }",
            Some(format!(
                "6:19 {at}.by: found `organization`, expected `client_address`: where no credential"
            )),
        ),
        (
            &["client_address: peer", public[0], public[1]],
            "{ attempts: [1/day] }",
            Some(format!(
                "7:25 {at}.attempts: found `attempts` in an API without `credentials`, expected none"
            )),
        ),
    ];
    for (fields, text, expected) in cases {
        let limits = format!("limits: {text}");
        check(&api(&[fields, &[limits.as_str()]].concat()), expected.as_deref().as_slice());
    }
}

#[test]
fn a_route_has_a_cost_and_limits_of_its_own() {
    let text = limited(&[
        "routes: [{ match: /a }, { match: /b, cost: 5 }, { match: /c, cost: 0, limits: { by: credential, quotas: [1/day], window: fixed } }]",
        "limits: { by: credential, plan: free }",
    ]);
    let config = config(&text);
    let routes = &config.apis[0].routes;
    assert_eq!(routes.iter().map(|route| route.cost).collect::<Vec<_>>(), [1, 5, 0]);
    assert_eq!(routes.iter().map(|route| route.limits.len()).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!(routes[2].limits[0].window, WindowKind::Fixed);

    let at = "apis[0].routes[0]";
    let cases = [
        (
            "limits: { by: credential, plan: gold }",
            Some(format!("5:58 {at}.limits.plan: found `gold`, expected one of")),
        ),
        (
            "limits: [{ by: project, plan: free }, { by: credential, plan: gold }]",
            Some(format!("5:88 {at}.limits[1].plan: found `gold`, expected one of")),
        ),
        (
            "limits: { by: credential }",
            Some(format!("5:34 {at}.limits: found neither of `plan` and `quotas`")),
        ),
        (
            "public: true, limits: { by: credential, plan: free }",
            Some(format!("5:54 {at}.limits.by: found `credential`, expected `client_address`")),
        ),
        ("public: true, limits: { by: client_address, plan: free }", None),
        ("cost: 1000001", Some(format!("5:32 {at}.cost: found 1000001, expected 1000000 at most"))),
        ("cost: -1", Some(format!("5:32 {at}.cost: found -1, expected 0 at least"))),
        ("cost: 5", None),
    ];
    for (fields, expected) in cases {
        let routes = format!("routes: [{{ match: /, {fields} }}]");
        let text = limited(&[&routes, "limits: { by: credential, plan: free }"]);
        check(&text, expected.as_deref().as_slice());
    }
    check(
        &limited(&["routes: [{ match: /, cost: 5 }]"]),
        &[&format!("5:32 {at}.cost: found `cost` in an API whose `limits` have no rule, expected none")],
    );
}

#[test]
fn a_cost_that_there_is_never_room_for_is_a_risk() {
    let refused =
        "found 101, which is more than there ever is under `100/minute`: such requests are always refused";
    let cases = [
        ("by: credential, plan: free", 100, None),
        (
            "by: credential, plan: free",
            101,
            Some(format!("{refused}, but for those whose own plan has more")),
        ),
        ("by: credential, quotas: [1000/day, 100/minute]", 101, Some(refused.to_owned())),
        (
            "rules: [{ by: credential, plan: free }, { by: project, quotas: [100/minute] }]",
            101,
            Some(refused.to_owned()),
        ),
    ];
    for (rules, cost, expected) in cases {
        let routes = format!("routes: [{{ match: /, cost: {cost} }}]");
        let expected: Vec<String> =
            expected.into_iter().map(|message| format!("5:32 apis[0].routes[0].cost: {message}")).collect();
        assert_eq!(warnings(&limited(&[&routes, &format!("limits: {{ {rules} }}")])), expected, "{rules}");
    }
}

#[test]
fn a_plan_is_named_in_the_main_file() {
    let limits = "limits: { by: credential, plan: free }";
    check(
        &api(&[limits]),
        &[
            "6:37 apis[0].limits.plan: found `free`, expected a plan among the `plans` of the main file, which has none",
        ],
    );
    check(
        &(api(&[limits]) + "plans: {}"),
        &["6:37 apis[0].limits.plan: found `free`, expected a plan among"],
    );
    check(
        &(api(&[limits]) + "plans: { Free: [1/day], paid: [1/minut] }"),
        &[
            "7:10 plans.Free: found the name \"Free\", expected lower-case",
            "7:32 plans.paid[0]: found \"1/minut\", expected a quota",
        ],
    );
    check(
        &(api(&[]) + "plans: { free: [1/day, 2/day], paid: [], gold: 5 }"),
        &["6:38 plans.paid: found an empty list", "6:48 plans.gold: found the number 5, expected a list"],
    );
    check(
        &(api(&[]) + "plans: { free: [1/day, 2/day] }"),
        &["6:24 plans.free[1]: found `2/day` beside `1/day`, expected one quota for each period"],
    );
}

#[test]
fn a_rule_keeps_its_name_whatever_becomes_of_others() {
    let names = |routes: &[&str]| -> Vec<String> {
        let routes = format!("routes: [{}]", routes.join(", "));
        let text = limited(&[
            &routes,
            "limits: { rules: [{ by: credential, plan: free }, { by: project, plan: free }, { by: credential, plan: paid }] }",
        ]);
        let config = config(&text);
        let api = &config.apis[0];
        let rules = api.limits.rules.iter().chain(api.routes.iter().flat_map(|route| &route.limits));
        rules.map(|rule| rule.name.clone()).collect()
    };
    let of_api = ["credential", "project", "credential.2"];
    let one = "{ match: 'GET,POST /v1/{kind}/x:y/**', limits: { by: client_address, plan: free } }";
    let two = "{ match: /, limits: [{ by: project, plan: free }, { by: project, plan: paid }] }";
    let (of_one, of_two) = ("client_address@GET,POST:v1:*:x%3Ay:**", ["project@:", "project.2@:"]);
    assert_eq!(names(&[one, two]), [&of_api[..], &[of_one], &of_two].concat());
    assert_eq!(names(&[two, "{ match: /a }", one]), [&of_api[..], &of_two, &[of_one]].concat());
    let renamed = one.replace("{kind}", "{other}");
    assert_eq!(names(&[&renamed]), [&of_api[..], &[of_one]].concat());
}

proptest! {
    #[test]
    fn two_routes_of_an_api_have_no_name_in_common(
        texts in proptest::collection::vec("((GET|POST|GET,POST) )?(/([ab:]{1,2}|\\{x\\}|\\{y\\})){0,2}(/|/[ab:]|/\\*\\*)", 2..12),
    ) {
        let patterns: Vec<RoutePattern> = texts.iter().filter_map(|text| text.parse().ok()).collect();
        for one in &patterns {
            for other in &patterns {
                let [name, other_name] =
                    [one, other].map(|pattern| rule_name::of(LimitBy::Project, 1, Some(pattern)));
                let is_free = !name.contains(['/', '{', '}']);
                prop_assert!(is_free, "{}", name);
                let is_same = one.shapes().collect::<Vec<_>>() == other.shapes().collect::<Vec<_>>();
                prop_assert_eq!(name == other_name, is_same, "{} {}", one, other);
            }
        }
    }
}
