//! What changes while Doorward serves: keys are revoked, created and rotated by other processes, the
//! configuration is edited, replicas come and go. No request is lost by any of it.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::harness::{
    PATIENCE, Shared,
    client::{self, Http1, Request},
    doorward::{Doorward, replace_file},
    envoy::{Envoy, NEWEST},
    eventually,
    load::Load,
    recipe::Recipe,
    run,
    site::Site,
    upstream::Upstream,
    world::World,
};

const CONFIGURATION: &str = include_str!("two_apis.yaml");

/// The second after which a revoked key is refused everywhere.
const REVOCATION_TIME: Duration = Duration::from_secs(1);

async fn world() -> Arc<World> {
    static SHARED: Shared<World> = Shared::new();
    let start = async || World::start(NEWEST, Site::new(CONFIGURATION), |recipe| recipe).await;
    SHARED.get(start).await
}

fn read(key: &str) -> Request {
    Request::get("shop.test", "/read").bearer(key)
}

/// How long it takes from `since` until the answer has this status.
async fn time_until(client: &mut Http1, request: &Request, status: u16, since: Instant) -> Duration {
    eventually("the change", PATIENCE, async || match client.send(request).await.status {
        found if found == status => Ok(since.elapsed()),
        found => Err(format!("it is answered {found}")),
    })
    .await
}

#[test]
fn a_key_revoked_by_another_process_is_refused_within_a_second() {
    run(async {
        let world = world().await;
        let mut client = world.envoy.client();
        let mut slowest = Duration::ZERO;
        for _ in 0..5 {
            let key = world.site.create(&["--api", "shop", "--scope", "read"]);
            assert_eq!(client.send(&read(&key.key)).await.status, 200, "before the revocation");
            world.site.revoke(&key.id);
            let took = time_until(&mut client, &read(&key.key), 401, Instant::now()).await;
            slowest = slowest.max(took);
        }
        assert!(slowest <= REVOCATION_TIME, "a revoked key worked for {slowest:?}");
        world.assert_no_secret().await;
    });
}

#[test]
fn a_key_that_was_tried_before_it_existed_works_within_a_second_of_its_creation() {
    run(async {
        let world = world().await;
        let mut client = world.envoy.client();
        let key = world.site.invent("sk_live_");
        assert_eq!(client.send(&read(&key)).await.status, 401, "before the creation");
        world.site.import(&key, "shop");
        let took = time_until(&mut client, &read(&key), 200, Instant::now()).await;
        // It was remembered as unknown, for longer than this.
        assert!(took <= REVOCATION_TIME, "a new key was refused for {took:?}");
    });
}

#[test]
fn a_created_key_works_at_once() {
    run(async {
        let world = world().await;
        let mut client = world.envoy.client();
        for _ in 0..3 {
            let key = world.site.create(&["--api", "shop", "--scope", "read"]);
            assert_eq!(client.send(&read(&key.key)).await.status, 200);
        }
    });
}

#[test]
fn a_key_rotated_without_overlap_ends_within_a_second_and_its_successor_works_at_once() {
    run(async {
        let world = world().await;
        let mut client = world.envoy.client();
        let old = world.site.create(&["--api", "shop", "--scope", "read"]);
        assert_eq!(client.send(&read(&old.key)).await.status, 200, "before the rotation");
        let new = world.site.rotate(&old.id, "0s");
        let rotated = Instant::now();
        assert_eq!(client.send(&read(&new.key)).await.status, 200, "after the rotation");
        let took = time_until(&mut client, &read(&old.key), 401, rotated).await;
        assert!(took <= REVOCATION_TIME, "the old key worked for {took:?}");
    });
}

