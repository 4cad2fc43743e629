//! What is broken, missing or hostile: each gets a clear error or refusal with its reason, nothing panics, and
//! whoever served before serves on.

use std::{process::Output, time::Duration};

use envoy_types::{
    ext_authz::v3::pb::CheckRequest,
    pb::envoy::service::auth::v3::{
        AttributeContext,
        attribute_context::{Peer, Request as RequestAttributes},
    },
};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixStream;

use crate::harness::{
    client::Request,
    doorward::Doorward,
    envoy::NEWEST,
    grpc::{self, Form},
    process::finish,
    run,
    site::Site,
    world::World,
};

const CONFIGURATION: &str = include_str!("two_apis.yaml");

/// A bad command line or configuration.
const EXIT_USAGE: i32 = 64;
/// Something that is needed cannot be reached.
const EXIT_UNREACHABLE: i32 = 69;

fn serve(site: &Site) -> Output {
    finish(
        site.command(&["serve", "--config", "doorward.yaml"])
            .env("DOORWARD_LISTEN__CHECK", "[\"unix:check.sock\"]")
            .env("DOORWARD_LISTEN__TELEMETRY", "off"),
    )
}

/// Panics unless the command ended with this code, said all of this, and did not panic.
fn assert_ended(output: &Output, code: i32, says: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    for part in says {
        assert!(error.contains(part), "`{part}` is not said:\n{error}");
    }
    assert!(!error.contains("panicked"), "{error}");
}

/// Changes the configuration; panics if there is nothing to change.
fn changed(from: &str, to: &str) -> String {
    let changed = CONFIGURATION.replacen(from, to, 1);
    assert_ne!(changed, CONFIGURATION, "`{from}` is gone from the configuration");
    changed
}

#[test]
fn a_bad_configuration_ends_with_64_and_names_the_place_of_every_error() {
    let read = "      - { match: GET /read, scopes: [read] }";
    let line = CONFIGURATION.lines().position(|candidate| candidate == read).expect("the route") + 1;
    let place = format!("doorward.yaml:{line}:");
    let next_place = format!("doorward.yaml:{}:", line + 1);
    let cases = [
        ("not YAML", "apis: [".to_owned(), vec!["doorward.yaml:", "YAML"]),
        ("empty", String::new(), vec!["doorward.yaml", "expected a mapping"]),
        (
            "an unknown field",
            changed(read, &read.replace("scopes", "scope")),
            vec![&place, "apis[0].routes[2].scope:", "`scopes`"],
        ),
        (
            "a wrong type",
            changed(read, &read.replace("[read]", "7")),
            vec![&place, "apis[0].routes[2].scopes"],
        ),
        (
            "a duplicate route",
            changed(read, &format!("{read}\n{read}")),
            vec![&next_place, "GET /read", "routes[2]"],
        ),
        ("a duplicate name", changed("name: plain", "name: shop"), vec!["apis[1].name", "`shop`"]),
        ("a duplicate host", changed("[plain.test,", "[shop.test,"), vec!["apis[1].hosts[0]", "shop.test"]),
        (
            "two errors at once",
            changed(read, &read.replace("scopes", "scope"))
                .replace("unscoped_keys: all", "unscoped_keys: some"),
            vec![&place, "apis[0].routes[2].scope:", "apis[1].unscoped_keys:"],
        ),
    ];
    for (what, configuration, says) in cases {
        let site = Site::new(&configuration);
        for words in
            [&["serve", "--config", "doorward.yaml"], &["config", "check", "doorward.yaml"]] as [&[&str]; 2]
        {
            eprintln!("{what}: {words:?}");
            assert_ended(&site.run(words), EXIT_USAGE, &says);
        }
        assert!(!site.database().exists(), "{what}: nothing is begun before the configuration is good");
    }
}

