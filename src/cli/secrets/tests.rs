//! `doorward secrets`, word by word, on a real store.

use clap::Parser;
use serde_json::{Value, json};

use crate::{
    admin::fixture,
    cli::office::{OfficeArguments, fixture::Premises},
    config::{Config, StoreLocation},
};

use super::*;

#[derive(Debug, Parser)]
struct Root {
    #[command(flatten)]
    secrets: SecretsCommand,
}

struct Scene {
    here: Premises,
}

impl Scene {
    fn new() -> Self {
        Self { here: Premises::new() }
    }

    /// Carries out the command of these words, which no quotes hold together.
    async fn try_run(&mut self, words: &str) -> Result<(Exit, String), Failure> {
        let root = Root::try_parse_from(std::iter::once("secrets").chain(words.split_whitespace()))
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let SecretsCommand { office: OfficeArguments { output, .. }, action } = root.secrets;
        self.here.work(async |office| execute(action, output, office).await).await
    }

    async fn run(&mut self, words: &str) -> String {
        let (exit, answer) = self.try_run(words).await.unwrap_or_else(|failure| panic!("{words}: {failure}"));
        assert_eq!(exit, Exit::Success, "{words}: {answer}");
        answer
    }

    async fn json(&mut self, words: &str) -> Value {
        serde_json::from_str(&self.run(&format!("{words} --output json")).await).expect("JSON")
    }

    async fn failure(&mut self, words: &str) -> Failure {
        self.try_run(words).await.expect_err(words)
    }

    fn file(&self, content: impl AsRef<[u8]>) -> String {
        let file = self.here.folder.path().join("secret");
        std::fs::write(&file, content).expect("a file");
        file.display().to_string()
    }
}

const CREATE: &str = "create --api ingest --project apollo --organization acme";

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn a_secret_is_shown_when_it_is_made_and_when_it_is_revealed_and_nowhere_else() {
    let mut scene = Scene::new();
    let answer = scene.run(CREATE).await;
    let lines: Vec<&str> = answer.lines().collect();
    let secret = lines[0];
    assert!(secret.len() == 43 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{answer}");
    let id = text(&scene.json("list").await["secrets"][0]["id"]);
    assert_eq!(lines[1..], [format!("Its id is {id}. `doorward secrets reveal {id}` shows it again.")]);
    assert_eq!(scene.run(&format!("reveal {id}")).await, secret);
    assert_eq!(scene.json(&format!("reveal {id}")).await["secret"], secret);
    for words in
        ["list", "list --output json", &format!("get {id}"), &format!("get {id} --output json"), "reseal"]
    {
        assert!(!scene.run(words).await.contains(secret), "{words}");
    }
}

#[tokio::test]
async fn every_argument_reaches_the_record() {
    let mut scene = Scene::new();
    let created = scene.json(&format!("{CREATE} --expires 90d")).await;
    let id = text(&created["id"]);
    let expected = json!({
        "id": id, "api": "ingest", "project": "apollo", "organization": "acme", "sealing_key": "k1",
        "status": "active", "created": "2030-01-01T00:00:00Z", "expires": "2030-04-01T00:00:00Z"
    });
    assert_eq!(created["record"], expected);
    assert_eq!(scene.json(&format!("get {id}")).await, expected);
    assert_eq!(
        scene.run(&format!("get {id}")).await.split_whitespace().collect::<Vec<_>>().join(" "),
        format!(
            "ID {id} API ingest PROJECT apollo ORGANIZATION acme SEALING KEY k1 STATUS active \
             CREATED 2030-01-01T00:00:00Z EXPIRES 2030-04-01T00:00:00Z REVOKED - ROTATED FROM -"
        )
    );
    scene.run("create --api ingest --project gemini --organization acme").await;
    for (filter, count) in [("", 2), ("--project gemini", 1), ("--api ingest", 2), ("--api payments", 0)] {
        let listed = scene.json(&format!("list {filter}")).await;
        assert_eq!(listed["secrets"].as_array().map(Vec::len), Some(count), "{filter}");
    }
    let table = scene.run("list").await;
    assert!(table.starts_with("ID ") && table.lines().count() == 3, "{table}");
}

#[tokio::test]
async fn a_secret_from_elsewhere_is_not_shown_again_unless_it_is_revealed() {
    let mut scene = Scene::new();
    for (content, secret) in [
        ("0123456789abcdef", "0123456789abcdef"),
        ("0123456789abcdef\n", "0123456789abcdef"),
        ("a secret with spaces \r\n", "a secret with spaces "),
    ] {
        let words = format!("{CREATE} --secret-file {}", scene.file(content));
        let created = scene.json(&words).await;
        assert!(!created.to_string().contains(secret), "{created}");
        let id = text(&created["id"]);
        assert_eq!(scene.json(&format!("reveal {id}")).await["secret"], secret);
        scene.run(&format!("revoke {id}")).await;
    }
    let answer = scene.run(&format!("{CREATE} --secret-file {}", scene.file("0123456789abcdef"))).await;
    assert!(answer.starts_with("The secret was taken over. Its id is secret_"), "{answer}");
}

#[tokio::test]
async fn what_is_no_secret_is_told_without_it() {
    let mut scene = Scene::new();
    let long = "x".repeat(2000);
    for content in [&b"too short"[..], b"", b"0123456789abcdef\n\n", b"0123456789abcdef\xff", long.as_bytes()]
    {
        let failure = scene.failure(&format!("{CREATE} --secret-file {}", scene.file(content))).await;
        assert_eq!(failure.exit, Exit::Usage);
        let expected = "secret-file: found something else, expected a text of 16 to 1024 bytes without control characters";
        assert_eq!(failure.message, expected);
    }
    let missing = scene.failure(&format!("{CREATE} --secret-file /none")).await;
    assert!(missing.exit == Exit::Usage && missing.message.starts_with("/none cannot be read"), "{missing}");
}

#[tokio::test]
async fn a_rotation_tells_the_end_of_the_old_secret() {
    let mut scene = Scene::new();
    let old = text(&scene.json(CREATE).await["id"]);
    let answer = scene.run(&format!("rotate {old} --overlap 24h")).await;
    let lines: Vec<&str> = answer.lines().collect();
    assert_eq!(lines[2], format!("The old secret {old} ends at 2030-01-02T00:00:00Z."));
    let listed = scene.json("list").await;
    assert_eq!(text(&listed["secrets"][1]["rotated_from"]), old);
    assert_eq!(
        scene.json(&format!("reveal {}", text(&listed["secrets"][1]["id"]))).await["secret"],
        lines[0]
    );
}

#[tokio::test]
async fn a_revoked_secret_is_told_since_when() {
    let mut scene = Scene::new();
    let id = text(&scene.json(CREATE).await["id"]);
    let answer = scene.run(&format!("revoke {id}")).await;
    assert_eq!(answer, format!("The secret {id} is revoked since 2030-01-01T00:00:00Z."));
    assert_eq!(scene.json(&format!("get {id}")).await["status"], "revoked");
}

#[tokio::test]
async fn sealing_anew_says_how_many_and_what_is_left() {
    let mut scene = Scene::new();
    scene.run(CREATE).await;
    scene.run("create --api ingest --project gemini --organization acme").await;
    let store = scene.here.config.store.clone();
    scene.here.config = Config { store: store.clone(), ..fixture::config_sealing_under("k2") };
    assert_eq!(
        scene.run("reseal").await,
        "2 secrets were sealed under k2.\nNone is sealed under another key."
    );
    assert_eq!(scene.json("reseal").await, json!({ "sealing_key": "k2", "resealed": 0, "left": [] }));

    let key = "3".repeat(64).parse().expect("a key");
    let name: crate::domain::SealingKeyId = "k3".parse().expect("a name");
    let keys = crate::domain::SealingKeys::new(name.clone(), [(name, key)].into()).expect("a key");
    scene.here.config.sealing = Some(crate::config::Sealing { keys, origins: Vec::new() });
    let (exit, answer) = scene.try_run("reseal").await.expect("an answer");
    assert_eq!(exit, Exit::Failure);
    let lines: Vec<&str> = answer.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "0 secrets were sealed under k3."));
    assert!(lines[1].ends_with(" stays as it was: its sealing key `k2` is not configured."), "{answer}");
}

