//! Product 2, `CortexEDR`, line by line of its table, with `examples/cortex-edr.yaml` as it is shipped. Its error
//! bodies are pinned by the suite on denials.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::harness::{
    PATIENCE, Shared,
    client::{Request, Response},
    eventually, run,
    site::Key,
};

use super::{Product, caller, unix_time};

pub(super) async fn start(changes: &[(&str, &str)]) -> Product {
    Product::start("cortex-edr", "api.cortex-edr.com", changes, |_| ()).await
}

async fn product() -> Arc<Product> {
    static SHARED: Shared<Product> = Shared::new();
    SHARED.get(async || start(&[]).await).await
}

fn create(product: &Product, words: &[&str]) -> Key {
    product.site().create(&[&["--api", "cortex-edr"], words].concat())
}

async fn ask(product: &Product, method: &str, target: &str, key: Option<&str>) -> Response {
    let request = product.request(method, target);
    product.send(&key.into_iter().fold(request, Request::bearer)).await
}

/// The `error` of a refusal.
fn error(response: &Response) -> Value {
    let mut body: Value = serde_json::from_slice(&response.body).expect("a body of JSON");
    body["error"].take()
}

#[test]
fn line_api_key_a_live_key_as_bearer_is_let_in() {
    run(async {
        let product = product().await;
        let key = create(&product, &["--scope", "read"]);
        assert!(key.key.starts_with("sk_live_"), "the product's own prefix");
        let echo = ask(&product, "GET", "/v1/scans/7", Some(&key.key)).await.echo();
        assert_eq!(echo.values("x-principal-id"), [&key.id]);
        assert!(echo.values("authorization").is_empty());
    });
}

#[test]
fn line_query_form_only_a_test_key_is_let_in_and_the_parameter_is_taken_out() {
    run(async {
        let product = product().await;
        let test = create(&product, &["--scope", "read", "--environment", "test"]).key;
        let live = create(&product, &["--scope", "read"]).key;
        let target = format!("/v1/scans?a=1&api_key={test}&b=2");
        let echo = ask(&product, "GET", &target, None).await.echo();
        assert_eq!(echo.target, "/v1/scans?a=1&b=2");
        let refused = ask(&product, "GET", &format!("/v1/scans?api_key={live}"), None).await;
        assert_eq!(refused.status, 401);
        product.world.assert_no_secret().await;
    });
}

#[test]
fn line_permissions_admin_implies_write_implies_read() {
    run(async {
        let product = product().await;
        let calls = [
            ("GET", "/v1/scans/7"),
            ("GET", "/v1/reports/7"),
            ("POST", "/v1/scans"),
            ("GET", "/v1/users"),
            ("DELETE", "/v1/users/7"),
        ];
        for (scope, statuses) in [
            ("read", [200, 200, 403, 403, 403]),
            ("write", [200, 200, 200, 403, 403]),
            ("admin", [200, 200, 200, 200, 200]),
        ] {
            let key = create(&product, &["--scope", scope]).key;
            for ((method, target), status) in calls.into_iter().zip(statuses) {
                let found = ask(&product, method, target, Some(&key)).await.status;
                assert_eq!(found, status, "{method} {target} with {scope}");
            }
        }
    });
}

#[test]
fn line_expiry_an_expired_key_is_refused_with_401() {
    run(async {
        let product = product().await;
        let key = create(&product, &["--scope", "read", "--expires", "2s"]).key;
        assert_eq!(ask(&product, "GET", "/v1/scans", Some(&key)).await.status, 200, "before");
        eventually("the expiry", PATIENCE, async || {
            match ask(&product, "GET", "/v1/scans", Some(&key)).await.status {
                401 => Ok(()),
                status => Err(format!("it is answered {status}")),
            }
        })
        .await;
    });
}

#[test]
fn line_environments_the_upstream_learns_whether_a_key_is_live_or_for_tests() {
    run(async {
        let product = product().await;
        for environment in ["live", "test"] {
            let key = create(&product, &["--scope", "read", "--environment", environment]).key;
            assert!(key.starts_with(&format!("sk_{environment}_")));
            let echo = ask(&product, "GET", "/v1/scans", Some(&key)).await.echo();
            assert_eq!(echo.values("x-principal-environment"), [environment]);
        }
    });
}