#[test]
fn a_missing_configuration_ends_with_64_and_tells_where_it_was_looked_for() {
    let site = Site::new(CONFIGURATION);
    let missing = site.run(&["serve", "--config", "nowhere.yaml"]);
    assert_ended(&missing, EXIT_USAGE, &["nowhere.yaml"]);
    std::fs::remove_file(site.configuration()).expect("it was there");
    let unnamed = site.run(&["serve"]);
    assert_ended(
        &unnamed,
        EXIT_USAGE,
        &["--config", "DOORWARD_CONFIG", "doorward.yaml", "/etc/doorward/doorward.yaml"],
    );
}

#[test]
fn a_plain_listener_that_others_can_reach_is_refused_unless_it_is_called_insecure() {
    let site = Site::new(CONFIGURATION);
    let output = finish(
        site.command(&["serve", "--config", "doorward.yaml"])
            .env("DOORWARD_LISTEN__CHECK", "[\"0.0.0.0:0\"]"),
    );
    assert_ended(&output, EXIT_USAGE, &["DOORWARD_LISTEN__CHECK", "0.0.0.0:0", "tls", "insecure: true"]);
}

#[test]
fn a_store_that_is_no_database_ends_with_69_and_stays_as_it_was() {
    for garbage in ["this is no database, and long enough to be looked at. ".repeat(100), "short".to_owned()]
    {
        let site = Site::new(CONFIGURATION);
        std::fs::write(site.database(), &garbage).expect("a file");
        assert_ended(&serve(&site), EXIT_UNREACHABLE, &["doorward.db", "not an SQLite database"]);
        let kept = std::fs::read_to_string(site.database()).expect("the file");
        assert_eq!(kept, garbage, "nothing is lost");
    }
}

#[test]
fn a_damaged_store_ends_with_69() {
    let site = Site::new(CONFIGURATION);
    site.create(&["--api", "shop", "--scope", "read"]);
    // Everything goes into the file itself: from its log the store would be repaired.
    run(async {
        let mut connection = site.sql().await;
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await;
        checkpoint.expect("a checkpoint");
    });
    let mut bytes = std::fs::read(site.database()).expect("the store");
    // The header stays good, so that it is a database, but everything after it is not.
    bytes[100..].fill(0xa5);
    std::fs::write(site.database(), bytes).expect("the file can be written");
    assert_ended(&serve(&site), EXIT_UNREACHABLE, &["doorward.db", "damaged"]);
}

#[test]
fn a_store_in_a_folder_that_is_not_there_ends_with_69() {
    let site = Site::with_environment(CONFIGURATION, &[("DOORWARD_STORE", "sqlite:nowhere/doorward.db")]);
    assert_ended(&serve(&site), EXIT_UNREACHABLE, &["nowhere/doorward.db", "folder"]);
}

#[test]
fn a_store_that_another_process_locks_delays_a_change_and_refuses_it_with_a_reason_in_the_end() {
    run(async {
        let site = Site::new(CONFIGURATION);
        let key = site.create(&["--api", "shop", "--scope", "read"]);
        let mut locker = site.sql().await;
        let lock = sqlx::query("BEGIN IMMEDIATE").execute(&mut locker).await;
        lock.expect("the lock");
        let doorward = site.serve().await;
        let call = grpc::check(
            Form::Raw,
            "GET",
            "shop.test",
            "/read",
            &[("authorization", format!("Bearer {}", key.key).as_bytes())],
        );
        let answer = grpc::client(&doorward.socket).await.check(call).await;
        assert!(grpc::is_allowed(&answer), "reading goes on beside a lock: {answer:?}");
        let refused = site.run(&["keys", "revoke", &key.id]);
        let error = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(EXIT_UNREACHABLE), "{error}");
        assert!(error.contains("doorward.db") && error.contains("lock"), "{error}");
    });
}

