//! The vectors for HMAC-SHA256, signed as projects sign: each key is the secret of a project of its own, each message
//! a body.

use std::{path::Path, sync::Arc, time::Duration};

use doorward::{
    check::{Checker, Policy, decision::Verdict, request::Call},
    config::Config,
    domain::{Author, ManualClock, SealedSecret, SecretRecord, Timestamp},
    store::{CachedStore, SecretStore, SqlStore},
};
use envoy_types::{
    ext_authz::v3::pb::{CheckRequest, HeaderValue},
    pb::envoy::{
        config::core::v3::HeaderMap,
        service::auth::v3::{
            AttributeContext,
            attribute_context::{HttpRequest, Request},
        },
    },
};
use prost::Message;
use rand::{SeedableRng, rngs::StdRng};
use serde_json::Value;

use crate::vectors;

const CONFIG: &str = r#"
sealing: { current: k1, keys: { k1: { env: SEALING_KEY } } }
apis:
  - name: ingest
    hosts: [ingest.example]
    credentials:
      - signature:
          project: { header: X-Project }
          timestamp: { header: X-Timestamp }
          signature: { header: X-Signature }
          signed: "{body}"
    routes: [{ match: /** }]
"#;

/// A moment in Unix seconds, at which the clock stands.
const NOW: i64 = 1_705_312_200;

/// Why a signature is refused that another key, another message or another hand made.
const WRONG: &str = "credential_invalid: project";
/// Why a shortened one is.
const SHORT: &str = "credential_malformed: the signature is not 32 bytes in its encoding";

/// What is asked of one vector, and how it was answered.
struct Case {
    id: u64,
    is_valid: bool,
    tag_bits: u64,
    verdict: String,
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_else(|| panic!("no text `{member}` in {value}"))
}

fn bytes(value: &Value, member: &str) -> Vec<u8> {
    hex::decode(text(value, member)).expect("hex")
}

/// A request of this project whose body is `message`, under this MAC.
fn call(project: &str, message: Vec<u8>, mac: &str) -> CheckRequest {
    let header = |(key, value): (&str, &str)| HeaderValue {
        key: key.into(),
        raw_value: value.as_bytes().to_vec(),
        ..Default::default()
    };
    let timestamp = NOW.to_string();
    let headers = [
        ("x-project", project),
        ("x-timestamp", &timestamp),
        ("x-signature", mac),
        ("x-envoy-auth-partial-body", "false"),
    ];
    let http = HttpRequest {
        method: "POST".into(),
        host: "ingest.example".into(),
        path: "/".into(),
        raw_body: message,
        header_map: Some(HeaderMap { headers: headers.map(header).into() }),
        ..Default::default()
    };
    let request = Request { http: Some(http), ..Default::default() };
    CheckRequest { attributes: Some(AttributeContext { request: Some(request), ..Default::default() }) }
}

async fn verdict(checker: &Checker<SqlStore>, call: &CheckRequest) -> String {
    let (message, policy) = (call.encode_to_vec(), checker.policy());
    let call = Call::read(&message).expect("a Check");
    match &checker.decide(&policy, &call).await.verdict {
        Verdict::Allowed(_) => "allowed".to_owned(),
        Verdict::Refused(refusal) => format!("{}: {}", refusal.kind.code(), refusal.cause),
        Verdict::Waived(..) => "waived".to_owned(),
    }
}

/// Has every vector verified.
async fn run(vectors: &Value) -> Vec<Case> {
    let env = [("SEALING_KEY".to_owned(), "0".repeat(64))];
    let config = Config::parse(CONFIG, Path::new("doorward.yaml"), &env).expect("a configuration").config;
    let keys = config.sealing.as_ref().expect("a key").keys.clone();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("doorward.db");
    let store = SqlStore::open_file(&file, SqlStore::PATIENCE).await.expect("a store");
    let cached = CachedStore::new(store.clone(), config.cache, Duration::from_secs(5));
    let clock = Arc::new(ManualClock::at(Timestamp::from_second(NOW).expect("a moment")));
    let checker = Checker::new(Policy::new(&config), cached, clock);
    let mut cases = Vec::new();
    for group in vectors["testGroups"].as_array().expect("groups") {
        for vector in group["tests"].as_array().expect("vectors") {
            let id = vector["tcId"].as_u64().expect("a number");
            let mut record = SecretRecord {
                id: format!("secret_{id}").parse().expect("an id"),
                api: "ingest".parse().expect("a name"),
                organization: "acme".parse().expect("an id"),
                project: format!("project_{id}").parse().expect("an id"),
                sealed: SealedSecret { key: keys.current().clone(), bytes: Vec::new() },
                created: Timestamp::UNIX_EPOCH,
                expires: None,
                revoked: None,
                rotated_from: None,
            };
            let sealed = keys.seal(&bytes(vector, "key"), record.owner(), &mut StdRng::seed_from_u64(id));
            record.sealed = sealed.expect("sealed");
            store.insert_secret(&record, &Author::on_the_store(0)).await.expect("a new secret");
            let call = call(record.project.as_str(), bytes(vector, "msg"), text(vector, "tag"));
            cases.push(Case {
                id,
                is_valid: text(vector, "result") == "valid",
                tag_bits: group["tagSize"].as_u64().expect("a number"),
                verdict: verdict(&checker, &call).await,
            });
        }
    }
    cases
}

#[tokio::test]
async fn every_vector_is_answered_as_it_says() {
    let Some(vectors) = vectors("hmac_sha256_test.json") else {
        return;
    };
    let cases = run(&vectors).await;
    assert_eq!(Some(cases.len() as u64), vectors["numberOfTests"].as_u64(), "some vectors were not read");
    for Case { id, is_valid, tag_bits, verdict } in &cases {
        // A shortened MAC is refused for its length, right or wrong.
        let expected = match (is_valid, tag_bits) {
            (true, 256) => "allowed",
            (false, 256) => WRONG,
            _ => SHORT,
        };
        assert!(verdict.starts_with(expected), "vector {id}\nfound {verdict}\nexpected {expected}");
    }
    for (is_valid, tag_bits) in [(true, 256), (false, 256), (true, 128), (false, 128)] {
        let is_there = |case: &&Case| case.is_valid == is_valid && case.tag_bits == tag_bits;
        assert!(
            cases.iter().filter(is_there).count() > 10,
            "hardly any vector is {is_valid} with {tag_bits} bits"
        );
    }
}
