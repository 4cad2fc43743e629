//! `doorward keys`, word by word, on a real store.

use clap::Parser;
use serde_json::{Value, json};

use crate::{
    cli::office::{OfficeArguments, fixture::Premises},
    config::StoreLocation,
    domain::CredentialHash,
};

use super::*;

#[derive(Debug, Parser)]
struct Root {
    #[command(flatten)]
    keys: KeysCommand,
}

struct Scene {
    here: Premises,
}

impl Scene {
    fn new() -> Self {
        Self { here: Premises::new() }
    }

    /// Carries out the command that these words make.
    async fn run(&mut self, words: &[&str]) -> Result<String, Failure> {
        let root = Root::try_parse_from(std::iter::once("keys").chain(words.iter().copied()))
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let KeysCommand { office: OfficeArguments { output, .. }, action } = root.keys;
        self.here.work(async |office| execute(action, output, office).await).await
    }

    async fn json(&mut self, words: &[&str]) -> Value {
        let words = [words, &["--output", "json"]].concat();
        let answer = self.run(&words).await.expect("it can be done");
        serde_json::from_str(&answer).expect("JSON")
    }

    async fn create(&mut self) -> Value {
        self.json(&CREATE).await
    }
}

const CREATE: [&str; 11] = [
    "create",
    "--api",
    "payments",
    "--name",
    "CI",
    "--organization",
    "acme",
    "--environment",
    "live",
    "--scope",
    "read",
];

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn a_key_is_shown_once_alone_on_the_first_line() {
    let mut scene = Scene::new();
    let answer = scene.run(&CREATE).await.expect("created");
    let lines: Vec<&str> = answer.lines().collect();
    assert!(lines[0].starts_with("sk_live_") && !lines[0].contains(' '), "{answer}");
    let listed = scene.json(&["list"]).await;
    let id = text(&listed["keys"][0]["id"]);
    assert_eq!(
        lines[1..],
        [format!("This is the only time that the key is shown: keep it now. Its id is {id}.")]
    );
    let hash = hex::encode(CredentialHash::of(lines[0]).as_bytes());
    for words in [&["list"][..], &["get", &id], &["list", "--output", "json"]] {
        let shown = scene.run(words).await.expect("shown");
        assert!(!shown.contains(lines[0]) && !shown.contains(&hash[..16]), "{shown}");
    }
}

#[tokio::test]
async fn every_argument_reaches_the_record() {
    let mut scene = Scene::new();
    let words = "create --api games --api games-eu --name Backup --organization acme --project apollo \
                 --kind service_key --scope write --scope read --plan developer --expires 90d \
                 --source 203.0.113.0/24 --source 2001:db8::1";
    let created = scene.json(&words.split_whitespace().collect::<Vec<_>>()).await;
    let id = text(&created["id"]);
    let mut expected = json!({
        "id": id, "name": "Backup", "kind": "service_key", "apis": ["games", "games-eu"],
        "organization": "acme", "project": "apollo", "scopes": ["read", "write"], "plan": "developer",
        "sources": ["203.0.113.0/24", "2001:db8::1/128"], "status": "active",
        "created": "2030-01-01T00:00:00Z", "expires": "2030-04-01T00:00:00Z",
        "labels": {}
    });
    let key = text(&created["key"]);
    expected["hint"] = format!("{}...", &key[.."gm_".len() + 4]).into();
    assert_eq!(created["record"], expected);
    expected["uses"] = 0.into();
    assert_eq!(scene.json(&["get", &id]).await, expected);
}

#[tokio::test]
async fn a_list_is_a_table_that_nothing_breaks() {
    let mut scene = Scene::new();
    let header = "HINT  ID  NAME  KIND  ENVIRONMENT  ORGANIZATION  PROJECT  SCOPES  PLAN  STATUS  CREATED  EXPIRES  LAST USED";
    assert_eq!(scene.run(&["list"]).await.expect("a list"), header);
    let first = text(&scene.create().await["id"]);
    let second = scene
        .json(&[
            "create",
            "--api",
            "games",
            "--name",
            "\u{202e}gnirts",
            "--organization",
            "a\u{2028}b",
            "--expires",
            "2030-06-01",
        ])
        .await;
    let (second, hint) = (text(&second["id"]), text(&second["record"]["hint"]));
    scene.run(&["revoke", &first]).await.expect("revoked");

    let table = scene.run(&["list"]).await.expect("a list");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[2].starts_with(&format!("{hint} ")), "{table}");
    let kinds = lines[0].find("KIND").expect("the column");
    for (line, id) in lines[1..].iter().zip([&first, &second]) {
        assert!(line.contains(id.as_str()), "{table}");
        assert!(line[kinds..].starts_with("api_key  "), "{table}");
    }
    assert!(lines[1].ends_with("revoked  2030-01-01T00:00:00Z  -                     -"), "{table}");
    assert!(lines[2].contains("\\u{202e}gnirts") && lines[2].contains("a\\u{2028}b"), "{table}");

    let filtered = scene.json(&["list", "--api", "games"]).await;
    assert_eq!(filtered["keys"].as_array().map(Vec::len), Some(1));
    assert_eq!(text(&filtered["keys"][0]["id"]), second);
}

