//! The server is killed in the middle of creating, rotating and revoking, again and again: what was acknowledged is
//! there, and nothing is half there. `DOORWARD_KILLS` says how often; `tests/long.sh` has 200.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::Method;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    client::{ask, over_unix, try_over_unix},
    program::Program,
};

/// How many ask at the same time.
const HANDS: u64 = 4;
const APIS: &str = "
apis:
  - name: payments
    hosts: [payments.test]
    credentials: [{ api_key: { prefix: pay_, from: [{ header: { name: x-key } }] } }]
    routes: [{ match: /** }]
";

/// What was acknowledged of each key, by its id.
type Acknowledged = Arc<Mutex<BTreeMap<String, Fate>>>;

/// What was acknowledged of a key.
#[derive(Debug, Clone, Default)]
struct Fate {
    rotated_from: Option<String>,
    is_revoked: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_and_nothing_is_half_there() {
    let kills: u64 = std::env::var("DOORWARD_KILLS").map_or(20, |kills| kills.parse().expect("a number"));
    let mut pauses = StdRng::seed_from_u64(1);
    let acknowledged = Acknowledged::default();
    let mut folder = tempfile::tempdir().expect("a folder");
    for round in 0..kills {
        let program = Program::start(folder, "'unix:admin.sock'", APIS).await;
        let mut hands = JoinSet::new();
        for hand in 0..HANDS {
            hands.spawn(work(program.socket(), Arc::clone(&acknowledged), round * HANDS + hand));
        }
        tokio::time::sleep(Duration::from_millis(pauses.random_range(5..80))).await;
        folder = program.kill();
        hands.join_all().await;
    }
    let program = Program::start(folder, "'unix:admin.sock'", APIS).await;
    let keys = all(&program, "/v1/keys", "keys").await;
    let audit = all(&program, "/v1/audit", "records").await;
    judge(&acknowledged.lock().expect("nobody panicked"), &keys, &audit);
    program.end().await;
}

/// Creates, rotates and revokes until the server is gone.
async fn work(socket: PathBuf, acknowledged: Acknowledged, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut own = Vec::new();
    loop {
        let body = json!({ "name": format!("of {seed}"), "apis": ["payments"], "organization": "acme" });
        let Some(created) = post(&socket, "/v1/keys", &body).await else { return };
        let id = text(&created["id"]);
        acknowledged.lock().expect("nobody panicked").insert(id.clone(), Fate::default());
        own.push(id);
        let old = own.swap_remove(random.random_range(0..own.len()));
        if random.random_bool(0.5) {
            let path = format!("/v1/keys/{old}:rotate");
            let Some(rotated) = post(&socket, &path, &json!({ "overlap": "3600s" })).await else { return };
            let fate = Fate { rotated_from: Some(old), is_revoked: false };
            let id = text(&rotated["id"]);
            acknowledged.lock().expect("nobody panicked").insert(id.clone(), fate);
            own.push(id);
        } else {
            let Some(_) = post(&socket, &format!("/v1/keys/{old}:revoke"), &json!({})).await else { return };
            acknowledged.lock().expect("nobody panicked").entry(old).or_default().is_revoked = true;
        }
    }
}

/// The answer, unless the server is gone before it came.
async fn post(socket: &std::path::Path, path: &str, body: &Value) -> Option<Value> {
    let wire = try_over_unix(socket).await?;
    let headers = [("content-type", "application/json")];
    let answer = ask(wire, Method::POST, path, &headers, &body.to_string()).await.ok()?;
    let told: Value = serde_json::from_slice(&answer.body).ok()?;
    assert_eq!(answer.status, 200, "{path}: {told}");
    Some(told)
}

/// Everything that a list holds, page by page.
async fn all(program: &Program, path: &str, field: &str) -> Vec<Value> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!("{path}?page_size=500&page_token={token}");
        let answer = ask(over_unix(&program.socket()).await, Method::GET, &path, &[], "").await;
        let mut page: Value = serde_json::from_slice(&answer.expect("an answer").body).expect("JSON");
        all.append(page[field].as_array_mut().expect("a list"));
        token = text(&page["next_page_token"]);
        if token.is_empty() {
            return all;
        }
    }
}

fn judge(acknowledged: &BTreeMap<String, Fate>, keys: &[Value], audit: &[Value]) {
    let by_id: BTreeMap<String, &Value> = keys.iter().map(|key| (text(&key["id"]), key)).collect();
    assert_eq!(by_id.len(), keys.len(), "each once");
    assert!(acknowledged.len() > 10, "too little was done: {}", acknowledged.len());
    for (id, fate) in acknowledged {
        let key = by_id.get(id).unwrap_or_else(|| panic!("{id} was acknowledged and is lost"));
        assert_eq!(key["rotated_from"].as_str(), fate.rotated_from.as_deref(), "{id}");
        assert!(!fate.is_revoked || key["status"] == "revoked", "{id} was revoked");
    }
    // Both ends of a rotation are there, or none.
    for key in keys {
        if let Some(old) = key["rotated_from"].as_str() {
            assert!(by_id[old]["expires"].is_string(), "{old} was replaced and does not end");
        }
    }
    let noted = |action: &str| -> BTreeSet<String> {
        let of_it = audit.iter().filter(|record| record["action"] == action);
        of_it.map(|record| text(&record["id"])).collect()
    };
    let those = |is_meant: &dyn Fn(&Value) -> bool| -> BTreeSet<String> {
        keys.iter().filter(|key| is_meant(key)).map(|key| text(&key["id"])).collect()
    };
    assert_eq!(noted("key.create"), those(&|_| true), "each has its record, and each record its key");
    assert_eq!(noted("key.revoke"), those(&|key| key["status"] == "revoked"));
    assert_eq!(noted("key.rotate"), those(&|key| key["expires"].is_string()));
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
