//! What the main file and its fragments say together, each test in a folder of its own.

mod files;
mod last_good;
mod plans;
mod secrets;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::config::{Api, Config, ConfigErrors, Fragments, Loaded};

/// An API and two grants, in lines 1 to 5.
const MAIN: &str = "include: apis.d/*.yaml
grants:
  pay: { hosts: [pay.test, pay2.test], apis: [pay, one, two] }
  shop: { hosts: [shop.test] }
apis: [{ name: main, hosts: [main.test], routes: [{ match: /, public: true }] }]
";

/// The environment of every load.
const ENV: [(&str, &str); 2] = [
    ("PAY_SECRET", "the secret of the team that is paid"),
    ("SERVER_SECRET", "the secret of the server itself"),
];

/// What is no fragment.
const BAD: &str = "bad: true";

struct Team(TempDir);

/// An API in one line.
fn api(name: &str, hosts: &str) -> String {
    format!("  - {{ name: {name}, hosts: [{hosts}], routes: [{{ match: /, public: true }}] }}\n")
}

/// A fragment of one API, in line 2.
fn fragment(name: &str, hosts: &str) -> String {
    format!("apis:\n{}", api(name, hosts))
}

impl Team {
    fn new(main: &str, fragments: &[(&str, &str)]) -> Self {
        let team = Self(tempfile::tempdir().expect("a folder"));
        team.write("doorward.yaml", main);
        for (name, text) in fragments {
            team.write(&format!("apis.d/{name}.yaml"), text);
        }
        team
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    fn try_load(&self, last_good: &Fragments) -> Result<Loaded, ConfigErrors> {
        let env = ENV.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Config::load(&self.path("doorward.yaml"), &env, last_good)
    }

    fn load(&self, last_good: &Fragments) -> Loaded {
        self.try_load(last_good).unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// The lines of these errors, without the folder and without the last line, their number.
    fn lines(&self, errors: &ConfigErrors) -> Vec<String> {
        let text = errors.to_string().replace(&format!("{}/", self.0.path().display()), "");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.pop();
        lines
    }

    /// Checks that the main file itself is refused with these problems, each told in words that begin so.
    fn check_main(&self, expected: &[&str]) {
        let errors = self.try_load(&Fragments::default()).expect_err("the main file is bad");
        assert_begin(&self.lines(&errors), expected);
    }

    /// Checks that these fragments are refused, all others taken.
    fn check_refused(&self, expected: &[&str]) {
        let loaded = self.load(&Fragments::default());
        let lines = loaded.errors().map(|errors| self.lines(&errors)).unwrap_or_default();
        assert_begin(&lines, expected);
    }
}

fn assert_begin(found: &[String], expected: &[&str]) {
    let agree = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected));
    assert!(agree, "found {found:#?}\nexpected {expected:#?}");
}

/// Each API in force with its hosts, as `name: host host`.
fn in_force(loaded: &Loaded) -> Vec<String> {
    let told = |api: &Api| format!("{}: {}", api.name, api.hosts.join(" "));
    loaded.config.apis.iter().map(told).collect()
}

/// Each unavailable host and its fragment, as `host: fragment`.
fn unavailable(loaded: &Loaded) -> Vec<String> {
    loaded.config.unavailable.iter().map(|(host, fragment)| format!("{host}: {fragment}")).collect()
}

#[test]
fn the_apis_of_fragments_stand_behind_those_of_the_main_file_in_the_order_of_the_files() {
    let shop = fragment("shop", "shop.test");
    let pay = fragment("two", "pay2.test") + &api("one", "PAY.test.");
    let team = Team::new(MAIN, &[("shop", &shop), ("pay", &pay)]);
    let loaded = team.load(&Fragments::default());
    assert_eq!(in_force(&loaded), ["main: main.test", "two: pay2.test", "one: pay.test", "shop: shop.test"]);
    assert!(loaded.refused.is_empty() && loaded.config.unavailable.is_empty());
    assert_eq!(loaded.taken, 2);
}

#[test]
fn a_main_file_needs_no_apis_where_it_includes_some_and_nothing_has_to_be_there() {
    for main in ["include: apis.d/*.yaml\n", "include: [apis.d/*.yaml, more.d/*.yaml]\napis: []\n"] {
        let loaded = Team::new(main, &[]).load(&Fragments::default());
        assert!(loaded.config.apis.is_empty() && loaded.refused.is_empty(), "{main}");
    }
}