#[test]
fn line_statuses_401_for_a_missing_or_invalid_key_and_403_for_missing_permissions() {
    run(async {
        let product = product().await;
        let reader = create(&product, &["--scope", "read"]).key;
        for (method, key, status, code) in [
            ("GET", None, 401, "UNAUTHORIZED"),
            ("GET", Some("sk_live_invented"), 401, "UNAUTHORIZED"),
            ("POST", Some(reader.as_str()), 403, "FORBIDDEN"),
        ] {
            let response = ask(&product, method, "/v1/scans", key).await;
            assert_eq!((response.status, &error(&response)["code"]), (status, &json!(code)));
        }
    });
}

#[test]
fn line_error_body_is_the_one_of_the_products_pages() {
    run(async {
        let product = product().await;
        let response = ask(&product, "GET", "/v1/scans", Some("sk_live_invented")).await;
        let page = r#"{"error":{"code":"UNAUTHORIZED","message":"Invalid API key provided","details":{"required_permissions":["read"],"provided_permissions":[]}}}"#;
        assert_eq!(response.text(), page);
        assert_eq!(response.header("content-type"), Some("application/json"));
    });
}

/// Limit, remaining and reset of an answer.
fn limits(response: &Response) -> [i64; 3] {
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"].map(|name| {
        let value = response.header(name).unwrap_or_else(|| panic!("no {name}: {}", response.status));
        value.parse().expect("a number")
    })
}

#[test]
fn line_plans_each_allows_so_many_requests_a_minute_and_the_organizations_holds_where_the_key_has_none() {
    run(async {
        let product = product().await;
        let create_in = |organization: &str, words: &[&str]| {
            let fixed = ["--api", "cortex-edr", "--scope", "read"];
            product.site().key_of(organization, &[&fixed, words].concat()).key
        };
        let words = ["organizations", "create", "umbrella", "--name", "Umbrella", "--api", "cortex-edr"];
        product.site().json(&[&words[..], &["--plan", "enterprise"]].concat());
        let cases = [
            (create_in("acme", &[]), 100),
            (create_in("acme", &["--plan", "vibe-coder"]), 100),
            (create_in("acme", &["--plan", "developer"]), 500),
            (create_in("acme", &["--plan", "enterprise"]), 2000),
            (create_in("umbrella", &[]), 2000),
            (create_in("umbrella", &["--plan", "developer"]), 500),
        ];
        for (key, expected) in cases {
            for used in 1..=2 {
                let response = ask(&product, "GET", "/v1/scans/7", Some(&key)).await;
                let [limit, remaining, _] = limits(&response);
                assert_eq!((limit, remaining), (expected, expected - used));
            }
        }
    });
}

#[test]
fn line_headers_limit_remaining_and_reset_stand_on_every_answer_to_a_key() {
    run(async {
        let product = product().await;
        let key = create(&product, &["--scope", "read"]).key;
        let allowed = limits(&ask(&product, "GET", "/v1/scans/7", Some(&key)).await);
        let now = unix_time(0);
        assert!(allowed[2] > now && allowed[2] <= now + 62, "{allowed:?} at {now}");
        let forbidden = ask(&product, "DELETE", "/v1/users/7", Some(&key)).await;
        assert_eq!((forbidden.status, limits(&forbidden)[1]), (403, 99), "it takes nothing");
        for _ in 0..99 {
            assert_eq!(ask(&product, "GET", "/v1/scans/7", Some(&key)).await.status, 200);
        }
        let refused = ask(&product, "GET", "/v1/scans/7", Some(&key)).await;
        assert_eq!(refused.status, 429, "the 101st");
        assert_eq!(limits(&refused)[..2], [100, 0]);
        let retry_after: i64 = refused.header("retry-after").expect("it is told").parse().expect("a number");
        assert!((1..=62).contains(&retry_after), "{retry_after}");
        let details = json!({ "required_permissions": ["read"], "provided_permissions": ["read"] });
        assert_eq!(
            error(&refused),
            json!({ "code": "RATE_LIMITED", "message": "Rate limit exceeded", "details": details })
        );
        let other = create(&product, &["--scope", "read"]).key;
        assert_eq!(ask(&product, "GET", "/v1/scans/7", Some(&other)).await.status, 200, "another key");
    });
}

#[test]
fn line_several_windows_hold_together_and_the_headers_speak_of_the_nearest() {
    run(async {
        let plans = [("DOORWARD_PLANS", "{ vibe-coder: [4/minute, 3/hour, 2/day] }")];
        let product = start(&plans).await;
        let key = create(&product, &["--scope", "read"]).key;
        for expected in [[2, 1], [2, 0], [2, 0]] {
            let response = ask(&product, "GET", "/v1/scans/7", Some(&key)).await;
            assert_eq!(limits(&response)[..2], expected);
            assert_eq!(response.status == 429, response.header("retry-after").is_some());
        }
    });
}

