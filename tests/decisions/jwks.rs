//! Keys of issuers over the wire: rotation, outages, and servers that say what they should not.

use std::{path::Path, sync::Arc, time::Duration};

use doorward::{
    check::authn::jwks::{Inquired, InquiryFault, inquire},
    config::{Config, CredentialRule},
};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;
use tokio::{runtime::Builder, task::JoinSet};

use crate::{
    door::{Call, Door, cause, now_or_soon},
    issuer::{Reply, Server, Signer, set},
};

const ISSUER: &str = "https://login.example";

fn config(keys: &str) -> String {
    format!(
        r"
apis:
  - name: notes
    hosts: [notes.example]
    credentials:
      - jwt:
          issuer: {ISSUER}
          audience: api
          keys: {keys}
          from: [{{ header: {{ name: authorization, scheme: Bearer }} }}]
    routes: [{{ match: /notes }}]
"
    )
}

/// A door whose keys have been asked for once.
async fn door(keys: &str) -> Door {
    let door = Door::with(&config(keys)).await;
    door.checker.policy().first_fetches().await;
    door
}

fn with(signer: &Signer) -> Call {
    Call::get("/notes").bearer(&signer.token(ISSUER, &json!({})))
}

#[tokio::test]
async fn a_new_key_is_found_when_a_token_names_it_and_an_old_one_is_gone_with_it() {
    let (server, old, new) = (Server::start().await, Signer::new("old"), Signer::new("new"));
    server.publishes(&[&old]);
    let door = door(&server.keys("refetch: 100ms")).await;
    assert_eq!(door.verdict(with(&old)).await, "allowed");
    // While the set is fresh, a name that is not in it is nobody's.
    assert_eq!(server.asked(), 1);

    server.publishes(&[&old, &new]);
    now_or_soon(&door, &with(&new), "allowed").await;
    assert_eq!(door.verdict(with(&old)).await, "allowed");

    server.publishes(&[&new]);
    let newest = Signer::new("newest");
    let asked = server.asked();
    while server.asked() == asked {
        assert_eq!(door.verdict(with(&newest)).await, "credential_invalid");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    now_or_soon(&door, &with(&old), "credential_invalid").await;
    assert_eq!(cause(&door, with(&old)).await, "the token has no key: no key has the id that it names");
    assert_eq!(door.verdict(with(&new)).await, "allowed");
}

#[tokio::test]
async fn keys_are_refreshed_without_being_asked_for() {
    let (server, old, new) = (Server::start().await, Signer::new("k"), Signer::new("k"));
    server.publishes(&[&old]);
    let door = door(&server.keys("refresh: 1s, refetch: 100ms")).await;
    let remembered = with(&old);
    assert_eq!(door.verdict(remembered.clone()).await, "allowed");
    server.publishes(&[&new]);
    // The id is the same, so no token gives a reason to fetch.
    now_or_soon(&door, &remembered, "credential_invalid").await;
    assert_eq!(cause(&door, remembered).await, "the token's signature is wrong");
    assert_eq!(door.verdict(with(&new)).await, "allowed");
}

#[tokio::test]
async fn ten_thousand_unknown_ids_cause_at_most_one_fetch_in_an_interval() {
    let (server, signer) = (Server::start().await, Signer::new("k"));
    server.publishes(&[&signer]);
    let unknown = |number: usize| {
        Call::get("/notes").bearer(&signer.token_naming(&number.to_string(), ISSUER, &json!({})))
    };
    let calm = door(&server.keys("refetch: 1h")).await;
    for number in 0..10_000 {
        assert_eq!(calm.verdict(unknown(number)).await, "credential_invalid");
    }
    assert_eq!(calm.verdict(with(&signer)).await, "allowed");
    assert_eq!(server.asked(), 1);

    let eager = door(&server.keys("refetch: 100ms")).await;
    let (began, asked) = (tokio::time::Instant::now(), server.asked());
    for number in 0..10_000 {
        assert_eq!(eager.verdict(unknown(number)).await, "credential_invalid");
    }
    let intervals = began.elapsed().as_millis() / 100;
    let fetches = server.asked() - asked;
    assert!(fetches as u128 <= intervals + 1, "{fetches} fetches in {intervals} intervals");
}

#[tokio::test]
async fn a_crowd_that_waits_for_keys_causes_one_fetch() {
    let (server, signer) = (Server::start().await, Signer::new("k"));
    server.publishes(&[&signer]);
    server.wait();
    let door = Arc::new(Door::with(&config(&server.keys("refetch: 1h"))).await);
    let mut crowd = JoinSet::new();
    for _ in 0..100 {
        let (door, call) = (Arc::clone(&door), with(&signer));
        crowd.spawn(async move { door.verdict(call).await });
    }
    while server.asked() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server.go_on();
    let verdicts = crowd.join_all().await;
    assert!(verdicts.iter().all(|verdict| verdict == "allowed"), "{verdicts:?}");
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn a_slow_server_holds_up_no_check_beyond_its_budget() {
    let (server, signer) = (Server::start().await, Signer::new("k"));
    server.publishes(&[&signer]);
    server.wait();
    let config = Config::parse(&config(&server.keys("refetch: 1h")), Path::new("doorward.yaml"), &[]);
    let door = Door::within(&config.expect("it is good").config, Duration::from_millis(50)).await;
    assert_eq!(door.verdict(with(&signer)).await, "unavailable");
    assert!(cause(&door, with(&signer)).await.contains("they did not come in time"));
    server.go_on();
    // The fetch went on meanwhile.
    now_or_soon(&door, &with(&signer), "allowed").await;
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn an_invented_id_makes_no_outage_of_an_issuer_that_was_well() {
    let (server, signer, invented) = (Server::start().await, Signer::new("k"), Signer::new("invented"));
    server.publishes(&[&signer]);
    let config = Config::parse(&config(&server.keys("refetch: 100ms")), Path::new("doorward.yaml"), &[]);
    let door = Door::within(&config.expect("it is good").config, Duration::from_millis(50)).await;
    door.checker.policy().first_fetches().await;
    server.wait();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let told = cause(&door, with(&invented)).await;
    assert_eq!(told, "the token has no key: no key has the id that it names");
    assert_eq!(door.verdict(with(&invented)).await, "credential_invalid");
    assert_eq!(door.verdict(with(&signer)).await, "allowed");
    server.go_on();
}

#[tokio::test]
async fn what_is_no_good_set_never_replaces_a_good_one() {
    let (server, known, unknown) = (Server::start().await, Signer::new("known"), Signer::new("unknown"));
    server.publishes(&[&known]);
    let door = door(&server.keys("refetch: 100ms")).await;
    let two = json!({ "keys": [known.jwk(), Signer::new("known").jwk()] }).to_string();
    let secret = json!({ "keys": [{ "kty": "oct", "kid": "unknown", "k": "A".repeat(64) }] }).to_string();
    let deep = format!("{{\"keys\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let moved = vec![("location", server.url("/elsewhere"))];
    server.says("/elsewhere", Reply::ok(set(&[&unknown])));
    let cases = [
        (Reply::HangUp, "the server did not answer"),
        (Reply::Answer(500, Vec::new(), set(&[&unknown])), "status 500"),
        (Reply::Answer(203, Vec::new(), set(&[&unknown])), "status 203"),
        (Reply::Answer(302, moved.clone(), String::new()), "status 302"),
        (Reply::Answer(308, moved, set(&[&unknown])), "status 308"),
        (Reply::ok(""), "expected a JSON object with the list `keys`"),
        (Reply::ok("<html>It works!</html>"), "expected a JSON object with the list `keys`"),
        (Reply::ok("{\"keys\":{}}"), "expected a JSON object with the list `keys`"),
        (Reply::ok("{\"keys\":[]}"), "found no key that can be used"),
        (Reply::ok("{\"keys\":[],\"keys\":[]}"), "expected a JSON object with the list `keys`"),
        (Reply::ok(deep), "expected a JSON object with the list `keys`"),
        (Reply::ok(secret), "it is a shared secret, which is none once it is published"),
        (Reply::ok(two), "found two keys with the same `kid`"),
        (Reply::ok(" ".repeat(512 * 1024 + 1)), "longer than 524288 bytes"),
    ];
    for (reply, expected) in cases {
        let told = format!("{reply:?}").chars().take(80).collect::<String>();
        server.says("/jwks", reply);
        // Nobody knows whether the issuer has such a key, so it is an outage and no denial.
        now_or_soon(&door, &with(&unknown), "unavailable").await;
        let mut found = String::new();
        for _ in 0..500 {
            found = cause(&door, with(&unknown)).await;
            if found.contains(expected) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(found.contains(expected), "{told}: found {found}, expected {expected}");
        assert_eq!(door.verdict(with(&known)).await, "allowed", "{told}");
        server.publishes(&[&known]);
        now_or_soon(&door, &with(&unknown), "credential_invalid").await;
    }
    // What content the server calls it does not matter.
    let plain = vec![("content-type", "text/plain".to_owned())];
    server.says("/jwks", Reply::Answer(200, plain, set(&[&unknown])));
    now_or_soon(&door, &with(&unknown), "allowed").await;
}

#[tokio::test]
async fn an_outage_leaves_known_keys_in_force_until_they_are_stale() {
    let (server, signer) = (Server::start().await, Signer::new("k"));
    server.publishes(&[&signer]);
    let door = door(&server.keys("refresh: 1s, refetch: 100ms, stale: 3s")).await;
    server.says("/jwks", Reply::HangUp);
    let call = with(&signer);
    assert_eq!(door.verdict(call.clone()).await, "allowed");
    now_or_soon(&door, &call, "unavailable").await;
    // It is remembered, and yet it does not count without its key.
    assert!(cause(&door, call.clone()).await.starts_with("the keys of https://login.example are not known"));
    server.publishes(&[&signer]);
    now_or_soon(&door, &call, "allowed").await;
}

#[tokio::test]
async fn who_never_had_keys_is_unavailable_and_recovers() {
    let (server, signer) = (Server::start().await, Signer::new("k"));
    let door = door(&server.keys("refetch: 100ms")).await;
    assert_eq!(door.verdict(with(&signer)).await, "unavailable");
    assert!(cause(&door, with(&signer)).await.contains("status 404"));
    server.publishes(&[&signer]);
    now_or_soon(&door, &with(&signer), "allowed").await;
}

#[tokio::test]
async fn private_addresses_are_not_even_connected_to() {
    let (server, signer) = (Server::start().await, Signer::new("k"));
    server.publishes(&[&signer]);
    let (port, ca) = (server.port(), server.ca());
    for host in ["localhost", "127.0.0.1", "127.1", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"] {
        let keys = format!("{{ jwks: {{ url: 'https://{host}:{port}/jwks', ca: {} }} }}", ca.display());
        let door = door(&keys).await;
        let found = cause(&door, with(&signer)).await;
        assert!(found.contains("the host has an address that is not public"), "{host}: {found}");
    }
    assert_eq!(server.asked(), 0);
    let literal = format!("https://127.0.0.1:{port}/jwks");
    let allowed = server.keys("").replace(&server.url("/jwks"), &literal);
    assert_eq!(door(&allowed).await.verdict(with(&signer)).await, "allowed");
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_believed() {
    let (server, other, signer) = (Server::start().await, Server::start().await, Signer::new("k"));
    server.publishes(&[&signer]);
    let keys = server.keys("").replace(&server.ca().display().to_string(), &other.ca().display().to_string());
    let door = door(&keys).await;
    let found = cause(&door, with(&signer)).await;
    assert!(found.contains("the server did not answer: invalid peer certificate"), "{found}");
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn metadata_lead_to_the_keys_of_their_issuer_only() {
    let (server, signer) = (Server::start().await, Signer::new("k"));
    server.publishes(&[&signer]);
    let path = "/.well-known/openid-configuration";
    let keys = server.keys("refetch: 100ms").replace("jwks:", "discovery:").replace("/jwks", path);
    let http = server.url("/jwks").replace("https:", "http:");
    let with_user = server.url("/jwks").replace("https://", "https://me:secret@");
    let cases = [
        (json!({ "issuer": ISSUER, "jwks_uri": server.url("/jwks") }), None),
        (
            json!({ "issuer": "https://evil.example", "jwks_uri": server.url("/jwks") }),
            Some("those of another issuer"),
        ),
        (
            json!({ "issuer": format!("{ISSUER}/"), "jwks_uri": server.url("/jwks") }),
            Some("those of another issuer"),
        ),
        (json!({ "jwks_uri": server.url("/jwks") }), Some("no JSON object with `issuer` and `jwks_uri`")),
        (json!({ "issuer": ISSUER }), Some("no JSON object with `issuer` and `jwks_uri`")),
        (json!([]), Some("no JSON object with `issuer` and `jwks_uri`")),
        (json!({ "issuer": ISSUER, "jwks_uri": http }), Some("the `jwks_uri` of the metadata is no address")),
        (
            json!({ "issuer": ISSUER, "jwks_uri": with_user }),
            Some("the `jwks_uri` of the metadata is no address"),
        ),
        (
            json!({ "issuer": ISSUER, "jwks_uri": "/jwks" }),
            Some("the `jwks_uri` of the metadata is no address"),
        ),
        (json!({ "issuer": ISSUER, "jwks_uri": server.url("/missing") }), Some("status 404")),
    ];
    for (metadata, expected) in cases {
        server.says(path, Reply::ok(metadata.to_string()));
        let door = door(&keys).await;
        match expected {
            None => assert_eq!(door.verdict(with(&signer)).await, "allowed"),
            Some(expected) => {
                let found = cause(&door, with(&signer)).await;
                assert!(found.contains(expected), "{metadata}: {found}");
            }
        }
    }
}

#[test]
fn fetches_are_counted_by_issuer_and_the_age_of_keys_is_told() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let (server, signer) = (Server::start().await, Signer::new("k"));
            server.publishes(&[&signer]);
            let door = door(&server.keys("refresh: 1s, refetch: 100ms")).await;
            server.says("/jwks", Reply::HangUp);
            let unknown = Signer::new("unknown");
            now_or_soon(&door, &with(&unknown), "unavailable").await;
        });
    });
    let told = metrics.render();
    for begin in [
        "doorward_jwks_fetches_total{issuer=\"https://login.example\",result=\"ok\"} 1",
        "doorward_jwks_fetches_total{issuer=\"https://login.example\",result=\"failed\"} ",
        "doorward_jwks_age_seconds{issuer=\"https://login.example\"} ",
    ] {
        assert!(told.lines().any(|line| line.starts_with(begin)), "{begin} is not in\n{told}");
    }
}

#[tokio::test]
async fn an_inquiry_tells_of_keys_and_of_the_server_s_clock() {
    let (server, signer) = (Server::start().await, Signer::new("a"));
    let text = config(&server.keys("refetch: 100ms"));
    let config = Config::parse(&text, Path::new("doorward.yaml"), &[]).expect("it is good").config;
    let Some(CredentialRule::Jwt(rule)) = config.apis[0].credentials.first() else {
        panic!("no token");
    };
    let skipped = json!({ "kty": "none" });
    let keys = json!({ "keys": [signer.jwk(), skipped] }).to_string();
    let date = "Fri, 02 Jan 2026 03:04:05 GMT".to_owned();
    server.says("/jwks", Reply::Answer(200, vec![("date", date)], keys));
    let expected = Inquired { count: 1, skipped: 1, date: "2026-01-02T03:04:05Z".parse().ok() };
    assert_eq!(inquire(rule).await, Ok(expected));

    server.says("/jwks", Reply::ok(r#"{"keys": []}"#));
    assert!(matches!(inquire(rule).await, Err(InquiryFault::Unusable(_))));
    for reply in [Reply::Answer(500, Vec::new(), String::new()), Reply::HangUp] {
        server.says("/jwks", reply);
        assert!(matches!(inquire(rule).await, Err(InquiryFault::Unreachable(_))));
    }
}
