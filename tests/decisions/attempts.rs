//! Bad credentials are limited by address, and a good one is never refused for them.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward::domain::{Clock, KeyRecord, SessionRecord, Timestamp};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;

use crate::door::{Call, Door, NOW, denied, unknown_key, unknown_session};

const CONFIG: &str = r"
apis:
  - name: notes
    hosts: [notes.example]
    client_address: { hops: 1 }
    credentials:
      - api_key: { prefix: nt_live_, from: [{ header: { name: authorization, scheme: Bearer } }] }
      - session: { cookie: sid }
      - jwt:
          issuer: https://login.example
          audience: api
          keys: { secret: { env: SEALING_KEY } }
          from: [{ header: { name: authorization, scheme: Bearer } }]
    limits: { attempts: [3/minute] }
    routes:
      - { match: /notes }
      - { match: /admin, scopes: [admin] }
      - { match: /status, public: true }
      - { match: /optional, optional: true }
";

const HERE: &str = "203.0.113.7";

fn get(path: &str) -> Call {
    from(path, HERE)
}

fn from(path: &str, address: &str) -> Call {
    Call::get(path).header("x-forwarded-for", address)
}

/// A call with a well-formed key that no store has.
fn guess(number: u64) -> Call {
    get("/notes").bearer(&unknown_key("nt_live_", 1_000 + number))
}

async fn key(door: &Door) -> String {
    door.key("nt_live_", |record: &mut KeyRecord| record.environment = None).await
}

/// A token that the issuer signs for this person.
pub(crate) fn token(user: &str) -> String {
    let now = NOW.parse::<Timestamp>().expect("a moment").as_second();
    let claims = json!({
        "iss": "https://login.example", "aud": "api", "sub": user, "exp": now + 3600, "nbf": now - 1,
    });
    let parts = [json!({ "alg": "HS256" }), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = parts.join(".");
    let key = hmac::Key::new(hmac::HMAC_SHA256, crate::door::SEALING_KEY.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes())))
}

/// Guesses until the address is refused.
async fn exhaust(door: &Door) {
    for number in 0..3 {
        assert_eq!(door.verdict(guess(number)).await, "credential_invalid");
    }
    assert_eq!(door.verdict(guess(3)).await, "too_many_attempts");
}

#[tokio::test]
async fn whoever_guesses_too_often_is_told_when_to_come_back_and_of_no_quota() {
    let quota = "limits: { by: client_address, quotas: [1000/minute], attempts";
    let door = Door::with(&CONFIG.replace("limits: { attempts", quota)).await;
    let told = async |number| {
        let response = door.knock(guess(number)).await;
        let headers = denied(&response).headers.iter().filter_map(|option| option.header.as_ref());
        headers.map(|header| header.key.clone()).collect::<Vec<_>>()
    };
    assert!(told(0).await.contains(&"X-RateLimit-Remaining".to_owned()));
    for number in 1..3 {
        told(number).await;
    }
    let told = told(3).await;
    assert!(told.contains(&"Retry-After".to_owned()), "{told:?}");
    assert!(!told.iter().any(|name| name.starts_with("X-RateLimit")), "{told:?}");
}

#[tokio::test]
async fn whoever_guesses_too_often_is_refused_for_a_time() {
    let door = Door::with(CONFIG).await;
    exhaust(&door).await;
    let response = door.knock(guess(4)).await;
    let refusal = denied(&response);
    let header = |name: &str| {
        let mut headers = refusal.headers.iter().filter_map(|option| option.header.as_ref());
        headers.find(|header| header.key == name).map(|header| header.value.clone())
    };
    assert_eq!(refusal.status.as_ref().map(|status| status.code), Some(429));
    assert_eq!(header("Retry-After").as_deref(), Some("61"));
    assert!(refusal.body.contains("\"retry_after\":61"), "{}", refusal.body);
    assert_eq!(
        door.cause(&guess(5)).await,
        "too_many_attempts: too many bad credentials came from 203.0.113.7/32"
    );

    let elsewhere = from("/notes", "203.0.113.8").bearer(&unknown_key("nt_live_", 1_006));
    assert_eq!(door.verdict(elsewhere).await, "credential_invalid");
    door.clock.advance(60);
    assert_eq!(door.verdict(guess(7)).await, "too_many_attempts");
    door.clock.advance(1);
    assert_eq!(door.verdict(guess(8)).await, "credential_invalid");
}

#[tokio::test]
async fn nothing_is_looked_up_for_an_address_that_is_refused() {
    let door = Door::with(CONFIG).await;
    exhaust(&door).await;
    door.rename_table("keys", "keys_away").await;
    assert_eq!(door.verdict(guess(4)).await, "too_many_attempts");
    let elsewhere = from("/notes", "203.0.113.8").bearer(&unknown_key("nt_live_", 1_004));
    assert_eq!(door.verdict(elsewhere).await, "unavailable");
}

