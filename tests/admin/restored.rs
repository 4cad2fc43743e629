//! Backups of a store that a server uses, and putting them back.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Program, folder_with};

const APIS: &str = "
apis:
  - name: payments
    hosts: [payments.test]
    credentials: [{ api_key: { prefix: sk_, from: [{ header: { name: x-key } }] } }]
    routes: [{ match: /** }]
";
/// How often restoring is killed.
const KILLS: u64 = 20;

fn command(folder: &Path, words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.args(words.split_whitespace()).current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

fn run(folder: &Path, words: &str) -> Output {
    command(folder, words).output().expect("it runs")
}

fn json(folder: &Path, words: &str) -> Value {
    let output = run(folder, &format!("{words} --output json"));
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn create(folder: &Path) -> String {
    let created = json(folder, "keys create --api payments --name CI --organization acme");
    created["id"].as_str().expect("a text").to_owned()
}

fn ids(folder: &Path) -> Vec<String> {
    let listed = json(folder, "keys list");
    let keys = listed["keys"].as_array().expect("a list").iter();
    keys.map(|key| key["id"].as_str().expect("a text").to_owned()).collect()
}

async fn started() -> Program {
    Program::start(folder_with("unused"), "'unix:admin.sock'", APIS).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_a_backup_is_in_it_while_others_go_on() {
    let program = started().await;
    let folder = program.path(".");
    let mut acknowledged = vec![create(&folder)];
    let writer = {
        let folder = folder.clone();
        std::thread::spawn(move || (0..20).map(|_| create(&folder)).collect::<Vec<_>>())
    };
    for round in 0..5 {
        acknowledged.push(create(&folder));
        let holds = json(&folder, &format!("store backup backup-{round}.db"));
        // It is read as a store of its own.
        let apart = TempDir::new().expect("a folder");
        fs::copy(folder.join("doorward.yaml"), apart.path().join("doorward.yaml")).expect("a copy");
        fs::copy(folder.join(format!("backup-{round}.db")), apart.path().join("doorward.db"))
            .expect("a copy");
        let found = ids(apart.path());
        assert_eq!(holds["keys"].as_u64(), Some(found.len() as u64));
        for id in &acknowledged {
            assert!(found.contains(id), "{id} was acknowledged before backup {round}");
        }
    }
    assert_eq!(writer.join().expect("it writes").len(), 20);
    assert_eq!(ids(&folder).len(), acknowledged.len() + 20);
    program.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_keeps_its_store() {
    let program = started().await;
    let folder = program.path(".");
    let first = create(&folder);
    json(&folder, "store backup backup.db");
    let second = create(&folder);
    let refused = run(&folder, "store restore backup.db");
    let told = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("is in use") && told.contains("stop every Doorward"), "{told}");
    assert_eq!(ids(&folder), [first.clone(), second]);

    // Killed, it leaves a write-ahead log, which must not be read into the backup.
    let folder = program.kill();
    json(folder.path(), "store restore backup.db");
    assert_eq!(ids(folder.path()), [first]);
    let again = Program::start(folder, "'unix:admin.sock'", APIS).await;
    again.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restoring_is_whole_or_not_at_all() {
    let program = started().await;
    let first = create(&program.path("."));
    json(&program.path("."), "store backup backup.db");
    let second = create(&program.path("."));
    let folder = program.kill();
    let (backup, both) = (vec![first.clone()], vec![first, second]);
    let mut seen = [false; 2];
    for kill in 0..KILLS {
        let mut restoring: Child = command(folder.path(), "store restore backup.db")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        tokio::time::sleep(Duration::from_millis(2 * kill)).await;
        restoring.kill().expect("it was started");
        restoring.wait().expect("it has ended");
        let found = ids(folder.path());
        assert!(found == backup || found == both, "after kill {kill}: {found:?}");
        seen[usize::from(found == backup)] = true;
    }
    assert!(seen[0], "none was killed in time");
    json(folder.path(), "store restore backup.db");
    assert_eq!(ids(folder.path()), backup);
}
