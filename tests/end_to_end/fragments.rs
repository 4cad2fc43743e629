//! One file for each team: what is wrong in one of them is that team's outage and nobody else's, and no team can
//! take another's traffic.

use std::fs;

use crate::harness::{
    PATIENCE,
    client::{Http1, Request},
    doorward::replace_file,
    envoy::NEWEST,
    eventually, run,
    site::Site,
    world::World,
};

const CONFIGURATION: &str = "
store: sqlite:doorward.db
budget: 5s
shutdown: { drain: 0s, deadline: 5s }
include: apis.d/*.yaml
grants:
  pay: { hosts: [pay.test] }
  shop: { hosts: [shop.test] }
";

const SHOP: &str = "
apis:
  - name: shop
    hosts: [shop.test]
    credentials:
      - api_key: { prefixes: { live: sk_live_ }, from: [{ header: { name: authorization, scheme: Bearer } }] }
    routes: [{ match: GET /read, scopes: [read] }]
";

/// A fragment whose one route everybody may call.
fn open(hosts: &str, path: &str) -> String {
    format!("apis: [{{ name: pay, hosts: [{hosts}], routes: [{{ match: GET {path}, public: true }}] }}]")
}

fn site(pay: &str) -> Site {
    let site = Site::new(CONFIGURATION);
    fs::create_dir(site.folder().join("apis.d")).expect("a folder");
    change(&site, "shop", SHOP);
    change(&site, "pay", pay);
    site
}

fn change(site: &Site, fragment: &str, text: &str) {
    replace_file(&site.folder().join("apis.d").join(fragment).with_extension("yaml"), text);
}

/// The status of a request without credentials.
async fn status(client: &mut Http1, host: &str, path: &str) -> u16 {
    client.send(&Request::get(host, path)).await.status
}

async fn eventually_refused(world: &World, times: f64) {
    eventually("the refusal of the fragment", PATIENCE, async || {
        let labels = [("what", "fragment"), ("result", "refused")];
        let refused = world.doorward.metric("doorward_reloads_total", &labels).await;
        if refused >= times { Ok(()) } else { Err(format!("{refused} were refused")) }
    })
    .await;
}

async fn eventually_answered(client: &mut Http1, host: &str, path: &str, expected: u16) {
    eventually("the change", PATIENCE, async || match status(client, host, path).await {
        found if found == expected => Ok(()),
        found => Err(format!("{host}{path} is answered {found}")),
    })
    .await;
}

async fn assert_refused_now(world: &World, count: u32) {
    let metrics = world.doorward.metrics().await;
    let line = format!("doorward_fragments_refused {count}");
    assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
}

#[test]
fn a_fragment_that_is_bad_at_start_is_an_outage_of_its_hosts_alone() {
    run(async {
        let world = World::start(NEWEST, site("apis: [{ name: pay }]"), |recipe| recipe).await;
        let key = world.site.create(&["--api", "shop", "--scope", "read"]);
        let mut client = world.envoy.client();
        let read = Request::get("shop.test", "/read").bearer(&key.key);
        assert_eq!(client.send(&read).await.status, 200);
        assert_eq!(status(&mut client, "shop.test", "/read").await, 401);
        let outage = client.send(&Request::get("pay.test", "/a")).await;
        assert_eq!(outage.status, 503, "{outage:?}");
        assert_eq!(status(&mut client, "nobody.test", "/a").await, 404);
        assert_refused_now(&world, 1).await;

        let line = world.doorward.line("pay.yaml:1:8").await;
        assert!(line.contains("ERROR") && line.contains("apis[0]: found no field `hosts`"), "{line}");
        let line = world.doorward.line("the fragment `pay` is refused").await;
        assert!(line.contains("\"reason\":\"unavailable\""), "{line}");

        change(&world.site, "pay", &open("pay.test", "/a"));
        eventually_answered(&mut client, "pay.test", "/a", 200).await;
        assert_refused_now(&world, 0).await;
        world.assert_no_secret().await;
    });
}

#[test]
fn a_fragment_that_turns_bad_keeps_its_last_good_version_and_one_that_is_deleted_is_gone() {
    run(async {
        let world = World::start(NEWEST, site(&open("pay.test", "/a")), |recipe| recipe).await;
        let mut client = world.envoy.client();
        assert_eq!(status(&mut client, "pay.test", "/a").await, 200);

        change(&world.site, "pay", &open("pay.test", "/b").replace("match", "mach"));
        eventually_refused(&world, 1.0).await;
        assert_eq!(status(&mut client, "pay.test", "/a").await, 200, "the last good version stays");
        assert_refused_now(&world, 1).await;
        change(&world.site, "shop", &SHOP.replace("/read", "/list"));
        eventually_answered(&mut client, "shop.test", "/list", 401).await;
        assert_eq!(status(&mut client, "pay.test", "/a").await, 200, "and others can change meanwhile");

        change(&world.site, "pay", &open("pay.test", "/b"));
        eventually_answered(&mut client, "pay.test", "/b", 200).await;
        assert_eq!(status(&mut client, "pay.test", "/a").await, 404, "the route was taken out");
        assert_refused_now(&world, 0).await;

        fs::remove_file(world.site.folder().join("apis.d/pay.yaml")).expect("it was there");
        eventually_answered(&mut client, "pay.test", "/b", 404).await;
        assert_eq!(status(&mut client, "shop.test", "/list").await, 401);
    });
}

#[test]
fn a_fragment_takes_no_host_that_is_not_granted_to_it() {
    run(async {
        let world = World::start(NEWEST, site(&open("pay.test", "/read")), |recipe| recipe).await;
        let mut client = world.envoy.client();
        assert_eq!(status(&mut client, "shop.test", "/read").await, 401, "the team of the shop wants a key");

        change(&world.site, "pay", &open("pay.test, shop.test, new.test", "/read"));
        eventually_refused(&world, 1.0).await;
        assert_eq!(status(&mut client, "shop.test", "/read").await, 401, "another team's host");
        assert_eq!(status(&mut client, "new.test", "/read").await, 404, "nobody's host");
        assert_eq!(status(&mut client, "pay.test", "/read").await, 200, "its own");

        // The last good version had a host that is taken away: it goes, although the file did not change.
        replace_file(&world.site.configuration(), &CONFIGURATION.replace("[pay.test]", "[new.test]"));
        eventually_answered(&mut client, "pay.test", "/read", 404).await;
        assert_eq!(status(&mut client, "new.test", "/read").await, 503, "what it would be is not known");
        replace_file(
            &world.site.configuration(),
            &CONFIGURATION.replace("[shop.test]", "[shop.test, new.test]"),
        );
        eventually_answered(&mut client, "new.test", "/read", 404).await;
        assert_eq!(status(&mut client, "pay.test", "/read").await, 200, "what is granted again comes back");
        assert_eq!(status(&mut client, "shop.test", "/read").await, 401);
    });
}
