//! `doorward organizations`, word by word, on a real store.

use clap::Parser;
use serde_json::{Value, json};

use crate::{
    cli::office::{OfficeArguments, fixture::Premises},
    config::StoreLocation,
};

use super::*;

#[derive(Debug, Parser)]
struct Root {
    #[command(flatten)]
    organizations: OrganizationsCommand,
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
        self.run_words(&words.split_whitespace().collect::<Vec<_>>()).await
    }

    async fn run_words(&mut self, words: &[&str]) -> Result<String, Failure> {
        let root = Root::try_parse_from(std::iter::once("organizations").chain(words.iter().copied()))
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let OrganizationsCommand { office: OfficeArguments { output, .. }, action } = root.organizations;
        self.here.work(async |office| execute(action, output, office).await).await
    }

    async fn json(&mut self, words: &str) -> Value {
        let answer = self.run(&format!("{words} --output json")).await.expect("it can be done");
        serde_json::from_str(&answer).expect("JSON")
    }
}

const CREATE: &str = "create acme --name Acme --api payments --api games --plan developer --entitlement sso --entitlement audit";

fn acme() -> Value {
    json!({
        "id": "acme", "name": "Acme", "apis": ["payments", "games"], "plan": "developer",
        "entitlements": ["audit", "sso"], "status": "active", "created": "2030-01-01T00:00:00Z"
    })
}

#[tokio::test]
async fn every_argument_reaches_the_organization() {
    let mut scene = Scene::new();
    assert_eq!(scene.json(CREATE).await, acme());
    assert_eq!(scene.json("get acme").await, acme());
    let plain = scene.json("create beta --name Beta --api games").await;
    let expected = json!({
        "id": "beta", "name": "Beta", "apis": ["games"], "entitlements": [], "status": "active",
        "created": "2030-01-01T00:00:00Z"
    });
    assert_eq!(plain, expected);
    assert_eq!(scene.json("list").await, json!({ "organizations": [acme(), expected] }));
    assert_eq!(scene.json("list --api payments").await, json!({ "organizations": [acme()] }));
}

#[tokio::test]
async fn an_update_changes_what_is_named() {
    let mut scene = Scene::new();
    scene.run(CREATE).await.expect("created");
    let mut expected = acme();
    for (words, field, value) in [
        ("--name Acme-2", "name", json!("Acme-2")),
        ("--api games-eu", "apis", json!(["games-eu"])),
        ("--plan enterprise", "plan", json!("enterprise")),
        ("--entitlement sso --entitlement backup", "entitlements", json!(["backup", "sso"])),
        ("--no-entitlements", "entitlements", json!([])),
    ] {
        expected[field] = value;
        assert_eq!(scene.json(&format!("update acme {words}")).await, expected);
    }
    expected.as_object_mut().expect("an object").remove("plan");
    assert_eq!(scene.json("update acme --no-plan").await, expected);
    assert_eq!(scene.json("get acme").await, expected);
}

#[tokio::test]
async fn a_suspension_begins_and_ends() {
    let mut scene = Scene::new();
    scene.run(CREATE).await.expect("created");
    let told = scene.run("suspend acme").await.expect("suspended");
    assert_eq!(told, "The organization acme is suspended since 2030-01-01T00:00:00Z.");
    let suspended = scene.json("get acme").await;
    assert_eq!(suspended["status"], "suspended");
    assert_eq!(suspended["suspended"], "2030-01-01T00:00:00Z");
    assert_eq!(scene.json("suspend acme").await, suspended);
    assert_eq!(scene.run("resume acme").await.expect("resumed"), "The organization acme is not suspended.");
    assert_eq!(scene.json("resume acme").await, acme());
}

#[tokio::test]
async fn projects_and_members_come_and_go() {
    let mut scene = Scene::new();
    scene.run(CREATE).await.expect("created");
    let apollo = scene
        .json("projects create apollo --organization acme --name Apollo --api payments --api games")
        .await;
    let expected = json!({
        "id": "apollo", "name": "Apollo", "apis": ["payments", "games"], "organization": "acme",
        "created": "2030-01-01T00:00:00Z"
    });
    assert_eq!(apollo, expected);
    assert_eq!(scene.json("projects list --organization acme").await, json!({ "projects": [expected] }));
    let removed = scene.run("projects remove apollo").await.expect("removed");
    assert_eq!(removed, "The project apollo of acme was removed.");
    assert_eq!(scene.json("projects list --organization acme").await, json!({ "projects": [] }));

    scene.run("create beta --name Beta --api games").await.expect("created");
    let ada = |organization: &str| json!({ "user": "ada", "organization": organization, "apis": ["games"], "scopes": ["read", "write"] });
    for organization in ["beta", "acme"] {
        let words =
            format!("members put ada --organization {organization} --api games --scope write --scope read");
        assert_eq!(scene.json(&words).await, ada(organization));
    }
    let of_acme = scene.json("members list --organization acme").await;
    assert_eq!(of_acme, json!({ "members": [ada("acme")] }));
    let of_ada = scene.json("members list --user ada").await;
    assert_eq!(of_ada, json!({ "members": [ada("acme"), ada("beta")] }));
    let removed = scene.run("members remove ada --organization acme").await.expect("removed");
    assert_eq!(removed, "ada is no longer a member of acme.");
    assert_eq!(scene.json("members list --user ada").await, json!({ "members": [ada("beta")] }));
}