#[tokio::test]
async fn keys_past_an_age_are_listed() {
    let mut scene = Scene::new();
    let old = text(&scene.create().await["id"]);
    let revoked = text(&scene.create().await["id"]);
    scene.run(&["revoke", &revoked]).await.expect("revoked");
    scene.here.clock.advance(90 * 86_400 - 1);
    let young = text(&scene.create().await["id"]);
    let mut past = async |age: &str| {
        let listed = scene.json(&["list", "--older-than", age]).await;
        listed["keys"].as_array().expect("a list").iter().map(|key| text(&key["id"])).collect::<Vec<_>>()
    };
    assert_eq!(past("90d").await, Vec::<String>::new());
    assert_eq!(past("89d").await, [old.as_str()]);
    assert_eq!(past("0s").await, [old.as_str(), young.as_str()]);
}

#[tokio::test]
async fn one_key_is_shown_line_by_line() {
    let mut scene = Scene::new();
    let id = text(&scene.create().await["id"]);
    let shown = scene.run(&["get", &id]).await.expect("shown");
    assert!(shown.contains(&format!("ID            {id}\n")), "{shown}");
    assert!(shown.contains("APIS          payments\n"), "{shown}");
    assert!(shown.ends_with("ROTATED FROM  -"), "{shown}");
}

#[tokio::test]
async fn an_update_changes_what_is_named() {
    let mut scene = Scene::new();
    let created = scene.json(&[&CREATE[..], &["--label", "team=payments"]].concat()).await;
    let id = text(&created["id"]);
    let mut expected = created["record"].clone();
    assert_eq!(expected["labels"], json!({ "team": "payments" }));
    for (words, field, value) in [
        (&["--name", "CI-2"][..], "name", json!("CI-2")),
        (&["--scope", "write", "--scope", "read"], "scopes", json!(["read", "write"])),
        (&["--no-scopes"], "scopes", json!([])),
        (&["--expires", "90d"], "expires", json!("2030-04-01T00:00:00Z")),
        (&["--label", "a=b=c", "--label", "d="], "labels", json!({ "a": "b=c", "d": "" })),
        (&["--no-labels"], "labels", json!({})),
    ] {
        expected[field] = value;
        assert_eq!(scene.json(&[&["update", &id], words].concat()).await, expected);
    }
    expected.as_object_mut().expect("an object").remove("expires");
    assert_eq!(scene.json(&["update", &id, "--no-expiry", "--no-plan"]).await, expected);
    expected["uses"] = 0.into();
    assert_eq!(scene.json(&["get", &id]).await, expected);
}

#[tokio::test]
async fn lists_tell_what_is_asked_for() {
    let mut scene = Scene::new();
    let labelled = [&CREATE[..], &["--label", "team=a", "--expires", "10d", "--project", "apollo"]].concat();
    let first = text(&scene.json(&labelled).await["id"]);
    let second = text(&scene.create().await["id"]);
    scene.run(&["revoke", &second]).await.expect("revoked");
    for (words, ids) in [
        (&[][..], &[&first, &second][..]),
        (&["--label", "team"], &[&first]),
        (&["--label", "team=a"], &[&first]),
        (&["--label", "team=b"], &[]),
        (&["--project", "apollo"], &[&first]),
        (&["--organization", "acme"], &[&first, &second]),
        (&["--organization", "globex"], &[]),
        (&["--status", "active"], &[&first]),
        (&["--status", "revoked"], &[&second]),
        (&["--status", "expired"], &[]),
        (&["--expires-within", "10d"], &[&first]),
        (&["--expires-within", "9d"], &[]),
        (&["--unused-for", "0s"], &[&first]),
        (&["--unused-for", "1s"], &[]),
    ] {
        let listed = scene.json(&[&["list"], words].concat()).await;
        let listed: Vec<String> =
            listed["keys"].as_array().expect("a list").iter().map(|key| text(&key["id"])).collect();
        assert_eq!(listed.iter().collect::<Vec<_>>(), ids, "{words:?}");
    }
}

