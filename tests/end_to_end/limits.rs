//! Limits through real Envoys, counted in the memory of one replica: what a client sees of them.

use serde_json::Value;

use crate::{
    harness::{
        client::{Http2, Request, Response},
        envoy::{NEWEST, OLDEST},
        run,
        site::Site,
        world::World,
    },
    redis_servers::Server,
};

const CONFIG: &str = "
store: sqlite:doorward.db
budget: 5s
apis:
  - name: notes
    hosts: [notes.test]
    client_address: peer
    credentials:
      - api_key: { prefix: nt_, from: [{ header: { name: authorization, scheme: Bearer } }] }
    limits: { by: credential, quotas: [3/minute, 1000/day], headers: both, attempts: [4/minute] }
    routes:
      - { match: GET /notes/** }
      - { match: POST /notes, scopes: [write] }
      - { match: /status, public: true, limits: { by: client_address, quotas: [2/day], window: fixed } }
";

async fn world(version: &str) -> World {
    World::start(version, Site::new(CONFIG), |recipe| recipe).await
}

fn key(site: &Site) -> (String, String) {
    let answer = site.json(&[
        "keys",
        "create",
        "--api",
        "notes",
        "--organization",
        "acme",
        "--name",
        "CI",
        "--scope",
        "read",
    ]);
    let text = |name: &str| answer[name].as_str().expect("text").to_owned();
    site.note_secret(&text("key"));
    (text("id"), text("key"))
}

/// A request whose answer has rate-limit headers of the upstream's own.
fn get(target: &str) -> Request {
    ["X-RateLimit-Limit", "x-ratelimit-remaining", "X-RateLimit-Reset", "RateLimit", "RateLimit-Policy"]
        .into_iter()
        .fold(Request::get("notes.test", target), |request, name| {
            request.with(&format!("x-reply-{name}"), "the upstream's")
        })
}

/// The value of a header that has to be there once.
fn once<'r>(response: &'r Response, name: &str) -> &'r str {
    let mut values =
        response.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
    match (values.next(), values.next()) {
        (Some(value), None) => value,
        other => panic!("{name}: {other:?} in {response:?}"),
    }
}

/// The seconds in a header, which lie within a window of a minute and its last bucket.
fn seconds(response: &Response, name: &str) -> u64 {
    let seconds = once(response, name).parse().expect("a number of seconds");
    assert!((1..=61).contains(&seconds), "{name}: {seconds}");
    seconds
}

fn assert_told(response: &Response, remaining: u64) {
    assert_eq!(once(response, "x-ratelimit-limit"), "3");
    assert_eq!(once(response, "x-ratelimit-remaining"), remaining.to_string());
    let reset = seconds(response, "x-ratelimit-reset");
    let policy = "\"credential-minute\";q=3;w=60, \"credential-day\";q=1000;w=86400";
    assert_eq!(once(response, "ratelimit-policy"), policy);
    let reset = response.header("retry-after").map_or(reset, |after| after.parse().expect("a number"));
    assert_eq!(once(response, "ratelimit"), format!("\"credential-minute\";r={remaining};t={reset}"));
}

#[test]
fn the_client_is_told_of_its_quota_once_and_whatever_the_upstream_says() {
    run(async {
        for version in [OLDEST, NEWEST] {
            let world = world(version).await;
            let (_, key) = key(&world.site);
            let mut client = world.envoy.client();
            let mut http2 = Http2::to(world.envoy.address).await;
            assert_told(&client.send(&get("/notes/1").bearer(&key)).await, 2);
            assert_told(&http2.send(&get("/notes/2").bearer(&key)).await, 1);
            let forbidden = Request::new("POST", "notes.test", "/notes").bearer(&key).body("");
            let forbidden = client.send(&forbidden).await;
            assert_eq!(forbidden.status, 403);
            assert_told(&forbidden, 1);
            assert_told(&client.send(&get("/notes/3").bearer(&key)).await, 0);
            for _ in 0..3 {
                let refused = client.send(&get("/notes/4").bearer(&key)).await;
                assert_eq!(refused.status, 429, "{version}: {refused:?}");
                assert_told(&refused, 0);
                let retry_after = seconds(&refused, "retry-after");
                let body: Value = serde_json::from_slice(&refused.body).expect("JSON");
                assert_eq!(
                    (&body["reason"], &body["retry_after"]),
                    (&"rate_limited".into(), &retry_after.into())
                );
            }
            assert_eq!(world.upstream.received(), 3, "{version}: a refused request reached the upstream");
            let unproven = client.send(&get("/notes/5")).await;
            assert_eq!((unproven.status, unproven.header("x-ratelimit-limit")), (401, None));
            let metrics = world.doorward.metrics().await;
            for decision in ["admitted", "refused"] {
                let labels = format!("{{api=\"notes\",by=\"credential\",decision=\"{decision}\"}}");
                assert!(metrics.contains(&format!("doorward_limits_total{labels} 3\n")), "{metrics}");
            }
            world.assert_no_secret().await;
        }
    });
}

#[test]
fn a_rotated_key_goes_on_where_the_old_one_was() {
    run(async {
        let world = world(NEWEST).await;
        let (id, old) = key(&world.site);
        let mut client = world.envoy.client();
        for remaining in [2, 1] {
            assert_told(&client.send(&get("/notes/1").bearer(&old)).await, remaining);
        }
        let new = world.site.rotate(&id, "1h").key;
        assert_told(&client.send(&get("/notes/1").bearer(&new)).await, 0);
        for key in [&old, &new] {
            assert_eq!(client.send(&get("/notes/1").bearer(key)).await.status, 429);
        }
    });
}

#[test]
fn an_address_is_counted_where_nobody_is_proven() {
    run(async {
        let world = world(NEWEST).await;
        let mut client = world.envoy.client();
        for remaining in ["1", "0"] {
            let response = client.send(&get("/status")).await;
            assert_eq!((response.status, once(&response, "x-ratelimit-remaining")), (200, remaining));
        }
        let refused = client.send(&get("/status")).await;
        assert_eq!(refused.status, 429);
        assert_eq!(once(&refused, "retry-after"), once(&refused, "x-ratelimit-reset"));
    });
}

#[test]
fn whoever_guesses_too_often_is_refused_and_a_known_key_is_not() {
    run(async {
        let world = world(NEWEST).await;
        let ((_, known), (_, unseen)) = (key(&world.site), key(&world.site));
        let mut client = world.envoy.client();
        assert_eq!(client.send(&get("/notes/1").bearer(&known)).await.status, 200);
        for _ in 0..4 {
            assert_eq!(client.send(&get("/notes/1").bearer(&world.site.invent("nt_"))).await.status, 401);
        }
        for key in [&world.site.invent("nt_"), &world.site.invent("nt_"), &unseen] {
            let refused = client.send(&get("/notes/1").bearer(key)).await;
            assert_eq!(refused.status, 429, "{refused:?}");
            seconds(&refused, "retry-after");
            assert!(refused.text().contains("\"too_many_attempts\""), "{refused:?}");
        }
        assert_eq!(client.send(&get("/notes/1").bearer(&known)).await.status, 200);
        let metrics = world.doorward.metrics().await;
        for (decision, times) in [("counted", 4), ("refused", 3)] {
            let line = format!("doorward_attempts_total{{api=\"notes\",decision=\"{decision}\"}} {times}\n");
            assert!(metrics.contains(&line), "{line} is not in {metrics}");
        }
        world.assert_no_secret().await;
    });
}

#[test]
fn an_audit_line_says_for_how_long_it_is_refused() {
    run(async {
        let world = world(NEWEST).await;
        let mut client = world.envoy.client();
        for _ in 0..3 {
            client.send(&get("/status")).await;
        }
        let line = world.doorward.line("rate_limited").await;
        let line: Value = serde_json::from_str(&line).expect("a JSON object");
        assert!(
            line["retry_after"].as_u64().is_some_and(|seconds| (1..=86_400).contains(&seconds)),
            "{line}"
        );
        assert!(
            line["cause"].as_str().is_some_and(|cause| cause.starts_with("2/day under the rule")),
            "{line}"
        );
    });
}

#[test]
fn doorward_check_looks_at_what_was_counted_in_redis_and_takes_nothing() {
    run(async {
        let redis = Server::start(&[]).await;
        let site = Site::new(&format!("counters: redis+unix://{}{CONFIG}", redis.socket().display()));
        let (_, key) = key(&site);
        let world = World::start(NEWEST, site, |recipe| recipe).await;
        let mut client = world.envoy.client();
        assert_told(&client.send(&get("/notes/1").bearer(&key)).await, 2);
        let bearer = format!("authorization: Bearer {key}");
        let check = |target: &str| -> Value {
            let words = ["check", "--peer", "127.0.0.1", "-H", &bearer, target, "--output", "json"];
            serde_json::from_slice(&world.site.run(&words).stdout).expect("JSON")
        };
        for _ in 0..3 {
            let told = check("http://notes.test/notes/1");
            let admit = &told["stages"][5]["saw"];
            assert_eq!(admit["quotas"][0]["remaining"], 2, "{told}");
            assert_eq!(told["answer"]["headers"]["X-RateLimit-Remaining"], "2", "{told}");
        }
        let replicas: u64 = redis.ask(&["ZCARD", "doorward:replicas"]);
        assert_eq!(replicas, 1, "who looks is no replica");
        for remaining in [1, 0] {
            assert_told(&client.send(&get("/notes/1").bearer(&key)).await, remaining);
        }
        let told = check("http://notes.test/notes/1");
        assert_eq!(
            (&told["decision"], &told["reason"]),
            (&"denied".into(), &"rate_limited".into()),
            "{told}"
        );
        drop(redis);
        let told = check("http://notes.test/notes/1");
        assert_eq!(told["decision"], "allowed", "{told}");
        assert_eq!(told["stages"][5]["saw"]["counters"], "in Redis, which does not answer");
    });
}
