//! `doorward sessions`, word by word, on a real store.

use clap::Parser;
use serde_json::{Value, json};

use crate::{
    cli::office::{OfficeArguments, fixture::Premises},
    config::StoreLocation,
    domain::is_well_formed_session_token,
};

use super::*;

#[derive(Debug, Parser)]
struct Root {
    #[command(flatten)]
    sessions: SessionsCommand,
}

struct Scene {
    here: Premises,
}

impl Scene {
    fn new() -> Self {
        Self { here: Premises::new() }
    }

    /// Carries out the command of these words, which no quotes hold together.
    async fn run(&mut self, words: &str) -> Result<String, Failure> {
        let root = Root::try_parse_from(std::iter::once("sessions").chain(words.split_whitespace()))
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let SessionsCommand { office: OfficeArguments { output, .. }, action } = root.sessions;
        self.here.work(async |office| execute(action, output, office).await).await
    }

    async fn json(&mut self, words: &str) -> Value {
        let answer = self.run(&format!("{words} --output json")).await.expect("it can be done");
        serde_json::from_str(&answer).expect("JSON")
    }
}

const CREATE: &str = "create --api games --user ada --lifetime 12h";

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn a_token_is_shown_once_alone_on_the_first_line() {
    let mut scene = Scene::new();
    let answer = scene.run(CREATE).await.expect("created");
    let lines: Vec<&str> = answer.lines().collect();
    assert!(is_well_formed_session_token(lines[0]), "{answer}");
    let id = text(&scene.json("list").await["sessions"][0]["id"]);
    let told = "This is the only time that the token is shown: keep it now. The session's id is";
    assert_eq!(lines[1..], [format!("{told} {id}.")]);
    let hash = hex::encode(CredentialHash::of(lines[0]).as_bytes());
    for words in ["list", "list --output json", &format!("get {id}"), &format!("end {id}")] {
        let shown = scene.run(words).await.expect("shown");
        assert!(!shown.contains(lines[0]) && !shown.contains(&hash[..16]), "{shown}");
    }
}

#[tokio::test]
async fn every_argument_reaches_the_record() {
    let mut scene = Scene::new();
    let created = scene
        .json(
            "create --api games --api games-eu --user ada --organization acme=write,read --organization globex \
             --organization base64== --scope profile --scope admin --lifetime 30d --idle 2h",
        )
        .await;
    let id = text(&created["id"]);
    let expected = json!({
        "id": id, "apis": ["games", "games-eu"], "user": "ada",
        "organizations": [
            { "organization": "acme", "scopes": ["read", "write"] },
            { "organization": "globex", "scopes": [] },
            { "organization": "base64=", "scopes": [] }
        ],
        "scopes": ["admin", "profile"], "status": "active",
        "created": "2030-01-01T00:00:00Z", "expires": "2030-01-31T00:00:00Z",
        "idle": "7200s", "used": "2030-01-01T00:00:00Z"
    });
    assert_eq!(created["record"], expected);
    assert!(is_well_formed_session_token(&text(&created["token"])));
    assert_eq!(scene.json(&format!("get {id}")).await, expected);
    assert_eq!(scene.json("list --user ada --api games-eu").await, json!({ "sessions": [expected] }));
    assert_eq!(scene.json("list --user grace").await, json!({ "sessions": [] }));
}

#[tokio::test]
async fn a_token_made_elsewhere_is_not_shown_at_all() {
    let mut scene = Scene::new();
    let hash = format!("sha256:{}", "0".repeat(64));
    let answer = scene.run(&format!("{CREATE} --hash {hash}")).await.expect("created");
    let id = text(&scene.json("list").await["sessions"][0]["id"]);
    assert_eq!(answer, format!("The session {id} has begun."));
    let created = scene.json(&format!("{CREATE} --hash {}", hash.replace('0', "1"))).await;
    assert_eq!(created["token"], "");
    let again = scene.run(&format!("{CREATE} --hash {hash}")).await.expect_err("it is there already");
    assert!(
        again.exit == Exit::Failure && again.message == "another session has this hash already",
        "{again}"
    );
    let pasted = scene.run(&format!("{CREATE} --hash the-token-itself")).await.expect_err("it is no hash");
    assert_eq!(
        pasted.message,
        "hash: found a text of 16 characters, expected `sha256:` and 64 hexadecimal digits"
    );
    assert_eq!(pasted.exit, Exit::Usage);
}

