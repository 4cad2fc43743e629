//! ODIN Cortex, line by line of its table.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::harness::{
    Shared,
    client::Request,
    eventually, run,
    site::{Key, Site},
};
use crate::issuer::Signer;

use super::{Product, caller, create_key, create_secret, mac, publish, unix_time};

const SEALING_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const ISSUER: &str = "https://dashboard.odin.4players.io";

/// The product, and the dashboard that mints its tokens.
pub(super) struct Cortex {
    pub(super) product: Product,
    dashboard: Signer,
}

pub(super) async fn start(further: &[(&str, &str)]) -> Cortex {
    let dashboard = Signer::new("dashboard-1");
    // The example's address of the keys is the product's own; here the same keys come from a file.
    let changes = [
        ("SEALING_KEY", SEALING_KEY),
        ("DOORWARD_APIS__0__CREDENTIALS__1__JWT__KEYS", "{ file: jwks.json }"),
    ];
    let prepare = |site: &Site| {
        publish(site, &dashboard);
        for (tenant, project) in [("tenant_a", "p1"), ("tenant_a", "p2"), ("tenant_b", "p3")] {
            if project != "p2" {
                site.json(&["organizations", "create", tenant, "--name", tenant, "--api", "odin-cortex"]);
            }
            site.json(&[
                "organizations",
                "projects",
                "create",
                project,
                "--organization",
                tenant,
                "--name",
                project,
                "--api",
                "odin-cortex",
            ]);
        }
    };
    let changes = [&changes, further].concat();
    let product = Product::start("odin-cortex", "ots.odin.4players.io", &changes, prepare).await;
    Cortex { product, dashboard }
}

async fn cortex() -> Arc<Cortex> {
    static SHARED: Shared<Cortex> = Shared::new();
    SHARED.get(async || start(&[]).await).await
}

impl Cortex {
    fn key(&self, tenant: &str, words: &[&str]) -> Key {
        let fixed = ["--api", "odin-cortex", "--organization", tenant, "--name", "a backend's"];
        create_key(self.product.site(), &[&fixed, words].concat())
    }

    fn token(&self, tenants: &Value) -> String {
        let token = self.dashboard.token(ISSUER, &claims(tenants));
        self.product.site().note_secret(&token);
        token
    }

    fn secret(&self, tenant: &str, project: &str) -> Key {
        create_secret(
            self.product.site(),
            &["--api", "odin-cortex", "--project", project, "--organization", tenant],
        )
    }

    async fn status(&self, request: Request) -> u16 {
        self.product.send(&request).await.status
    }

    fn get(&self, target: &str) -> Request {
        self.product.request("GET", target)
    }
}

/// What the dashboard says of a user.
fn claims(tenants: &Value) -> Value {
    json!({ "aud": "cortex", "sub": "user_1", "tenants": tenants })
}

fn api_key(request: Request, key: &str) -> Request {
    request.with("X-API-Key", key)
}

fn signed(request: Request, project: &str, secret: &str) -> Request {
    let time = unix_time(0);
    let target = String::from_utf8_lossy(&request.target).into_owned();
    let text = format!("{time}.{}.{target}.", request.method);
    request
        .with("x-cortex-project", project)
        .with("x-cortex-timestamp", time.to_string())
        .with("x-cortex-signature", format!("sha256={}", mac(secret, text.as_bytes())))
}

#[test]
fn lines_api_key_both_forms_are_let_in_and_neither_goes_further() {
    run(async {
        let cortex = cortex().await;
        let key = cortex.key("tenant_a", &[]);
        assert!(key.key.starts_with("ots_live_"));
        for request in [
            cortex.get("/api/projects/p1/sessions").with("X-API-Key", key.key.as_str()),
            cortex.get("/api/projects/p1/sessions").with("Authorization", format!("ApiKey {}", key.key)),
        ] {
            let echo = cortex.product.send(&request).await.echo();
            assert_eq!(echo.values("x-principal-id"), [&key.id]);
            assert_eq!(echo.values("x-principal-organization"), ["tenant_a"]);
            assert_eq!(echo.values("x-principal-project"), ["p1"]);
            assert!(echo.values("x-api-key").is_empty() && echo.values("authorization").is_empty());
        }
        let bearer = cortex.get("/api/projects/p1/sessions").bearer(&key.key);
        assert_eq!(cortex.status(bearer).await, 401, "a key is no bearer token");
    });
}

