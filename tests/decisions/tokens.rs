//! Tokens through the whole checker: whom they prove, where they count, and when they no longer do.

use std::{fs, path::Path};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward::{config::Config, domain::Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    door::{Call, Door, NOW, allowed, cause, now_or_soon},
    issuer::{Server, Signer, set},
};

const ISSUER: &str = "https://login.example";
const OTHER: &str = "https://other.example";

/// A folder with the keys of two issuers, and configurations that name them.
struct Issuers {
    folder: TempDir,
    first: Signer,
    second: Signer,
}

impl Issuers {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let issuers = Self { folder, first: Signer::new("k"), second: Signer::new("k") };
        issuers.publish("first.json", &set(&[&issuers.first]));
        issuers.publish("second.json", &set(&[&issuers.second]));
        issuers
    }

    fn publish(&self, file: &str, set: &str) {
        fs::write(self.folder.path().join(file), set).expect("a file");
    }

    /// A rule for tokens of this issuer.
    fn rule(&self, issuer: &str, file: &str, more: &str) -> String {
        let file = self.folder.path().join(file);
        let from = "from: [{ header: { name: authorization, scheme: Bearer } }, { cookie: token }]";
        format!(
            "{{ jwt: {{ issuer: '{issuer}', audience: api, keys: {{ file: {} }}, {from}, {more} }} }}",
            file.display()
        )
    }
}

/// An API with these credentials.
fn api(name: &str, credentials: &[&str]) -> String {
    format!(
        "  - name: {name}\n    hosts: [{name}.example]\n    origins: ['https://{name}.example']\n    credentials:\n      - {}\n    \
         routes: [{{ match: /notes }}, {{ match: /read, scopes: [read] }}]\n",
        credentials.join("\n      - ")
    )
}

fn config(apis: &[String]) -> String {
    format!("apis:\n{}", apis.concat())
}

async fn door(apis: &[String]) -> Door {
    let door = Door::with(&config(apis)).await;
    door.checker.policy().first_fetches().await;
    door
}

fn reload(door: &Door, apis: &[String]) {
    let loaded = Config::parse(&config(apis), Path::new("doorward.yaml"), &[]);
    door.checker.reload(&loaded.unwrap_or_else(|errors| panic!("{errors}")).config);
}

fn call(api: &str, token: &str) -> Call {
    Call::new("GET", &format!("{api}.example"), "/notes").bearer(token)
}

#[tokio::test]
async fn a_token_proves_a_person_and_goes_no_further() {
    let issuers = Issuers::new();
    let claims = "claims: { organizations: orgs, scopes: scope, headers: { x-email: email, x-age: age } }, scopes: [base]";
    let door = door(&[api("notes", &[&issuers.rule(ISSUER, "first.json", claims)])]).await;
    let token = issuers.first.token(
        ISSUER,
        &json!({ "orgs": { "acme": ["write"] }, "scope": "read", "email": "ada@acme.example" }),
    );
    for path in ["/notes", "/read"] {
        let call = Call::new("GET", "notes.example", path).bearer(&token);
        let call = call.header("x_age", "99").header("x-email", "forged@evil.example");
        let response = door.knock(call).await;
        let changes = allowed(&response);
        let set = |name: &str| {
            let headers = changes.headers.iter().filter_map(|option| option.header.as_ref());
            headers.filter(|header| header.key == name).map(|header| header.value.clone()).collect::<Vec<_>>()
        };
        assert_eq!(set("x-principal-id"), ["ada"]);
        assert_eq!(set("x-principal-kind"), ["user"]);
        assert_eq!(set("x-email"), ["ada@acme.example"]);
        assert!(set("x-age").is_empty());
        for gone in ["authorization", "x-age", "x_age", "x-principal-credential"] {
            assert!(changes.headers_to_remove.iter().any(|name| name == gone), "{gone} stays");
        }
    }
}