#[tokio::test]
async fn tables_are_broken_by_nothing() {
    let mut scene = Scene::new();
    assert_eq!(
        scene.run("list").await.expect("a list"),
        "ID  NAME  APIS  PLAN  ENTITLEMENTS  CREATED  SUSPENDED"
    );
    scene.run(CREATE).await.expect("created");
    scene
        .run_words(&["create", "a\u{2028}b", "--name", "\u{202e}gnirts", "--api", "games"])
        .await
        .expect("created");
    assert_eq!(
        scene.run("list").await.expect("a list"),
        "ID          NAME            APIS            PLAN       ENTITLEMENTS  CREATED               SUSPENDED\n\
         acme        Acme            payments games  developer  audit sso     2030-01-01T00:00:00Z  -\n\
         a\\u{2028}b  \\u{202e}gnirts  games           -          -             2030-01-01T00:00:00Z  -"
    );
    assert_eq!(
        scene.run("get acme").await.expect("shown"),
        "ID            acme\n\
         NAME          Acme\n\
         APIS          payments games\n\
         PLAN          developer\n\
         ENTITLEMENTS  audit sso\n\
         CREATED       2030-01-01T00:00:00Z\n\
         SUSPENDED     -"
    );
    scene.run("members put ada --organization acme --api games").await.expect("put");
    assert_eq!(
        scene.run("members list --user ada").await.expect("a list"),
        "USER  ORGANIZATION  APIS   SCOPES\n\
         ada   acme          games  -"
    );
    scene.run("projects create p --organization acme --name P --api games").await.expect("created");
    assert_eq!(
        scene.run("projects list --organization acme").await.expect("a list"),
        "ID  NAME  APIS   ORGANIZATION  CREATED\n\
         p   P     games  acme          2030-01-01T00:00:00Z"
    );
}

#[tokio::test]
async fn what_goes_wrong_says_how() {
    let mut scene = Scene::new();
    scene.run(CREATE).await.expect("created");
    let another = "another organization has this id already";
    for (words, exit, told) in [
        ("create acme --name A --api games", Exit::Failure, another),
        ("create x --name X --api paiments", Exit::Usage, "apis: found \"paiments\", expected one of"),
        ("create x --name X", Exit::Usage, "--api <NAME>"),
        ("create x --name X --api games --plan Big", Exit::Usage, "expected lower-case letters"),
        ("list --api paiments", Exit::Usage, "api: found \"paiments\""),
        ("get nobody", Exit::Failure, "no organization has this id"),
        ("update acme", Exit::Usage, "required arguments were not provided"),
        ("update acme --plan a --no-plan", Exit::Usage, "cannot be used with"),
        ("update acme --entitlement a --no-entitlements", Exit::Usage, "cannot be used with"),
        ("update nobody --no-plan", Exit::Failure, "no organization has this id"),
        ("suspend nobody", Exit::Failure, "no organization has this id"),
        (
            "projects create p --organization nobody --name P --api games",
            Exit::Failure,
            "no organization has",
        ),
        ("projects list --organization nobody", Exit::Failure, "no organization has this id"),
        ("projects remove p", Exit::Failure, "no project has this id"),
        ("members list", Exit::Usage, "required arguments were not provided"),
        ("members list --organization acme --user ada", Exit::Usage, "cannot be used with"),
        ("members list --organization nobody", Exit::Failure, "no organization has this id"),
        (
            "members remove ada --organization acme",
            Exit::Failure,
            "this user is no member of this organization",
        ),
    ] {
        let failure = scene.run(words).await.expect_err(words);
        assert!(failure.message.contains(told), "{words}: {}", failure.message);
        assert_eq!(failure.exit, exit, "{words}");
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_told_as_such() {
    let mut scene = Scene::new();
    scene.here.config.store = StoreLocation::Sqlite("/none/doorward.db".into());
    let failure = scene.run("list").await.expect_err("there is no such folder");
    assert_eq!(failure.exit, Exit::Unreachable);
    assert!(failure.message.contains("its folder does not exist"), "{}", failure.message);
}