#[test]
fn line_user_token_a_token_of_the_dashboard_is_let_in() {
    run(async {
        let cortex = cortex().await;
        let token = cortex.token(&json!("tenant_a"));
        let echo = cortex.product.send(&cortex.get("/api/projects/p1/sessions").bearer(&token)).await.echo();
        assert_eq!(echo.values("x-principal-kind"), ["user"]);
        assert_eq!(echo.values("x-principal-id"), ["user_1"]);
        assert_eq!(echo.values("x-principal-organization"), ["tenant_a"]);
        let stranger = Signer::new("dashboard-1");
        let forged = stranger.token(ISSUER, &claims(&json!("tenant_a")));
        assert_eq!(cortex.status(cortex.get("/api/me").bearer(&forged)).await, 401, "somebody else's key");
        for (claim, value) in [("exp", json!(unix_time(-3600))), ("aud", json!("another-product"))] {
            let mut claims = claims(&json!("tenant_a"));
            claims[claim] = value;
            let token = cortex.dashboard.token(ISSUER, &claims);
            assert_eq!(cortex.status(cortex.get("/api/me").bearer(&token)).await, 401, "{claim}");
        }
    });
}

#[test]
fn line_internal_service_a_signed_request_stands_for_its_project() {
    run(async {
        let cortex = cortex().await;
        let secret = cortex.secret("tenant_a", "p1");
        let request = signed(cortex.get("/api/projects/p1/functions/7?a=1"), "p1", &secret.key);
        let echo = cortex.product.send(&request).await.echo();
        assert_eq!(echo.values("x-principal-kind"), ["project"]);
        assert_eq!(echo.values("x-principal-id"), ["p1"]);
        assert_eq!(echo.values("x-principal-organization"), ["tenant_a"]);
        assert_eq!(cortex.status(request).await, 401, "a signature proves one request");
        let other = signed(cortex.get("/api/projects/p2/functions/7"), "p1", &secret.key);
        assert_eq!(cortex.status(other).await, 403, "another project");
        let forged =
            signed(cortex.get("/api/projects/p1/functions/7"), "p1", "not the secret, but as long as one is");
        assert_eq!(cortex.status(forged).await, 401);
    });
}

#[test]
fn lines_tenancy_no_call_crosses_tenants_whatever_proves_it() {
    run(async {
        let cortex = cortex().await;
        let key = cortex.key("tenant_a", &[]).key;
        let token = cortex.token(&json!(["tenant_a"]));
        let secret = cortex.secret("tenant_b", "p3").key;
        for (how, request) in [
            ("a key", api_key(cortex.get("/api/projects/p3/sessions"), &key)),
            ("a token", cortex.get("/api/projects/p3/sessions").bearer(&token)),
            ("a signature", signed(cortex.get("/api/projects/p1/sessions"), "p3", &secret)),
        ] {
            let response = cortex.product.send(&request).await;
            assert_eq!(response.status, 403, "{how}");
            assert_eq!(
                response.text(),
                r#"{"error":"forbidden","message":"This credential cannot access this project"}"#,
                "{how}"
            );
        }
    });
}

#[test]
fn line_project_scoped_key_touches_its_one_project() {
    run(async {
        let cortex = cortex().await;
        let key = cortex.key("tenant_a", &["--project", "p1"]).key;
        for family in ["sessions", "gatherings", "webhooks", "functions"] {
            let own = api_key(cortex.get(&format!("/api/projects/p1/{family}/1")), &key);
            assert_eq!(cortex.status(own).await, 200, "{family}");
            for project in ["p2", "p3", "unknown"] {
                let other = api_key(cortex.get(&format!("/api/projects/{project}/{family}/1")), &key);
                assert_eq!(cortex.status(other).await, 403, "{project} {family}");
            }
        }
    });
}

