//! What is left of a Check when it is answered: its counters, and the audit line of a refusal. No credential is
//! in either.

use std::sync::{Arc, Mutex};

use doorward::telemetry::JsonLines;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::layer::SubscriberExt;

use crate::door::{Call, Door, NOW, unknown_key};

/// Whose lines are looked at: other tests log, too.
const PEER: &str = "198.51.100.77";

/// A log to be read again.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Log {
    fn put(&self, line: &str) {
        self.0.lock().expect("nobody panicked").push_str(line);
    }

    fn text(&self) -> String {
        self.0.lock().expect("nobody panicked").clone()
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn each_check_is_counted_and_each_refusal_leaves_one_line_without_a_secret() {
    let (recorder, log, runtime) = (PrometheusBuilder::new().build_recorder(), Log::default(), runtime());
    let metrics = recorder.handle();
    let written = log.clone();
    let lines = JsonLines::put_by(move |line: &str| written.put(line));
    let logged = tracing_subscriber::registry().with(lines);
    // For the whole process: what is logged within one thread only is lost now and then while others log.
    tracing::subscriber::set_global_default(logged).expect("no other test logs");
    let keys = metrics::with_local_recorder(&recorder, || runtime.block_on(knock_in_every_way()));

    let counted = metrics.render();
    for (api, decision, reason, times) in [
        ("notes", "allowed", "", 1),
        ("notes", "denied", "credential_missing", 1),
        ("notes", "denied", "credential_invalid", 2),
        ("notes", "denied", "scope_missing", 1),
        ("notes", "denied", "rate_limited", 0),
        ("notes", "unavailable", "unavailable", 1),
        ("-", "denied", "route_unknown", 1),
        ("-", "denied", "request_malformed", 1),
    ] {
        let line = format!(
            "doorward_checks_total{{api=\"{api}\",decision=\"{decision}\",reason=\"{reason}\"}} {times}"
        );
        assert!(counted.contains(&line), "{line} is not in\n{counted}");
    }

    let lines = log.lines();
    let audited: Vec<&Value> = lines.iter().filter(|line| line["peer"] == PEER).collect();
    let reasons: Vec<&str> = audited.iter().filter_map(|line| line["reason"].as_str()).collect();
    assert_eq!(
        reasons,
        [
            "credential_missing",
            "credential_invalid",
            "credential_invalid",
            "scope_missing",
            "route_unknown",
            "unavailable"
        ]
    );
    assert!(audited.iter().all(|line| line["target"] == "doorward::audit"));
    assert_eq!(audited[2]["cause"], "key key_1: it was revoked");
    let scope = &audited[3];
    assert_eq!(scope["api"], "notes");
    assert_eq!(scope["route"], "POST /notes");
    assert_eq!(scope["path"], "/notes");
    assert_eq!(scope["principal"], "key_0");
    assert_eq!(scope["organization"], "acme");
    for key in keys {
        assert!(!log.text().contains(&key) && !counted.contains(&key), "a key was written down");
    }
}

/// Returns every key that was presented.
async fn knock_in_every_way() -> Vec<String> {
    let door = Door::new().await;
    let key = door.key("nt_live_", |_| ()).await;
    let revoked = door.key("nt_live_", |record| record.revoked = NOW.parse().ok()).await;
    let (unknown, uncached) = (unknown_key("nt_live_", 1_000), unknown_key("nt_live_", 1_001));
    let post = Call::new("POST", "notes.example", "/notes?secret=in-the-query");
    for call in [
        Call::get("/notes/1").bearer(&key),
        Call::get("/notes/1"),
        Call::get(&format!("/notes/{unknown}")).bearer(&unknown),
        Call::get("/notes/1").bearer(&revoked),
        post.bearer(&key),
        Call::new("GET", "unknown.example", "/").bearer(&key),
        Call::new("GET", "", "/"),
    ] {
        door.knock(call.peer(PEER)).await;
    }
    door.store.close().await;
    door.knock(Call::get("/notes/1").bearer(&uncached).peer(PEER)).await;
    vec![key, revoked, unknown, uncached, "in-the-query".to_owned()]
}
