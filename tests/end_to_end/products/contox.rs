//! Contox, line by line of its table. When a key was used last is not kept yet.

use std::{sync::Arc, time::Duration};

use doorward::domain::CredentialHash;
use serde_json::{Value, json};

use crate::harness::{
    PATIENCE, Shared,
    client::{Request, Response},
    eventually, run,
    site::Key,
};

use super::{Product, caller, create_key, create_secret, create_session, issue, mac, unix_time};

const UNAUTHORIZED: &str = r#"{"error":"Invalid or missing authentication credentials"}"#;
const SEALING_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const PROJECT: &str = "proj_abc123";
const BODY: &[u8] = br#"{"event": "session_save", "payload": {"n": 1}}"#;

pub(super) async fn start(further: &[(&str, &str)]) -> Product {
    let changes = [&[("SEALING_KEY", SEALING_KEY)], further].concat();
    Product::start("contox", "contox.dev", &changes, |_| ()).await
}

async fn product() -> Arc<Product> {
    static SHARED: Shared<Product> = Shared::new();
    SHARED.get(async || start(&[]).await).await
}

fn key(product: &Product, words: &[&str]) -> Key {
    create_key(
        product.site(),
        &[&["--api", "contox", "--organization", "acme", "--name", "CI"], words].concat(),
    )
}

fn secret(product: &Product, project: &str) -> Key {
    create_secret(product.site(), &["--api", "contox", "--project", project, "--organization", "acme"])
}

fn session(product: &Product, words: &[&str]) -> Key {
    create_session(
        product.site(),
        &[&["--api", "contox", "--user", "user_1", "--organization", "acme"], words].concat(),
    )
}

/// The signed request of the product's pages.
fn signed(product: &Product, project: &str, secret: &str, time: i64, body: &[u8]) -> Request {
    let text = [time.to_string().as_bytes(), b".", body].concat();
    product
        .request("POST", "/api/v2/ingest")
        .with("content-type", "application/json")
        .with("X-Contox-Project", project)
        .with("X-Contox-Timestamp", time.to_string())
        .with("X-Contox-Signature", format!("sha256={}", mac(secret, &text)))
        .body(body)
}

fn assert_unauthorized(response: &Response, how: &str) {
    assert_eq!((response.status, response.text().as_str()), (401, UNAUTHORIZED), "{how}");
    assert_eq!(response.header("content-type"), Some("application/json"), "{how}");
}

#[test]
fn line_api_key_a_bearer_key_of_the_product_is_let_in() {
    run(async {
        let product = product().await;
        let key = key(&product, &[]);
        assert!(key.key.starts_with("contox_sk_"));
        let echo = product.send(&product.request("GET", "/api/projects").bearer(&key.key)).await.echo();
        assert_eq!(echo.values("x-principal-id"), [&key.id]);
        assert_eq!(echo.values("x-principal-organization"), ["acme"]);
        assert!(echo.values("authorization").is_empty());
    });
}

#[test]
fn line_api_key_a_key_made_by_the_product_itself_is_let_in_by_its_hash() {
    run(async {
        let product = product().await;
        let theirs = "contox_sk_abc123def456";
        let line = json!({
            "hash": format!("sha256:{}", hex::encode(CredentialHash::of(theirs).as_bytes())),
            "api": "contox", "name": "CLI", "organization": "acme",
        });
        std::fs::write(product.site().folder().join("theirs.jsonl"), line.to_string()).expect("a file");
        product.site().json(&["keys", "import", "theirs.jsonl"]);
        let response = product.send(&product.request("GET", "/api/projects").bearer(theirs)).await;
        assert_eq!(response.status, 200);
    });
}

#[test]
fn line_at_rest_only_the_hash_is_kept_and_lists_show_a_prefix_name_and_creation() {
    run(async {
        let product = product().await;
        let key = key(&product, &[]);
        let listed: Value = product.site().json(&["keys", "list"]);
        let record = listed["keys"].as_array().expect("a list").iter().find(|record| record["id"] == *key.id);
        let record = record.expect("the key is listed");
        assert_eq!(record["hint"], format!("{}...", &key.key[.."contox_sk_".len() + 4]));
        assert!(record["name"] == "CI" && record["created"].is_string(), "{record}");
        let stored = std::fs::read(product.site().database()).expect("the store");
        let log = std::fs::read(product.site().folder().join("doorward.db-wal")).unwrap_or_default();
        let everything = [stored, log].concat();
        let holds = |text: &[u8]| everything.windows(text.len()).any(|window| window == text);
        assert!(!holds(&key.key.as_bytes()["contox_sk_".len()..]), "the key is in the store");
        assert!(holds(CredentialHash::of(&key.key).as_bytes()), "its hash is not: this proves nothing");
    });
}