#[test]
fn line_tenant_scoped_key_touches_every_project_of_its_tenant_and_no_other() {
    run(async {
        let cortex = cortex().await;
        let key = cortex.key("tenant_a", &[]).key;
        for (project, status) in [("p1", 200), ("p2", 200), ("p3", 403), ("unknown", 403)] {
            let request = api_key(cortex.get(&format!("/api/projects/{project}/sessions")), &key);
            assert_eq!(cortex.status(request).await, status, "{project}");
        }
        assert_eq!(
            cortex.status(api_key(cortex.get("/api/messages/1"), &key)).await,
            200,
            "off /api directly"
        );
    });
}

#[test]
fn line_resource_scopes_narrow_a_key_and_a_key_without_a_list_is_not_narrowed() {
    run(async {
        let cortex = cortex().await;
        let families =
            ["sessions", "messages", "plugins", "plugin-endpoints", "gatherings", "functions", "webhooks"];
        let narrow = cortex.key("tenant_a", &["--scope", "sessions", "--scope", "messages"]).key;
        let wide = cortex.key("tenant_a", &[]).key;
        for family in families {
            let ask = |key: &str| api_key(cortex.get(&format!("/api/projects/p1/{family}/1")), key);
            let expected = if matches!(family, "sessions" | "messages") { 200 } else { 403 };
            assert_eq!(cortex.status(ask(&narrow)).await, expected, "{family}");
            assert_eq!(cortex.status(ask(&wide)).await, 200, "{family}");
        }
    });
}

#[test]
fn line_shown_once_a_key_appears_in_the_answer_to_its_creation_and_never_again() {
    run(async {
        let cortex = cortex().await;
        let key = cortex.key("tenant_a", &[]);
        for words in [&["keys", "list"][..], &["keys", "get", &key.id]] {
            let shown = String::from_utf8(cortex.product.site().run(words).stdout).expect("text");
            assert!(shown.contains(&key.id) && !shown.contains(&key.key), "{shown}");
        }
        cortex.product.world.assert_no_secret().await;
    });
}

#[test]
fn line_leak_revoking_takes_effect_at_once() {
    run(async {
        let cortex = cortex().await;
        let key = cortex.key("tenant_a", &[]);
        let ask = || api_key(cortex.get("/api/projects/p1/sessions"), &key.key);
        assert_eq!(cortex.status(ask()).await, 200, "before");
        cortex.product.site().revoke(&key.id);
        eventually("the revocation", Duration::from_secs(1), async || match cortex.status(ask()).await {
            401 => Ok(()),
            status => Err(format!("it is answered {status}")),
        })
        .await;
    });
}

#[test]
fn line_errors_401_for_authentication_403_for_authorization_404_for_nothing() {
    run(async {
        let cortex = cortex().await;
        let key = cortex.key("tenant_a", &["--scope", "sessions"]).key;
        for (request, status, body) in [
            (
                cortex.get("/api/projects/p1/sessions"),
                401,
                r#"{"error":"unauthorized","message":"No API key or access token was sent"}"#,
            ),
            (
                api_key(cortex.get("/api/projects/p1/sessions"), "ots_live_invented"),
                401,
                r#"{"error":"unauthorized","message":"The API key or access token is not valid"}"#,
            ),
            (
                api_key(cortex.get("/api/projects/p1/functions"), &key),
                403,
                r#"{"error":"forbidden","message":"This credential cannot access this resource"}"#,
            ),
            (
                api_key(cortex.get("/api/me"), &key),
                403,
                r#"{"error":"forbidden","message":"This kind of credential cannot be used here"}"#,
            ),
            (
                api_key(cortex.get("/elsewhere"), &key),
                404,
                r#"{"error":"not_found","message":"There is no such endpoint"}"#,
            ),
        ] {
            let response = cortex.product.send(&request).await;
            assert_eq!((response.status, response.text().as_str()), (status, body));
        }
    });
}

