//! `doorward credentials`, word by word, on a real store.

use clap::Parser;
use serde_json::{Value, json};

use crate::{
    admin::{
        api::{CreateKey, RevokeKey},
        proto::{CreateKeyRequest, IssuedKey, Key, RevokeKeyRequest},
    },
    cli::office::fixture::Premises,
};

use super::*;

#[derive(Debug, Parser)]
enum Root {
    #[command(subcommand)]
    Credentials(CredentialsCommand),
}

async fn verify(here: &mut Premises, words: &str, credential: &str) -> Result<(Exit, String), Failure> {
    let words = ["root", "credentials", "verify"].into_iter().chain(words.split_whitespace());
    let root = Root::try_parse_from(words).map_err(|error| Failure::new(Exit::Usage, error))?;
    let Root::Credentials(CredentialsCommand::Verify(command)) = root;
    here.work(async |office| execute(&command, credential, command.office.output, office).await).await
}

async fn key(here: &mut Premises) -> IssuedKey {
    let key = Key {
        name: "CI".to_owned(),
        apis: vec!["payments".to_owned()],
        organization: "acme".to_owned(),
        environment: Some("live".to_owned()),
        scopes: vec!["read".to_owned()],
        ..Key::default()
    };
    let request = CreateKeyRequest { key: Some(key), ..CreateKeyRequest::default() };
    here.work(async |office| office.ask::<CreateKey>(request).await).await.expect("created")
}

#[tokio::test]
async fn a_key_is_told_until_it_is_revoked() {
    let mut here = Premises::new();
    let IssuedKey { id, key, .. } = key(&mut here).await;
    let (exit, told) = verify(&mut here, "--api payments --output json", &key).await.expect("told");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(exit, Exit::Success);
    assert_eq!(
        (&told["valid"], &told["organization"], &told["scopes"], &told["credential_id"]),
        (&json!(true), &json!("acme"), &json!(["read"]), &json!(id))
    );
    let (_, table) = verify(&mut here, "--api payments", &key).await.expect("told");
    assert!(table.starts_with("VALID          yes\n") && !table.contains(&key), "{table}");

    let request = RevokeKeyRequest { id };
    here.work(async |office| office.ask::<RevokeKey>(request).await).await.expect("revoked");
    let (exit, table) = verify(&mut here, "--api payments", &key).await.expect("told");
    assert_eq!(exit, Exit::Failure);
    assert!(table.starts_with("VALID          no\nREASON         credential_invalid\n"), "{table}");
    assert!(table.contains(": it was revoked\n"), "{table}");
}

#[tokio::test]
async fn what_makes_no_sense_is_told() {
    let mut here = Premises::new();
    for words in ["--api nowhere", "", "--api payments sk_live_pasted"] {
        let failure = verify(&mut here, words, "sk_live_x").await.expect_err(words);
        assert_eq!(failure.exit, Exit::Usage, "{words}");
    }
    let failure = verify(&mut here, "--api payments", "").await.expect_err("there is none");
    assert!(failure.exit == Exit::Usage && failure.message.contains("expected a credential"), "{failure}");
}
