//! What a web page could have sent is refused before anything else, on every listener.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    client::{NOTHING, get, get_2, health, over_tcp, over_unix},
    program::{Program, folder_with},
};

const TOKEN: &str = "a-token-of-ada-0123456789-0123456789";
const ADA: &str = "administrators: [{ name: ada, role: owner, tokens: [{ file: token }] }]\n";

#[tokio::test]
async fn no_web_page_gets_in_by_a_socket() {
    let program = Program::start(folder_with(TOKEN), "'unix:admin.sock'", ADA).await;
    for header in [("origin", "http://localhost"), ("origin", "null"), ("sec-fetch-site", "same-origin")] {
        let answer = get(over_unix(&program.socket()).await, NOTHING, &[header]).await;
        assert_eq!((answer.status, answer.reason().as_str()), (403, "cross_site"), "{header:?}");
        let cors = answer.headers.keys().filter(|name| name.as_str().starts_with("access-control-"));
        assert_eq!(cors.count(), 0, "{:?}", answer.headers);
    }
    let typed = [("sec-fetch-site", "none")];
    assert_eq!(get(over_unix(&program.socket()).await, NOTHING, &typed).await.status, 404);
    let answer = health(over_unix(&program.socket()).await, &[("origin", "null")]).await;
    assert_eq!(answer.grpc_status(), Some("7"));
    program.end().await;
}

#[tokio::test]
async fn no_web_page_gets_in_by_a_name_of_its_own() {
    let listener = "{ address: 127.0.0.1:PORT, hosts: [admin.test] }";
    let program = Program::start(folder_with(TOKEN), listener, ADA).await;
    let bearer = format!("Bearer {TOKEN}");
    for (host, status) in [
        ("localhost:9192", 404),
        ("127.0.0.1", 404),
        ("[::1]:80", 404),
        ("Admin.test", 404),
        ("evil.test", 403),
        ("localhost.evil.test", 403),
    ] {
        let headers = [("host", host), ("authorization", &*bearer)];
        assert_eq!(get(over_tcp(program.port).await, NOTHING, &headers).await.status, status, "{host}");
    }
    let both = [("host", "evil.test"), ("authorization", &*bearer)];
    assert_eq!(get_2(over_tcp(program.port).await, NOTHING, &both).await.status, 403);
    let origin = [("origin", "http://localhost"), ("authorization", &*bearer)];
    assert_eq!(get(over_tcp(program.port).await, NOTHING, &origin).await.status, 403);
    program.end().await;
}

#[tokio::test]
async fn a_request_is_neither_long_nor_slow() {
    let program = Program::start(folder_with(TOKEN), "127.0.0.1:PORT", ADA).await;
    let long = "x".repeat(40 * 1024);
    assert_eq!(get(over_tcp(program.port).await, NOTHING, &[("x-long", &long)]).await.status, 431);
    let mut slow = over_tcp(program.port).await;
    slow.write_all(b"GET /v1/nothing HTTP/1.1\r\nhost: localhost\r\n").await.expect("it is read");
    let closed = timeout(Duration::from_secs(15), slow.read_to_end(&mut Vec::new())).await;
    assert!(closed.is_ok(), "it waits for the rest of the head");
    program.end().await;
}