#[test]
fn line_deletion_is_immediate_and_final() {
    run(async {
        let product = product().await;
        let key = key(&product, &[]);
        let ask = product.request("GET", "/api/projects").bearer(&key.key);
        assert_eq!(product.send(&ask).await.status, 200, "before");
        product.site().revoke(&key.id);
        eventually("the deletion", Duration::from_secs(1), async || match product.send(&ask).await.status {
            401 => Ok(()),
            status => Err(format!("it is answered {status}")),
        })
        .await;
        assert_unauthorized(&product.send(&ask).await, "a deleted key");
    });
}

#[test]
fn line_signature_a_signed_event_is_let_in_for_its_project_with_its_body() {
    run(async {
        let product = product().await;
        let secret = secret(&product, PROJECT);
        let echo = product.send(&signed(&product, PROJECT, &secret.key, unix_time(0), BODY)).await.echo();
        assert_eq!(echo.values("x-principal-kind"), ["project"]);
        assert_eq!(echo.values("x-principal-id"), [PROJECT]);
        assert_eq!(echo.values("x-principal-project"), [PROJECT]);
        assert_eq!(echo.values("x-principal-credential"), [&secret.id]);
        assert_eq!(echo.body, BODY);
        assert!(echo.values("x-contox-signature").is_empty(), "the signature goes no further");
    });
}

#[test]
fn line_signed_string_anything_else_than_timestamp_dot_raw_body_is_refused() {
    run(async {
        let product = product().await;
        let own = "proj_signed_string";
        let secret = secret(&product, own).key;
        let now = unix_time(0);
        let good = || signed(&product, own, &secret, now, BODY);
        let with = |name: &str, value: String| {
            let mut request = good();
            let header = request.headers.iter_mut().find(|(known, _)| known == name).expect("the header");
            header.1 = value.into_bytes();
            request
        };
        let mac_of = |text: &[u8]| format!("sha256={}", mac(&secret, text));
        let mut other_body = good();
        other_body.body = BODY.to_ascii_uppercase();
        let cases = [
            ("another body", other_body),
            ("another time", with("X-Contox-Timestamp", (now - 1).to_string())),
            ("another project", with("X-Contox-Project", "proj_unknown".to_owned())),
            (
                "another secret",
                signed(&product, own, "another secret of the same length as the good one..", now, BODY),
            ),
            ("the body alone", with("X-Contox-Signature", mac_of(BODY))),
            ("no prefix", with("X-Contox-Signature", mac_of(BODY).replace("sha256=", ""))),
            ("no signature", with("X-Contox-Signature", "sha256=".to_owned())),
        ];
        for (how, request) in cases {
            assert_unauthorized(&product.send(&request).await, how);
        }
        assert_eq!(product.send(&good()).await.status, 200, "the good one");
    });
}

#[test]
fn line_replay_a_time_outside_the_window_and_a_signature_seen_before_are_refused() {
    run(async {
        let product = product().await;
        let own = "proj_replay";
        let secret = secret(&product, own).key;
        for offset in [-310, 310] {
            let request = signed(&product, own, &secret, unix_time(offset), BODY);
            assert_unauthorized(&product.send(&request).await, &format!("{offset} s away"));
        }
        for offset in [-280, 280] {
            let request = signed(&product, own, &secret, unix_time(offset), BODY);
            assert_eq!(product.send(&request).await.status, 200, "{offset} s away");
            assert_unauthorized(&product.send(&request).await, "seen before");
        }
    });
}

