//! What a fragment that turns bad keeps.

use crate::config::Fragments;

use super::{BAD, MAIN, Team, api, fragment, in_force, unavailable};

#[test]
fn two_files_of_one_name_are_both_refused_since_the_grant_could_mean_either() {
    let main = MAIN.replace("apis.d/*.yaml", "[apis.d/*.yaml, other.d/*.yaml]");
    let team = Team::new(&main, &[("pay", &fragment("one", "pay.test"))]);
    let good = team.load(&Fragments::default());
    team.write("other.d/pay.yaml", fragment("two", "pay2.test"));
    team.check_refused(&[
        "apis.d/pay.yaml: found other.d/pay.yaml of the same name, expected one file for each grant",
        "other.d/pay.yaml: found apis.d/pay.yaml of the same name, expected one file for each grant",
    ]);
    let loaded = team.load(&good.fragments);
    assert_eq!(in_force(&loaded), ["main: main.test", "one: pay.test"], "what was good before stays");
    assert_eq!(unavailable(&loaded), ["pay2.test: pay"]);
}

#[test]
fn a_fragment_that_turns_bad_keeps_its_last_good_version_until_it_is_good_again_or_deleted() {
    let team = Team::new(MAIN, &[("pay", &fragment("one", "pay.test"))]);
    let good = team.load(&Fragments::default());

    team.write("apis.d/pay.yaml", BAD);
    let bad = team.load(&good.fragments);
    assert_eq!(in_force(&bad), ["main: main.test", "one: pay.test"]);
    assert_eq!(unavailable(&bad), ["pay2.test: pay"], "which hosts it would have is not known");
    assert!(bad.refused.iter().all(|fragment| fragment.is_kept));
    let still_bad = team.load(&bad.fragments);
    assert_eq!(in_force(&still_bad), in_force(&bad), "it is kept as long as it takes");

    team.write("apis.d/pay.yaml", fragment("two", "pay2.test"));
    let good = team.load(&still_bad.fragments);
    assert_eq!(
        (in_force(&good), unavailable(&good)),
        (vec!["main: main.test".into(), "two: pay2.test".into()], vec![])
    );

    std::fs::remove_file(team.path("apis.d/pay.yaml")).expect("the file was there");
    let deleted = team.load(&good.fragments);
    assert_eq!((in_force(&deleted), unavailable(&deleted)), (vec!["main: main.test".to_owned()], vec![]));
    team.write("apis.d/pay.yaml", BAD);
    let back = team.load(&deleted.fragments);
    assert_eq!(unavailable(&back), ["pay.test: pay", "pay2.test: pay"], "what was deleted is forgotten");
}

#[test]
fn of_a_last_good_version_only_what_is_still_granted_and_free_is_kept() {
    let pay = fragment("one", "pay.test") + &api("two", "pay2.test");
    let shop = fragment("shop", "shop.test");
    let main = |from: &str, to: &str| MAIN.replacen(from, to, 1);
    let cases: [(&str, String, &[&str], &[&str]); 5] = [
        (
            "all granted",
            MAIN.to_owned(),
            &["main: main.test", "one: pay.test", "two: pay2.test", "shop: shop.test"],
            &[],
        ),
        (
            "a host taken away",
            main("pay.test, pay2.test", "pay2.test"),
            &["main: main.test", "two: pay2.test", "shop: shop.test"],
            &[],
        ),
        (
            "a host given to another",
            main("pay.test, pay2.test", "pay2.test").replacen("[shop.test]", "[shop.test, pay.test]", 1),
            &["main: main.test", "two: pay2.test", "shop: shop.test"],
            &[],
        ),
        (
            "no grant at all",
            main("  pay: { hosts: [pay.test, pay2.test], apis: [pay, one, two] }\n", ""),
            &["main: main.test", "shop: shop.test"],
            &[],
        ),
        (
            "a name given to another",
            main("one, two]", "one]").replacen("[shop.test]", "[shop.test], apis: [shop, two]", 1),
            &["main: main.test", "one: pay.test", "shop: shop.test"],
            &["pay2.test: pay"],
        ),
    ];
    for (what, main, expected, unavailable_hosts) in cases {
        let team = Team::new(MAIN, &[("pay", &pay), ("shop", &shop)]);
        let good = team.load(&Fragments::default());
        team.write("doorward.yaml", main);
        team.write("apis.d/pay.yaml", BAD);
        let loaded = team.load(&good.fragments);
        assert_eq!(in_force(&loaded), expected, "{what}");
        assert_eq!(unavailable(&loaded), unavailable_hosts, "{what}");
    }
}

#[test]
fn an_unchanged_fragment_whose_grant_shrinks_is_refused_and_loses_what_is_not_granted() {
    let team = Team::new(MAIN, &[("pay", &fragment("one", "pay.test, pay2.test"))]);
    let good = team.load(&Fragments::default());
    team.write("doorward.yaml", MAIN.replacen("pay.test, pay2.test", "pay2.test", 1));
    let loaded = team.load(&good.fragments);
    assert_eq!(in_force(&loaded), ["main: main.test", "one: pay2.test"]);
    assert!(
        loaded.errors().is_some_and(|errors| errors.to_string().contains("found `pay.test`, expected what"))
    );
    team.write("doorward.yaml", MAIN);
    assert_eq!(in_force(&team.load(&loaded.fragments)), ["main: main.test", "one: pay.test pay2.test"]);
}
