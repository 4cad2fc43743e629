//! `doorward audit`, word by word, on a real store.

use clap::Parser;
use serde_json::Value;

use crate::{
    admin::{
        api::{CreateOrganization, SuspendOrganization},
        proto::{CreateOrganizationRequest, Organization, SuspendOrganizationRequest},
    },
    cli::office::fixture::Premises,
};

use super::*;

#[derive(Debug, Parser)]
enum Root {
    #[command(subcommand)]
    Audit(AuditCommand),
}

async fn run(here: &mut Premises, words: &str) -> Result<String, Failure> {
    let words = ["root", "audit"].into_iter().chain(words.split_whitespace());
    let root = Root::try_parse_from(words).map_err(|error| Failure::new(Exit::Usage, error))?;
    let Root::Audit(AuditCommand::List(command)) = root;
    here.work(async |office| execute(&command, command.office.output, office).await).await
}

/// Two organizations, of which the first is suspended an hour later.
async fn furnish(here: &mut Premises) {
    for id in ["acme", "globex"] {
        let organization = Organization {
            id: id.to_owned(),
            name: id.to_owned(),
            apis: vec!["payments".to_owned()],
            ..Organization::default()
        };
        let request = CreateOrganizationRequest { organization: Some(organization) };
        here.work(async |office| office.ask::<CreateOrganization>(request).await).await.expect("created");
    }
    here.clock.advance(3600);
    let request = SuspendOrganizationRequest { id: "acme".to_owned() };
    here.work(async |office| office.ask::<SuspendOrganization>(request).await).await.expect("suspended");
}

#[tokio::test]
async fn changes_are_shown_latest_first_and_filtered() {
    let mut here = Premises::new();
    furnish(&mut here).await;
    let table = run(&mut here, "list").await.expect("a list");
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], COLUMNS);
    let told: Vec<[&str; 5]> =
        lines[1..].iter().map(|line| [line[0], line[1], line[2], line[3], line[4]]).collect();
    assert_eq!(
        told,
        [
            ["3", "2030-01-01T01:00:00Z", "organization.suspend", "acme", "cli"],
            ["2", "2030-01-01T00:00:00Z", "organization.create", "globex", "cli"],
            ["1", "2030-01-01T00:00:00Z", "organization.create", "acme", "cli"],
        ]
    );
    for (filter, count) in [
        ("--id acme", 2),
        ("--organization globex", 1),
        ("--kind organization", 3),
        ("--kind key", 0),
        ("--actor cli", 3),
        ("--actor somebody", 0),
        ("--since 2030-01-01T00:30:00Z", 1),
        ("--limit 2", 2),
    ] {
        let listed = run(&mut here, &format!("list {filter} --output json")).await.expect("a list");
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        assert_eq!(listed["records"].as_array().map(Vec::len), Some(count), "{filter}");
    }
}

#[tokio::test]
async fn as_json_a_change_tells_what_was_there_before_and_after() {
    let mut here = Premises::new();
    furnish(&mut here).await;
    let listed = run(&mut here, "list --limit 1 --output json").await.expect("a list");
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let side = |name: &str| {
        let text = listed["records"][0][name].as_str().expect("a text");
        serde_json::from_str::<Value>(text).expect("JSON")
    };
    assert_eq!(side("before")["suspended"], Value::Null);
    assert_eq!(side("after")["suspended"], "2030-01-01T01:00:00Z");
}

#[tokio::test]
async fn what_makes_no_sense_is_told() {
    let mut here = Premises::new();
    for words in ["list --since yesterday", "list --limit some", "show"] {
        let failure = run(&mut here, words).await.expect_err(words);
        assert_eq!(failure.exit, Exit::Usage, "{words}");
    }
}
