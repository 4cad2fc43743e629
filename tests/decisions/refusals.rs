//! How the door is refused: routes, statuses, challenges and bodies.

use envoy_types::ext_authz::v3::pb::DeniedHttpResponse;

use crate::door::{Call, Door, denied, reason};

fn header<'a>(denied: &'a DeniedHttpResponse, name: &str) -> Option<&'a str> {
    let headers = denied.headers.iter().filter_map(|option| option.header.as_ref());
    headers.into_iter().find(|header| header.key == name).map(|header| header.value.as_str())
}

#[tokio::test]
async fn what_no_route_matches_is_refused() {
    let door = Door::new().await;
    let cases = [
        (Call::get("/nothing"), "route_unknown", 404),
        (Call::get("/notes/1/"), "credential_missing", 401),
        (Call::get("/status/"), "route_unknown", 404),
        (Call::new("DELETE", "notes.example", "/notes/1"), "route_unknown", 404),
        (Call::new("HEAD", "notes.example", "/notes/1"), "credential_missing", 401),
        (Call::new("GET", "unknown.example", "/notes/1"), "route_unknown", 404),
        (Call::new("GET", "evil@notes.example", "/notes/1"), "route_unknown", 404),
        (Call::new("GET", "", "/notes/1"), "request_malformed", 400),
        (Call::new("", "notes.example", "/notes/1"), "request_malformed", 400),
        (Call::new("CONNECT", "notes.example", ""), "request_malformed", 400),
        (Call::new("OPTIONS", "notes.example", "*"), "request_malformed", 400),
        (Call::get("/notes/../status"), "request_malformed", 400),
        (Call::get("/notes%2f1"), "request_malformed", 400),
        (Call::get("//status"), "request_malformed", 400),
        (Call::get("/status;a"), "request_malformed", 400),
        (Call::get("/status").header("x-large", "a".repeat(70 * 1024)), "request_malformed", 400),
        (Call::get("/status").extension("api", "other"), "route_unknown", 404),
        (Call(envoy_types::ext_authz::v3::pb::CheckRequest::default()), "request_malformed", 400),
    ];
    for (call, expected, status) in cases {
        let name =
            format!("{:?}", call.0.attributes.as_ref().and_then(|it| it.request.as_ref()?.http.as_ref()));
        let response = door.knock(call).await;
        assert_eq!(reason(&response), Some(expected), "{name:.300}");
        assert_eq!(denied(&response).status.as_ref().map(|it| it.code), Some(status), "{name:.300}");
    }
    let own = Call::get("/status").extension("api", "notes");
    assert_eq!(door.verdict(own).await, "allowed");
    let chosen = door.knock(Call::new("GET", "other.example", "/b")).await;
    assert_eq!(denied(&chosen).status.as_ref().map(|it| it.code), Some(403), "the API chose 403");
}

#[tokio::test]
async fn a_401_says_which_schemes_it_asks_for() {
    let door = Door::new().await;
    let missing = door.knock(Call::get("/notes/1")).await;
    let in_vain = door.knock(Call::get("/notes/1").bearer("rubbish")).await;
    let unnamed = door.knock(Call::new("GET", "other.example", "/a")).await;
    let unknown = door.knock(Call::get("/nothing")).await;
    let challenge = |response| header(denied(response), "www-authenticate");
    assert_eq!(challenge(&missing), Some(r#"Bearer realm="notes", ApiKey realm="notes""#));
    assert_eq!(
        challenge(&in_vain),
        Some(r#"Bearer realm="notes", error="invalid_token", ApiKey realm="notes""#)
    );
    assert_eq!(challenge(&unnamed), Some(r#"ApiKey realm="other""#));
    assert_eq!(challenge(&unknown), None);
    assert_eq!(missing.status.expect("a status").code, 16);
    assert_eq!(unknown.status.expect("a status").code, 7);
}

#[tokio::test]
async fn holes_keep_their_type_and_what_nothing_fills_is_left_out() {
    let door = Door::new().await;
    let key = door.key("nt_live_", |_| ()).await;
    let cases = [
        (
            Call::get("/notes/1"),
            r#"{"error":{"nested":["notes",[]]},"say":"credential_missing 401 ","needs":["read"]}"#,
        ),
        (
            Call::get("/notes/1").bearer(&format!("{key}0")),
            r#"{"error":"a \"quoted\" word","say":"credential_invalid 401 ","needs":["read"]}"#,
        ),
        (
            Call::new("POST", "notes.example", "/notes").bearer(&key),
            r#"{"say":"scope_missing 403 42","needs":["write"],"extra":42}"#,
        ),
        (Call::get("/nothing"), r#"{"say":"route_unknown 404 ","needs":[]}"#),
        (
            Call::new("GET", "unknown.example", "/"),
            r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"There is nothing at this address.","reason":"route_unknown"}"#,
        ),
    ];
    for (call, body) in cases {
        let response = door.knock(call).await;
        assert_eq!(denied(&response).body, body);
        assert_eq!(header(denied(&response), "content-type"), Some("application/problem+json"));
    }
}

#[tokio::test]
async fn a_path_that_an_application_could_take_for_another_routes_is_refused() {
    const CONFIG: &str = r#"
apis:
  - name: notes
    hosts: [notes.example]
    credentials: [{ api_key: { prefix: nt_, from: [{ header: { name: x-key } }] } }]
    routes:
      - { match: /admin, scopes: [admin] }
      - { match: "GET /Users/{id}", scopes: [admin] }
      - { match: /me/ }
      - { match: "/**", public: true }
"#;
    let strict = Door::with(CONFIG).await;
    let told_apart = CONFIG
        .replace("    routes", "    ambiguous_paths: { allow: [letter_case, trailing_slash] }\n    routes");
    let told_apart = Door::with(&told_apart).await;
    let get = |path: &str| Call::get(path);
    for (ask, expected) in [
        (get("/admin"), "credential_missing"),
        (get("/admin/"), "request_malformed"),
        (get("/Admin"), "request_malformed"),
        (get("/%61DMIN/"), "request_malformed"),
        (get("/Users/7"), "credential_missing"),
        (get("/users/7"), "request_malformed"),
        (get("/Users/7/"), "request_malformed"),
        (get("/me"), "request_malformed"),
        (Call::new("POST", "notes.example", "/users/7"), "allowed"),
        (get("/other/"), "allowed"),
    ] {
        let name = format!("{:?}", ask.0);
        assert_eq!(strict.verdict(ask.clone()).await, expected, "{name}");
        let expected = if expected == "request_malformed" { "allowed" } else { expected };
        assert_eq!(told_apart.verdict(ask).await, expected, "{name}");
    }
}
