//! Over an address without TLS: by token, under names that are ours, and not too often without success.

use crate::{
    client::{Answer, NOTHING, get, get_2, health, over_tcp, services},
    program::{Program, eventually, folder_with, replace_file},
};

const OLD: &str = "the-old-token-of-ada-0123456789-0123456789";
const NEW: &str = "the-new-token-of-ada-0123456789-0123456789";
const ADA: &str = "administrators: [{ name: ada, role: viewer, tokens: [{ file: token }] }]\n";

async fn started() -> Program {
    Program::start(folder_with(OLD), "{ address: 127.0.0.1:PORT, hosts: [admin.test] }", ADA).await
}

async fn with(program: &Program, token: &str) -> Answer {
    get(over_tcp(program.port).await, NOTHING, &[("authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test]
async fn a_token_gets_in_until_another_takes_its_place() {
    let program = started().await;
    assert_eq!(with(&program, OLD).await.status, 404);
    let header = [("authorization", &*format!("Bearer {OLD}"))];
    assert_eq!(get_2(over_tcp(program.port).await, NOTHING, &header).await.status, 404);
    assert_eq!(services(over_tcp(program.port).await, &header).await.grpc_status(), Some("0"));
    replace_file(&program.path("token"), NEW);
    eventually(async || match with(&program, OLD).await.status {
        401 => Ok(()),
        status => Err(format!("the old token is answered {status}")),
    })
    .await;
    assert_eq!(with(&program, NEW).await.status, 404);
    let log = program.end().await;
    assert!(!log.contains(OLD) && !log.contains(NEW), "{log}");
}

#[tokio::test]
async fn who_says_nothing_is_told_how_in_their_own_protocol() {
    let program = started().await;
    let answer = get(over_tcp(program.port).await, NOTHING, &[]).await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(
        (answer.reason().as_str(), answer.error()["status"].as_str()),
        ("credential_missing", Some("UNAUTHENTICATED"))
    );
    let answer = services(over_tcp(program.port).await, &[]).await;
    assert_eq!((answer.status, answer.grpc_status(), answer.body.len()), (200, Some("16"), 0));
    assert_eq!(health(over_tcp(program.port).await, &[]).await.grpc_status(), Some("0"), "anybody may ask");
    let basic = get(over_tcp(program.port).await, NOTHING, &[("authorization", "Basic YTpi")]).await;
    assert_eq!((basic.status, basic.reason().as_str()), (401, "credential_invalid"));
    program.end().await;
}

#[tokio::test]
async fn a_guesser_is_stopped_and_keeps_nobody_out() {
    let program = started().await;
    for number in 0..10 {
        let answer = with(&program, &format!("a-guess-of-somebody-0123456789-{number}")).await;
        assert_eq!((answer.status, answer.reason().as_str()), (401, "credential_invalid"));
    }
    let answer = with(&program, "another-guess-of-somebody-0123456789").await;
    assert_eq!((answer.status, answer.reason().as_str()), (429, "too_many_attempts"));
    let wait: u64 = answer.header("retry-after").expect("a wait").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    let header = [("authorization", "Bearer another-guess-of-somebody-0123456789")];
    assert_eq!(services(over_tcp(program.port).await, &header).await.grpc_status(), Some("8"));
    assert_eq!(with(&program, OLD).await.status, 404, "what is known to be good passes");
    let log = program.end().await;
    assert!(log.contains("too_many_attempts") && log.contains("127.0.0.1"), "{log}");
    assert!(!log.contains("guess-of-somebody") && !log.contains(OLD), "{log}");
}
