//! A store moves from SQLite to PostgreSQL by a command that is killed again and again.

use std::{
    fmt::Write,
    process::Stdio,
    time::{Duration, Instant},
};

use doorward::domain::CredentialHash;

use crate::{
    harness::{grpc, run, site::Site},
    postgres,
};

use super::fleet::{HOST, Verdict, verdict};

/// How many keys there are; `tests/long.sh` says a million.
fn keys() -> usize {
    std::env::var("DOORWARD_COPIED_KEYS").map_or(10_000, |keys| keys.parse().expect("a number"))
}

/// How many keys are imported at once.
const PART: usize = 50_000;

#[test]
#[expect(clippy::disallowed_methods, reason = "the process under test lives in the machine's time")]
fn a_copy_that_is_killed_goes_on_where_it_was() {
    run(async {
        let database = postgres::shared().await.database().await;
        let configuration = |store: &str| {
            format!(
                "store: {store}
apis:
  - name: shop
    hosts: [{HOST}]
    credentials: [{{ api_key: {{ prefixes: {{ live: sk_live_ }}, from: [{{ header: {{ name: authorization, scheme: Bearer }} }}] }} }}]
    routes: [{{ match: /** }}]
"
            )
        };
        let site = Site::new(&configuration("sqlite:doorward.db"));
        std::fs::write(site.folder().join("into.yaml"), configuration(&database.url())).expect("a file");
        for first in (0..keys()).step_by(PART) {
            let mut lines = String::new();
            for number in first..keys().min(first + PART) {
                let hash = hex::encode(CredentialHash::of(&number.to_string()).as_bytes());
                let _ = writeln!(
                    lines,
                    r#"{{"hash": "sha256:{hash}", "api": "shop", "name": "a test's", "organization": "acme", "environment": "live"}}"#
                );
            }
            std::fs::write(site.folder().join("keys.jsonl"), lines).expect("a file");
            site.json(&["keys", "import", "keys.jsonl"]);
        }
        let (good, gone) = (site.create(&["--api", "shop"]), site.create(&["--api", "shop"]));
        site.revoke(&gone.id);

        let words = ["store", "copy", "--config", "doorward.yaml", "--into", "into.yaml"];
        let (begun, mut kills) = (Instant::now(), 0);
        let mut pause = Duration::from_millis(200);
        // Each time it is let go on a little longer, until it comes to its end.
        loop {
            let mut command = site.command(&words);
            let mut copying = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
            tokio::time::sleep(pause).await;
            if let Some(status) = copying.try_wait().expect("a status") {
                assert!(status.success(), "{status}");
                break;
            }
            copying.kill().expect("it runs");
            copying.wait().expect("it ended");
            kills += 1;
            pause = pause * 3 / 2;
        }
        println!("{} keys copied in {:?}, killed {kills} times", keys(), begun.elapsed());
        assert!(kills > 0, "it was done before it could be killed");

        std::fs::copy(site.folder().join("into.yaml"), site.configuration()).expect("copied");
        let replica = site.serve().await;
        let checks = grpc::client(&replica.socket).await;
        assert_eq!(verdict(checks.clone(), &good.key).await, Verdict::Allowed);
        assert_eq!(verdict(checks, &gone.key).await, Verdict::Refused);
        let made = site.create(&["--api", "shop"]);
        site.revoke(&made.id);
    });
}