#[test]
fn an_organization_suspended_by_another_process_is_refused_within_a_second_until_it_is_resumed() {
    run(async {
        let world = world().await;
        let mut client = world.envoy.client();
        let key = world.site.key_of("globex", &["--api", "shop", "--scope", "read"]);
        assert_eq!(client.send(&read(&key.key)).await.status, 200, "before the organization has a record");
        let run = |words: &[&str]| world.site.json(&[&["organizations"], words].concat());
        run(&["create", "globex", "--name", "Globex", "--api", "shop"]);
        for _ in 0..3 {
            run(&["suspend", "globex"]);
            let took = time_until(&mut client, &read(&key.key), 403, Instant::now()).await;
            assert!(took <= REVOCATION_TIME, "a suspended organization was served for {took:?}");
            run(&["resume", "globex"]);
            let took = time_until(&mut client, &read(&key.key), 200, Instant::now()).await;
            assert!(took <= REVOCATION_TIME, "a resumed organization was refused for {took:?}");
        }
        world.assert_no_secret().await;
    });
}

/// The configuration with one more route.
fn with_another_route(path: &str) -> String {
    let changed = CONFIGURATION.replacen(
        "      - { match: GET /public, public: true }",
        &format!(
            "      - {{ match: GET {path}, public: true }}\n      - {{ match: GET /public, public: true }}"
        ),
        1,
    );
    assert_ne!(changed, CONFIGURATION, "the place for another route is gone");
    changed
}

#[test]
fn a_changed_configuration_takes_effect_without_dropping_a_request() {
    run(async {
        let world = World::start(NEWEST, Site::new(CONFIGURATION), |recipe| recipe).await;
        let key = world.site.create(&["--api", "shop", "--scope", "read"]);
        let load = Load::start(world.envoy.address, &read(&key.key), 4);
        let mut client = world.envoy.client();
        let reloads = async |result| {
            let labels = [("what", "config"), ("result", result)];
            world.doorward.metric("doorward_reloads_total", &labels).await
        };

        let by_change = Request::get("shop.test", "/by-change");
        assert_eq!(client.send(&by_change).await.status, 404, "before the change");
        replace_file(&world.site.configuration(), &with_another_route("/by-change"));
        time_until(&mut client, &by_change, 200, Instant::now()).await;
        assert!(reloads("ok").await >= 1.0, "the reload is counted");

        let bad = with_another_route("/by-change").replace("hosts: [shop.test]", "hostss: [shop.test]");
        replace_file(&world.site.configuration(), &bad);
        eventually("the refusal of a bad file", PATIENCE, async || {
            let refused = reloads("refused").await;
            if refused >= 1.0 { Ok(()) } else { Err(format!("{refused} were refused")) }
        })
        .await;
        assert_eq!(client.send(&by_change).await.status, 200, "the old configuration stays");
        let line = world.doorward.line("hostss").await;
        assert!(line.contains("ERROR") && line.contains("doorward.yaml"), "{line}");

        let by_signal = Request::get("shop.test", "/by-signal");
        replace_file(&world.site.configuration(), &with_another_route("/by-signal"));
        world.doorward.process.signal("HUP");
        time_until(&mut client, &by_signal, 200, Instant::now()).await;
        assert_eq!(client.send(&by_change).await.status, 404, "what was taken out of the file is gone");

        load.stop().await.assert_all(200);
        world.assert_no_secret().await;
    });
}

#[test]
fn a_replica_that_is_told_to_end_under_load_costs_no_request() {
    run(async {
        // Two probe intervals of the recipe, and some for a busy machine.
        let configuration = CONFIGURATION.replacen("drain: 0s", "drain: 4s", 1);
        assert_ne!(configuration, CONFIGURATION, "the wait for the probers is gone");
        let site = Site::new(&configuration);
        let key = site.create(&["--api", "shop", "--scope", "read"]);
        let (one, two) = (site.serve().await, site.serve().await);
        let upstream = Upstream::start().await;
        let recipe = Recipe::shipped(upstream.address, &[one.socket.clone(), two.socket.clone()]);
        let envoy = Envoy::start(NEWEST, &recipe).await;
        let load = Load::start(envoy.address, &read(&key.key), 8);
        for replica in [&one, &two] {
            assert_takes_load(replica).await;
        }

        // As in a roll-out: one after the other, each with a successor in its place.
        assert_ends_in_order(&one).await;
        let successor =
            site.serve_at(&format!("[\"unix:{}\"]", one.socket.display()), one.socket.clone()).await;
        assert_takes_load(&successor).await;
        assert_ends_in_order(&two).await;
        load.stop().await.assert_all(200);
    });
}