#[test]
fn line_rotation_the_old_and_the_new_key_work_during_the_overlap() {
    run(async {
        let product = product().await;
        let old = create(&product, &["--scope", "read"]);
        assert_eq!(ask(&product, "GET", "/v1/scans", Some(&old.key)).await.status, 200, "before");
        let new = product.site().rotate(&old.id, "3s");
        for key in [&old.key, &new.key] {
            assert_eq!(ask(&product, "GET", "/v1/scans", Some(key)).await.status, 200, "in the overlap");
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        eventually("the end of the overlap", Duration::from_secs(2), async || {
            match ask(&product, "GET", "/v1/scans", Some(&old.key)).await.status {
                401 => Ok(()),
                status => Err(format!("the old key is answered {status}")),
            }
        })
        .await;
        assert_eq!(ask(&product, "GET", "/v1/scans", Some(&new.key)).await.status, 200, "after");
    });
}

#[test]
fn line_audit_an_authentication_failure_is_logged() {
    run(async {
        let product = product().await;
        let revoked = create(&product, &["--scope", "read"]);
        product.site().revoke(&revoked.id);
        let target = "/v1/scans/the-one-that-is-audited";
        assert_eq!(ask(&product, "GET", target, Some(&revoked.key)).await.status, 401);
        let line = product.world.doorward.line(target).await;
        let line: Value = serde_json::from_str(&line).expect("a JSON object");
        assert_eq!(line["reason"], "credential_invalid", "{line}");
        assert_eq!(line["api"], "cortex-edr", "{line}");
        assert_eq!(line["method"], "GET", "{line}");
        assert_eq!(line["peer"], "127.0.0.1", "{line}");
        let cause = line["cause"].as_str().unwrap_or_default();
        assert!(cause.contains("revoked") && cause.contains(&revoked.id), "{line}");
        product.world.assert_no_secret().await;
    });
}

#[test]
fn line_rotation_keys_past_an_age_are_listed() {
    run(async {
        let product = product().await;
        let key = create(&product, &["--scope", "read"]);
        let listed =
            |age: &str| product.site().json(&["keys", "list", "--older-than", age])["keys"].to_string();
        assert!(!listed("90d").contains(&key.id));
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(listed("1ms").contains(&key.id));
    });
}

#[test]
fn line_transport_a_key_over_plain_http_is_refused_by_a_switch() {
    run(async {
        let product = start(&[("DOORWARD_APIS__0__GUARDS", "{ plain_http: refuse }")]).await;
        let key = create(&product, &["--scope", "read"]).key;
        assert_eq!(ask(&product, "GET", "/v1/scans", Some(&key)).await.status, 403);
        assert_eq!(ask(&product, "GET", "/v1/status", None).await.status, 200, "what is public needs no key");
    });
}

#[test]
fn everybody_gets_the_golden_decision_on_every_route() {
    run(async {
        let product = start(&[]).await;
        let [reader, writer, admin] =
            ["read", "write", "admin"].map(|scope| create(&product, &["--scope", scope]).key);
        let test = create(&product, &["--scope", "read", "--environment", "test"]).key;
        let revoked = create(&product, &["--scope", "admin"]);
        product.site().revoke(&revoked.id);
        let in_query = |key: String| {
            move |request: Request| {
                let target = format!("{}?api_key={key}", String::from_utf8_lossy(&request.target));
                Request { target: target.into(), ..request }
            }
        };
        let callers = [
            caller("nobody", |request| request),
            caller("a reader", |request| request.bearer(&reader)),
            caller("a writer", |request| request.bearer(&writer)),
            caller("an administrator", |request| request.bearer(&admin)),
            caller("a test key", |request| request.bearer(&test)),
            caller("a test key in the query", in_query(test.clone())),
            caller("a live key in the query", in_query(reader.clone())),
            caller("a revoked key", |request| request.bearer(&revoked.key)),
        ];
        let calls = [
            ("GET", "/v1/status"),
            ("GET", "/v1/scans"),
            ("GET", "/v1/scans/7"),
            ("GET", "/v1/reports/7"),
            ("POST", "/v1/scans"),
            ("GET", "/v1/users"),
            ("DELETE", "/v1/users/7"),
            ("GET", "/v2/scans"),
        ];
        product.check_matrix(&callers, &calls).await;
    });
}
