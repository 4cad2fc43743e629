//! Requests that are made from the description of the API (schemathesis): whatever comes, nothing breaks, and every answer
//! is as the description says. They are the same in each run.

use std::{path::Path, process::Command};

use http::Method;

use crate::{
    client::{ask, over_tcp},
    program::{Program, folder_with},
};

const TOKEN: &str = "a-token-of-ada-0123456789-0123456789";

/// One API that accepts all that there is to manage.
const MORE: &str = "
administrators: [{ name: ada, role: owner, tokens: [{ file: token }] }]
sealing: { current: k1, keys: { k1: { file: sealing-key } } }
apis:
  - name: payments
    hosts: [payments.test]
    client_address: peer
    credentials:
      - api_key: { prefixes: { live: sk_live_ }, from: [{ header: { name: x-key } }] }
      - session: { cookie: sid }
      - signature:
          project: { header: x-project }
          timestamp: { header: x-timestamp }
          signature: { header: x-signature }
          signed: '{timestamp}.{body}'
    routes: [{ match: /** }]
";

/// What has to hold for every answer.
const CHECKS: [&str; 8] = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
];

#[tokio::test]
async fn no_request_breaks_it_and_every_answer_is_as_described() {
    let folder = folder_with(TOKEN);
    std::fs::write(folder.path().join("sealing-key"), "1".repeat(64)).expect("a file");
    let program = Program::start(folder, "'127.0.0.1:PORT'", MORE).await;
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", &*bearer), ("content-type", "application/json")];
    for (path, body) in [
        ("/v1/organizations", r#"{"id": "acme", "name": "Acme", "apis": ["payments"]}"#),
        (
            "/v1/projects",
            r#"{"id": "apollo", "name": "Apollo", "apis": ["payments"], "organization": "acme"}"#,
        ),
    ] {
        let answer = ask(over_tcp(program.port).await, Method::POST, path, &headers, body).await;
        assert_eq!(answer.expect("an answer").status, 200, "{path}");
    }
    let python = part(&["schemathesis", "4.32.5"]);
    let mut command = Command::new(python);
    command
        .args(["-m", "schemathesis.cli", "run", "--no-color", "--seed", "1", "--max-examples", "20"])
        .args(["--generation-deterministic", "--checks", &CHECKS.join(",")])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .arg(format!("http://127.0.0.1:{}/v1/openapi.json", program.port))
        .current_dir(program.path(""));
    let done =
        tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs");
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{told}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(told.contains("Test cases:"), "{told}");
    // Something was made by the way: it does not only refuse.
    for path in ["/v1/keys", "/v1/secrets", "/v1/sessions"] {
        let answer = ask(over_tcp(program.port).await, Method::GET, path, &headers[..1], "").await;
        let answer = answer.expect("an answer").text();
        assert!(answer.contains(r#""id":"#), "{path}: {answer}");
    }
    let log = program.end().await;
    assert!(!log.contains(TOKEN) && !log.contains("panicked"), "{log}");
}

/// A part that the tests need, as `tests/parts.sh` gets it.
fn part(words: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parts.sh");
    let got = Command::new(script).args(words).output().expect("bash");
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    String::from_utf8_lossy(&got.stdout).trim().to_owned()
}
