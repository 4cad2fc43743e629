//! What fragments have to do with plans.

use crate::config::Fragments;

use super::{MAIN, Team, in_force, unavailable};

const PLANS: &str = "plans: { free: [100/minute] }\n";

/// A fragment that limits by a plan.
fn limited(plan: &str) -> String {
    format!(
        "apis:\n  - {{ name: pay, hosts: [pay.test], client_address: peer, routes: [{{ match: /, public: true, cost: 200 }}], limits: {{ by: client_address, plan: {plan} }} }}\n"
    )
}

#[test]
fn a_fragment_names_plans_of_the_main_file_and_has_none_of_its_own() {
    let main = MAIN.to_owned() + PLANS;
    let team = Team::new(&main, &[("pay", &limited("free"))]);
    team.check_refused(&[]);
    let warnings: Vec<String> = team.load(&Fragments::default()).warnings.lines().collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("apis.d/pay.yaml:2:") && warnings[0].contains("cost: found 200, which is more")
    );

    team.write("apis.d/pay.yaml", limited("gold"));
    team.check_refused(&[
        "apis.d/pay.yaml:2:144: apis[0].limits.plan: found `gold`, expected `free`, which `plans` of the main file has",
    ]);
    team.write("apis.d/pay.yaml", limited("free") + PLANS);
    team.check_refused(&[
        "apis.d/pay.yaml:3:1: plans: found a field that is not known here, expected `apis`",
    ]);
}

#[test]
fn what_is_wrong_with_the_plans_is_told_once() {
    let main = MAIN.to_owned() + "plans: { free: [100/minut] }\n";
    let team = Team::new(&main, &[("pay", &limited("free"))]);
    team.check_main(&["doorward.yaml:6:17: plans.free[0]: found \"100/minut\", expected a quota such as"]);
}

#[test]
fn a_last_good_version_ends_with_its_plan_since_nothing_would_bound_it() {
    let main = MAIN.to_owned() + PLANS;
    let team = Team::new(&main, &[("pay", &limited("free"))]);
    let good = team.load(&Fragments::default());
    assert_eq!(in_force(&good), ["main: main.test", "pay: pay.test"]);
    team.write("doorward.yaml", main.replace("free", "paid"));
    let renamed = team.load(&good.fragments);
    assert_eq!(in_force(&renamed), ["main: main.test"]);
    assert_eq!(unavailable(&renamed), ["pay.test: pay", "pay2.test: pay"]);
}
