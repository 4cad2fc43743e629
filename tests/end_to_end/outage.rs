//! An outage is ours and a denial the caller's: Envoy is told which, in the way that its version understands.

use std::os::unix::fs::FileExt;

use crate::harness::{
    client::{Request, Response},
    envoy::{Envoy, NEWEST, OLDEST},
    recipe::Recipe,
    run,
    site::{Key, Site},
    world::World,
};

const CONFIGURATION: &str = include_str!("two_apis.yaml");

/// A world with two good keys, of which Doorward has seen the first already.
struct Outage {
    world: World,
    seen: Key,
    unseen: Key,
}

impl Outage {
    async fn new(version: &str, outage: &str) -> Self {
        let site = Site::with_environment(CONFIGURATION, &[("DOORWARD_OUTAGE", outage)]);
        let create = || site.create(&["--api", "shop", "--scope", "read"]);
        let (seen, unseen) = (create(), create());
        let world = World::start(version, site, |recipe| recipe).await;
        let outage = Self { world, seen, unseen };
        assert_eq!(outage.ask(&outage.seen.key).await.status, 200, "before the outage");
        outage
    }

    async fn ask(&self, key: &str) -> Response {
        self.world.envoy.client().send(&read(key)).await
    }
}

fn read(key: &str) -> Request {
    Request::get("shop.test", "/read").bearer(key)
}

fn write(key: &str) -> Request {
    Request::new("POST", "shop.test", "/write").bearer(key)
}

async fn is_no_denial(version: &str, way: &str) {
    let outage = Outage::new(version, way).await;
    let world = &outage.world;
    world.site.take_store_away().await;

    assert_eq!(outage.ask(&outage.seen.key).await.status, 200, "a remembered key goes on working");
    let unavailable = outage.ask(&outage.unseen.key).await;
    assert_eq!(unavailable.status, 503, "nothing is known of the other: {unavailable:?}");
    let unauthorized = outage.ask("sk_live_nonsense").await;
    assert_eq!(unauthorized.status, 401, "what needs no store is still denied");
    let forbidden = world.envoy.client().send(&write(&outage.seen.key)).await;
    assert_eq!(forbidden.status, 403, "so is a missing scope");
    let ready = world.doorward.readiness().await.expect("an answer");
    assert_eq!(ready, 200, "or the outage of the store would become one of every replica");
    let labels = [("api", "shop"), ("decision", "unavailable")];
    assert!(world.doorward.metric("doorward_checks_total", &labels).await >= 1.0);

    world.site.bring_store_back().await;
    assert_eq!(outage.ask(&outage.unseen.key).await.status, 200, "the failure is not remembered");
}

#[test]
fn an_outage_told_by_error_response_is_503_behind_the_newest_envoy() {
    run(is_no_denial(NEWEST, "error_response"));
}

#[test]
fn an_outage_told_by_a_grpc_error_is_503_behind_the_newest_envoy() {
    run(is_no_denial(NEWEST, "grpc_error"));
}

#[test]
fn an_outage_told_by_a_grpc_error_is_503_behind_the_oldest_envoy() {
    run(is_no_denial(OLDEST, "grpc_error"));
}

async fn fails_open_for_outages_alone(version: &str, way: &str) {
    let outage = Outage::new(version, way).await;
    let world = &outage.world;
    let recipe = Recipe::shipped(world.upstream.address, std::slice::from_ref(&world.doorward.socket));
    let open = Envoy::start(version, &recipe.failing_open()).await;
    world.site.take_store_away().await;

    let mut client = open.client();
    let forged = read(&outage.unseen.key).with("x-principal-id", "forged");
    let echo = client.send(&forged).await.echo();
    assert!(echo.folded("x-principal-id").is_empty(), "nobody is proven: {echo:?}");
    let received = world.upstream.received();
    assert_eq!(client.send(&read("sk_live_nonsense")).await.status, 401, "a bad key is no outage");
    assert_eq!(client.send(&write(&outage.seen.key)).await.status, 403, "nor is a missing scope");
    let nowhere = Request::get("shop.test", "/nowhere").bearer(&outage.seen.key);
    assert_eq!(client.send(&nowhere).await.status, 404, "nor an unknown route");
    assert_eq!(world.upstream.received(), received, "a denied request reached the upstream");

    assert_eq!(world.doorward.terminate(crate::harness::PATIENCE).await, Some(0));
    client.send(&forged).await.echo();
    let closed = outage.ask(&outage.seen.key).await;
    assert_eq!(closed.status, 503, "the shipped recipe stays closed without Doorward");
}

#[test]
fn failure_mode_allow_opens_for_outages_and_not_for_denials_behind_the_newest_envoy() {
    run(fails_open_for_outages_alone(NEWEST, "error_response"));
}

#[test]
fn failure_mode_allow_opens_for_outages_and_not_for_denials_behind_the_oldest_envoy() {
    run(fails_open_for_outages_alone(OLDEST, "grpc_error"));
}

#[test]
fn a_store_damaged_while_it_is_read_never_makes_a_good_key_a_bad_one() {
    run(async {
        let outage = Outage::new(NEWEST, "error_response").await;
        let world = &outage.world;
        for name in ["doorward.db", "doorward.db-wal"] {
            let path = world.site.folder().join(name);
            let file = std::fs::File::options().write(true).open(&path).expect("a file of the store");
            let length = usize::try_from(file.metadata().expect("its length").len()).expect("a small file");
            // In place, as a failing disk does it: the file stays the same one.
            file.write_all_at(&vec![0xa5; length], 0).expect("the file can be written");
        }
        assert_eq!(outage.ask(&outage.seen.key).await.status, 200, "a remembered key goes on working");
        let unseen = outage.ask(&outage.unseen.key).await.status;
        // What SQLite still has in memory may be enough to find the key.
        assert!([200, 503].contains(&unseen), "a good key is answered {unseen}");
        world.doorward.process.assert_alive();
    });
}
