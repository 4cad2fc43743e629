//! People, who sign in by an issuer.

use serde_json::{Value, json};

use crate::{
    client::{Answer, NOTHING, get, over_tcp},
    issuer::{Reply, Server, Signer},
    program::{Program, eventually, folder_with},
};

const ISSUER: &str = "https://login.test";
const TOKEN: &str = "a-token-of-ada-0123456789-0123456789";

async fn started(issuer: &Server) -> Program {
    let keys = issuer.keys("refresh: 1s, refetch: 100ms");
    let more = format!(
        "administrators: [{{ name: ada, role: owner, tokens: [{{ file: token }}] }}]
sign_in:
  - issuer: {ISSUER}
    audience: doorward
    keys: {keys}
    roles:
      platform: owner
      team: {{ role: editor, apis: [notes] }}
      acme: {{ role: editor, organization: acme }}
"
    );
    Program::start(folder_with(TOKEN), "127.0.0.1:PORT", &more).await
}

async fn with(program: &Program, token: &str) -> Answer {
    get(over_tcp(program.port).await, NOTHING, &[("authorization", &format!("Bearer {token}"))]).await
}

fn claims(more: &Value) -> Value {
    let mut claims = json!({ "aud": "doorward", "email": "eve@a.test", "groups": ["platform"] });
    for (name, value) in more.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    claims
}

#[tokio::test]
async fn who_is_in_a_group_with_a_role_gets_in() {
    let (issuer, signer, stranger) = (Server::start().await, Signer::new("k1"), Signer::new("k1"));
    issuer.publishes(&[&signer]);
    let program = started(&issuer).await;
    let token = |more: Value| signer.token(ISSUER, &claims(&more));
    let good = token(json!({}));
    let cases = [
        (good.clone(), 404, ""),
        (token(json!({ "groups": "team" })), 404, ""),
        (token(json!({ "groups": ["other"] })), 403, "role_missing"),
        (token(json!({ "groups": ["team", "acme"] })), 403, "role_missing"),
        (token(json!({ "email": "ada" })), 401, "credential_invalid"),
        (token(json!({ "aud": "api" })), 401, "credential_invalid"),
        (token(json!({ "exp": 1 })), 401, "credential_invalid"),
        (signer.token("https://evil.test", &claims(&json!({}))), 401, "credential_invalid"),
        (stranger.token(ISSUER, &claims(&json!({}))), 401, "credential_invalid"),
    ];
    for (token, status, reason) in &cases {
        let answer = with(&program, token).await;
        let found = if answer.status == 404 { String::new() } else { answer.reason() };
        assert_eq!((answer.status, found.as_str()), (*status, *reason), "{token}");
    }
    assert_eq!(with(&program, TOKEN).await.status, 404, "and tokens go on");

    // Five have failed so far. After ten only what was good before is looked at.
    for _ in 0..5 {
        assert_eq!(with(&program, "a.b.c").await.status, 401);
    }
    let fresh = token(json!({ "email": "bob@a.test" }));
    assert_eq!(with(&program, &fresh).await.reason(), "too_many_attempts");
    assert_eq!(with(&program, &good).await.status, 404);
    let log = program.end().await;
    assert!(log.contains("the token's claims are no good"), "{log}");
    for (token, ..) in &cases {
        let signature = token.rsplit('.').next().expect("a signature");
        assert!(!log.contains(signature), "{log}");
    }
}

#[tokio::test]
async fn an_issuer_that_cannot_be_asked_is_an_outage() {
    let (issuer, signer) = (Server::start().await, Signer::new("k1"));
    issuer.says("/jwks", Reply::HangUp);
    let program = started(&issuer).await;
    let token = signer.token(ISSUER, &claims(&json!({})));
    let answer = with(&program, &token).await;
    assert_eq!((answer.status, answer.reason().as_str()), (503, "unavailable"));
    issuer.publishes(&[&signer]);
    eventually(async || match with(&program, &token).await.status {
        404 => Ok(()),
        status => Err(format!("the token is answered {status}")),
    })
    .await;
    program.end().await;
}