#[test]
fn a_bad_fragment_is_refused_alone_and_its_hosts_are_unavailable() {
    let shop = fragment("shop", "shop.test");
    let long = "#".repeat(1024 * 1024 + 1);
    let cases: [(&str, &[&str]); 13] = [
        ("", &["1:1: found nothing, expected a mapping with `apis`"]),
        ("apis: [", &["2:1: this is not YAML"]),
        ("apis: []", &["1:7: apis: found an empty list, expected at least one entry"]),
        (&long, &[" found more than 1048576 bytes"]),
        (
            "plans: {}\napis: 5",
            &[
                "1:1: plans: found a field that is not known here, expected `apis`",
                "2:7: apis: found the number 5",
            ],
        ),
        (
            "listen: { telemetry: off }",
            &["1:1: found no field `apis`", "1:1: listen: found a field that is not known here"],
        ),
        (
            &fragment("pay", "pay.test, other.test"),
            &[
                "2:36: apis[0].hosts[1]: found `other.test`, expected what `grants.pay.hosts` of doorward.yaml \
               lists: `pay.test`, `pay2.test`",
            ],
        ),
        (
            &fragment("pay", "shop.test"),
            &["2:26: apis[0].hosts[0]: found `shop.test`, expected what `grants.pay.hosts`"],
        ),
        (
            &fragment("pay", "main.test"),
            &["2:26: apis[0].hosts[0]: found `main.test`, expected what `grants.pay.hosts`"],
        ),
        (
            &fragment("pay", "'*.pay.test'"),
            &["2:26: apis[0].hosts[0]: found \"*.pay.test\", expected a host"],
        ),
        (
            &fragment("main", "pay.test"),
            &[
                "2:13: apis[0].name: found `main`, expected what `grants.pay.apis` of doorward.yaml lists: `pay`, \
               `one`, `two`",
            ],
        ),
        (
            &(fragment("pay", "pay.test") + &api("pay", "pay2.test")),
            &["3:13: apis[1].name: found `pay` again, expected each name once: apis[0] has it"],
        ),
        (
            &(fragment("pay", "pay.test") + &api("PAY", "pay2.test") + &api("one", "other.test")),
            &[
                "3:13: apis[1].name: found \"PAY\", expected lower-case letters",
                "4:26: apis[2].hosts[0]: found `other.test`, expected what `grants.pay.hosts`",
            ],
        ),
    ];
    for (pay, expected) in cases {
        let team = Team::new(MAIN, &[("pay", pay), ("shop", &shop)]);
        let expected: Vec<String> = expected.iter().map(|line| format!("apis.d/pay.yaml:{line}")).collect();
        team.check_refused(&expected.iter().map(String::as_str).collect::<Vec<_>>());
        let loaded = team.load(&Fragments::default());
        assert_eq!(in_force(&loaded), ["main: main.test", "shop: shop.test"], "{pay:.60}");
        assert_eq!(unavailable(&loaded), ["pay.test: pay", "pay2.test: pay"], "{pay:.60}");
        assert_eq!(loaded.refused.iter().map(|fragment| fragment.is_kept).collect::<Vec<_>>(), [false]);
    }
}

#[test]
fn a_fragment_without_a_grant_is_refused_with_the_grant_that_it_needs_and_takes_no_host() {
    let pay = fragment("pay", "pay.test, pay2.test");
    let shop = fragment("one", "shop.test") + &api("two", "shop2.test");
    let fragments = [("pay", pay.as_str()), ("empty", ""), ("a b", &pay), ("shop", &shop)];
    let team = Team::new("include: apis.d/*.yaml\n", &fragments);
    team.check_refused(&[
        "apis.d/a b.yaml: found the name \"a b\", expected 1 to 64 letters, digits, `-`, `_` and `.`",
        "apis.d/empty.yaml: found no grant for it, expected `empty: { hosts: […] }` among the `grants` of doorward.yaml",
        "apis.d/empty.yaml:1:1: found nothing",
        "apis.d/pay.yaml: found no grant for it, expected `pay: { hosts: [pay.test, pay2.test] }` among the",
        "apis.d/shop.yaml: found no grant for it, expected `shop: { hosts: [shop.test, shop2.test], apis: [one, two] }`",
    ]);
    let loaded = team.load(&Fragments::default());
    assert!(loaded.config.apis.is_empty() && loaded.config.unavailable.is_empty());
}

