//! What is told of how keys are used.

use doorward::{
    domain::{Clock, KeyId, KeyUsage},
    store::UsageStore,
};
use http::StatusCode;
use serde_json::{Value, json};

use crate::office::{Office, plain, post, with_body};

const DAY: u32 = 86_400;

/// The ids of a new key for each of these names.
async fn keys<const N: usize>(office: &Office, names: [&str; N]) -> [String; N] {
    let mut ids = [const { String::new() }; N];
    for (id, name) in ids.iter_mut().zip(names) {
        *id = office.make(post("/v1/keys", key(name, ""))).await;
    }
    ids
}

fn key(name: &str, more: &str) -> String {
    format!(r#"{{ "name": "{name}", "apis": ["payments"], "organization": "acme"{more} }}"#)
}

/// Notes that a key was used now, so often.
async fn used(office: &Office, id: &str, uses: u64) {
    let id: KeyId = id.parse().expect("an id");
    let usage = KeyUsage { uses, used: office.clock.now() };
    office.store.add_uses(&[(id, usage)]).await.expect("added");
}

async fn answer(office: &Office, path: &str) -> Value {
    let (status, answer) = office.send(&Office::owner(), plain("GET", path)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

/// The names of the keys that a list shows.
async fn listed(office: &Office, query: &str) -> Vec<String> {
    let answer = answer(office, &format!("/v1/keys?{query}")).await;
    let keys = answer["keys"].as_array().expect("a list");
    keys.iter().map(|key| key["name"].as_str().expect("a name").to_owned()).collect()
}

fn told(key: &Value) -> (Value, Value) {
    (key["uses"].clone(), key["used"].clone())
}

#[tokio::test]
async fn whoever_asks_for_keys_is_told_how_they_were_used() {
    let office = Office::open().await;
    let [one, two] = keys(&office, ["one", "two"]).await;
    used(&office, &two, 3).await;
    let (unused, twice) = ((json!(0), json!(null)), (json!(3), json!("2030-01-01T00:00:00Z")));
    assert_eq!(told(&answer(&office, &format!("/v1/keys/{one}")).await), unused);
    assert_eq!(told(&answer(&office, &format!("/v1/keys/{two}")).await), twice);
    let list = answer(&office, "/v1/keys").await;
    assert_eq!([0, 1].map(|at| told(&list["keys"][at])), [unused, twice]);
}

#[tokio::test]
async fn a_successor_begins_unused_and_what_changes_a_key_tells_nothing_of_its_use() {
    let office = Office::open().await;
    let [one] = keys(&office, ["one"]).await;
    used(&office, &one, 3).await;
    let rotated = post(format!("/v1/keys/{one}:rotate"), r#"{ "overlap": "60s" }"#);
    let (_, issued) = office.send(&Office::owner(), rotated).await;
    let successor = issued["id"].as_str().expect("an id");
    assert_eq!(told(&issued["record"]), (json!(null), json!(null)));
    assert_eq!(told(&answer(&office, &format!("/v1/keys/{successor}")).await), (json!(0), json!(null)));
    let renamed = with_body("PATCH", format!("/v1/keys/{one}"), r#"{ "name": "uno" }"#);
    let revoked = post(format!("/v1/keys/{one}:revoke"), "{}");
    for change in [renamed, revoked] {
        let (status, key) = office.send(&Office::owner(), change).await;
        assert_eq!((status, told(&key)), (StatusCode::OK, (json!(null), json!(null))));
    }
    assert_eq!(answer(&office, &format!("/v1/keys/{one}")).await["uses"], 3, "a revoked key was used, too");
}

#[tokio::test]
async fn keys_that_nobody_uses_are_listed() {
    let office = Office::open().await;
    let [_, used_once, in_use, revoked] = keys(&office, ["never", "once", "in use", "revoked"]).await;
    let expires = r#", "expires": "2030-01-31T00:00:00Z""#;
    office.make(post("/v1/keys", key("expired", expires))).await;
    office.make(post(format!("/v1/keys/{revoked}:revoke"), "{}")).await;
    office.clock.advance(DAY);
    used(&office, &used_once, 1).await;
    office.clock.advance(30 * DAY);
    used(&office, &in_use, 1).await;
    let [_] = keys(&office, ["young"]).await;
    assert_eq!(listed(&office, "unused_for=2592000s").await, ["never", "once"]);
    assert_eq!(listed(&office, "unused_for=2592001s").await, ["never"]);
    assert_eq!(listed(&office, "unused_for=2678401s").await, [""; 0]);
    assert_eq!(listed(&office, "unused_for=0s").await, ["never", "once", "in use", "young"]);
    assert_eq!(listed(&office, "unused_for=315576000000s").await, [""; 0], "longer than calendars reach");
    assert_eq!(listed(&office, "unused_for=0s&older_than=2592000s").await, ["never", "once", "in use"]);
    assert_eq!(listed(&office, "unused_for=2592000s&status=active").await, ["never", "once"]);
}

#[tokio::test]
async fn what_only_answers_tell_is_not_asked_for() {
    let office = Office::open().await;
    let [one] = keys(&office, ["one"]).await;
    let (moment, path) = ("2030-01-01T00:00:00Z", format!("/v1/keys/{one}"));
    for (request, what) in [
        (post("/v1/keys", key("two", r#", "uses": 0"#)), "key.uses"),
        (post("/v1/keys", key("two", &format!(r#", "used": "{moment}""#))), "key.used"),
        (with_body("PATCH", &path, r#"{ "uses": 1 }"#), "found a field that is not changed"),
        (
            with_body("PATCH", &path, format!(r#"{{ "used": "{moment}" }}"#)),
            "found a field that is not changed",
        ),
        (with_body("PATCH", format!("{path}?update_mask=uses"), r#"{ "uses": 1 }"#), "update_mask"),
        (plain("GET", "/v1/keys?unused_for=60s&status=expired"), "status"),
        (plain("GET", "/v1/keys?unused_for=-60s"), "unused_for"),
    ] {
        let (status, answer) = office.send(&Office::owner(), request).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        assert!(answer.to_string().contains(what), "{what} is not in {answer}");
    }
    assert_eq!(listed(&office, "").await, ["one"]);
}
