//! A signature is good once.

use std::sync::Arc;

use doorward::counters::Redis;

use super::{APOLLO, CONFIG, Client, SECRET, Scene, changed, with_header};
use crate::redis_servers::{Server, until};

#[tokio::test]
async fn a_signature_is_good_once_until_its_time_has_passed() {
    let scene = Scene::with_apollo().await;
    scene.secret("ingest", "gemini", SECRET, |_| ()).await;
    scene.secret("eu", "apollo", SECRET, |_| ()).await;
    let again =
        "credential_invalid: project apollo: secret secret_ingest_apollo_30: the signature was used before";
    let late = Client { skew: 300, ..APOLLO };
    scene
        .check(&[
            ("once", APOLLO.sign(b"x"), "allowed"),
            ("twice", APOLLO.sign(b"x"), again),
            ("another body", APOLLO.sign(b"y"), "allowed"),
            ("another time", Client { skew: 1, ..APOLLO }.sign(b"x"), "allowed"),
            ("the same MAC of another project", Client { project: "gemini", ..APOLLO }.sign(b"x"), "allowed"),
            (
                "and of another API",
                changed(APOLLO.sign(b"x"), |http| http.host = "eu.ingest.example".into()),
                "allowed",
            ),
            ("signed ahead of time", late.sign(b"x"), "allowed"),
        ])
        .await;
    scene.door.clock.advance(300);
    scene.check(&[("at the very end", APOLLO.sign(b"x"), again), ("late", late.sign(b"x"), again)]).await;
    scene.door.clock.advance(300);
    scene
        .check(&[
            ("after the end", APOLLO.sign(b"x"), "credential_invalid: it was signed 600 s before our time"),
            ("late, at its very end", late.sign(b"x"), again),
        ])
        .await;
}

/// A replica that shares its counters.
async fn replica(config: &str, server: &Server, id: u64) -> (Scene, Arc<Redis>) {
    let redis = Redis::connect(&server.settings(), id);
    redis.first_attempt().await;
    let mut scene = Scene::under(config).await.and_apollo().await;
    scene.door.checker = scene.door.checker.with_shared_replays(Arc::clone(&redis));
    (scene, redis)
}

#[tokio::test]
async fn replicas_that_share_counters_share_what_was_used() {
    let again =
        "credential_invalid: project apollo: secret secret_ingest_apollo_30: the signature was used before";
    let mut server = Server::start(&[]).await;
    let ((one, redis), (other, _)) = (replica(CONFIG, &server, 1).await, replica(CONFIG, &server, 2).await);
    one.check(&[("once", APOLLO.sign(b"x"), "allowed"), ("twice", APOLLO.sign(b"x"), again)]).await;
    other.check(&[("elsewhere", APOLLO.sign(b"x"), again), ("another", APOLLO.sign(b"y"), "allowed")]).await;
    one.check(&[("and back", APOLLO.sign(b"y"), again)]).await;
    let lives: Vec<i64> = server
        .ask::<Vec<String>>(&["KEYS", "doorward:once:*"])
        .iter()
        .map(|key| server.ask(&["TTL", key]))
        .collect();
    assert!(lives.len() == 2 && lives.iter().all(|life| (355..=361).contains(life)), "{lives:?}");

    server.kill();
    until("the outage is noticed", async || !redis.faults().is_empty()).await;
    let outage =
        "unavailable: project apollo: secret secret_ingest_apollo_30: the counters are unavailable: ";
    let forged = Client { secret: "another secret of 16 bytes", ..APOLLO }.sign(b"z");
    let strict = || APOLLO.sign_strictly("GET", "/", "1", b"");
    one.check(&[
        ("nobody can tell", APOLLO.sign(b"z"), outage),
        ("the MAC is looked at before", forged, "credential_invalid"),
        ("any number of times", strict(), "allowed"),
        ("any number of times again", strict(), "allowed"),
    ])
    .await;
    server.again().await;
    until("it is there again", async || redis.faults().is_empty()).await;
    one.check(&[("after the outage", APOLLO.sign(b"z"), "allowed")]).await;
}

#[tokio::test]
async fn a_replica_that_remembers_by_itself_needs_nobody() {
    let config = CONFIG
        .replace("scopes: [ingest]\n    routes", "scopes: [ingest]\n          once: memory\n    routes");
    let mut server = Server::start(&[]).await;
    let ((one, _), (other, _)) = (replica(&config, &server, 1).await, replica(&config, &server, 2).await);
    server.kill();
    for scene in [one, other] {
        let again = "credential_invalid: project apollo";
        scene.check(&[("once", APOLLO.sign(b"x"), "allowed"), ("twice", APOLLO.sign(b"x"), again)]).await;
    }
}

#[tokio::test]
async fn what_is_refused_for_another_reason_uses_no_signature_up() {
    let scene = Scene::with_apollo().await;
    let good = APOLLO.sign(b"x");
    let cases = [
        (
            "another body under the MAC",
            changed(good.clone(), |http| http.raw_body.push(1)),
            "credential_invalid",
        ),
        ("no MAC", with_header(good.clone(), "x-signature", "sha256=00"), "credential_malformed"),
        ("the MAC itself", good, "allowed"),
    ];
    scene.check(&cases).await;
}

/// A scope is missing, or there is no room under a limit.
const LIMITED: &str = "    limits: { by: organization, quotas: [2/minute], window: fixed }\n    routes:\n      - { match: /ingest, scopes: [ingest] }";

#[tokio::test]
async fn what_a_later_stage_refuses_can_be_sent_again() {
    let config = CONFIG.replace("    routes:\n      - { match: /ingest, scopes: [ingest] }", LIMITED);
    let server = Server::start(&[]).await;
    let (shared, _) = replica(&config, &server, 1).await;
    let own = Scene::under(&config).await.and_apollo().await;
    for scene in [own, shared] {
        let beyond = || changed(APOLLO.sign(b"a"), |http| http.path = "/admin".into());
        let again = "credential_invalid: project apollo";
        scene
            .check(&[
                ("beyond its scopes", beyond(), "scope_missing"),
                ("the same beyond its scopes", beyond(), "scope_missing"),
                ("the same where it may", APOLLO.sign(b"a"), "allowed"),
                ("another", APOLLO.sign(b"b"), "allowed"),
                ("one too many", APOLLO.sign(b"c"), "rate_limited"),
                ("the same once more", APOLLO.sign(b"c"), "rate_limited"),
                ("used well", APOLLO.sign(b"a"), again),
            ])
            .await;
        scene.door.clock.advance(60);
        scene
            .check(&[("there is room", APOLLO.sign(b"c"), "allowed"), ("once", APOLLO.sign(b"c"), again)])
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_clients_that_replay_at_once_one_is_let_in() {
    let scene = Arc::new(Scene::with_apollo().await);
    for round in 0..8 {
        let call = Client { skew: round, ..APOLLO }.sign(b"x");
        let clients: Vec<_> = (0..64)
            .map(|_| {
                let (scene, call) = (Arc::clone(&scene), call.clone());
                tokio::spawn(async move { scene.door.verdict(call).await })
            })
            .collect();
        let mut verdicts = Vec::new();
        for client in clients {
            verdicts.push(client.await.expect("no panic"));
        }
        let count = |wanted: &str| verdicts.iter().filter(|verdict| *verdict == wanted).count();
        assert_eq!((count("allowed"), count("credential_invalid")), (1, 63), "{verdicts:?}");
    }
}
