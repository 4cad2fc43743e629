//! Product 2, `CortexEDR`, line by line of its table, with `examples/cortex-edr.yaml` as it is shipped. Its
//! limits come later. Its error bodies are pinned by the suite on denials.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::harness::{
    PATIENCE, Shared,
    client::{self, Request, Response},
    envoy::NEWEST,
    eventually, root, run,
    site::{Key, Site},
    world::World,
};

async fn product() -> Arc<World> {
    static SHARED: Shared<World> = Shared::new();
    let start = async || {
        let example = std::fs::read_to_string(root().join("examples/cortex-edr.yaml")).expect("the example");
        {
            let site = Site::with_environment(&example, &[("DOORWARD_BUDGET", "5s")]);
            World::start(NEWEST, site, |recipe| recipe).await
        }
    };
    SHARED.get(start).await
}

fn create(world: &World, words: &[&str]) -> Key {
    world.site.create(&[&["--api", "cortex-edr"], words].concat())
}

async fn ask(world: &World, method: &str, target: &str, key: Option<&str>) -> Response {
    let request = Request::new(method, "api.cortex-edr.com", target);
    let request = match key {
        Some(key) => request.bearer(key),
        None => request,
    };
    client::send(world.envoy.address, &request).await
}

/// The `error` of a refusal.
fn error(response: &Response) -> Value {
    let mut body: Value = serde_json::from_slice(&response.body).expect("a body of JSON");
    body["error"].take()
}

#[test]
fn line_api_key_a_live_key_as_bearer_is_let_in() {
    run(async {
        let world = product().await;
        let key = create(&world, &["--scope", "read"]);
        assert!(key.key.starts_with("sk_live_"), "the product's own prefix");
        let echo = ask(&world, "GET", "/v1/scans/7", Some(&key.key)).await.echo();
        assert_eq!(echo.values("x-principal-id"), [&key.id]);
        assert!(echo.values("authorization").is_empty());
    });
}

#[test]
fn line_query_form_only_a_test_key_is_let_in_and_the_parameter_is_taken_out() {
    run(async {
        let world = product().await;
        let test = create(&world, &["--scope", "read", "--environment", "test"]).key;
        let live = create(&world, &["--scope", "read"]).key;
        let target = format!("/v1/scans?a=1&api_key={test}&b=2");
        let echo = ask(&world, "GET", &target, None).await.echo();
        assert_eq!(echo.target, "/v1/scans?a=1&b=2");
        let refused = ask(&world, "GET", &format!("/v1/scans?api_key={live}"), None).await;
        assert_eq!(refused.status, 401);
        world.assert_no_secret().await;
    });
}

#[test]
fn line_permissions_admin_implies_write_implies_read() {
    run(async {
        let world = product().await;
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
            let key = create(&world, &["--scope", scope]).key;
            for ((method, target), status) in calls.into_iter().zip(statuses) {
                let found = ask(&world, method, target, Some(&key)).await.status;
                assert_eq!(found, status, "{method} {target} with {scope}");
            }
        }
    });
}

#[test]
fn line_expiry_an_expired_key_is_refused_with_401() {
    run(async {
        let world = product().await;
        let key = create(&world, &["--scope", "read", "--expires", "2s"]).key;
        assert_eq!(ask(&world, "GET", "/v1/scans", Some(&key)).await.status, 200, "before");
        eventually("the expiry", PATIENCE, async || {
            match ask(&world, "GET", "/v1/scans", Some(&key)).await.status {
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
        let world = product().await;
        for environment in ["live", "test"] {
            let key = create(&world, &["--scope", "read", "--environment", environment]).key;
            assert!(key.starts_with(&format!("sk_{environment}_")));
            let echo = ask(&world, "GET", "/v1/scans", Some(&key)).await.echo();
            assert_eq!(echo.values("x-principal-environment"), [environment]);
        }
    });
}

#[test]
fn line_statuses_401_for_a_missing_or_invalid_key_and_403_for_missing_permissions() {
    run(async {
        let world = product().await;
        let reader = create(&world, &["--scope", "read"]).key;
        for (method, key, status, code) in [
            ("GET", None, 401, "UNAUTHORIZED"),
            ("GET", Some("sk_live_invented"), 401, "UNAUTHORIZED"),
            ("POST", Some(reader.as_str()), 403, "FORBIDDEN"),
        ] {
            let response = ask(&world, method, "/v1/scans", key).await;
            assert_eq!((response.status, &error(&response)["code"]), (status, &json!(code)));
        }
    });
}

#[test]
fn line_error_body_is_the_one_of_the_products_pages() {
    run(async {
        let world = product().await;
        let response = ask(&world, "GET", "/v1/scans", Some("sk_live_invented")).await;
        let page = r#"{"error":{"code":"UNAUTHORIZED","message":"Invalid API key provided","details":{"required_permissions":["read"],"provided_permissions":[]}}}"#;
        assert_eq!(response.text(), page);
        assert_eq!(response.header("content-type"), Some("application/json"));
    });
}

#[test]
fn line_rotation_the_old_and_the_new_key_work_during_the_overlap() {
    run(async {
        let world = product().await;
        let old = create(&world, &["--scope", "read"]);
        assert_eq!(ask(&world, "GET", "/v1/scans", Some(&old.key)).await.status, 200, "before");
        let new = world.site.rotate(&old.id, "3s");
        for key in [&old.key, &new.key] {
            assert_eq!(ask(&world, "GET", "/v1/scans", Some(key)).await.status, 200, "in the overlap");
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        eventually("the end of the overlap", Duration::from_secs(2), async || {
            match ask(&world, "GET", "/v1/scans", Some(&old.key)).await.status {
                401 => Ok(()),
                status => Err(format!("the old key is answered {status}")),
            }
        })
        .await;
        assert_eq!(ask(&world, "GET", "/v1/scans", Some(&new.key)).await.status, 200, "after");
    });
}

#[test]
fn line_audit_an_authentication_failure_is_logged() {
    run(async {
        let world = product().await;
        let revoked = create(&world, &["--scope", "read"]);
        world.site.revoke(&revoked.id);
        let target = "/v1/scans/the-one-that-is-audited";
        assert_eq!(ask(&world, "GET", target, Some(&revoked.key)).await.status, 401);
        let line: Value = eventually("the audit line", PATIENCE, async || {
            let log = world.doorward.process.log();
            let line = log.lines().find(|line| line.contains(target));
            line.and_then(|line| serde_json::from_str(line).ok()).ok_or_else(|| "there is none".to_owned())
        })
        .await;
        assert_eq!(line["reason"], "credential_invalid", "{line}");
        assert_eq!(line["api"], "cortex-edr", "{line}");
        assert_eq!(line["method"], "GET", "{line}");
        assert_eq!(line["peer"], "127.0.0.1", "{line}");
        let cause = line["cause"].as_str().unwrap_or_default();
        assert!(cause.contains("revoked") && cause.contains(&revoked.id), "{line}");
        world.assert_no_secret().await;
    });
}