#[test]
fn a_name_that_another_fragment_has_is_not_taken_whichever_file_comes_first() {
    let (pay, shop) = (fragment("shop", "pay.test"), fragment("one", "shop.test"));
    let team = Team::new(MAIN, &[("pay", &pay), ("shop", &shop)]);
    team.check_refused(&[
        "apis.d/pay.yaml:2:13: apis[0].name: found `shop`, expected what `grants.pay.apis` of doorward.yaml lists",
        "apis.d/shop.yaml:2:13: apis[0].name: found `one`, expected `shop`, or what `grants.shop.apis` of doorward.yaml \
         lists: nothing",
    ]);
    team.write("apis.d/shop.yaml", fragment("shop", "shop.test"));
    let loaded = team.load(&Fragments::default());
    assert_eq!(in_force(&loaded), ["main: main.test", "shop: shop.test"]);
    assert_eq!(unavailable(&loaded), ["pay.test: pay", "pay2.test: pay"]);
}

#[test]
fn a_name_is_granted_once_and_not_if_the_main_file_has_it() {
    let names = "[shop.test], apis: [shop, one, main, shop] }\n  two: { hosts: [two.test] }";
    Team::new(&MAIN.replace("[shop.test] }", names), &[]).check_main(&[
        "doorward.yaml:4:44: grants.shop.apis[1]: found `one` again, expected each name once: grants.pay has it",
        "doorward.yaml:4:49: grants.shop.apis[2]: found `main` again, expected each name once: apis[0] has it",
        "doorward.yaml:4:55: grants.shop.apis[3]: found `shop` again, expected each name once: grants.shop has it",
        "doorward.yaml:5:8: grants.two: found `two` again, expected each name once: grants.pay has it",
    ]);
}

#[test]
fn a_host_is_granted_once_and_not_if_the_main_file_has_it() {
    let main = MAIN.replace("[shop.test]", "[shop.test, PAY.test, main.test, shop.test.]");
    Team::new(&main, &[]).check_main(&[
        "doorward.yaml:4:30: grants.shop.hosts[1]: found `pay.test` again, expected each host once: grants.pay has it",
        "doorward.yaml:4:40: grants.shop.hosts[2]: found `main.test` again, expected each host once: apis[0] has it",
        "doorward.yaml:4:51: grants.shop.hosts[3]: found `shop.test` again, expected each host once: grants.shop has it",
    ]);
    let main = MAIN.replace("  shop:", "  'a b':").replace("hosts: [shop.test]", "hosts: []");
    Team::new(&main, &[]).check_main(&[
        "doorward.yaml:4:3: grants.a b: found the name \"a b\", expected 1 to 64 letters",
        "doorward.yaml:4:19: grants.a b.hosts: found an empty list",
    ]);
}

#[test]
fn what_is_wrong_in_any_file_is_told_at_once() {
    let team = Team::new(
        &MAIN.replace("name: main", "name: Main"),
        &[("pay", &fragment("pay", "x.test")), ("shop", BAD)],
    );
    team.check_main(&[
        "doorward.yaml:5:16: apis[0].name: found \"Main\"",
        "apis.d/pay.yaml:2:26: apis[0].hosts[0]: found `x.test`",
        "apis.d/shop.yaml:1:1: found no field `apis`",
        "apis.d/shop.yaml:1:1: bad: found a field that is not known here",
    ]);
    // Without the grants nothing can be said of the fragments.
    team.write("doorward.yaml", MAIN.replace("hosts: [shop.test]", "host: [shop.test]"));
    team.check_main(&["doorward.yaml:4:11: grants.shop.host: found a field that is not known"]);
}

#[test]
fn the_environment_overrides_the_main_file_alone() {
    let team =
        Team::new(MAIN, &[("pay", &fragment("pay", "pay.test")), ("shop", &fragment("shop", "other.test"))]);
    let env = [
        ("DOORWARD_APIS__0__NAME", "renamed"),
        ("DOORWARD_GRANTS__SHOP__HOSTS__0", "other.test"),
        ("DOORWARD_INCLUDE", "'apis.d/s*'"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let loaded = Config::load(&team.path("doorward.yaml"), &env, &Fragments::default()).expect("good");
    assert_eq!(in_force(&loaded), ["renamed: main.test", "shop: other.test"]);
}

#[test]
fn what_is_shown_is_one_file_that_says_the_same() {
    let team = Team::new(MAIN, &[("pay", &fragment("pay", "pay.test")), ("shop", BAD)]);
    let loaded = team.load(&Fragments::default());
    let shown = loaded.to_yaml().expect("YAML");
    assert!(!shown.contains("include") && !shown.contains("grants"), "{shown}");
    let again = Config::parse(&shown, Path::new("elsewhere.yaml"), &[]).expect("a configuration");
    assert_eq!(in_force(&again), in_force(&loaded));
}
