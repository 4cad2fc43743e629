//! How keys are used, and which expire soon: from the requests to the store, the admin API and the metrics.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Row;
use tokio::net::UnixStream;

use crate::harness::{
    PATIENCE,
    client::{self, Request},
    envoy::NEWEST,
    eventually, run,
    site::{Key, Site},
    world::World,
};

const CONFIGURATION: &str = include_str!("two_apis.yaml");

/// Where administrators ask, in the folder of the site.
const ADMIN: (&str, &str) = ("DOORWARD_LISTEN__ADMIN", "unix:admin.sock");

/// How long it may take until a use is told: it is written every five seconds.
const WRITE_TIME: Duration = Duration::from_secs(10);

async fn send(world: &World, method: &str, key: &Key, status: u16) {
    let path = if method == "GET" { "/read" } else { "/write" };
    let request = Request::new(method, "shop.test", path).bearer(&key.key);
    assert_eq!(world.envoy.client().send(&request).await.status, status, "{method} {path}");
}

/// What the admin API tells at this path.
async fn told(site: &Site, path: &str) -> Value {
    let stream = UnixStream::connect(site.folder().join("admin.sock")).await.expect("the admin API listens");
    let response = client::send_over(stream, &Request::new("GET", "localhost", path)).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    serde_json::from_slice(&response.body).expect("JSON")
}

#[test]
fn what_a_key_opened_is_told_by_the_admin_api_within_seconds() {
    run(async {
        let world =
            World::start(NEWEST, Site::with_environment(CONFIGURATION, &[ADMIN]), |recipe| recipe).await;
        let [used, unused] = [(); 2].map(|()| world.site.create(&["--api", "shop", "--scope", "read"]));
        for _ in 0..3 {
            send(&world, "GET", &used, 200).await;
            send(&world, "POST", &used, 403).await;
        }
        let path = format!("/v1/keys/{}", used.id);
        let key = eventually("the uses", WRITE_TIME, async || match told(&world.site, &path).await {
            key if key["uses"] == 3 => Ok(key),
            key => Err(key.to_string()),
        });
        let key = key.await;
        assert!(key["used"].as_str() >= key["created"].as_str(), "{key}");
        let list = told(&world.site, "/v1/keys?unused_for=0s&api=shop").await;
        let listed: Vec<(&Value, &Value)> =
            list["keys"].as_array().expect("a list").iter().map(|key| (&key["id"], &key["uses"])).collect();
        assert_eq!(listed, [(&json!(used.id), &json!(3)), (&json!(unused.id), &json!(0))]);
        world.assert_no_secret().await;
    });
}

#[test]
fn a_server_that_ends_writes_the_last_uses_of_keys() {
    run(async {
        let world = World::start(NEWEST, Site::new(CONFIGURATION), |recipe| recipe).await;
        let key = world.site.create(&["--api", "shop", "--scope", "read"]);
        for _ in 0..5 {
            send(&world, "GET", &key, 200).await;
        }
        assert_eq!(world.doorward.terminate(PATIENCE).await, Some(0));
        let reading = sqlx::query("SELECT uses FROM key_usage WHERE id = ?1").bind(&key.id);
        let uses: i64 = reading.fetch_one(&mut world.site.sql().await).await.expect("its uses").get(0);
        assert_eq!(uses, 5);
    });
}

#[test]
fn keys_that_expire_soon_are_told_by_the_metrics_where_the_api_says_how_soon_that_is() {
    run(async {
        let warning = "    expiry_warning: { within: 14d, header: x-key-expires }\n    credentials:";
        let site = Site::new(&CONFIGURATION.replacen("    credentials:", warning, 1));
        for expires in [&["--expires", "13d"][..], &["--expires", "15d"], &[]] {
            site.create(&[&["--api", "shop", "--scope", "read"], expires].concat());
        }
        site.create(&["--api", "plain", "--expires", "1d"]);
        let server = site.serve().await;
        let page = eventually("the count", PATIENCE, async || match server.metrics().await {
            page if page.contains("\ndoorward_keys_expiring{api=\"shop\"} 1\n") => Ok(page),
            page => Err(page),
        });
        let page = page.await;
        assert!(page.contains("\n# TYPE doorward_keys_expiring gauge\n"), "{page}");
        assert!(!page.contains("doorward_keys_expiring{api=\"plain\"}"), "{page}");
        assert!(page.contains("\ndoorward_key_uses_lost_total 0\n"), "{page}");
    });
}