#[tokio::test]
async fn what_is_known_to_be_good_passes_and_nothing_else_does() {
    let door = Door::with(CONFIG).await;
    let (known, unseen) = (key(&door).await, key(&door).await);
    let soon = door.clock.now().checked_add(Duration::from_secs(31)).expect("a moment");
    let expiring = |record: &mut KeyRecord| (record.environment, record.expires) = (None, Some(soon));
    let expiring = door.key("nt_live_", expiring).await;
    let memberships = |_: &mut SessionRecord| ();
    let (session, unseen_session) = (door.session(memberships).await, door.session(memberships).await);
    let idle = |record: &mut SessionRecord| record.idle = Some(Duration::from_secs(30));
    let idle = door.session(idle).await;
    let (verified, fresh) = (token("ada"), token("grace"));
    let elsewhere =
        |call: fn(&str) -> Call, credential: &str| call(credential).header("x-forwarded-for", "198.51.100.1");
    for call in [
        elsewhere(|key| Call::get("/notes").bearer(key), &known),
        elsewhere(|key| Call::get("/notes").bearer(key), &expiring),
        elsewhere(|session| Call::get("/notes").cookie("sid", session), &session),
        elsewhere(|session| Call::get("/notes").cookie("sid", session), &idle),
        elsewhere(|token| Call::get("/notes").bearer(token), &verified),
    ] {
        assert_eq!(door.verdict(call).await, "allowed");
    }
    exhaust(&door).await;
    for (name, call, expected) in [
        ("a known key", get("/notes").bearer(&known), "allowed"),
        ("a known key without the scope", get("/admin").bearer(&known), "scope_missing"),
        ("a known session", get("/notes").cookie("sid", &session), "allowed"),
        ("a verified token", get("/notes").bearer(&verified), "allowed"),
        ("no credential", get("/notes"), "credential_missing"),
        ("nobody", get("/optional"), "allowed"),
        ("a public route", get("/status").bearer(&unseen), "allowed"),
        ("a key that was not seen yet", get("/notes").bearer(&unseen), "too_many_attempts"),
        (
            "a session that was not seen yet",
            get("/notes").cookie("sid", &unseen_session),
            "too_many_attempts",
        ),
        ("a token that was not seen yet", get("/notes").bearer(&fresh), "too_many_attempts"),
        ("an invented session", get("/notes").cookie("sid", &unknown_session(99)), "too_many_attempts"),
    ] {
        assert_eq!(door.verdict(call).await, expected, "{name}");
    }
    // What was known to be good and no longer is.
    door.clock.advance(31);
    assert_eq!(door.verdict(get("/notes").cookie("sid", &idle)).await, "too_many_attempts");
    assert_eq!(door.verdict(get("/notes").bearer(&expiring)).await, "too_many_attempts");
    assert_eq!(door.verdict(get("/notes").bearer(&known)).await, "allowed");
}

#[tokio::test]
async fn only_bad_credentials_count() {
    let door = Door::with(CONFIG).await;
    let key = key(&door).await;
    for _ in 0..5 {
        for (call, expected) in [
            (get("/notes"), "credential_missing"),
            (get("/notes").bearer("rubbish"), "credential_malformed"),
            (get("/admin").bearer(&key), "scope_missing"),
            (get("/notes").bearer(&key), "allowed"),
            (get("/status").bearer(&unknown_key("nt_live_", 1)), "allowed"),
        ] {
            assert_eq!(door.verdict(call).await, expected);
        }
    }
    exhaust(&door).await;
}

#[tokio::test]
async fn an_address_that_cannot_be_told_presents_no_credential() {
    let door = Door::with(CONFIG).await;
    let key = key(&door).await;
    let cause = door.cause(&Call::get("/notes").bearer(&key)).await;
    assert_eq!(
        cause,
        "request_malformed: the client's address could not be told, and failed attempts are limited by it"
    );
    assert_eq!(door.verdict(Call::get("/optional")).await, "allowed");
}

#[tokio::test]
async fn in_the_shadow_no_attempt_is_counted() {
    let text = CONFIG.replace("    limits:", "    shadow: { until: 2026-01-03 }\n    limits:");
    let door = Door::with(&text).await;
    for number in 0..9 {
        assert_eq!(door.cause(&guess(number)).await, "waived");
    }
    door.clock.advance(24 * 3600);
    exhaust(&door).await;
}

#[test]
fn attempts_have_metrics_of_their_own() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let door = Door::with(CONFIG).await;
            let known = key(&door).await;
            assert_eq!(door.verdict(get("/notes").bearer(&known)).await, "allowed");
            exhaust(&door).await;
            assert_eq!(door.verdict(guess(4)).await, "too_many_attempts");
            assert_eq!(door.verdict(get("/notes").bearer(&known)).await, "allowed");
        });
    });
    let counted = recorder.handle().render();
    for (decision, times) in [("counted", 3), ("refused", 2)] {
        let line = format!("doorward_attempts_total{{api=\"notes\",decision=\"{decision}\"}} {times}");
        assert!(counted.contains(&line), "{line} is not in\n{counted}");
    }
}
