//! Prompt Orchestra, line by line of its table.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::harness::{
    Shared,
    client::{Request, Response},
    eventually, run,
    site::{Key, Site},
};
use crate::issuer::Signer;

use super::{Product, caller, create_key, publish};

const ISSUER: &str = "https://auth.promptorchestra.example";

/// The product, and whoever signs people in.
pub(super) struct Orchestra {
    pub(super) product: Product,
    sign_in: Signer,
}

pub(super) async fn start(further: &[(&str, &str)]) -> Orchestra {
    let sign_in = Signer::new("sign-in-1");
    let changes = [("DOORWARD_APIS__0__CREDENTIALS__2__JWT__KEYS", "{ file: jwks.json }")];
    let prepare = |site: &Site| {
        publish(site, &sign_in);
        let words = ["organizations", "create", "org_123", "--name", "One", "--api", "prompt-orchestra"];
        site.json(&[&words[..], &["--entitlement", "evaluations"]].concat());
        site.json(&["organizations", "create", "org_456", "--name", "Two", "--api", "prompt-orchestra"]);
    };
    let changes = [&changes, further].concat();
    let product = Product::start("prompt-orchestra", "api.promptorchestra.example", &changes, prepare).await;
    Orchestra { product, sign_in }
}

async fn orchestra() -> Arc<Orchestra> {
    static SHARED: Shared<Orchestra> = Shared::new();
    SHARED.get(async || start(&[]).await).await
}

impl Orchestra {
    fn key(&self, organization: &str, words: &[&str]) -> Key {
        let fixed = ["--api", "prompt-orchestra", "--organization", organization, "--name", "CI"];
        create_key(self.product.site(), &[&fixed, words].concat())
    }

    fn token(&self, organizations: &Value) -> String {
        let token = self.sign_in.token(ISSUER, &json!({ "organizations": organizations }));
        self.product.site().note_secret(&token);
        token
    }

    fn get(&self, target: &str) -> Request {
        self.product.request("GET", target)
    }

    async fn send(&self, request: Request) -> Response {
        self.product.send(&request).await
    }

    /// Revokes a key and waits until it is refused, a second at most.
    async fn revoke(&self, key: &Key) {
        self.product.site().revoke(&key.id);
        let invalid = refused(401, "AUTH_INVALID_TOKEN");
        eventually("the revocation", Duration::from_secs(1), async || {
            match self.code(self.get(AGENTS).bearer(&key.key)).await {
                found if found == invalid => Ok(()),
                found => Err(format!("it is answered {found:?}")),
            }
        })
        .await;
    }