/// The way out that docs/operators.md describes.
#[tokio::test]
async fn when_a_sealing_key_is_lost_each_secret_is_replaced() {
    let mut scene = Scene::new();
    let old = text(&scene.json(CREATE).await["id"]);
    let store = scene.here.config.store.clone();
    let name: crate::domain::SealingKeyId = "k2".parse().expect("a name");
    let keys = [(name.clone(), "2".repeat(64).parse().expect("a key"))].into();
    let keys = crate::domain::SealingKeys::new(name, keys).expect("a key");
    let sealing = Some(crate::config::Sealing { keys, origins: Vec::new() });
    scene.here.config = Config { store, sealing, ..fixture::config() };
    let lost = scene.failure(&format!("reveal {old}")).await;
    assert!(lost.message.contains("its sealing key `k1` is not configured"), "{lost}");
    assert_eq!(scene.json("list").await["secrets"][0]["sealing_key"], "k1");

    let new = scene.json(&format!("rotate {old} --overlap 0s")).await;
    assert_eq!((&new["record"]["sealing_key"], &new["record"]["project"]), (&json!("k2"), &json!("apollo")));
    let id = text(&new["id"]);
    assert_eq!(scene.json(&format!("reveal {id}")).await["secret"], new["secret"]);
    assert_eq!(scene.json(&format!("get {old}")).await["status"], "expired");
}

#[tokio::test]
async fn a_failure_says_whose_it_is() {
    let mut scene = Scene::new();
    let id = text(&scene.json(CREATE).await["id"]);
    for words in ["get secret_0", "revoke secret_0", "reveal secret_0", "rotate secret_0 --overlap 1h"] {
        let failure = scene.failure(words).await;
        assert!(failure.exit == Exit::Failure && failure.message == "no secret has this id", "{failure}");
    }
    for words in [
        "create --api payments --project apollo --organization acme",
        "create --api ingest --project apollo",
        "create --api ingest --project apollo --organization acme --expires 0s",
        "create --api ingest --project apollo --organization acme --expires 9999999d",
        "list --api nowhere",
        &format!("rotate {id}"),
        &format!("rotate {id} --overlap 91d"),
    ] {
        let failure = scene.failure(words).await;
        assert!(failure.exit == Exit::Usage, "{words}: {failure}");
    }
    scene.here.config.sealing = None;
    for words in [CREATE, "reseal", &format!("reveal {id}")] {
        let failure = scene.failure(words).await;
        assert_eq!(failure.exit, Exit::Failure, "{words}");
        assert!(failure.message.contains("has no `sealing`"), "{failure}");
    }
    scene.here.config.store = StoreLocation::Sqlite("/none/doorward.db".into());
    assert_eq!(scene.failure("list").await.exit, Exit::Unreachable);
}
