//! What a file says, and what is made of it.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    Config, ConfigErrors, Fragments, ListenAddress, Loaded, Outage, StoreLocation, Transport,
    problem::{InFile, Origin},
    schema, yaml,
};

/// The problems of `text`, each as `line:column path: message`.
pub(super) fn problems(text: &str) -> Vec<String> {
    loaded(text).err().map_or(Vec::new(), |errors| errors.problems.iter().map(shown).collect())
}

fn shown(InFile { problem, .. }: &InFile) -> String {
    match &problem.origin {
        Origin::Line { line, column } => format!("{line}:{column} {}: {}", problem.path, problem.message),
        other => format!("{other:?} {}: {}", problem.path, problem.message),
    }
}

/// Checks that `text` has exactly these problems, each told in words that begin so.
pub(super) fn check(text: &str, expected: &[&str]) {
    let found = problems(text);
    let agree = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected));
    assert!(agree, "{text}\nfound {found:#?}\nexpected {expected:#?}");
}

/// A sealing key that the environment of every test has.
fn env() -> [(String, String); 1] {
    [("KEY".to_owned(), "0".repeat(64))]
}

fn loaded(text: &str) -> Result<Loaded, ConfigErrors> {
    Config::parse(text, Path::new("/etc/doorward/doorward.yaml"), &env())
}

/// What `text` configures.
pub(super) fn config(text: &str) -> Config {
    loaded(text).unwrap_or_else(|errors| panic!("{text}\n{errors}")).config
}

/// What is risky in `text`, which is good, in the form of [`problems`].
pub(super) fn warnings(text: &str) -> Vec<String> {
    let loaded = loaded(text).unwrap_or_else(|errors| panic!("{text}\n{errors}"));
    loaded.warnings.problems.iter().map(shown).collect()
}

/// A configuration of one API: name in line 2, hosts in line 3, credentials in line 4, routes in line 5, and
/// further `fields` from line 6 on. A field given takes the place of the usual one.
pub(super) fn api(fields: &[&str]) -> String {
    let usual = [
        "name: one",
        "hosts: [a.test]",
        "credentials: [{ api_key: { prefixes: { live: sk_live_, test: sk_test_ }, from: [{ header: { name: x-api-key } }] } }]",
        "routes: [{ match: / }]",
    ];
    let name_of = |field: &str| field.split(':').next().unwrap_or_default().to_owned();
    let lines = usual
        .map(|line| fields.iter().find(|field| name_of(field) == name_of(line)).unwrap_or(&line).to_string());
    let further = fields.iter().filter(|field| usual.iter().all(|line| name_of(line) != name_of(field)));
    let lines: Vec<String> = lines.into_iter().chain(further.map(|field| (*field).to_owned())).collect();
    format!("apis:\n  - {}\n", lines.join("\n    "))
}

const NEARLY_EVERYTHING: &str = r#"
listen:
  check:
    - 127.0.0.1:9191
    - "[::1]:9191"
    - unix:check.sock
    - { address: 0.0.0.0:9192, tls: { certificate: tls.crt, key: /etc/tls/tls.key, client_ca: ca.crt } }
    - { address: 10.0.0.1:9191, insecure: true }
  telemetry: off
store: sqlite:keys.db
cache: { positive: 30s, negative: 1s, capacity_bytes: 1000000 }
outage: grpc_error
budget: 100ms
shutdown: { drain: 0s, deadline: 1m }
counters:
  url: rediss+sentinel://one:26379,[::1]/main/2
  username: doorward
  password: { env: KEY }
  sentinel_password: { env: KEY }
  tls: { ca: ca.crt, certificate: redis.crt, key: redis.key }
  timeout: 20ms
  lease: 0s