    async fn code(&self, request: Request) -> (u16, String) {
        let response = self.send(request).await;
        if response.status == 200 {
            return (200, String::new());
        }
        let body: Value = serde_json::from_slice(&response.body).expect("a body of JSON");
        (response.status, body["code"].as_str().expect("a code").to_owned())
    }
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

const ALLOWED: (u16, String) = (200, String::new());
const AGENTS: &str = "/api/agents?organizationId=org_123";
const LIVE: [&str; 4] = ["--environment", "live", "--scope", "agents:read"];

#[test]
fn line_one_header_the_form_of_the_bearer_says_what_it_is() {
    run(async {
        let orchestra = orchestra().await;
        let key = orchestra.key("org_123", &LIVE).key;
        let service = orchestra.key("org_123", &["--kind", "service_key", "--scope", "agents:read"]).key;
        let token = orchestra.token(&json!({ "org_123": "agents:read" }));
        assert!(key.starts_with("sk_") && service.starts_with("sk_") && token.split('.').count() == 3);
        for (bearer, kind) in [(&key, "api_key"), (&service, "service_key"), (&token, "user")] {
            let echo = orchestra.send(orchestra.get(AGENTS).bearer(bearer)).await.echo();
            assert_eq!(echo.values("x-principal-kind"), [kind]);
            assert!(echo.values("authorization").is_empty());
        }
        for other in ["rubbish", "pk_live_1", "a.b", "a.b.c", "a.b.c.d", "not.base 64.url", "sk_other_1"] {
            let code = orchestra.code(orchestra.get(AGENTS).bearer(other)).await;
            assert_eq!(code, refused(401, "AUTH_INVALID_TOKEN"), "{other}");
        }
        let organizations = json!({ "org_123": "agents:read" });
        let expired = json!({ "organizations": organizations, "exp": 1_700_000_000 });
        let expired = orchestra.sign_in.token(ISSUER, &expired);
        let foreign = Signer::new("sign-in-1").token(ISSUER, &json!({ "organizations": organizations }));
        for (how, token) in [("expired", expired), ("of a foreign key", foreign)] {
            let code = orchestra.code(orchestra.get(AGENTS).bearer(&token)).await;
            assert_eq!(code, refused(401, "AUTH_INVALID_TOKEN"), "{how}");
        }
    });
}

#[test]
fn line_principals_each_route_says_who_may_call_it() {
    run(async {
        let orchestra = orchestra().await;
        let key = orchestra.key("org_123", &LIVE).key;
        let service = orchestra.key("org_123", &["--kind", "service_key", "--scope", "agents:read"]).key;
        let token = orchestra.token(&json!({ "org_123": ["agents:read", "keys:write"] }));
        let only_people = "/api/api-keys?organizationId=org_123";
        for bearer in [&key, &service] {
            let code = orchestra.code(orchestra.get(only_people).bearer(bearer)).await;
            assert_eq!(code, refused(403, "AUTH_MODE_INVALID"));
        }
        assert_eq!(orchestra.code(orchestra.get(only_people).bearer(&token)).await, ALLOWED);
    });
}

#[test]
fn line_organization_in_the_query_or_in_the_body_and_the_principal_belongs_to_it() {
    run(async {
        let orchestra = orchestra().await;
        let key = orchestra.key("org_123", &["--environment", "live", "--preset", "runtime_default"]).key;
        let write = |body: Value| orchestra.product.request("POST", "/api/runs").bearer(&key).json(&body);
        assert_eq!(orchestra.code(orchestra.get(AGENTS).bearer(&key)).await, ALLOWED);
        assert_eq!(
            orchestra.code(write(json!({ "organizationId": "org_123", "input": [1] }))).await,
            ALLOWED
        );
        for (request, expected) in [
            (orchestra.get("/api/agents").bearer(&key), refused(400, "bad_request")),
            (write(json!({})), refused(400, "bad_request")),
            (write(json!({ "organizationId": 7 })), refused(400, "bad_request")),
            (
                orchestra.get("/api/agents?organizationId=org_456").bearer(&key),
                refused(403, "AUTH_ORG_MISMATCH"),
            ),
            (write(json!({ "organizationId": "org_456" })), refused(403, "AUTH_ORG_MISMATCH")),
        ] {
            assert_eq!(orchestra.code(request).await, expected);
        }
        let body = json!({ "organizationId": "org_123", "text": "whole" });
        let echo = orchestra.send(write(body.clone())).await.echo();
        assert_eq!(echo.body, body.to_string().as_bytes(), "the upstream reads the body as it came");
    });
}

#[test]
fn line_users_belong_to_several_organizations_with_permissions_in_each() {
    run(async {
        let orchestra = orchestra().await;
        let token = orchestra.token(&json!({ "org_123": ["runs:read"], "org_456": "agents:read" }));
        let ask = |target: &str| orchestra.code(orchestra.get(target).bearer(&token));
        assert_eq!(ask("/api/runs?organizationId=org_123").await, ALLOWED);
        assert_eq!(ask("/api/runs?organizationId=org_456").await, refused(403, "AUTH_SCOPE_MISSING"));
        assert_eq!(ask("/api/agents?organizationId=org_456").await, ALLOWED);
        assert_eq!(ask("/api/agents?organizationId=org_789").await, refused(403, "AUTH_ORG_MISMATCH"));
        let echo =
            orchestra.send(orchestra.get("/api/runs?organizationId=org_123").bearer(&token)).await.echo();
        assert_eq!(echo.values("x-principal-organization"), ["org_123"]);
        assert_eq!(echo.values("x-principal-scopes"), ["runs:read"]);
    });
}

#[test]
fn line_service_keys_are_created_listed_fetched_and_revoked() {
    run(async {
        let orchestra = orchestra().await;
        let key = orchestra.key("org_123", &["--kind", "service_key", "--scope", "agents:read"]);
        let site = orchestra.product.site();
        let fetched = site.json(&["keys", "get", &key.id]);
        assert_eq!((&fetched["kind"], &fetched["organization"]), (&json!("service_key"), &json!("org_123")));
        let listed = site.json(&["keys", "list", "--api", "prompt-orchestra"]);
        assert!(listed["keys"].as_array().expect("a list").contains(&fetched));
        let elsewhere = orchestra.get("/api/agents?organizationId=org_456").bearer(&key.key);
        assert_eq!(orchestra.code(elsewhere).await, refused(403, "AUTH_ORG_MISMATCH"));
        assert_eq!(orchestra.code(orchestra.get(AGENTS).bearer(&key.key)).await, ALLOWED, "before");
        orchestra.revoke(&key).await;
    });
}

#[test]
fn line_api_keys_have_an_environment_and_scopes_and_can_be_rotated() {
    run(async {
        let orchestra = orchestra().await;
        for environment in ["test", "live"] {
            let words = ["--environment", environment, "--scope", "agents:read"];
            let old = orchestra.key("org_123", &words);
            let new = orchestra.product.site().rotate(&old.id, "1h");
            for key in [&old.key, &new.key] {
                assert!(key.starts_with(&format!("sk_{environment}_")));
                let echo = orchestra.send(orchestra.get(AGENTS).bearer(key)).await.echo();
                assert_eq!(echo.values("x-principal-environment"), [environment]);
            }
        }
        let gone = orchestra.key("org_123", &LIVE);
        let listed = orchestra.product.site().json(&["keys", "list", "--api", "prompt-orchestra"]);
        assert!(listed["keys"].to_string().contains(&gone.id), "{listed}");
        orchestra.revoke(&gone).await;
        let reader = orchestra.key("org_123", &["--environment", "live", "--scope", "skills:read"]).key;
        let ask = |method: &str, target: &str| {
            orchestra.product.request(method, &format!("{target}?organizationId=org_123")).bearer(&reader)
        };
        assert_eq!(orchestra.code(ask("GET", "/api/skills")).await, ALLOWED);
        for (method, target) in [("POST", "/api/skills"), ("DELETE", "/api/skills/1"), ("GET", "/api/runs")] {
            let code = orchestra.code(ask(method, target)).await;
            assert_eq!(code, refused(403, "AUTH_SCOPE_MISSING"), "{method} {target}");
        }
    });
}

#[test]
fn line_presets_are_sets_of_scopes_and_one_of_them_must_expire() {
    run(async {
        let orchestra = orchestra().await;
        let runtime = orchestra.key("org_123", &["--environment", "live", "--preset", "runtime_default"]);
        let record = orchestra.product.site().json(&["keys", "get", &runtime.id]);
        assert_eq!(record["scopes"], json!(["agents:read", "runs:read", "runs:write"]));
        let words = [
            "keys",
            "create",
            "--api",
            "prompt-orchestra",
            "--organization",
            "org_123",
            "--name",
            "CI",
            "--environment",
            "live",
            "--preset",
            "authoring_ci",
        ];
        let endless = orchestra.product.site().run(&words);
        assert_eq!(endless.status.code(), Some(64));
        let told = String::from_utf8_lossy(&endless.stderr).into_owned();
        assert!(told.contains("expires") && told.contains("authoring_ci"), "{told}");
        orchestra.key("org_123", &["--environment", "live", "--preset", "authoring_ci", "--expires", "30d"]);
    });
}

#[test]
fn line_entitlements_an_action_can_need_what_the_organization_has_bought() {
    run(async {
        let orchestra = orchestra().await;
        for (organization, expected) in
            [("org_123", ALLOWED), ("org_456", refused(403, "ENTITLEMENT_MISSING"))]
        {
            let words = ["--environment", "live", "--scope", "evaluations:write"];
            let key = orchestra.key(organization, &words).key;
            let body = json!({ "organizationId": organization });
            let request = orchestra.product.request("POST", "/api/evaluations").bearer(&key).json(&body);
            assert_eq!(orchestra.code(request).await, expected, "{organization}");
        }
    });
}

#[test]
fn lines_errors_each_has_its_code_status_and_body() {
    run(async {
        let orchestra = orchestra().await;
        let key = orchestra.key("org_123", &LIVE).key;
        let body = |code: &str, rest: &str| format!(r#"{{"code":"{code}",{rest}}}"#);
        let cases = [
            (
                orchestra.get(AGENTS),
                401,
                body(
                    "AUTH_MISSING",
                    r#""title":"Authentication required","category":"auth","why":"The request carries no bearer token.","recovery":"Send `Authorization: Bearer` with an access token or a key.","retryable":false"#,
                ),
            ),
            (
                orchestra.get(AGENTS).bearer("sk_live_invented"),
                401,
                body(
                    "AUTH_INVALID_TOKEN",
                    r#""title":"Invalid token","category":"auth","why":"The bearer token is not valid.","recovery":"Sign in again, or use a key that is active.","retryable":false"#,
                ),
            ),
            (
                orchestra.get("/api/billing?organizationId=org_123").bearer(&key),
                403,
                body(
                    "AUTH_MODE_INVALID",
                    r#""title":"Wrong kind of token","category":"auth","why":"The token is valid, but its kind is not accepted on this endpoint.","retryable":false"#,
                ),
            ),
            (
                orchestra.get("/api/runs?organizationId=org_123").bearer(&key),
                403,
                body(
                    "AUTH_SCOPE_MISSING",
                    r#""title":"Missing scope","category":"auth","why":"The token lacks a scope that this endpoint needs.","retryable":false,"details":{"required":["runs:read"],"provided":["agents:read"]}"#,
                ),
            ),
            (
                orchestra.get("/api/agents?organizationId=org_456").bearer(&key),
                403,
                body(
                    "AUTH_ORG_MISMATCH",
                    r#""title":"Wrong organization","category":"auth","why":"The token does not belong to the organization that the request names.","retryable":false"#,
                ),
            ),
            (
                orchestra.get("/api/agents").bearer(&key),
                400,
                body(
                    "bad_request",
                    r#""title":"Bad request","category":"validation","why":"The request does not name an organization, or cannot be understood.","recovery":"Send `organizationId` in the query or in the JSON body.","retryable":false"#,
                ),
            ),
        ];
        for (request, status, body) in cases {
            let response = orchestra.send(request).await;
            assert_eq!((response.status, response.text()), (status, body));
            assert_eq!(response.header("content-type"), Some("application/json"));
        }
    });
}

#[test]
fn everybody_gets_the_golden_decision_on_every_route() {
    run(async {
        let orchestra = start(&[]).await;
        let runtime = orchestra.key("org_123", &["--environment", "live", "--preset", "runtime_default"]).key;
        let author = orchestra
            .key("org_123", &["--environment", "test", "--preset", "authoring_ci", "--expires", "30d"])
            .key;
        let other = orchestra.key("org_456", &["--environment", "live", "--preset", "runtime_default"]).key;
        let service = orchestra
            .key("org_123", &["--kind", "service_key", "--scope", "agents:read", "--scope", "runs:write"])
            .key;
        let member = orchestra.token(&json!({ "org_123": ["agents:read"], "org_456": ["keys:write"] }));
        let admin = orchestra
            .token(&json!({ "org_123": "agents:read runs:read runs:write keys:write billing:write" }));
        let stranger = orchestra.token(&json!({}));
        let callers = [
            caller("nobody", |request| request),
            caller("a runtime key", |request| request.bearer(&runtime)),
            caller("an author's test key", |request| request.bearer(&author)),
            caller("a key of another organization", |request| request.bearer(&other)),
            caller("a service key", |request| request.bearer(&service)),
            caller("a member", |request| request.bearer(&member)),
            caller("an administrator", |request| request.bearer(&admin)),
            caller("a person without organization", |request| request.bearer(&stranger)),
            caller("rubbish", |request| request.bearer("rubbish")),
        ];
        let calls = [
            ("GET", "/api/agents?organizationId=org_123"),
            ("GET", "/api/agents"),
            ("GET", "/api/runs/7?organizationId=org_123"),
            ("POST", "/api/runs?organizationId=org_123"),
            ("PUT", "/api/skills/7?organizationId=org_123"),
            ("POST", "/api/evaluations?organizationId=org_123"),
            ("POST", "/api/api-keys?organizationId=org_123"),
            ("GET", "/api/billing/portal?organizationId=org_123"),
            ("GET", "/api/onboarding?organizationId=org_456"),
            ("GET", "/elsewhere?organizationId=org_123"),
        ];
        orchestra.product.check_matrix(&callers, &calls).await;
    });
}
