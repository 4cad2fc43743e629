//! Imports: what is taken over, and what is told of what is not.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    admin::proto::Key,
    domain::{Author, CredentialHash},
    store::{Changes, PageRequest, Version},
};

use super::*;

impl Scene {
    pub(super) async fn import(&mut self, text: &str) -> Result<usize, KeyError> {
        let keys = Keys::new(&self.store, &self.apis, &self.plans, &self.clock);
        let import = Import {
            reader: text.as_bytes(),
            format: ImportFormat::JsonLines,
            validate_only: false,
            permit: &|_| Ok(()),
        };
        keys.import(import, &mut self.rng, &Author::on_the_store(0)).await
    }

    async fn import_csv(&mut self, text: &str, validate_only: bool) -> Result<usize, KeyError> {
        let keys = Keys::new(&self.store, &self.apis, &self.plans, &self.clock);
        let permit = |record: &KeyRecord| {
            let is_theirs = record.organization.as_str() != "globex";
            if is_theirs { Ok(()) } else { Err(Problem::new("line", "globex", "expected another")) }
        };
        let import =
            Import { reader: text.as_bytes(), format: ImportFormat::Csv, validate_only, permit: &permit };
        keys.import(import, &mut self.rng, &Author::on_the_store(0)).await
    }

    async fn all(&self) -> Vec<KeyRecord> {
        self.keys().list(&KeyFilter::default(), &PageRequest::default()).await.expect("a list").records
    }
}

const SECRET: &str = "sk_live_0123456789abcdefABCDEF0123456789abcdef";

fn hash(of: &str) -> String {
    format!("sha256:{}", hex::encode(CredentialHash::of(of).as_bytes()))
}

/// A line that is good but for the members given; null takes one away.
fn line(changes: Value) -> String {
    let mut line = json!({
        "hash": hash("a"), "api": "payments", "name": "CI", "organization": "acme", "environment": "live"
    });
    let members = line.as_object_mut().expect("an object");
    if let Value::Object(changes) = changes {
        members.extend(changes);
    }
    format!("{line}\n")
}

#[tokio::test]
async fn keys_made_elsewhere_have_one_of_the_configured_plans() {
    let mut scene = Scene::new().await;
    scene.plans = [("free".parse().expect("a name"), [].into())].into();
    let told = scene.import(&line(json!({ "plan": "gold" }))).await.expect_err("no such plan").to_string();
    assert_eq!(
        told,
        "nothing was imported\nline 1: plan: found \"gold\", expected one of the configured plans: `free`"
    );
    scene.import(&line(json!({ "plan": "free" }))).await.expect("imported");
}

#[tokio::test]
async fn keys_made_elsewhere_are_taken_over() {
    let mut scene = Scene::new().await;
    let whole = line(json!({
        "hash": hash("b"), "api": null, "apis": ["games", "library"], "environment": null, "id": "old-17",
        "hint": "gm_abcd...", "kind": "service_key", "project": "apollo", "scopes": ["write", "read"],
        "plan": "developer", "expires": "2031-01-01", "sources": ["10.0.0.0/8", "2001:db8::1"],
        "labels": { "team": "ops" }
    }));
    let count = scene.import(&format!("{}\n{whole}", line(json!({})))).await.expect("imported");
    assert_eq!(count, 2);
    let all = scene.all().await;
    assert_eq!(all[0].hint.as_str(), "sk_live_...");
    assert!(all[0].id.as_str().starts_with("key_"));
    assert_eq!(all[0].kind, KeyKind::ApiKey);
    let message = Key::of(&all[1], moment("2030-01-01"));
    assert_eq!(
        serde_json::to_value(message).expect("JSON"),
        json!({
            "id": "old-17", "hint": "gm_abcd...", "name": "CI", "kind": "service_key",
            "apis": ["games", "library"], "organization": "acme", "project": "apollo",
            "scopes": ["read", "write"], "plan": "developer",
            "sources": ["10.0.0.0/8", "2001:db8::1/128"], "status": "active",
            "created": "2030-01-01T00:00:00Z", "expires": "2031-01-01T00:00:00Z",
            "labels": { "team": "ops" }
        })
    );
    let found = scene.find(CredentialHash::of("b")).await;
    assert_eq!(found, Some(KeyRecord { labels: BTreeMap::new(), ..all[1].clone() }));
}