#[tokio::test]
async fn sessions_end_one_by_one_or_all_of_a_user_and_are_removed() {
    let mut scene = Scene::new();
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(text(&scene.json(CREATE).await["id"]));
    }
    let told = scene.run(&format!("end {}", ids[0])).await.expect("ended");
    assert_eq!(told, format!("The session {} has ended at 2030-01-01T00:00:00Z.", ids[0]));
    scene.here.clock.advance(60);
    assert_eq!(scene.run(&format!("end {}", ids[0])).await.expect("no error"), told);
    let ended = scene.json(&format!("end {}", ids[1])).await;
    assert_eq!((&ended["status"], &ended["ended"]), (&json!("ended"), &json!("2030-01-01T00:01:00Z")));

    assert_eq!(scene.run("end --user ada").await.expect("ended"), "2 sessions of ada were ended.");
    assert_eq!(scene.json("end --user ada").await, json!({ "ended": 0 }));
    scene.json(CREATE).await;
    assert_eq!(scene.run("end --user ada").await.expect("ended"), "1 session of ada was ended.");

    assert_eq!(scene.json("prune").await, json!({ "removed": 0 }));
    assert_eq!(scene.run("prune --older-than 59s").await.expect("removed"), "1 session was removed.");
    scene.here.clock.advance(31 * 86_400);
    assert_eq!(scene.run("prune").await.expect("removed"), "4 sessions were removed.");
    assert_eq!(scene.json("list").await, json!({ "sessions": [] }));
}

#[tokio::test]
async fn tables_are_broken_by_nothing() {
    let mut scene = Scene::new();
    let header = "ID  USER  ORGANIZATIONS  SCOPES  STATUS  CREATED  USED  EXPIRES";
    assert_eq!(scene.run("list").await.expect("a list"), header);
    let words = "create --api games --user a\u{202e}b --organization acme=read,write --organization g\u{202d} \
                 --lifetime 12h --idle 90m";
    let id = text(&scene.json(words).await["id"]);
    scene.here.clock.advance(90 * 60);
    assert_eq!(
        scene.run("list").await.expect("a list"),
        format!(
            "ID{}USER        ORGANIZATIONS              SCOPES  STATUS  CREATED               USED                  EXPIRES\n\
             {id}  a\\u{{202e}}b  acme=read,write g\\u{{202d}}  -       idle    2030-01-01T00:00:00Z  2030-01-01T00:00:00Z  2030-01-01T12:00:00Z",
            " ".repeat(id.len())
        )
    );
    let shown = scene.run(&format!("get {id}")).await.expect("shown");
    assert!(shown.ends_with("IDLE           1h 30m\nENDED          -\nAPIS           games"), "{shown}");
}

#[tokio::test]
async fn a_failure_says_whose_it_is() {
    let mut scene = Scene::new();
    for words in ["get session_0", "end session_0"] {
        let failure = scene.run(words).await.expect_err("no such session");
        assert!(failure.exit == Exit::Failure && failure.message == "no session has this id", "{failure}");
    }
    for words in [
        "create --api games --user ada",
        "create --api games --lifetime 12h",
        "create --user ada --lifetime 12h",
        "create --api open --user ada --lifetime 12h",
        "create --api games --user ada --lifetime 12",
        "create --api games --user ada --lifetime 367d",
        "create --api games --user ada --lifetime 12h --idle 1s",
        "create --api games --user ada --lifetime 12h --organization =read",
        "create --api games --user ada --lifetime 12h --organization acme=\"",
        "create --api games --user ada --lifetime 12h --organization acme --organization acme=read",
        "list --api nowhere",
        "end",
        "end session_0 --user ada",
        "prune --older-than 30",
    ] {
        let failure = scene.run(words).await.expect_err("it makes no sense");
        assert!(failure.exit == Exit::Usage, "{words}: {failure}");
    }
    scene.here.config.store = StoreLocation::Sqlite("/none/doorward.db".into());
    let failure = scene.run("list").await.expect_err("there is no folder");
    assert!(failure.exit == Exit::Unreachable, "{failure}");
}
