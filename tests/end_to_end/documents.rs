//! Keys that are declared in documents: what changes there is in force at once, and what is bad there takes nobody with it.

use std::{fs, os::unix::fs::symlink};

use crate::harness::{
    PATIENCE,
    client::{Http1, Request},
    doorward::replace_file,
    envoy::NEWEST,
    eventually, process, run,
    site::Site,
    world::World,
};

const CONFIGURATION: &str = "
store: files:keys.d
budget: 5s
shutdown: { drain: 0s, deadline: 5s }
# Only what the store tells counts, not what ends by itself.
cache: { positive: 1h, negative: 1h }
apis:
  - name: shop
    hosts: [shop.test]
    credentials:
      - api_key: { prefixes: { live: sk_live_ }, from: [{ header: { name: authorization, scheme: Bearer } }] }
    routes: [{ match: GET /read, scopes: [read] }]
";

fn site() -> Site {
    let site = Site::new(CONFIGURATION);
    fs::create_dir(site.folder().join("keys.d")).expect("a folder");
    site
}

fn write(site: &Site, name: &str, text: &str) {
    replace_file(&site.folder().join("keys.d").join(name), text);
}

async fn status(client: &mut Http1, key: &str) -> u16 {
    client.send(&Request::get("shop.test", "/read").bearer(key)).await.status
}

async fn eventually_answered(client: &mut Http1, key: &str, expected: u16) {
    eventually("the change", PATIENCE, async || match status(client, key).await {
        found if found == expected => Ok(()),
        found => Err(format!("it is answered {found}")),
    })
    .await;
}

async fn eventually_refused(world: &World, count: u32) {
    let expected = format!("doorward_documents_refused {count}");
    eventually("the refusal", PATIENCE, async || {
        let metrics = world.doorward.metrics().await;
        if metrics.lines().any(|line| line == expected) { Ok(()) } else { Err(metrics) }
    })
    .await;
}

#[test]
fn what_is_declared_opens_the_door_and_what_is_taken_back_shuts_it() {
    run(async {
        let site = site();
        let (key, document) = site.declare(&["--api", "shop", "--scope", "read"]);
        let (later, later_document) = site.declare(&["--api", "shop", "--scope", "read"]);
        site.assert_no_secret("the document", &document);
        write(&site, "shop.yaml", &document);
        let world = World::start(NEWEST, site, |recipe| recipe).await;
        let mut client = world.envoy.client();
        let answer = client.send(&Request::get("shop.test", "/read").bearer(&key.key)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.echo().values("x-principal-credential"), [&*key.id]);
        assert_eq!(status(&mut client, &later.key).await, 401, "and it is remembered that it is unknown");

        write(&world.site, "later.yaml", &later_document);
        eventually_answered(&mut client, &later.key, 200).await;
        write(&world.site, "revoked.yaml", &format!("revoked: {{ keys: [{}] }}", key.id));
        eventually_answered(&mut client, &key.key, 401).await;
        assert_eq!(status(&mut client, &later.key).await, 200);

        // Whoever administers sees it, and is told where it is changed.
        let keys = world.site.json(&["keys", "list"]);
        assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2));
        let words = [
            "keys",
            "create",
            "--api",
            "shop",
            "--organization",
            "acme",
            "--environment",
            "live",
            "--name",
            "x",
        ];
        let refused = process::finish(&mut world.site.command(&words));
        assert_eq!(refused.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("--declare"), "{refused:?}");

        fs::remove_file(world.site.folder().join("keys.d/later.yaml")).expect("removed");
        eventually_answered(&mut client, &later.key, 401).await;
        world.assert_no_secret().await;
    });
}

#[test]
fn a_bad_document_keeps_its_last_good_version_and_at_start_is_an_outage_of_its_keys_alone() {
    run(async {
        let site = site();
        let (bad, bad_document) = site.declare(&["--api", "shop", "--scope", "read"]);
        let (good, good_document) = site.declare(&["--api", "shop", "--scope", "read"]);
        write(&site, "bad.yaml", &bad_document.replace("name:", "nam:"));
        write(&site, "good.yaml", &good_document);
        let checked = site.run(&["config", "check"]);
        assert_eq!(checked.status.code(), Some(64));
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(said.contains("bad.yaml") && said.contains("did you mean `name`?"), "{said}");

        let invented = site.invent("sk_live_");
        let world = World::start(NEWEST, site, |recipe| recipe).await;
        let mut client = world.envoy.client();
        assert_eq!(status(&mut client, &good.key).await, 200);
        assert_eq!(status(&mut client, &invented).await, 401);
        assert_eq!(status(&mut client, &bad.key).await, 503, "nothing is known about it");
        eventually_refused(&world, 1).await;

        write(&world.site, "bad.yaml", &bad_document);
        eventually_answered(&mut client, &bad.key, 200).await;
        write(&world.site, "bad.yaml", "keys: [");
        eventually_refused(&world, 1).await;
        assert_eq!(status(&mut client, &bad.key).await, 200, "the last good version stays");
        let revoked = format!("revoked: {{ keys: [{}] }}\nnonsense: {{}}", bad.id);
        write(&world.site, "bad.yaml", &revoked);
        eventually_answered(&mut client, &bad.key, 401).await;
        assert_eq!(status(&mut client, &good.key).await, 200);
        world.assert_no_secret().await;
    });
}

#[test]
fn a_volume_that_kubernetes_swaps_changes_as_a_whole() {
    run(async {
        let site = site();
        let keys: Vec<_> = (0..4).map(|_| site.declare(&["--api", "shop", "--scope", "read"])).collect();
        let folder = site.folder().join("keys.d");
        let swap = |number: u32, of: [usize; 2]| {
            let state = folder.join(format!("..{number}"));
            fs::create_dir(&state).expect("a folder");
            for (name, index) in ["a.yaml", "b.yaml"].into_iter().zip(of) {
                fs::write(state.join(name), &keys[index].1).expect("written");
            }
            symlink(format!("..{number}"), folder.join("..new")).expect("a link");
            fs::rename(folder.join("..new"), folder.join("..data")).expect("swapped");
            if number > 0 {
                fs::remove_dir_all(folder.join(format!("..{}", number - 1))).expect("removed");
            }
        };
        swap(0, [0, 1]);
        for name in ["a.yaml", "b.yaml"] {
            symlink(format!("..data/{name}"), folder.join(name)).expect("a link");
        }
        let world = World::start(NEWEST, site, |recipe| recipe).await;
        let mut client = world.envoy.client();
        for (number, of) in [(1, [2, 3]), (2, [3, 0]), (3, [1, 2])] {
            swap(number, of);
            eventually_answered(&mut client, &keys[of[1]].0.key, 200).await;
            for (index, (key, _)) in keys.iter().enumerate() {
                let expected = if of.contains(&index) { 200 } else { 401 };
                assert_eq!(status(&mut client, &key.key).await, expected, "key {index} in state {number}");
            }
        }
        eventually_refused(&world, 0).await;
    });
}
