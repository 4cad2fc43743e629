//! Over the Unix socket: whoever may connect is an owner.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::{
    client::{NOTHING, get, get_2, health, over_unix, services},
    program::{Program, folder_with},
};

const TOKEN: &str = "a-token-of-ada-0123456789-0123456789";
const ADA: &str = "administrators: [{ name: ada, role: viewer, tokens: [{ file: token }] }]\n";

async fn started() -> Program {
    Program::start(folder_with(TOKEN), "'unix:admin.sock'", ADA).await
}

#[tokio::test]
async fn whoever_may_connect_gets_in() {
    let program = started().await;
    let mode = fs::metadata(program.socket()).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody but the owner may connect");
    let wire = async || over_unix(&program.socket()).await;
    let answer = get(wire().await, NOTHING, &[]).await;
    assert_eq!((answer.status, answer.error()["status"].as_str()), (404, Some("NOT_FOUND")));
    assert_eq!(get_2(wire().await, NOTHING, &[]).await.status, 404);
    // Nobody is fooled by a name there: there is no network.
    assert_eq!(get(wire().await, NOTHING, &[("host", "anything.test")]).await.status, 404);
    let listed = services(wire().await, &[]).await;
    assert_eq!(listed.grpc_status(), Some("0"));
    assert!(listed.text().contains("doorward.admin.v1.KeyService"), "{}", listed.text());
    assert_eq!(health(wire().await, &[]).await.body, [0, 0, 0, 0, 2, 8, 1], "SERVING");
    program.end().await;
}

#[tokio::test]
async fn a_token_that_is_presented_there_has_to_be_good() {
    let program = started().await;
    let with = async |token: &str| {
        let header = format!("Bearer {token}");
        get(over_unix(&program.socket()).await, NOTHING, &[("authorization", &header)]).await.status
    };
    assert_eq!(with(TOKEN).await, 404);
    // As often as one likes: whoever may connect needs none.
    for _ in 0..12 {
        assert_eq!(with("a-token-of-nobody-0123456789-012345").await, 401);
    }
    let log = program.end().await;
    assert!(log.contains("unix uid "), "{log}");
    assert!(!log.contains(TOKEN) && !log.contains("a-token-of-nobody"), "{log}");
}
