//! `doorward config`, as an operator calls it.

#![expect(clippy::expect_used, reason = "a test says what went wrong by ending")]

use std::{
    path::Path,
    process::{Command, Stdio},
};

use doorward::config::{Config, Fragments};
use serde_json::{Value, json};

const GOOD: &str = "apis: [{ name: one, hosts: [a.test], routes: [{ match: /, public: true }] }]\n";
const BAD: &str =
    "budget: 0s\napis:\n  - { name: One, hosts: [a.test], routes: [{ match: /, public: true }] }\n";

struct Answer {
    exit: Option<i32>,
    out: String,
    err: String,
}

fn doorward(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Answer {
    let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        .envs(env.iter().copied())
        .output()
        .expect("doorward runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Answer { exit: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

#[test]
fn a_good_file_is_good() {
    let folder = folder(&[("doorward.yaml", GOOD), ("other.yaml", GOOD)]);
    let other = "other.yaml: good; APIs: 1, routes: 1\n";
    let usual = "./doorward.yaml: good; APIs: 1, routes: 1\n";
    let cases = [
        ("config check other.yaml", "", other),
        ("config check --config other.yaml", "", other),
        ("config check", "other.yaml", other),
        ("config check", "", usual),
        ("config check --output json", "", "[]\n"),
    ];
    for (args, variable, out) in cases {
        let env: Vec<_> =
            Some(("DOORWARD_CONFIG", variable)).into_iter().filter(|_| !variable.is_empty()).collect();
        let args: Vec<&str> = args.split(' ').collect();
        let answer = doorward(folder.path(), &args, &env);
        assert_eq!((answer.exit, answer.out.as_str(), answer.err.as_str()), (Some(0), out, ""), "{args:?}");
    }
}

#[test]
fn a_bad_file_is_told_whole_and_the_exit_code_is_64() {
    let folder = folder(&[("bad.yaml", BAD)]);
    let answer = doorward(folder.path(), &["config", "check", "bad.yaml"], &[("DOORWARD_STROE", "x")]);
    assert_eq!((answer.exit, answer.out.as_str()), (Some(64), ""));
    let lines: Vec<&str> = answer.err.lines().collect();
    let starts = [
        "bad.yaml:1:9: budget: found 0s, expected from 1ms to 1m",
        "bad.yaml:3:13: apis[0].name: found \"One\", expected lower-case letters",
        "$DOORWARD_STROE: stroe: found a field that is not known here",
        "3 errors",
    ];
    assert_eq!(lines.len(), starts.len(), "{}", answer.err);
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
}

#[test]
fn a_program_reads_the_errors_as_json() {
    let folder = folder(&[("bad.yaml", BAD)]);
    let args = ["config", "check", "--output", "json", "bad.yaml"];
    let answer = doorward(folder.path(), &args, &[("DOORWARD_CACHE__NEGATIVE", "0s")]);
    assert_eq!((answer.exit, answer.err.as_str()), (Some(64), ""));
    let errors: Value = serde_json::from_str(&answer.out).expect("JSON");
    let first = json!({
        "file": "bad.yaml", "severity": "error", "line": 1, "column": 9, "path": "budget", "message": "found 0s, expected from 1ms to 1m",
    });
    let last = json!({
        "file": "bad.yaml", "severity": "error", "variable": "DOORWARD_CACHE__NEGATIVE", "path": "cache.negative",
        "message": "found 0s, expected from 1ms to 1h",
    });
    assert_eq!((errors.get(0), errors.get(2)), (Some(&first), Some(&last)));
}

#[test]
fn a_risk_is_warned_of_and_changes_no_exit_code() {
    let risky = "sealing: { current: k1, keys: { k1: { env: KEY } } }
apis:
  - name: one
    hosts: [a.test]
    credentials:
      - signature:
          project: { header: x-p }
          timestamp: { header: x-t }
          signature: { header: x-s }
          signed: '{timestamp} {path}'
    routes: [{ match: / }]
";
    let (folder, key) = (folder(&[("risky.yaml", risky)]), "0".repeat(64));
    let env = [("KEY", key.as_str())];
    let answer = doorward(folder.path(), &["config", "check", "risky.yaml"], &env);
    assert_eq!(
        (answer.exit, answer.out.as_str()),
        (Some(0), "risky.yaml: good; APIs: 1, routes: 1, warnings: 1\n")
    );
    let warning =
        "found no `{body}` and no `{body_sha256}`: a captured signature can be sent with another body";
    let path = "apis[0].credentials[0].signature.signed";
    assert_eq!(answer.err, format!("risky.yaml:10:19: warning: {path}: {warning}\n"));

    let answer = doorward(folder.path(), &["config", "check", "--output", "json", "risky.yaml"], &env);
    assert_eq!((answer.exit, answer.err.as_str()), (Some(0), ""));
    let expected = json!([{
        "file": "risky.yaml", "severity": "warning", "line": 10, "column": 19, "path": path, "message": warning,
    }]);
    assert_eq!(serde_json::from_str::<Value>(&answer.out).expect("JSON"), expected);
}

#[test]
fn what_is_in_force_is_shown_with_defaults_and_overrides() {
    let folder = folder(&[("doorward.yaml", GOOD)]);
    let env = [("DOORWARD_CACHE__POSITIVE", "30s"), ("DOORWARD_APIS__0__HOSTS__1", "b.test")];
    let answer = doorward(folder.path(), &["config", "show"], &env);
    assert_eq!((answer.exit, answer.err.as_str()), (Some(0), ""));
    for line in ["  positive: 30s", "  negative: 5s", "      - b.test", "outage: error_response"] {
        assert!(answer.out.lines().any(|shown| shown == line), "{line}\n{}", answer.out);
    }
}

/// `pay` is good, `shop` is not.
fn teams() -> tempfile::TempDir {
    let main =
        "include: apis.d/*.yaml\ngrants:\n  pay: { hosts: [pay.test] }\n  shop: { hosts: [shop.test] }\n";
    let pay = GOOD.replace("one", "pay").replace("a.test", "pay.test");
    folder(&[("doorward.yaml", main), ("apis.d/pay.yaml", &pay), ("apis.d/shop.yaml", BAD)])
}

#[test]
fn a_bad_fragment_is_named_and_the_exit_code_is_64() {
    let folder = teams();
    let answer = doorward(folder.path(), &["config", "check", "doorward.yaml"], &[]);
    assert_eq!((answer.exit, answer.out.as_str()), (Some(64), ""));
    let lines = [
        "apis.d/shop.yaml:1:1: budget: found a field that is not known here, expected `apis`",
        "apis.d/shop.yaml:3:13: apis[0].name: found \"One\", expected lower-case letters",
        "2 errors",
    ];
    for (line, start) in answer.err.lines().zip(lines) {
        assert!(line.starts_with(start), "{}", answer.err);
    }
    assert_eq!(answer.err.lines().count(), lines.len());
    let answer = doorward(folder.path(), &["config", "check", "--output", "json"], &[]);
    let errors: Value = serde_json::from_str(&answer.out).expect("JSON");
    assert_eq!((answer.exit, &errors[0]["file"]), (Some(64), &json!("apis.d/shop.yaml")));

    std::fs::remove_file(folder.path().join("apis.d/shop.yaml")).expect("it was there");
    let answer = doorward(folder.path(), &["config", "check"], &[]);
    let good = "./doorward.yaml: good; APIs: 1, routes: 1, fragments: 1\n";
    assert_eq!((answer.exit, answer.out.as_str(), answer.err.as_str()), (Some(0), good, ""));
}

#[test]
fn the_apis_of_good_fragments_are_shown_and_the_bad_ones_told_of() {
    let folder = teams();
    let answer = doorward(folder.path(), &["config", "show"], &[]);
    assert_eq!(answer.exit, Some(64));
    assert!(answer.err.contains("apis.d/shop.yaml:1:1: budget: found a field"), "{}", answer.err);
    let shown = Config::parse(&answer.out, Path::new("shown.yaml"), &[]).expect("a configuration");
    let names: Vec<&str> = shown.config.apis.iter().map(|api| api.name.as_str()).collect();
    assert_eq!(names, ["pay"]);
}

#[test]
fn a_bad_fragment_keeps_nobody_from_the_keys_of_the_others() {
    let folder = teams();
    let answer = doorward(folder.path(), &["keys", "list", "--output", "json"], &[]);
    let keys: Value = serde_json::from_str(&answer.out).expect("JSON");
    assert_eq!((answer.exit, keys), (Some(0), json!({ "keys": [] })));
    assert!(answer.err.contains("apis.d/shop.yaml"), "{}", answer.err);
}

#[test]
fn without_a_file_it_says_what_it_looked_for() {
    let folder = folder(&[]);
    for command in ["check", "show"] {
        let answer = doorward(folder.path(), &["config", command], &[]);
        assert_eq!((answer.exit, answer.out.as_str()), (Some(64), ""));
        for place in ["--config", "$DOORWARD_CONFIG", "./doorward.yaml", "/etc/doorward/doorward.yaml"] {
            assert!(answer.err.contains(place), "{}", answer.err);
        }
    }
}

#[test]
fn the_schema_is_json_and_survives_a_reader_who_leaves() {
    let folder = folder(&[]);
    let answer = doorward(folder.path(), &["config", "schema"], &[]);
    let schema: Value = serde_json::from_str(&answer.out).expect("JSON");
    assert_eq!((answer.exit, schema.get("title")), (Some(0), Some(&json!("Doorward"))));
    let answer = doorward(folder.path(), &["config", "schema", "--fragment"], &[]);
    let schema: Value = serde_json::from_str(&answer.out).expect("JSON");
    assert_eq!((answer.exit, schema.get("title")), (Some(0), Some(&json!("Fragment"))));

    let mut child = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["config", "schema"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("doorward runs");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn every_example_is_good_and_so_is_what_is_shown_of_it() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let (key, mut tried) = ("0".repeat(64), 0);
    let env = [("SEALING_KEY".to_owned(), key.clone())];
    for entry in std::fs::read_dir(&examples).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        // The others configure other programs.
        if !is_yaml || !text.lines().any(|line| line == "apis:") {
            continue;
        }
        let loaded =
            Config::load(&path, &env, &Fragments::default()).unwrap_or_else(|errors| panic!("{errors}"));
        let file = path.to_str().expect("UTF-8");
        let answer = doorward(&examples, &["config", "show", "--config", file], &[("SEALING_KEY", &key)]);
        assert_eq!((answer.exit, answer.err.as_str()), (Some(0), ""), "{file}");
        let shown =
            Config::parse(&answer.out, &path, &env).unwrap_or_else(|errors| panic!("shown: {errors}"));
        assert_eq!(format!("{:#?}", shown.config), format!("{:#?}", loaded.config), "{file}");
        tried += 1;
    }
    assert!(tried > 0, "there is no example");
}

#[test]
fn only_help_and_version_end_well_without_a_command() {
    let folder = folder(&[]);
    let cases: [(&[&str], i32); 6] = [
        (&["--help"], 0),
        (&["--version"], 0),
        (&["config", "check", "--help"], 0),
        (&[], 64),
        (&["frobnicate"], 64),
        (&["config", "check", "a", "--config", "b"], 64),
    ];
    for (args, exit) in cases {
        let answer = doorward(folder.path(), args, &[]);
        assert_eq!((answer.exit, answer.err.is_empty()), (Some(exit), exit == 0), "{args:?}");
    }
}