#[tokio::test]
async fn a_token_is_verified_by_the_rule_of_its_issuer_alone() {
    let issuers = Issuers::new();
    let rules = [issuers.rule(ISSUER, "first.json", ""), issuers.rule(OTHER, "second.json", "")];
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let door = door(&[api("notes", &rules)]).await;
    let cases = [
        (issuers.first.token(ISSUER, &json!({})), None),
        (issuers.second.token(OTHER, &json!({})), None),
        (issuers.second.token(ISSUER, &json!({})), Some("the token's signature is wrong")),
        (issuers.first.token(OTHER, &json!({})), Some("the token's signature is wrong")),
        (
            issuers.first.token("https://third.example", &json!({})),
            Some("the token comes from no issuer that is accepted here"),
        ),
        (issuers.first.token(ISSUER, &json!({ "iss": null })), Some("expected `iss` to be a string")),
        (issuers.first.token(ISSUER, &json!({ "aud": "another" })), Some("`aud` names none of ours")),
    ];
    // The second time those that are good are remembered.
    for _ in 0..2 {
        for (token, expected) in &cases {
            match expected {
                None => assert_eq!(door.verdict(call("notes", token)).await, "allowed"),
                Some(expected) => {
                    assert_eq!(door.verdict(call("notes", token)).await, "credential_invalid");
                    let cause = cause(&door, call("notes", token)).await;
                    assert!(cause.contains(expected), "found {cause}, expected {expected}");
                    assert!(token.split('.').all(|part| !cause.contains(part)), "{cause} holds the token");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_is_remembered_for_one_api_is_unknown_to_another() {
    let issuers = Issuers::new();
    let first = issuers.rule(ISSUER, "first.json", "");
    let for_others = first.replace("audience: api", "audience: others");
    let by_others = issuers.rule(ISSUER, "second.json", "");
    let apis = [api("notes", &[&first]), api("others", &[&for_others]), api("strangers", &[&by_others])];
    let door = door(&apis).await;
    let token = issuers.first.token(ISSUER, &json!({}));
    for _ in 0..2 {
        assert_eq!(door.verdict(call("notes", &token)).await, "allowed");
        assert!(cause(&door, call("others", &token)).await.contains("`aud` names none of ours"));
        assert_eq!(cause(&door, call("strangers", &token)).await, "the token's signature is wrong");
    }
}

#[tokio::test]
async fn a_remembered_token_ends_with_its_time() {
    let issuers = Issuers::new();
    let door = door(&[api("notes", &[&issuers.rule(ISSUER, "first.json", "leeway: 30s")])]).await;
    let now: Timestamp = NOW.parse().expect("a moment");
    let within_the_hour = json!({ "exp": now.as_second() + 3600 });
    let call = call("notes", &issuers.first.token(ISSUER, &within_the_hour));
    assert_eq!(door.verdict(call.clone()).await, "allowed");
    door.clock.advance(3600 + 29);
    assert_eq!(door.verdict(call.clone()).await, "allowed");
    door.clock.advance(1);
    assert_eq!(door.verdict(call.clone()).await, "credential_invalid");
    assert!(cause(&door, call).await.contains("it is expired"));
}

#[tokio::test]
async fn a_remembered_token_ends_with_its_key() {
    let issuers = Issuers::new();
    let door = door(&[api("notes", &[&issuers.rule(ISSUER, "first.json", "")])]).await;
    let call = call("notes", &issuers.first.token(ISSUER, &json!({})));
    assert_eq!(door.verdict(call.clone()).await, "allowed");
    // A broken file changes nothing.
    issuers.publish("first.json", "{");
    let unknown = Call::new("GET", "notes.example", "/notes");
    let unknown = unknown.bearer(&issuers.first.token_naming("x", ISSUER, &json!({})));
    now_or_soon(&door, &unknown, "unavailable").await;
    assert_eq!(door.verdict(call.clone()).await, "allowed");
    // Another key under the same name does.
    issuers.publish("first.json", &set(&[&issuers.second]));
    now_or_soon(&door, &call, "credential_invalid").await;
    issuers.publish("first.json", &set(&[&issuers.first]));
    now_or_soon(&door, &call, "allowed").await;
    issuers.publish("first.json", &set(&[&Signer::new("another")]));
    now_or_soon(&door, &call, "credential_invalid").await;
    assert_eq!(cause(&door, call).await, "the token has no key: no key has the id that it names");
}

#[tokio::test]
async fn a_remembered_token_ends_with_the_configuration_that_accepted_it() {
    let issuers = Issuers::new();
    let rule = issuers.rule(ISSUER, "first.json", "scopes: [read]");
    let door = door(&[api("notes", &[&rule])]).await;
    let token = issuers.first.token(ISSUER, &json!({}));
    let read = || Call::new("GET", "notes.example", "/read").bearer(&token);
    assert_eq!(door.verdict(read()).await, "allowed");
    reload(&door, &[api("notes", &[&rule.replace("scopes: [read]", "scopes: [write]")])]);
    assert_eq!(door.verdict(read()).await, "scope_missing");
    reload(&door, &[api("notes", &[&rule.replace("audience: api", "audience: another")])]);
    assert_eq!(door.verdict(call("notes", &token)).await, "credential_invalid");
    reload(&door, &[api("notes", &[&rule.replace("from:", "algorithms: [RS256], from:")])]);
    assert_eq!(cause(&door, call("notes", &token)).await, "the token has no key: `ES256` is not accepted");
    reload(&door, &[api("notes", &[&rule])]);
    assert_eq!(door.verdict(read()).await, "allowed");
}

#[tokio::test]
async fn a_reload_fetches_no_keys_that_are_known_already() {
    let (server, signer) = (Server::start().await, Signer::new("k"));
    server.publishes(&[&signer]);
    let rule = |keys: &str| {
        format!(
            "{{ jwt: {{ issuer: '{ISSUER}', audience: api, keys: {keys}, from: [{{ header: {{ name: authorization, scheme: Bearer }} }}] }} }}"
        )
    };
    let (usual, other) = (rule(&server.keys("")), rule(&server.keys("stale: 1h")));
    // Two APIs that ask the same share what they learn.
    let door = door(&[api("notes", &[&usual]), api("others", &[&usual])]).await;
    let token = signer.token(ISSUER, &json!({}));
    for name in ["notes", "others"] {
        assert_eq!(door.verdict(call(name, &token)).await, "allowed");
    }
    assert_eq!(server.asked(), 1);
    reload(&door, &[api("others", &[&usual.replace("audience: api", "audience: [api, more]")])]);
    assert_eq!(door.verdict(call("others", &token)).await, "allowed");
    assert_eq!(server.asked(), 1);
    // Keys that are asked for otherwise are other keys; a Check that comes too early waits for them.
    reload(&door, &[api("others", &[&other])]);
    assert_eq!(door.verdict(call("others", &token)).await, "allowed");
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn a_shared_secret_proves_tokens_whatever_key_they_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, secret) = (folder.path().join("secret"), "correct horse battery staple, twice over");
    fs::write(&path, format!("{secret}\n")).expect("a file");
    let rule = format!(
        "{{ jwt: {{ issuer: '{ISSUER}', audience: api, keys: {{ secret: {{ file: {} }} }}, from: [{{ header: {{ name: x-token }} }}] }} }}",
        path.display()
    );
    let door = door(&[api("notes", &[&rule])]).await;
    let signed = |header: Value, secret: &str, hash: hmac::Algorithm| {
        let claims = json!({ "iss": ISSUER, "aud": "api", "sub": "ada", "exp": 2_000_000_000 });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let mac = hmac::sign(&hmac::Key::new(hash, secret.as_bytes()), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
    };
    let (sha256, sha384) = (hmac::HMAC_SHA256, hmac::HMAC_SHA384);
    let cases = [
        (signed(json!({ "alg": "HS256" }), secret, sha256), "allowed"),
        (signed(json!({ "alg": "HS256", "kid": "any" }), secret, sha256), "allowed"),
        (signed(json!({ "alg": "HS256" }), &format!("{secret}\n"), sha256), "credential_invalid"),
        (signed(json!({ "alg": "HS384" }), secret, sha256), "credential_invalid"),
        // It is too short for this one.
        (signed(json!({ "alg": "HS384" }), secret, sha384), "credential_invalid"),
        (signed(json!({ "alg": "ES256" }), secret, sha256), "credential_invalid"),
    ];
    for (token, expected) in cases {
        let call = Call::new("GET", "notes.example", "/notes").header("x-token", &token);
        assert_eq!(door.verdict(call).await, expected, "{token}");
    }
}

#[tokio::test]
async fn a_token_in_a_cookie_needs_an_origin_where_it_may_change_something() {
    let issuers = Issuers::new();
    let door = door(&[api("notes", &[&issuers.rule(ISSUER, "first.json", "")])]).await;
    let token = issuers.first.token(ISSUER, &json!({}));
    let with_cookie = |method: &str| {
        Call::new(method, "notes.example", "/notes").header("cookie", format!("a=b; token={token}; c=d"))
    };
    assert_eq!(door.verdict(with_cookie("GET")).await, "allowed");
    assert_eq!(door.verdict(with_cookie("POST")).await, "origin_not_allowed");
    let here = with_cookie("POST").header("origin", "https://notes.example");
    let response = door.knock(here).await;
    let set = allowed(&response).headers.iter().filter_map(|option| option.header.as_ref());
    let cookies: Vec<&str> =
        set.filter(|header| header.key == "cookie").map(|header| header.value.as_str()).collect();
    assert_eq!(cookies, ["a=b; c=d"]);
    // In the header it is no cookie, although it is the same token.
    let header = Call::new("POST", "notes.example", "/notes").bearer(&token);
    assert_eq!(door.verdict(header).await, "allowed");
}

#[tokio::test]
async fn a_place_that_keys_and_tokens_share_tells_them_by_their_form() {
    let issuers = Issuers::new();
    let key = "{ api_key: { prefixes: { live: nt_live_ }, from: [{ header: { name: authorization, scheme: Bearer } }] } }";
    let door = door(&[api("notes", &[key, &issuers.rule(ISSUER, "first.json", "")])]).await;
    let (key, token) = (door.key("nt_live_", |_| ()).await, issuers.first.token(ISSUER, &json!({})));
    assert_eq!(door.verdict(call("notes", &key)).await, "allowed");
    assert_eq!(door.verdict(call("notes", &token)).await, "allowed");
    for neither in ["neither", "a.b", "a.b.c.d", &format!("{token}.e30"), &format!("nt_live_{token}")] {
        assert_ne!(door.verdict(call("notes", neither)).await, "allowed", "{neither}");
    }
}