plans: { free: [100/minute, 1000/hour, 10000/day], paid: [2000/minute] }
apis:
  - name: orders
    hosts: [api.example.com, API2.example.com.]
    client_address: { hops: 1 }
    ambiguous_paths: { allow: [encoded_separator, empty_segment, path_parameter] }
    credentials:
      - api_key:
          prefixes: { live: sk_live_, test: sk_test_ }
          checksum: optional
          from:
            - header: { name: Authorization, scheme: Bearer }
            - query: { name: api_key, environments: [test] }
    unscoped_keys: all
    scopes: { admin: [write], write: [read] }
    limits:
      rules:
        - { by: credential, plan: free }
        - { by: organization, quotas: [5000/minute], window: sliding }
        - { by: client_address, quotas: [20/second], window: fixed }
      reset: epoch
      headers: both
      without_counters: deny
      attempts: [20/minute]
    principal_headers: { id: x-user }
    denials:
      content_type: application/json; charset=utf-8
      body: { error: { code: "{code}", message: "{detail}", n: [1, 1.5, true, null], details: "{required_scopes}" } }
      reasons:
        credential_missing: { code: UNAUTHORIZED }
        unavailable: { code: "E{status}", detail: Try again. }
      route_unknown: 403
    routes:
      - { match: GET /v1/scans/**, scopes: [read], cost: 5, limits: { by: principal, quotas: [10/minute] } }
      - { match: "GET,POST /v1/{kind}", principals: [api_key, service_key], environments: [live] }
      - { match: HEAD /v1/scans/**, optional: true, cost: 0, limits: [{ by: project, plan: paid }, { by: project, quotas: [1/day] }] }
      - { match: /health, public: true }
  - name: two
    hosts: [two.test]
    client_address: peer
    limits: { by: client_address, quotas: [200/minute], window: fixed }
    routes: [{ match: /**, public: true }]
"#;

#[test]
fn every_field_can_be_set() {
    let config = config(NEARLY_EVERYTHING);
    assert_eq!(config.store, StoreLocation::Sqlite("/etc/doorward/keys.db".into()));
    assert_eq!(config.outage, Outage::GrpcError);
    assert_eq!(config.listen.telemetry, None);
    let unix = config.listen.check.get(2).map(|listener| &listener.address);
    assert_eq!(unix, Some(&ListenAddress::Unix("/etc/doorward/check.sock".into())));
    let tls = config.listen.check.get(3).map(|listener| &listener.transport);
    let files = Transport::MutualTls {
        certificate: "/etc/doorward/tls.crt".into(),
        key: "/etc/tls/tls.key".into(),
        client_ca: "/etc/doorward/ca.crt".into(),
    };
    assert_eq!(tls, Some(&files));
    let hosts = config.apis.first().map(|api| api.hosts.clone());
    assert_eq!(hosts, Some(vec!["api.example.com".to_owned(), "api2.example.com".to_owned()]));
}

#[test]
fn what_is_shown_can_be_read_again_and_shows_the_same() {
    let path = Path::new("/etc/doorward/doorward.yaml");
    let first = Config::parse(NEARLY_EVERYTHING, path, &env()).expect("a configuration");
    let shown = first.to_yaml().expect("YAML");
    let second = Config::parse(&shown, path, &env()).expect("what is shown");
    assert_eq!(format!("{:?}", first.config), format!("{:?}", second.config));
    assert_eq!(second.to_yaml(), Ok(shown));
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let documented = json!({
        "listen": { "check": ["127.0.0.1:9191"], "telemetry": "127.0.0.1:9193" },
        "store": "sqlite:doorward.db",
        "cache": { "positive": "1m", "negative": "5s", "capacity_bytes": 67_108_864, "grace": "0s" },
        "outage": "error_response",
        "budget": "150ms",
        "shutdown": { "drain": "10s", "deadline": "15s" },
        "counters": "memory",
    });
    let schema = schema();
    let properties = schema.get("properties").and_then(Value::as_object).expect("properties");
    for (name, default) in documented.as_object().expect("an object") {
        assert_eq!(
            properties.get(name).and_then(|property| property.get("default")),
            Some(default),
            "{name}"
        );
    }
    let shown = Config::parse(&api(&[]), Path::new("doorward.yaml"), &[])
        .expect("a configuration")
        .to_yaml()
        .expect("YAML");
    for line in [
        "    unscoped_keys: none",
        "          checksum: required",
        "      id: x-principal-id",
        "      credential: x-principal-credential",
        "      content_type: application/problem+json",
        "      route_unknown: 404",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
}

#[test]
fn a_broken_file_tells_everything_at_once() {
    let text = r#"listen:
  check: ["0.0.0.0:9191", "localhost:1", 5]
stroe: sqlite:keys.db
store: mysql://user:secret@host/my_db
budget: 0s
cache: { positive: 60 }
apis:
  - name: One
    hots: [a]
    routes:
      - { match: get /x }
      - { match: GET /x, scopes: read, public: yes }
  - name: two
    hosts: [b.test, B.test]
    scopes: { a: [b], b: [a] }
    routes:
      - { match: "GET /a/{b}", public: true, scopes: [a] }
      - { match: "GET,POST /a/{c}" }
"#;
    check(
        text,
        &[
            "2:27 listen.check[1]: found \"localhost:1\", expected `IP:PORT`",
            "2:42 listen.check[2]: found the number 5, expected an address such as",
            "3:1 stroe: found a field that is not known here, expected one of `listen`, `store`",
            "4:8 store: found 30 characters, expected `sqlite:PATH`",
            "5:9 budget: found 0s, expected from 1ms to 1m",
            "6:20 cache.positive: found the number 60, expected a duration with its unit",
            "8:11 apis[0].name: found \"One\", expected lower-case letters",
            "9:5 apis[0].hots: found a field that is not known here, expected one of `name`, `hosts`",
            "11:18 apis[0].routes[0].match: found \"get /x\", expected methods in upper case",
            "12:34 apis[0].routes[1].scopes: found \"read\", expected a list",
            "12:48 apis[0].routes[1].public: found \"yes\", expected `true` or `false`",
            "14:21 apis[1].hosts[1]: found `b.test` again",
            "15:18 apis[1].scopes.a: found that `a` implies itself",
            "17:54 apis[1].routes[0].scopes: found `scopes` on a public route",
            "18:9 apis[1].routes[1]: found a route that needs a credential",
            "18:18 apis[1].routes[1].match: found `GET,POST /a/{c}`, expected a pattern for other requests: apis[1].routes[0] (line 17) is `GET /a/{b}`",
        ],
    );
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    let texts = [
        api(&[]) + "store: postgres://user:hunter2@host",
        api(&[]) + "store: { postgres: hunter2 }",
        api(&[]) + "stroe: hunter2",
        api(&["credentials: [{ api_key: { prefix: 'sk_live_hunter2 ', from: [{ header: { name: x } }] } }]"]),
        api(&[
            "credentials: [{ api_key: { prefix: k, from: [{ header: { name: x, scheme: Bearer hunter2 } }] } }]",
        ]),
    ];
    for text in texts {
        let problems = problems(&text);
        assert!(!problems.is_empty() && !problems.concat().contains("hunter2"), "{problems:?}");
    }
}

#[test]
fn a_variable_that_sets_something_wrong_is_named() {
    let env = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let cases = [
        (
            "DOORWARD_LISTN__TELEMETRY",
            "off",
            "$DOORWARD_LISTN__TELEMETRY: listn: found a field that is not known here",
        ),
        ("DOORWARD_BUDGET", "150", "$DOORWARD_BUDGET: budget: found the number 150"),
        ("DOORWARD_STORE", "", "$DOORWARD_STORE: store: found nothing, expected a store"),
        (
            "DOORWARD_APIS__0__HOSTS__1",
            "a.test",
            "$DOORWARD_APIS__0__HOSTS__1: apis[0].hosts[1]: found `a.test` again",
        ),
    ];
    for (name, value, expected) in cases {
        let errors = Config::parse(&api(&[]), Path::new("doorward.yaml"), &env(name, value)).expect_err(name);
        assert!(errors.to_string().starts_with(expected), "{errors}");
    }
    let env = env("DOORWARD_LISTEN__TELEMETRY", "off");
    let loaded = Config::parse(&api(&[]), Path::new("doorward.yaml"), &env).expect("a configuration");
    assert_eq!(loaded.config.listen.telemetry, None);
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_like_any_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    };
    let cases = [
        (folder.path().join("missing.yaml"), "cannot be read: No such file"),
        (folder.path().to_owned(), "cannot be read: Is a directory"),
        (write("latin1.yaml", b"apis: \xe9"), "found a byte that is not UTF-8 after 6 bytes"),
        (write("long.yaml", &vec![b'#'; 1024 * 1024 + 1]), "found more than 1048576 bytes"),
    ];
    for (path, expected) in cases {
        let errors = Config::load(&path, &[], &Fragments::default()).expect_err(expected).to_string();
        assert!(errors.contains(expected) && errors.ends_with("1 error"), "{errors}");
    }
}

#[test]
fn ten_thousand_routes_are_checked_without_comparing_them_in_pairs() {
    use std::fmt::Write as _;
    let mut text = api(&["routes:"]);
    for index in 0..10_000 {
        writeln!(text, "      - {{match: '/v1/r{index}/{{id}}'}}").expect("a line");
    }
    writeln!(text, "      - {{match: '/v1/r77/{{other}}'}}").expect("a line");
    check(&text, &["10006:17 apis[0].routes[10000].match: found `/v1/r77/{other}`"]);
}

/// Fragments that make a file which is nearly right.
const FRAGMENTS: [&str; 24] = [
    "apis",
    ": ",
    "\n",
    "  ",
    "- ",
    "name",
    "hosts",
    "routes",
    "match",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "&a ",
    "*a",
    "!x ",
    "null",
    "\"",
    "GET /",
    "credentials",
    "1",
    "~",
    "\u{feff}",
];

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = problems(&text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = problems(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_mixture_of_its_own_words_makes_it_panic(
        words in proptest::collection::vec(proptest::sample::select(&FRAGMENTS[..]), 0..60)
    ) {
        let _ = problems(&words.concat());
    }

    #[test]
    fn no_damage_to_a_good_file_makes_it_panic(at in 0_usize..4_000, word in proptest::sample::select(&FRAGMENTS[..])) {
        let mut text = NEARLY_EVERYTHING.to_owned();
        let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.insert_str(at, word);
        let _ = problems(&text);
    }

    #[test]
    fn no_variable_makes_it_panic(name in "[A-Z0-9_]{0,20}", value in "\\PC{0,20}") {
        let mut problems = Vec::new();
        if let Some(mut root) = yaml::read(NEARLY_EVERYTHING, None, &mut problems) {
            super::overrides::apply(&mut root, &[(format!("DOORWARD_{name}"), value)], &mut problems);
        }
    }
}
