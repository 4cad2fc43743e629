//! Switches that refuse more than bad credentials: plain HTTP, keys in browsers; and preflights that pass.

use envoy_types::ext_authz::v3::pb::OkHttpResponse;

use crate::door::{Call, Door, allowed, reason, scopes};

const CONFIG: &str = "
apis:
  - name: guarded
    hosts: [guarded.example]
    credentials:
      - api_key: { prefix: gd_, from: [{ header: { name: authorization, scheme: Bearer } }] }
      - session: { cookie: sid }
    origins: [https://app.example]
    guards: { plain_http: refuse, browser_keys: refuse, cors_preflight: pass }
    routes:
      - { match: GET /notes/** }
      - { match: POST /notes }
      - { match: /status, public: true }
      - { match: /maybe, optional: true }
  - name: open
    hosts: [open.example]
    credentials:
      - api_key: { prefix: gd_, from: [{ header: { name: authorization, scheme: Bearer } }] }
    routes: [{ match: GET /notes }]
";

struct Guarded {
    door: Door,
    key: String,
}

impl Guarded {
    async fn new() -> Self {
        let door = Door::with(CONFIG).await;
        let key = door
            .key("gd_", |record| {
                record.apis = ["guarded", "open"].map(|name| name.parse().expect("a name")).into();
                record.scopes = scopes(&[]);
            })
            .await;
        Self { door, key }
    }
}

fn call(method: &str, path: &str) -> Call {
    Call::new(method, "guarded.example", path)
}

fn tls(method: &str, path: &str) -> Call {
    call(method, path).header("x-forwarded-proto", "https")
}

#[tokio::test]
async fn plain_http_is_refused_wherever_a_credential_could_come_with_it() {
    let Guarded { door, key } = Guarded::new().await;
    let get = || call("GET", "/notes").bearer(&key);
    let proto = |value: &str| get().header("x-forwarded-proto", value);
    // A client of HTTP/2 chooses the scheme itself.
    let mut chosen = proto("http");
    chosen.http().scheme = "https".into();
    let mut relayed = proto("https");
    relayed.http().scheme = "http".into();
    for (name, call, expected) in [
        ("TLS", proto("https"), "allowed"),
        ("TLS", proto("HTTPS"), "allowed"),
        ("TLS, and a proxy of ours that speaks plain HTTP/2", relayed, "allowed"),
        ("plain", proto("http"), "transport_insecure"),
        ("plain, and a scheme of the client's choice", chosen, "transport_insecure"),
        ("no word", get(), "transport_insecure"),
        ("an empty word", proto(""), "transport_insecure"),
        ("two words", proto("https").header("x-forwarded-proto", "https"), "transport_insecure"),
        ("two words joined", proto("https,http"), "transport_insecure"),
        ("another word", proto("https2"), "transport_insecure"),
        ("plain, without a key", call("GET", "/notes"), "transport_insecure"),
        ("plain, optional", call("GET", "/maybe"), "transport_insecure"),
        ("plain, public", call("GET", "/status"), "allowed"),
        ("plain, and nothing there", call("GET", "/nothing"), "route_unknown"),
        ("unguarded", Call::new("GET", "open.example", "/notes").bearer(&key), "allowed"),
    ] {
        assert_eq!(door.verdict(call).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_key_that_a_browser_sends_is_refused() {
    let Guarded { door, key } = Guarded::new().await;
    let token = door.session(|record| record.apis = vec!["guarded".parse().expect("a name")]).await;
    let headers = |call: Call, headers: &[(&str, &str)]| {
        headers.iter().fold(call, |call, (name, value)| call.header(name, value))
    };
    let fetch = &[
        ("origin", "https://app.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-dest", "empty"),
    ][..];
    let navigation =
        &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")][..];
    let websocket = &[("origin", "https://app.example"), ("upgrade", "websocket")][..];
    for (name, sent, expected) in [
        ("fetch in a browser", fetch, "origin_not_allowed"),
        ("a listed origin alone", &fetch[..1], "origin_not_allowed"),
        ("a page that is opened", navigation, "origin_not_allowed"),
        ("a WebSocket", websocket, "origin_not_allowed"),
        ("same-origin fetch", &[("sec-fetch-site", "same-origin")], "origin_not_allowed"),
        ("another mode", &[("sec-fetch-mode", "no-cors")], "origin_not_allowed"),
        ("fetch in Node.js", &[("sec-fetch-mode", "cors"), ("user-agent", "node")], "allowed"),
        ("curl", &[("user-agent", "curl/8.5.0")], "allowed"),
    ] {
        let call = headers(tls("GET", "/notes").bearer(&key), sent);
        assert_eq!(door.verdict(call).await, expected, "{name}");
        let session = headers(tls("GET", "/notes").cookie("sid", &token), sent);
        assert_eq!(door.verdict(session).await, "allowed", "{name}, with a session");
    }
    let open = Call::new("GET", "open.example", "/notes").bearer(&key);
    assert_eq!(door.verdict(headers(open, fetch)).await, "allowed", "unguarded");
}

fn preflight(path: &str, asks_for: &str) -> Call {
    call("OPTIONS", path)
        .header("origin", "https://elsewhere.example")
        .header("access-control-request-method", asks_for)
}

#[tokio::test]
async fn a_preflight_passes_if_the_route_that_it_asks_for_is_there() {
    let Guarded { door, .. } = Guarded::new().await;
    let bare = |call: Call| call.header("access-control-request-method", "GET");
    for (name, call, expected) in [
        ("for GET", preflight("/notes", "GET"), "allowed"),
        ("for HEAD, which GET covers", preflight("/notes/1", "HEAD"), "allowed"),
        ("for POST", preflight("/notes", "POST"), "allowed"),
        ("for a public route", preflight("/status", "PUT"), "allowed"),
        ("for a method that the route has not", preflight("/notes", "DELETE"), "route_unknown"),
        ("for a method in other case", preflight("/notes", "get"), "route_unknown"),
        ("for a path without route", preflight("/nothing", "GET"), "route_unknown"),
        ("for an ambiguous path", preflight("/notes//1", "GET"), "request_malformed"),
        ("for two methods", bare(preflight("/notes", "GET")), "route_unknown"),
        ("without origin", bare(call("OPTIONS", "/notes")), "route_unknown"),
        ("with a body", preflight("/notes", "GET").header("content-length", "2"), "route_unknown"),
        (
            "with a body in chunks",
            preflight("/notes", "GET").header("transfer-encoding", "chunked"),
            "route_unknown",
        ),
        ("with an empty body", preflight("/notes", "GET").header("content-length", "0"), "allowed"),
        (
            "with another method",
            bare(call("GET", "/notes").header("origin", "https://a.example")),
            "transport_insecure",
        ),
        (
            "no preflight at all",
            call("OPTIONS", "/notes").header("origin", "https://a.example"),
            "route_unknown",
        ),
    ] {
        assert_eq!(door.verdict(call).await, expected, "{name}");
    }
    let unguarded = Call::new("OPTIONS", "open.example", "/notes")
        .header("origin", "https://elsewhere.example")
        .header("access-control-request-method", "GET");
    assert_eq!(door.verdict(unguarded).await, "route_unknown");
}

#[tokio::test]
async fn a_preflight_that_passes_stands_for_nobody() {
    let Guarded { door, key } = Guarded::new().await;
    let call = preflight("/notes", "GET")
        .bearer(&key)
        .cookie("sid", "anything; a=b")
        .header("x-principal-id", "root")
        .header("X_Principal_Kind", "user");
    let response = door.knock(call).await;
    assert_eq!(reason(&response), None);
    let OkHttpResponse { headers, headers_to_remove, .. } = allowed(&response);
    let set: Vec<(&str, &str)> = headers
        .iter()
        .filter_map(|option| option.header.as_ref())
        .map(|header| (header.key.as_str(), header.value.as_str()))
        .collect();
    assert_eq!(set, [("x-principal-kind", "anonymous"), ("cookie", "a=b")]);
    for gone in ["x-principal-id", "X_Principal_Kind", "authorization"] {
        assert!(headers_to_remove.iter().any(|name| name == gone), "{gone}: {headers_to_remove:?}");
    }
}