#[tokio::test]
async fn a_rotation_tells_the_end_of_the_old_key() {
    let mut scene = Scene::new();
    let old = text(&scene.create().await["id"]);
    let answer = scene.run(&["rotate", &old, "--overlap", "24h"]).await.expect("rotated");
    let lines: Vec<&str> = answer.lines().collect();
    assert!(lines[0].starts_with("sk_live_"), "{answer}");
    assert_eq!(lines[2], format!("The old key {old} ends at 2030-01-02T00:00:00Z."));

    let listed = scene.json(&["list"]).await;
    assert_eq!(text(&listed["keys"][1]["rotated_from"]), old);
    let new = text(&listed["keys"][1]["id"]);
    let newer = scene.json(&["rotate", &new, "--overlap", "0s"]).await;
    assert_eq!(text(&newer["record"]["rotated_from"]), new);
    assert_ne!(text(&newer["key"]), lines[0]);
}

#[tokio::test]
async fn a_revoked_key_is_told_since_when() {
    let mut scene = Scene::new();
    let id = text(&scene.create().await["id"]);
    let answer = scene.run(&["revoke", &id]).await.expect("revoked");
    assert_eq!(answer, format!("The key {id} is revoked since 2030-01-01T00:00:00Z."));
    scene.here.clock.advance(60);
    assert_eq!(scene.run(&["revoke", &id]).await.expect("no error"), answer);
    assert_eq!(scene.json(&["get", &id]).await["status"], "revoked");
}

#[tokio::test]
async fn a_file_is_imported() {
    let mut scene = Scene::new();
    let file = scene.here.folder.path().join("keys.jsonl");
    let line = format!(
        r#"{{"hash": "sha256:{}", "api": "games", "name": "CI", "organization": "acme"}}"#,
        "0".repeat(64)
    );
    fs::write(&file, line).expect("written");
    let path = file.to_str().expect("text");
    assert_eq!(scene.run(&["import", path]).await.expect("imported"), "1 key was imported.");
    let again = scene.run(&["import", path]).await.expect_err("it is there already");
    assert!(again.exit == Exit::Failure && again.message.starts_with("nothing was imported\nline 1: hash: "));
    let missing = scene.run(&["import", "/none"]).await;
    assert!(
        missing.is_err_and(|it| it.exit == Exit::Usage && it.message.starts_with("/none cannot be read"))
    );
}

#[tokio::test]
async fn a_failure_says_whose_it_is() {
    let mut scene = Scene::new();
    let id = text(&scene.create().await["id"]);
    for words in [&["get", "key_0"][..], &["revoke", "key_0"], &["rotate", "key_0", "--overlap", "1h"]] {
        let failure = scene.run(words).await.expect_err("no such key");
        assert!(failure.exit == Exit::Failure && failure.message == "no key has this id", "{failure}");
    }
    let with = |words: &[&'static str]| [&CREATE[..], words].concat();
    for words in [
        with(&["--api", "nowhere"]),
        with(&["--expires", "0s"]),
        with(&["--expires", "soon"]),
        with(&["--expires", "9999999d"]),
        with(&["--source", "here"]),
        with(&["--scope", "a b"]),
        with(&["--kind", "root"]),
        with(&["--source", "10.0.0.0/8"]),
        vec!["create", "--api", "payments"],
        vec!["list", "--api", "nowhere"],
        vec!["list", "--older-than", "90"],
        vec!["list", "--status", "good"],
        vec!["list", "--status", "revoked", "--older-than", "90d"],
        vec!["update", &id],
        vec!["update", &id, "--label", "team"],
        vec!["update", &id, "--plan", "a", "--no-plan"],
        vec!["update", &id, "--expires", "0s"],
        vec!["rotate", &id, "--overlap", "91d"],
        vec!["rotate", &id, "--overlap", "24"],
        vec!["rotate", &id],
    ] {
        let failure = scene.run(&words).await.expect_err("it makes no sense");
        assert!(failure.exit == Exit::Usage, "{words:?}: {failure}");
    }
    scene.here.config.store = StoreLocation::Sqlite("/none/keys.db".into());
    let failure = scene.run(&["list"]).await.expect_err("there is no folder");
    assert!(failure.exit == Exit::Unreachable, "{failure}");
}