#[test]
fn line_secret_can_be_fetched_by_its_owner_and_rotated_with_both_active() {
    run(async {
        let product = product().await;
        let own = "proj_rotated";
        let old = secret(&product, own);
        let revealed = product.site().json(&["secrets", "reveal", &old.id]);
        assert_eq!(revealed["secret"], *old.key);
        let new = issue(product.site(), &["secrets", "rotate", &old.id, "--overlap", "1h"], "secret");
        for (at, secret) in [(0, &old.key), (1, &new.key)] {
            let request = signed(&product, own, secret, unix_time(at), BODY);
            assert_eq!(product.send(&request).await.status, 200, "both are active");
        }
        product.site().json(&["secrets", "revoke", &old.id]);
        eventually("the revocation", PATIENCE, async || {
            let request = signed(&product, own, &old.key, unix_time(0), BODY);
            match product.send(&request).await.status {
                401 => Ok(()),
                status => Err(format!("it is answered {status}")),
            }
        })
        .await;
        let request = signed(&product, own, &new.key, unix_time(5), BODY);
        assert_eq!(product.send(&request).await.status, 200, "the new one goes on");
    });
}

#[test]
fn line_session_cookie_a_session_is_let_in_until_it_expires_or_is_ended() {
    run(async {
        let product = product().await;
        let session = session(&product, &["--lifetime", "1h"]);
        let ask = || {
            product
                .request("GET", "/api/projects")
                .with("cookie", format!("a=1; contox_session={}; b=2", session.key))
        };
        let echo = product.send(&ask()).await.echo();
        assert_eq!(echo.values("x-principal-kind"), ["user"]);
        assert_eq!(echo.values("x-principal-id"), ["user_1"]);
        assert_eq!(echo.values("cookie"), ["a=1; b=2"], "the session's cookie goes no further");
        product.site().json(&["sessions", "end", &session.id]);
        eventually("the end", Duration::from_secs(1), async || match product.send(&ask()).await.status {
            401 => Ok(()),
            status => Err(format!("it is answered {status}")),
        })
        .await;
        assert_unauthorized(&product.send(&ask()).await, "an ended session");
    });
}

#[test]
fn line_session_cookie_an_expired_session_is_refused() {
    run(async {
        let product = product().await;
        let session = session(&product, &["--lifetime", "2s"]);
        let ask =
            product.request("GET", "/api/projects").with("cookie", format!("contox_session={}", session.key));
        eventually("the expiry", PATIENCE, async || match product.send(&ask).await.status {
            401 => Ok(()),
            status => Err(format!("it is answered {status}")),
        })
        .await;
        assert_unauthorized(&product.send(&ask).await, "an expired session");
    });
}

#[test]
fn line_session_cookie_what_may_change_something_needs_the_origin_of_the_site() {
    run(async {
        let product = product().await;
        let session = session(&product, &["--lifetime", "1h"]);
        let ask = |origin: Option<&str>| {
            let request = product
                .request("POST", "/api/projects")
                .with("cookie", format!("contox_session={}", session.key));
            origin.into_iter().fold(request, |request, origin| request.with("origin", origin)).body("{}")
        };
        assert_eq!(product.send(&ask(Some("https://contox.dev"))).await.status, 200);
        for origin in [
            None,
            Some("https://evil.test"),
            Some("null"),
            Some("https://contox.dev.evil.test"),
            Some("http://contox.dev"),
        ] {
            let response = product.send(&ask(origin)).await;
            assert_eq!(response.status, 403, "{origin:?}");
            assert_eq!(response.text(), r#"{"error":"Cross-site requests are not accepted"}"#);
        }
    });
}

#[test]
fn line_error_body_is_the_same_for_everything_that_does_not_authenticate() {
    run(async {
        let product = product().await;
        let expired = key(&product, &["--expires", "1s"]);
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let plain = || product.request("GET", "/api/projects");
        for (how, request) in [
            ("nothing", plain()),
            ("an expired key", plain().bearer(&expired.key)),
            ("an unknown key", plain().bearer("contox_sk_unknown")),
            ("another scheme", plain().with("authorization", "Basic YTpi")),
            ("an unknown session", plain().with("cookie", "contox_session=unknown")),
            ("two credentials", plain().bearer("contox_sk_a").with("cookie", "contox_session=b")),
        ] {
            assert_unauthorized(&product.send(&request).await, how);
        }
    });
}

/// Limit, remaining and reset of an answer.
fn limits(response: &Response) -> [i64; 3] {
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"].map(|name| {
        let value = response.header(name).unwrap_or_else(|| panic!("no {name}: {}", response.status));
        value.parse().expect("a number")
    })
}