/// Waits until Envoy sends Checks to this replica.
async fn assert_takes_load(replica: &Doorward) {
    eventually("a share of the load", PATIENCE, async || {
        let count = replica.metric("doorward_checks_total", &[("decision", "allowed")]).await;
        if count > 10.0 { Ok(()) } else { Err(format!("{count} Checks")) }
    })
    .await;
}

/// Tells a replica to end: it says so first, answers on for a while, and then ends with success.
async fn assert_ends_in_order(replica: &Doorward) {
    replica.process.signal("TERM");
    let told = Instant::now();
    eventually("the end of readiness", PATIENCE, async || match replica.readiness().await {
        Ok(503) => Ok(()),
        other => Err(format!("/readyz says {other:?}")),
    })
    .await;
    assert!(told.elapsed() < Duration::from_secs(2), "readiness goes at once");
    let alive = client::get(replica.telemetry, "/healthz").await.expect("an answer");
    assert_eq!(alive.status, 200, "it is alive while it drains");
    let outcome = replica.process.ended(PATIENCE).await;
    assert_eq!(outcome.code(), Some(0), "it ends with success");
    assert!(told.elapsed() >= Duration::from_secs(4), "it ended before the probers could see it");
}

/// Splits a sample of the text format of Prometheus into name and labels; panics if it is none.
fn sample(line: &str) -> (&str, &str) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value in {line}"));
    assert!(value.parse::<f64>().is_ok(), "no number in {line}");
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}').expect("a closing brace")),
        None => (series, ""),
    };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_:".contains(&byte);
    assert!(!name.is_empty() && name.bytes().all(legal), "no name in {line}");
    (name, labels)
}

#[test]
fn metrics_parse_and_count_checks_by_decision_reason_and_api() {
    run(async {
        let world = world().await;
        let key = world.site.create(&["--api", "shop", "--scope", "read"]);
        let mut client = world.envoy.client();
        for request in [
            read(&key.key),
            Request::get("shop.test", "/read"),
            Request::get("plain.test", "/read").with("x-api-key", "nonsense"),
            Request::get("nobody.test", "/read"),
        ] {
            client.send(&request).await;
        }
        let metrics = world.doorward.metrics().await;
        let mut samples = Vec::new();
        for line in metrics.lines().filter(|line| !line.is_empty()) {
            match line.strip_prefix("# ") {
                Some(comment) => {
                    assert!(comment.starts_with("TYPE ") || comment.starts_with("HELP "), "{line}");
                }
                None => samples.push(sample(line)),
            }
        }
        for (name, labels) in [
            ("doorward_checks_total", vec![r#"api="shop""#, r#"decision="allowed""#]),
            (
                "doorward_checks_total",
                vec![r#"api="shop""#, r#"decision="denied""#, r#"reason="credential_missing""#],
            ),
            (
                "doorward_checks_total",
                vec![r#"api="plain""#, r#"decision="denied""#, r#"reason="credential_malformed""#],
            ),
            ("doorward_checks_total", vec![r#"decision="denied""#, r#"reason="route_unknown""#]),
            ("doorward_check_duration_seconds_bucket", vec![r#"api="shop""#, "le="]),
            ("doorward_store_cache_lookups_total", vec![r#"kind="key""#, r#"result="hit""#]),
            ("doorward_store_cache_lookups_total", vec![r#"kind="key""#, r#"result="miss""#]),
            ("doorward_store_load_seconds_bucket", vec![r#"kind="key""#, "le="]),
        ] {
            let fits = |(candidate, has): &&(&str, &str)| {
                *candidate == name && labels.iter().all(|label| has.contains(label))
            };
            assert!(samples.iter().any(|sample| fits(&sample)), "no {name} {labels:?} in:\n{metrics}");
        }
        world.assert_no_secret().await;
    });
}
