//! Secrets: two of them, revoked, sealed, gone.

use std::time::Duration;

use doorward::{
    domain::{ApiName, Author, ProjectId, SecretId, SecretOwner, Timestamp},
    store::{PageRequest, SecretFilter, SecretStore},
};
use rand::{SeedableRng, rngs::StdRng};

use crate::door::{NOW, denied, reason};

use super::{APOLLO, CONFIG, Client, SECRET, Scene, keys};

#[tokio::test]
async fn two_secrets_of_a_project_are_good_while_both_are_active() {
    let scene = Scene::new().await;
    let overlap_ends = "2026-01-02T03:05:05Z".parse().ok();
    let (old, new) = ("the old secret of the project", "the new secret of this project");
    scene.secret("ingest", "apollo", old, |record| record.expires = overlap_ends).await;
    scene.secret("ingest", "apollo", new, |_| ()).await;
    let with = |secret, skew| Client { secret, skew, ..APOLLO }.sign(b"x");
    let neither = "credential_invalid: project apollo: none of its active secrets made the signature";
    scene
        .check(&[
            ("the old one", with(old, 0), "allowed"),
            ("the new one", with(new, 0), "allowed"),
            ("neither", with(SECRET, 0), neither),
        ])
        .await;
    scene.door.clock.advance(59);
    scene.check(&[("the old one, in the last second", with(old, 1), "allowed")]).await;
    scene.door.clock.advance(1);
    scene
        .check(&[
            ("the old one, after the overlap", with(old, 2), neither),
            ("the new one", with(new, 2), "allowed"),
        ])
        .await;
}