#[test]
fn a_header_of_70_kib_is_refused_by_envoy_or_doorward_with_its_reason() {
    run(async {
        let world = World::start(NEWEST, Site::new(CONFIGURATION), |recipe| recipe).await;
        let key = world.site.create(&["--api", "shop", "--scope", "read"]);
        let large = vec![b'a'; 70 * 1024];
        let request = Request::get("shop.test", "/read").bearer(&key.key);
        let answer = world.envoy.client().send(&request.clone().with("x-large", large.clone())).await;
        assert_eq!(answer.status, 431, "Envoy's own limit is 60 KiB: {answer:?}");
        let bearer = format!("Bearer {}", key.key);
        for form in [Form::Joined, Form::Raw] {
            let headers = [("authorization", bearer.as_bytes()), ("x-large", large.as_slice())];
            let call = grpc::check(form, "GET", "shop.test", "/read", &headers);
            assert_malformed(&world.doorward, call).await;
        }
        assert_eq!(world.upstream.received(), 0);
        assert_eq!(world.envoy.client().send(&request).await.status, 200, "it serves on");
        // The audit line tells the bound.
        world.doorward.line("64 KiB").await;
    });
}

/// Asks directly; the answer has to be `request_malformed`.
async fn assert_malformed(doorward: &Doorward, call: CheckRequest) {
    let (status, denied) = grpc::denied(&mut grpc::client(&doorward.socket).await, call).await;
    assert_eq!(status, 400, "{}", denied.body);
    assert!(denied.body.contains("request_malformed"), "{}", denied.body);
}

#[test]
fn a_check_in_which_something_is_missing_is_refused_and_never_let_through() {
    run(async {
        let site = Site::new(CONFIGURATION);
        let doorward = site.serve().await;
        let within = |attributes| CheckRequest { attributes: Some(attributes) };
        for call in [
            CheckRequest::default(),
            within(AttributeContext::default()),
            within(AttributeContext {
                source: Some(Peer::default()),
                request: Some(RequestAttributes::default()),
                ..Default::default()
            }),
            grpc::check(Form::Joined, "", "shop.test", "/public", &[]),
            grpc::check(Form::Joined, "GET", "", "/public", &[]),
            grpc::check(Form::Joined, "GE T", "shop.test", "/public", &[]),
        ] {
            assert_malformed(&doorward, call).await;
        }
        doorward.process.assert_alive();
    });
}

/// Sends a gRPC message of these bytes to `Check`; the gRPC status of the answer.
async fn send_message(doorward: &Doorward, message: &[u8]) -> Option<String> {
    let stream = UnixStream::connect(&doorward.socket).await.expect("a connection");
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("a handshake");
    let connection = tokio::spawn(connection);
    let request = hyper::Request::post("http://doorward/envoy.service.auth.v3.Authorization/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::copy_from_slice(message)))
        .expect("a request");
    let answer = tokio::time::timeout(Duration::from_secs(10), sender.send_request(request)).await;
    let answer = answer.expect("an answer in time").expect("an answer");
    let status = |headers: &hyper::HeaderMap| Some(headers.get("grpc-status")?.to_str().ok()?.to_owned());
    let at_once = status(answer.headers());
    let body = answer.into_body().collect().await.expect("a body");
    connection.abort();
    at_once.or_else(|| body.trailers().and_then(status))
}

#[test]
fn a_message_of_garbage_is_a_grpc_error_and_never_let_through() {
    run(async {
        let site = Site::new(CONFIGURATION);
        let doorward = site.serve().await;
        let framed = |message: &[u8]| {
            let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
            [&[0], length.as_slice(), message].concat()
        };
        for message in [
            framed(&[0xff; 64]),
            framed(b"GET / HTTP/1.1\r\n\r\n"),
            framed(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
            [&[0][..], &u32::MAX.to_be_bytes(), b"too short"].concat(),
            vec![7; 3],
        ] {
            let status = send_message(&doorward, &message).await;
            assert!(status.as_deref().is_some_and(|status| status != "0"), "{message:?}: {status:?}");
        }
        doorward.process.assert_alive();
        let call = grpc::check(Form::Joined, "GET", "shop.test", "/public", &[]);
        let answer = grpc::client(&doorward.socket).await.check(call).await;
        assert!(grpc::is_allowed(&answer), "it serves on: {answer:?}");
    });
}