#[test]
fn line_errors_429_for_rate_limits() {
    run(async {
        let fewer = [("DOORWARD_APIS__0__LIMITS__RULES__0__QUOTAS", "[2/minute]")];
        let cortex = start(&fewer).await;
        let keys = ["one", "two"].map(|_| cortex.key("tenant_a", &[]).key);
        for status in [200, 200, 429] {
            for key in &keys {
                let response = cortex.product.send(&api_key(cortex.get("/api/messages"), key)).await;
                assert_eq!(response.status, status, "each key by itself");
                if status == 429 {
                    let body = r#"{"error":"rate_limited","message":"Too many requests"}"#;
                    assert_eq!(response.text(), body);
                    assert!(response.header("retry-after").is_some());
                }
            }
        }
    });
}

#[test]
fn line_browser_a_key_from_a_browser_is_refused_and_a_token_is_not() {
    run(async {
        let cortex = cortex().await;
        let key = cortex.key("tenant_a", &[]).key;
        let token = cortex.token(&json!("tenant_a"));
        let from = |headers: &[(&str, &str)]| {
            let ask = cortex.get("/api/projects/p1/sessions");
            headers.iter().fold(ask, |request, (name, value)| request.with(name, *value))
        };
        let browsers: [&[(&str, &str)]; 3] = [
            &[("origin", "https://game.example")],
            &[("sec-fetch-mode", "cors"), ("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "empty")],
            &[("sec-fetch-mode", "navigate")],
        ];
        for headers in browsers {
            let response = cortex.product.send(&api_key(from(headers), &key)).await;
            assert_eq!(response.status, 403, "{headers:?}");
            let body = r#"{"error":"forbidden","message":"API keys cannot be used from a browser"}"#;
            assert_eq!(response.text(), body);
            assert_eq!(cortex.status(from(headers).bearer(&token)).await, 200, "{headers:?}");
        }
        // Node.js sends this from back ends.
        assert_eq!(cortex.status(api_key(from(&[("sec-fetch-mode", "cors")]), &key)).await, 200);
    });
}

#[test]
fn everybody_gets_the_golden_decision_on_every_route() {
    run(async {
        let cortex = start(&[]).await;
        let tenant_wide = cortex.key("tenant_a", &[]).key;
        let confined = cortex.key("tenant_a", &["--project", "p1"]).key;
        let narrow = cortex.key("tenant_a", &["--scope", "sessions"]).key;
        let service = cortex.key("tenant_a", &["--kind", "service_key"]).key;
        let (one, both) = (cortex.token(&json!("tenant_a")), cortex.token(&json!(["tenant_a", "tenant_b"])));
        let nowhere = cortex.token(&json!([]));
        let secret = cortex.secret("tenant_a", "p1").key;
        let callers = [
            caller("nobody", |request| request),
            caller("a tenant's key", |request| api_key(request, &tenant_wide)),
            caller("a project's key", |request| api_key(request, &confined)),
            caller("a key for sessions", |request| api_key(request, &narrow)),
            caller("a service key", |request| api_key(request, &service)),
            caller("a key as bearer", |request| request.bearer(&tenant_wide)),
            caller("a user of one tenant", |request| request.bearer(&one)),
            caller("a user of both tenants", |request| request.bearer(&both)),
            caller("a user of no tenant", |request| request.bearer(&nowhere)),
            caller("a signature", |request| signed(request, "p1", &secret)),
            caller("a key and a token", |request| api_key(request.bearer(&one), &tenant_wide)),
        ];
        let calls = [
            ("GET", "/api/projects/p1"),
            ("GET", "/api/projects/p1/sessions"),
            ("POST", "/api/projects/p2/sessions"),
            ("GET", "/api/projects/p3/sessions/7"),
            ("GET", "/api/projects/p9/sessions"),
            ("GET", "/api/projects/p1/gatherings"),
            ("DELETE", "/api/projects/p1/webhooks/1"),
            ("GET", "/api/projects/p1/functions"),
            ("GET", "/api/messages/1"),
            ("GET", "/api/me"),
            ("GET", "/api/elsewhere"),
        ];
        cortex.product.check_matrix(&callers, &calls).await;
    });
}