#[tokio::test]
async fn a_revoked_secret_is_refused_though_it_was_remembered() {
    let scene = Scene::with_apollo().await;
    let id = "secret_ingest_apollo_30".parse().expect("an id");
    assert_eq!(scene.door.verdict(APOLLO.sign(b"before")).await, "allowed");
    scene
        .door
        .store
        .revoke_secret(&id, Timestamp::UNIX_EPOCH, &Author::on_the_store(0))
        .await
        .expect("revoked");
    let following = tokio::spawn({
        let cached = scene.door.cached.clone();
        async move { cached.follow(Duration::from_millis(10)).await }
    });
    // Each attempt is signed anew: one that was let in is refused the second time in any case.
    let mut last = String::new();
    for attempt in 0..1000 {
        last = scene.door.cause(&APOLLO.sign(format!("after {attempt}").as_bytes())).await;
        if last != "allowed" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    following.abort();
    assert_eq!(last, "credential_invalid: the project has no active secret for this API");
}

#[tokio::test]
async fn what_is_wrong_with_a_signature_looks_alike() {
    let scene = Scene::with_apollo().await;
    scene.secret("ingest", "ended", SECRET, |record| record.expires = NOW.parse().ok()).await;
    scene.secret("ingest", "revoked", SECRET, |record| record.revoked = NOW.parse().ok()).await;
    assert_eq!(scene.door.verdict(APOLLO.sign(b"used")).await, "allowed");
    let project = |project| Client { project, ..APOLLO }.sign(b"x");
    let mut answers = Vec::new();
    for (name, call) in [
        ("unknown", project("soyuz")),
        ("ended", project("ended")),
        ("revoked", project("revoked")),
        ("wrong", Client { secret: "another secret altogether", ..APOLLO }.sign(b"x")),
        ("too old", Client { skew: -301, ..APOLLO }.sign(b"x")),
        ("replayed", APOLLO.sign(b"used")),
    ] {
        let response = scene.door.knock(call).await;
        assert_eq!(reason(&response), Some("credential_invalid"), "{name}");
        answers.push(denied(&response).clone());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
}

#[tokio::test]
async fn a_secret_that_cannot_be_opened_is_an_outage_and_names_its_key() {
    let scene = Scene::new().await;
    let lost = keys("lost").seal(
        SECRET.as_bytes(),
        owner("lost", "secret_ingest_lost_30").as_owner(),
        &mut StdRng::seed_from_u64(1),
    );
    let lost = lost.expect("sealed");
    scene.secret("ingest", "lost", SECRET, |record| record.sealed = lost).await;
    scene.secret("ingest", "damaged", SECRET, |record| record.sealed.bytes.truncate(40)).await;
    scene.secret("ingest", "apollo", SECRET, |_| ()).await;
    let apollo = SecretFilter { project: "apollo".parse().ok(), ..SecretFilter::default() };
    let apollo =
        scene.door.store.secrets(&apollo, &PageRequest::default()).await.expect("its secrets").records;
    let stolen = apollo[0].sealed.clone();
    scene.secret("ingest", "thief", SECRET, |record| record.sealed = stolen).await;
    scene.secret("ingest", "half", SECRET, |record| record.sealed.bytes.clear()).await;
    scene.secret("ingest", "half", "a secret that can be opened", |_| ()).await;
    let of = |project| Client { project, ..APOLLO }.sign(b"x");
    scene
        .check(&[
            ("under a key that has gone", of("lost"), "unavailable: project lost: secret secret_ingest_lost_30: its sealing key `lost` is not configured"),
            ("damaged", of("damaged"), "unavailable: project damaged: secret secret_ingest_damaged_30: its sealing key `k1` does not open it"),
            ("in another's place", of("thief"), "unavailable: project thief: secret secret_ingest_thief_30: its sealing key `k1` does not open it"),
            ("the other of two", Client { project: "half", secret: "a secret that can be opened", skew: 0 }.sign(b"x"), "allowed"),
            ("it could have been that one", of("half"), "unavailable: project half"),
        ])
        .await;
}

/// The owner of a secret, to seal it by hand.
struct Owner(ApiName, ProjectId, SecretId);

fn owner(project: &str, id: &str) -> Owner {
    Owner("ingest".parse().expect("a name"), project.parse().expect("an id"), id.parse().expect("an id"))
}

impl Owner {
    fn as_owner(&self) -> SecretOwner<'_> {
        SecretOwner { api: &self.0, project: &self.1, id: &self.2 }
    }
}

#[tokio::test]
async fn a_store_that_is_gone_is_an_outage() {
    let scene = Scene::with_apollo().await;
    assert_eq!(scene.door.verdict(APOLLO.sign(b"x")).await, "allowed");
    scene.door.store.close().await;
    scene
        .check(&[
            ("remembered", APOLLO.sign(b"y"), "allowed"),
            ("remembered and replayed", APOLLO.sign(b"y"), "credential_invalid"),
            (
                "not remembered",
                Client { project: "gemini", ..APOLLO }.sign(b"x"),
                "unavailable: the store is unavailable",
            ),
        ])
        .await;
}

#[tokio::test]
async fn from_an_address_that_guessed_too_often_only_what_is_signed_under_remembered_secrets_passes() {
    let limited = "    client_address: peer\n    limits: { attempts: [2/minute] }\n    credentials: &ingest";
    let scene = Scene::under(&CONFIG.replacen("    credentials: &ingest", limited, 1)).await;
    for project in ["apollo", "gemini"] {
        scene.secret("ingest", project, SECRET, |_| ()).await;
    }
    let here = |client: &Client, body: &[u8]| client.sign(body).peer("203.0.113.7");
    let elsewhere = APOLLO.sign(b"seen").peer("198.51.100.1");
    let (wrong, gemini) =
        (Client { secret: "another secret, of 24 B", ..APOLLO }, Client { project: "gemini", ..APOLLO });
    let refused = "too_many_attempts";
    scene
        .check(&[
            ("apollo's secrets are remembered", elsewhere, "allowed"),
            ("a guess", here(&wrong, b"1"), "credential_invalid"),
            ("another", here(&wrong, b"2"), "credential_invalid"),
            ("one too many", here(&wrong, b"3"), refused),
            ("a right one of apollo", here(&APOLLO, b"4"), "allowed"),
            ("the same again", here(&APOLLO, b"4"), refused),
            ("a wrong one", here(&wrong, b"5"), refused),
            ("a right one of gemini, whose secrets are not", here(&gemini, b"6"), refused),
        ])
        .await;
}

#[tokio::test]
async fn all_secrets_of_a_project_have_one_quota() {
    let limited = "    limits: { by: credential, quotas: [2/minute] }\n    credentials: &ingest";
    let scene = Scene::under(&CONFIG.replacen("    credentials: &ingest", limited, 1)).await;
    let other = "another secret, of 24 B";
    for (project, secret) in [("apollo", SECRET), ("apollo", other), ("gemini", SECRET)] {
        scene.secret("ingest", project, secret, |_| ()).await;
    }
    let (apollo, gemini) = (Client { secret: other, ..APOLLO }, Client { project: "gemini", ..APOLLO });
    scene
        .check(&[
            ("by one", APOLLO.sign(b"1"), "allowed"),
            ("by the other", apollo.sign(b"2"), "allowed"),
            (
                "by either",
                APOLLO.sign(b"3"),
                "rate_limited: 2/minute under the rule `credential`: 0 left, 1 needed",
            ),
            ("by another project", gemini.sign(b"4"), "allowed"),
        ])
        .await;
}