/// Changes to a good line, and how the problems begin that they bring.
const PROBLEMS: [(&str, &[&str]); 17] = [
    (
        r#"{"hash": null, "name": null, "organization": null}"#,
        &[
            "hash: found nothing, expected `sha256:` and 64 hexadecimal digits",
            "name: found nothing, expected a text",
            "organization: found nothing, expected a text",
        ],
    ),
    (r#"{"hash": "sha1:00"}"#, &["hash: found another text of 7 characters, expected `sha256:`"]),
    (r#"{"hash": 1, "name": ""}"#, &["hash: found a number"]),
    (r#"{"name": ""}"#, &["name: found nothing, expected 1 to 256 bytes"]),
    (r#"{"api": null}"#, &["apis: found none, expected the API that it is for"]),
    (r#"{"apis": ["games"]}"#, &["api: found both `api` and `apis`, expected one of them"]),
    (r#"{"api": null, "apis": ["payments", "payments"]}"#, &["apis: found `payments` twice"]),
    (r#"{"owner": "me"}"#, &["line: found the unknown field \"owner\", expected hash, api"]),
    (r#"{"kind": "root"}"#, &["kind: found \"root\", expected `api_key` or `service_key`"]),
    (r#"{"organization": ""}"#, &["organization: found \"\", expected one character at least"]),
    (r#"{"scopes": "read"}"#, &["scopes: found a text, expected a list of texts"]),
    (
        r#"{"scopes": ["a b", 1]}"#,
        &["scopes: found \"a b\", expected 1 to 64 visible", "scopes: found a number"],
    ),
    (r#"{"plan": "Pro"}"#, &["plan: found \"Pro\", expected lower-case letters"]),
    (r#"{"expires": 90}"#, &["expires: found a number, expected a text"]),
    (r#"{"expires": "2029-01-01"}"#, &["expires: found 2029-01-01T00:00:00Z, expected a moment after"]),
    (r#"{"sources": ["here"]}"#, &["sources: found \"here\", expected a network such as"]),
    (r#"{"environment": "prod"}"#, &["environment: found \"prod\", expected one of `live`"]),
];

fn told(error: &KeyError) -> Vec<String> {
    let KeyError::Import(problems) = error else { panic!("{error}") };
    let told = problems.first.iter();
    told.map(|(line, problem)| format!("{line}: {problem}")).collect()
}

fn assert_begin(told: &[String], expected: &[String]) {
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\nwhere this was expected:\n{expected}");
    }
    assert_eq!(told.len(), expected.len(), "{told:?}");
}

#[tokio::test]
async fn every_problem_of_every_line_is_told_and_nothing_imported() {
    let mut scene = Scene::new().await;
    let mut text = line(json!({}));
    let mut expected = Vec::new();
    for (number, (changes, problems)) in (2..).zip(PROBLEMS) {
        text.push_str(&line(changes.parse().expect("JSON")));
        expected.extend(problems.iter().map(|problem| format!("{number}: {problem}")));
    }
    let error = scene.import(&text).await.expect_err("it is full of problems");
    assert_begin(&told(&error), &expected);
    assert_eq!(scene.all().await, []);
}

#[tokio::test]
async fn a_line_is_one_object_of_bounded_length() {
    let mut scene = Scene::new().await;
    let long = line(json!({ "name": "x".repeat(70_000) }));
    let text = format!("{{\n[]\n{{\"id\": \"a\", \"id\": \"b\"}}\n\n{long}\u{0}");
    let error = scene.import(&text).await.expect_err("it is full of problems");
    let expected = [
        "1: line: found an error of syntax at column 1, expected one JSON object with each field once",
        "2: line: found something else, or a field twice",
        "3: line: found something else, or a field twice",
        "5: line: found more than 65536 bytes",
        "6: line: found an error of syntax at column 1",
    ];
    assert_begin(&told(&error), &expected.map(str::to_owned));
}

#[tokio::test]
async fn a_key_is_imported_once() {
    let mut scene = Scene::new().await;
    let there = line(json!({ "hash": hash("there"), "id": "id-there" }));
    scene.import(&there).await.expect("imported");
    let lines = [
        line(json!({ "id": "one" })),
        line(json!({ "id": "two" })),
        line(json!({ "hash": hash("b"), "id": "one" })),
        line(json!({ "hash": hash("there") })),
        line(json!({ "hash": hash("c"), "id": "id-there" })),
    ];
    let error = scene.import(&lines.concat()).await.expect_err("they are there");
    let expected = [
        "2: hash: found the same as in line 1, expected each key once",
        "3: id: found the same as in line 1, expected each key once",
        "4: hash: found the hash of another key, expected a key that the store does not have",
        "5: id: found the id of another key, expected an id that the store does not have",
    ];
    assert_begin(&told(&error), &expected.map(str::to_owned));
    assert_eq!(scene.all().await.len(), 1);
}

#[tokio::test]
async fn a_key_in_clear_is_refused_wherever_it_stands_and_never_repeated() {
    let mut scene = Scene::new().await;
    for field in [
        "hash",
        "hint",
        "id",
        "name",
        "organization",
        "project",
        "kind",
        "plan",
        "expires",
        "environment",
        "api",
        SECRET,
    ] {
        let error = scene
            .import(&line(json!({ "hash": hash(SECRET), field: SECRET })))
            .await
            .expect_err("it is a secret");
        assert!(!format!("{error} {error:?}").contains("0123456789"), "{field}: {error}");
    }
    for field in ["scopes", "sources"] {
        let text = line(json!({ "hash": hash(SECRET), field: [SECRET] }));
        let error = scene.import(&text).await.expect_err("it is a secret");
        assert!(!format!("{error} {error:?}").contains("0123456789"), "{field}: {error}");
    }
    assert_eq!(scene.all().await, []);
}

#[tokio::test]
async fn a_thousand_problems_are_counted_and_a_hundred_told() {
    let mut scene = Scene::new().await;
    let error = scene.import(&"{\n".repeat(1000)).await.expect_err("it is full of problems");
    let KeyError::Import(told) = error else { panic!("{error}") };
    assert_eq!((told.first.len(), told.more), (100, 900));
    assert!(told.to_string().ends_with("\nand 900 more"));
}

#[tokio::test]
async fn an_import_of_nothing_changes_nothing() {
    let mut scene = Scene::new().await;
    assert_eq!(scene.import("\n\n").await.expect("nothing to do"), 0);
    let version = scene.store.version().await.expect("a version");
    assert_eq!(version, Version(0));
}

#[tokio::test]
async fn csv_says_the_same_as_json_lines() {
    let mut scene = Scene::new().await;
    let text = format!(
        "\u{feff}hash,apis,name,organization,environment,scopes,labels,expires\r\n\
         {},payments,\"CI, of \"\"acme\"\"\",acme,live,read write,team=a tier=,\r\n\
         \r\n\
         {},games games-eu,Two,acme,,,,2031-01-01\r\n",
        hash("one"),
        hash("two")
    );
    assert_eq!(scene.import_csv(&text, true).await.expect("nothing is wrong"), 2);
    assert_eq!(scene.all().await.len(), 0, "it was only looked at");
    assert_eq!(scene.import_csv(&text, false).await.expect("imported"), 2);
    let [one, two] = scene.all().await.try_into().expect("two keys");
    assert_eq!(one.name, "CI, of \"acme\"");
    assert_eq!(one.scopes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["read", "write"]);
    let labels = [("team", "a"), ("tier", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(one.labels, labels.into());
    assert_eq!((two.apis.len(), two.expires), (2, Some(parse_moment("2031-01-01").expect("a moment"))));
    let again = scene.import_csv(&text, false).await.expect_err("they are there");
    let expected = ["2: hash: found the hash of another key", "4: hash: found the hash of another key"];
    assert_begin(&told(&again), &expected.map(str::to_owned));
}

#[tokio::test]
async fn a_row_that_is_not_as_it_should_be_is_told_by_its_line() {
    let mut scene = Scene::new().await;
    let good = format!("{},payments,CI,acme,live", hash("a"));
    let text = format!(
        "hash,apis,name,organization,environment\n{good}\n{},payments,CI,acme\n{},payments,CI,globex,live\n,payments,CI,acme,live\n",
        hash("b"),
        hash("c")
    );
    let error = scene.import_csv(&text, false).await.expect_err("three are wrong");
    let expected = [
        "3: line: found 4 fields, expected 5, as in the first line",
        "4: line: found globex, expected another",
        "5: hash: found nothing",
    ];
    assert_begin(&told(&error), &expected.map(str::to_owned));
    assert_eq!(scene.all().await.len(), 0, "nothing half");
    let unknown = format!("hash,apis,name,organization,environment,colour\n{good},red\n");
    let error = scene.import_csv(&unknown, false).await.expect_err("no such field");
    assert!(error.to_string().contains("colour"), "{error}");
}