/// Waits until a minute of the clock has begun that has this many seconds left.
async fn early_in_a_minute(left: i64) {
    let past = unix_time(0) % 60;
    if past + left > 60 {
        let wait = u64::try_from(60 - past).expect("some seconds");
        tokio::time::sleep(Duration::from_secs(wait)).await;
    }
}

#[test]
fn line_rate_limit_200_requests_a_minute_of_an_address_whatever_is_presented() {
    run(async {
        let product = start(&[]).await;
        let key = key(&product, &[]).key;
        let mut client = product.world.envoy.client();
        early_in_a_minute(40).await;
        let begin = unix_time(0) / 60 * 60;
        let good = product.request("GET", "/api/projects").bearer(&key);
        let bad = product.request("GET", "/api/projects").bearer("contox_sk_unknown");
        for used in 1..=200 {
            let is_good = used % 2 == 0;
            let response = client.send(if is_good { &good } else { &bad }).await;
            assert_eq!(response.status, if is_good { 200 } else { 401 }, "{used}");
            assert_eq!(limits(&response), [200, 200 - used, begin + 60], "{used}");
        }
        for request in [&good, &bad] {
            let refused = client.send(request).await;
            assert_eq!((refused.status, limits(&refused)), (429, [200, 0, begin + 60]));
            let seconds = refused.header("retry-after").expect("it is told");
            let body = format!(r#"{{"error":"Rate limit exceeded. Please retry after {seconds} seconds."}}"#);
            assert_eq!(refused.text(), body);
            let until: i64 = seconds.parse().expect("a number");
            assert!((until - (begin + 60 - unix_time(0))).abs() <= 1, "{until} s");
        }
    });
}

#[test]
fn line_rate_limit_some_endpoints_have_a_limit_of_their_own() {
    run(async {
        let product = start(&[]).await;
        let key = key(&product, &[]).key;
        let make = || product.request("POST", "/api/keys").bearer(&key);
        early_in_a_minute(20).await;
        for used in 1..=10 {
            let response = product.send(&make()).await;
            assert_eq!((response.status, limits(&response)[..2].to_vec()), (200, vec![10, 10 - used]));
        }
        let refused = product.send(&make()).await;
        assert_eq!((refused.status, limits(&refused)[..2].to_vec()), (429, vec![10, 0]));
        let elsewhere = product.send(&product.request("GET", "/api/projects").bearer(&key)).await;
        assert_eq!((elsewhere.status, limits(&elsewhere)[0]), (200, 200));
    });
}

#[test]
fn everybody_gets_the_golden_decision_on_every_route() {
    run(async {
        let product = start(&[]).await;
        let api_key = key(&product, &[]).key;
        let session = session(&product, &["--lifetime", "1h"]).key;
        let secret = secret(&product, PROJECT).key;
        let callers = [
            caller("nobody", |request| request),
            caller("a key", |request| request.bearer(&api_key)),
            caller("an unknown key", |request| request.bearer("contox_sk_abc123def456")),
            caller("a session", |request| request.with("cookie", format!("contox_session={session}"))),
            caller("a session, from the site", |request| {
                request
                    .with("cookie", format!("contox_session={session}"))
                    .with("origin", "https://contox.dev")
            }),
            caller("a signature", |request| {
                // A signature proves one request, so each has a body of its own.
                let body = format!("{} {}", request.method, String::from_utf8_lossy(&request.target));
                let now = unix_time(0);
                let mac = mac(&secret, format!("{now}.{body}").as_bytes());
                request
                    .with("x-contox-project", PROJECT)
                    .with("x-contox-timestamp", now.to_string())
                    .with("x-contox-signature", format!("sha256={mac}"))
                    .body(body)
            }),
            caller("a key and a session", |request| {
                request.bearer(&api_key).with("cookie", format!("contox_session={session}"))
            }),
        ];
        let calls = [
            ("POST", "/api/v2/ingest"),
            ("GET", "/api/v2/ingest"),
            ("GET", "/api/projects"),
            ("POST", "/api/projects"),
            ("DELETE", "/api/keys/1"),
            ("GET", "/elsewhere"),
        ];
        product.check_matrix(&callers, &calls).await;
    });
}
