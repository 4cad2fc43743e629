//! Where a browser may send a credential from that it sends along unasked.

use doorward::domain::KeyRecord;

use crate::door::{Call, Door, scopes};

const CONFIG: &str = r#"
apis:
  - name: board
    hosts: [board.example]
    credentials:
      - session: { cookie: sid }
      - api_key:
          prefix: bd_
          from: [{ header: { name: authorization, scheme: Bearer } }, { cookie: key }]
    origins: [https://board.example, "http://localhost:3000"]
    routes:
      - { match: /** }
      - { match: /login, public: true }
      - { match: /perhaps, optional: true }
"#;

const LISTED: &str = "https://board.example";

fn call(method: &str) -> Call {
    Call::new(method, "board.example", "/notes")
}

async fn session(door: &Door) -> String {
    door.session(|record| record.apis = vec!["board".parse().expect("a name")]).await
}

async fn key(door: &Door) -> String {
    let edit = |record: &mut KeyRecord| {
        record.apis = vec!["board".parse().expect("a name")];
        record.scopes = scopes(&[]);
    };
    door.key("bd_", edit).await
}

#[tokio::test]
async fn what_may_change_something_needs_a_listed_origin() {
    let door = Door::with(CONFIG).await;
    let token = session(&door).await;
    for method in ["GET", "HEAD", "OPTIONS"] {
        for origin in [None, Some(LISTED), Some("https://evil.example"), Some("null")] {
            let ask = call(method).cookie("sid", &token);
            let ask = origin.iter().fold(ask, |ask, origin| ask.header("origin", origin));
            assert_eq!(door.verdict(ask).await, "allowed", "{method} from {origin:?}");
        }
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "QUERY", "PURGE", "M-SEARCH"] {
        let ask = || call(method).cookie("sid", &token);
        for (origins, expected) in [
            (&[][..], "origin_not_allowed"),
            (&[LISTED], "allowed"),
            (&["http://localhost:3000"], "allowed"),
            (&[""], "origin_not_allowed"),
            (&["null"], "origin_not_allowed"),
            (&["https://evil.example"], "origin_not_allowed"),
            (&["http://board.example"], "origin_not_allowed"),
            (&["https://board.example:443"], "origin_not_allowed"),
            (&["https://board.example/"], "origin_not_allowed"),
            (&["https://BOARD.example"], "origin_not_allowed"),
            (&["https://board.example.evil.example"], "origin_not_allowed"),
            (&["https://a.board.example"], "origin_not_allowed"),
            (&["http://localhost:3001"], "origin_not_allowed"),
            (&[LISTED, LISTED], "origin_not_allowed"),
            (&["https://evil.example", LISTED], "origin_not_allowed"),
            (&["https://board.example,https://board.example"], "origin_not_allowed"),
        ] {
            let ask = origins.iter().fold(ask(), |ask, origin| ask.header("origin", origin));
            assert_eq!(door.verdict(ask).await, expected, "{method} from {origins:?}");
        }
        let referred = ask().header("referer", "https://board.example/notes");
        assert_eq!(door.verdict(referred).await, "origin_not_allowed", "{method}: a Referer is no Origin");
    }
}

#[tokio::test]
async fn an_upgrade_needs_a_listed_origin_though_it_begins_with_get() {
    let door = Door::with(CONFIG).await;
    let token = session(&door).await;
    // As Envoy shows it: WebSocket over HTTP/1 and over HTTP/2 alike, other tunnels over HTTP/2 as CONNECT.
    let websocket = call("GET").header("connection", "upgrade").header("upgrade", "websocket");
    let tunnel = call("CONNECT").header(":protocol", "connect-udp");
    for (name, ask) in [("WebSocket", websocket), ("tunnel", tunnel)] {
        for (origin, expected) in
            [(None, "origin_not_allowed"), (Some("null"), "origin_not_allowed"), (Some(LISTED), "allowed")]
        {
            let ask = ask.clone().cookie("sid", &token);
            let ask = origin.iter().fold(ask, |ask, origin| ask.header("origin", origin));
            assert_eq!(door.verdict(ask).await, expected, "{name} from {origin:?}");
        }
    }
}

#[tokio::test]
async fn what_no_browser_sends_unasked_needs_no_origin() {
    let door = Door::with(CONFIG).await;
    let (token, key) = (session(&door).await, key(&door).await);
    for (name, ask, expected) in [
        ("a key in a header", call("POST").bearer(&key), "allowed"),
        ("a key in a cookie", call("POST").cookie("key", &key), "origin_not_allowed"),
        ("a key in a cookie", call("POST").cookie("key", &key).header("origin", LISTED), "allowed"),
        ("a key in a cookie", call("GET").cookie("key", &key), "allowed"),
        ("a key and a session", call("GET").bearer(&key).cookie("sid", &token), "credential_ambiguous"),
        ("two keys", call("GET").bearer(&key).cookie("key", "bd_other"), "credential_ambiguous"),
        ("no credential", Call::new("POST", "board.example", "/perhaps"), "allowed"),
        ("a public route", Call::new("POST", "board.example", "/login").cookie("sid", &token), "allowed"),
        (
            "an optional route",
            Call::new("POST", "board.example", "/perhaps").cookie("sid", &token),
            "origin_not_allowed",
        ),
    ] {
        assert_eq!(door.verdict(ask).await, expected, "{name}");
    }
}
