//! Signed requests, the whole way: what Envoy shows of a body decides what a signature over it is worth.

use std::{
    process::Command,
    slice,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::hmac;
use doorward::domain::{Clock, SystemClock};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::harness::{
    PATIENCE, Shared,
    client::{self, Http1, Http2, Request, Response},
    doorward::replace_file,
    envoy::{Envoy, NEWEST, OLDEST},
    eventually, golden, part, process,
    recipe::Recipe,
    root, run,
    site::Site,
    table,
    upstream::{Echo, Upstream},
    world::World,
};

const CONFIGURATION: &str = r#"
store: sqlite:doorward.db
# Debug builds on busy machines are slow: no test is about this limit.
budget: 5s
shutdown: { drain: 0s, deadline: 5s }
sealing: { current: k1, keys: { k1: { file: k1.key } } }
apis:
  - name: ingest
    hosts: [ingest.test]
    credentials:
      - signature:
          project: { header: X-Project }
          timestamp: { header: X-Timestamp }
          signature: { header: X-Signature, prefix: "sha256=" }
          signed: "{timestamp}.{body}"
    routes: [{ match: /ingest, principals: [project] }]
  - name: risky
    hosts: [risky.test]
    credentials:
      - signature:
          project: { header: X-Project }
          timestamp: { header: X-Timestamp }
          signature: { header: X-Signature }
          signed: "{timestamp} {path}"
    routes: [{ match: /** }]
"#;

/// As much of a body as the recipe has Envoy show.
const SHOWN_BYTES: usize = 1024 * 1024;

/// Writes a sealing key of this digit, 64 times.
fn write_key(site: &Site, name: &str, digit: char) {
    replace_file(&site.folder().join(name), &digit.to_string().repeat(64));
}

fn site() -> Site {
    let site = Site::new(CONFIGURATION);
    write_key(&site, "k1.key", '1');
    site
}

/// Who signs.
struct Signer {
    project: &'static str,
    id: String,
    secret: String,
}

impl Signer {
    fn of(answer: &Value, project: &'static str, site: &Site) -> Self {
        let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned();
        let signer = Self { project, id: text("id"), secret: text("secret") };
        site.note_secret(&signer.secret);
        signer
    }

    fn new(site: &Site, project: &'static str) -> Self {
        let words = ["secrets", "create", "--api", "ingest", "--organization", "acme", "--project", project];
        Self::of(&site.json(&words), project, site)
    }

    fn rotate(&self, site: &Site) -> Self {
        let answer = site.json(&["secrets", "rotate", &self.id, "--overlap", "1h"]);
        Self::of(&answer, self.project, site)
    }

    /// Signs `body` for this request, whatever body it has. No two signatures of one run have the same time.
    fn sign(&self, request: Request, body: &[u8]) -> Request {
        static SIGNED: AtomicI64 = AtomicI64::new(0);
        let offset = SIGNED.fetch_add(1, Ordering::SeqCst) % 400 - 200;
        let timestamp = (SystemClock.now().as_second() + offset).to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let mac = hmac::sign(&key, &[timestamp.as_bytes(), b".", body].concat());
        request
            .with("x-project", self.project)
            .with("x-timestamp", timestamp)
            .with("x-signature", format!("sha256={}", hex::encode(mac)))
    }

    /// A signed request with this body.
    fn post(&self, body: &[u8]) -> Request {
        self.sign(post().body(body), body)
    }
}

fn post() -> Request {
    Request::new("POST", "ingest.test", "/ingest")
}

async fn world() -> Arc<World> {
    static SHARED: Shared<World> = Shared::new();
    SHARED.get(async || World::start(NEWEST, site(), |recipe| recipe).await).await
}

async fn send(world: &World, request: &Request) -> Response {
    client::send(world.envoy.address, request).await
}

#[test]
fn a_signed_request_reaches_the_upstream_with_its_body_and_without_its_signature() {
    run(async {
        let world = world().await;
        let apollo = Signer::new(&world.site, "apollo");
        let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let echo = send(&world, &apollo.post(&bytes).with("x_project", "gemini")).await.echo();
        assert!(echo.body == bytes, "{} bytes arrived", echo.body.len());
        for (name, value) in [
            ("x-principal-kind", "project"),
            ("x-principal-id", "apollo"),
            ("x-principal-project", "apollo"),
            ("x-principal-organization", "acme"),
            ("x-principal-credential", apollo.id.as_str()),
        ] {
            assert_eq!(echo.values(name), [value], "{name}");
        }
        assert!(echo.folded("x-signature").is_empty());
        assert_eq!(echo.folded("x-project"), ["apollo"]);
        let changed = apollo.sign(post().body(b"{ }".as_slice()), b"{}");
        assert_eq!(send(&world, &changed).await.status, 401);
        world.assert_no_secret().await;
    });
}

#[test]
fn of_64_clients_that_replay_at_once_one_is_let_in() {
    run(async {
        let world = world().await;
        let request = Signer::new(&world.site, "replayed").post(b"once and never again");
        let address = world.envoy.address;
        let mut clients = JoinSet::new();
        for _ in 0..64 {
            let request = request.clone();
            clients.spawn(async move { Http1::to(address).send(&request).await.status });
        }
        let mut statuses = clients.join_all().await;
        statuses.sort_unstable();
        assert_eq!(statuses, [vec![200], vec![401; 63]].concat());
    });
}

#[test]
fn a_body_that_is_too_long_is_refused_with_the_limit_to_raise() {
    run(async {
        let world = world().await;
        let signer = Signer::new(&world.site, "verbose");
        let body = vec![b'x'; SHOWN_BYTES + 1];
        let echo = send(&world, &signer.post(&body[1..])).await.echo();
        assert_eq!(echo.body.len(), SHOWN_BYTES);
        let response = send(&world, &signer.post(&body)).await;
        assert_eq!(response.status, 413, "{response:?}");
        let told: Value = serde_json::from_slice(&response.body).expect("Doorward's own answer, in JSON");
        assert_eq!(told["reason"], "body_incomplete", "{told}");
        let line = world.doorward.line("body_incomplete").await;
        assert!(line.contains("raise `max_request_bytes`"), "{line}");
    });
}

#[test]
fn a_check_that_is_too_large_to_be_read_is_denied_even_where_envoy_fails_open() {
    run(async {
        for version in [OLDEST, NEWEST] {
            let site = site();
            let signer = Signer::new(&site, "enormous");
            let world = World::start(version, site, |recipe| recipe.failing_open().with_large_bodies()).await;
            let body = vec![b'x'; 3 * SHOWN_BYTES / 2];
            for request in [signer.post(&body), post().body(body)] {
                let response = send(&world, &request).await;
                assert_eq!(response.status, 413, "{response:?}");
            }
            assert_eq!(send(&world, &signer.post(b"small")).await.status, 200);
            eventually("two audit lines", PATIENCE, async || {
                let log = world.doorward.process.log();
                let lines = log.matches("lower `max_request_bytes`").count();
                (lines == 2).then_some(()).ok_or_else(|| format!("there are {lines} in\n{log}"))
            })
            .await;
        }
    });
}

/// How a request is sent.
#[derive(Clone, Copy)]
enum Over {
    Http1,
    Http2,
}

/// Ways to send a body, or none; each with what is signed.
fn ways() -> Vec<(&'static str, Over, Request, Vec<u8>)> {
    let get = || Request::get("ingest.test", "/ingest");
    let body = || b"\x00a body\xff".to_vec();
    let mut ways = Vec::new();
    for (over, names) in [
        (
            Over::Http1,
            [
                "HTTP/1 POST, a body with its length",
                "HTTP/1 POST, a body without length",
                "HTTP/1 POST, an empty body with length 0",
                "HTTP/1 POST, an empty body without length",
                "HTTP/1 POST, no body and no length",
                "HTTP/1 GET, no body",
                "HTTP/1 GET, a body without length",
                "HTTP/1 POST, nothing signed, a body with its length",
                "HTTP/1 POST, nothing signed, a body without length",
                "HTTP/1 GET, nothing signed, a body without length",
            ],
        ),
        (
            Over::Http2,
            [
                "HTTP/2 POST, a body with its length",
                "HTTP/2 POST, a body without length",
                "HTTP/2 POST, an empty body with length 0",
                "HTTP/2 POST, an empty body without length",
                "HTTP/2 POST, no body and no length",
                "HTTP/2 GET, no body",
                "HTTP/2 GET, a body without length",
                "HTTP/2 POST, nothing signed, a body with its length",
                "HTTP/2 POST, nothing signed, a body without length",
                "HTTP/2 GET, nothing signed, a body without length",
            ],
        ),
    ] {
        let requests = [
            (post().body(body()), body()),
            (post().streamed(body()), body()),
            (post().body(Vec::new()), Vec::new()),
            (post().streamed(Vec::new()), Vec::new()),
            (post(), Vec::new()),
            (get(), Vec::new()),
            (get().streamed(body()), body()),
            (post().body(body()), Vec::new()),
            (post().streamed(body()), Vec::new()),
            (get().streamed(body()), Vec::new()),
        ];
        ways.extend(
            names.into_iter().zip(requests).map(|(name, (request, signed))| (name, over, request, signed)),
        );
    }
    ways
}

/// What becomes of a signed body in each way to send one, where Envoy shows bodies and where it does not. Nothing in a
/// Check tells a GET without body from one whose body is not shown: the last column has the one way in which a body
/// can be added to what was signed, and the documents for operators tell of it.
#[test]
fn each_way_to_send_a_body_is_decided_as_the_golden_table_says() {
    run(async {
        let site = site();
        let (upstream, doorward) = (Upstream::start().await, site.serve().await);
        let signer = Signer::new(&site, "apollo");
        let shipped = Recipe::shipped(upstream.address, slice::from_ref(&doorward.socket));
        let (mut columns, mut cells) = (Vec::new(), vec![Vec::new(); ways().len()]);
        for (name, recipe) in [("shown", shipped.clone()), ("not shown", shipped.without_bodies())] {
            for version in [NEWEST, OLDEST] {
                columns.push(format!("{name}, Envoy {version}"));
                let envoy = Envoy::start(version, &recipe).await;
                for (index, (_, over, request, signed)) in ways().into_iter().enumerate() {
                    let request = signer.sign(request, &signed);
                    match over {
                        Over::Http1 => client::send(envoy.address, &request).await,
                        Over::Http2 => Http2::to(envoy.address).await.send(&request).await,
                    };
                    let line = envoy.access_log(index + 1).await.pop().expect("a line");
                    cells[index].push(table::decision(&line));
                }
            }
        }
        let names: Vec<&str> = ways().into_iter().map(|(name, ..)| name).collect();
        golden::check("signed_bodies.txt", &table::render("", &names, &columns, &cells));
    });
}

#[test]
fn both_secrets_are_good_during_a_rotation_and_a_revoked_one_is_refused_within_a_second() {
    run(async {
        let world = world().await;
        let old = Signer::new(&world.site, "rotating");
        assert_eq!(send(&world, &old.post(b"before")).await.status, 200);
        let new = old.rotate(&world.site);
        eventually("the new secret", Duration::from_secs(1), async || {
            let status = send(&world, &new.post(b"during")).await.status;
            if status == 200 { Ok(()) } else { Err(status.to_string()) }
        })
        .await;
        assert_eq!(send(&world, &old.post(b"during")).await.status, 200);
        world.site.json(&["secrets", "revoke", &old.id]);
        eventually("the revocation", Duration::from_secs(1), async || {
            let status = send(&world, &old.post(b"after")).await.status;
            if status == 401 { Ok(()) } else { Err(status.to_string()) }
        })
        .await;
        assert_eq!(send(&world, &new.post(b"after")).await.status, 200);
    });
}

/// The example by which `docs/products.md` tells how to sign.
fn example() -> String {
    let page = std::fs::read_to_string(root().join("docs/products.md")).expect("the page");
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let mut signing = blocks.map(|(block, _)| block).filter(|block| block.contains("openssl"));
    let example = signing.next().expect("an example").to_owned();
    assert!(signing.next().is_none(), "there are two");
    example
}

#[test]
fn a_shell_signs_as_the_documents_say() {
    run(async {
        let world = world().await;
        for program in ["curl", "openssl"] {
            part(&[program]).await;
        }
        let signer = Signer::new(&world.site, "shell");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("body"), b"{\"a\": 1}\n\x00\xff").expect("a file");
        let port = world.envoy.address.port();
        // Where the host is, in place of a name server.
        let hosts = format!("resolve = \"ingest.test:{port}:127.0.0.1\"\nsilent\n");
        std::fs::write(folder.path().join(".curlrc"), hosts).expect("a file");
        let mut shell = Command::new("sh");
        shell
            .args(["-euc", &example()])
            .current_dir(folder.path())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("CURL_HOME", folder.path())
            .envs([("PROJECT", signer.project), ("SECRET", &signer.secret)])
            .env("URL", format!("http://ingest.test:{port}/ingest"));
        let output =
            tokio::task::spawn_blocking(move || process::finish(&mut shell)).await.expect("no panic");
        assert!(output.status.success(), "{}\n{output:?}", output.status);
        let echo: Echo = serde_json::from_slice(&output.stdout).expect("what the upstream received");
        assert_eq!(echo.body, b"{\"a\": 1}\n\x00\xff");
        assert_eq!(echo.values("x-principal-id"), ["shell"]);
    });
}

/// Writes the configuration with this `sealing`, and waits until it is in force.
async fn reconfigure(world: &World, sealing: &str) {
    let labels = [("what", "config"), ("result", "ok")];
    let before = world.doorward.metric("doorward_reloads_total", &labels).await;
    let own = "{ current: k1, keys: { k1: { file: k1.key } } }";
    replace_file(&world.site.configuration(), &CONFIGURATION.replace(own, sealing));
    reloaded(world, before).await;
}

async fn reloaded(world: &World, before: f64) {
    eventually("the reload", PATIENCE, async || {
        let labels = [("what", "config"), ("result", "ok")];
        let now = world.doorward.metric("doorward_reloads_total", &labels).await;
        if now > before { Ok(()) } else { Err(world.doorward.process.log()) }
    })
    .await;
}

#[test]
fn a_sealing_key_is_replaced_while_requests_go_on() {
    run(async {
        let world = World::start(NEWEST, site(), |recipe| recipe).await;
        world.doorward.line("warning: apis[1].credentials[0].signature.signed: found no `{body}`").await;
        let signer = Signer::new(&world.site, "apollo");
        let works = async || send(&world, &signer.post(b"x")).await.status;
        assert_eq!(works().await, 200, "sealed under k1");

        write_key(&world.site, "k2.key", '2');
        reconfigure(&world, "{ current: k2, keys: { k1: { file: k1.key }, k2: { file: k2.key } } }").await;
        assert_eq!(works().await, 200, "both keys are there");
        let resealed = world.site.json(&["secrets", "reseal"]);
        assert_eq!(resealed["resealed"], 1, "{resealed}");
        assert_eq!(world.site.json(&["secrets", "reseal"])["resealed"], 0, "it was done already");
        eventually("the secret sealed anew", PATIENCE, async || {
            let shown = world.site.json(&["secrets", "get", &signer.id])["sealing_key"].clone();
            if shown == "k2" { Ok(()) } else { Err(shown.to_string()) }
        })
        .await;
        // What the server remembers may be sealed under the old key for a moment.
        tokio::time::sleep(Duration::from_secs(1)).await;
        reconfigure(&world, "{ current: k2, keys: { k2: { file: k2.key } } }").await;
        assert_eq!(works().await, 200, "the old key is gone");

        // Another key under the same name: everything is lost, and told as an outage.
        let before =
            world.doorward.metric("doorward_reloads_total", &[("what", "config"), ("result", "ok")]).await;
        write_key(&world.site, "k2.key", '3');
        reloaded(&world, before).await;
        assert_eq!(works().await, 503, "the key was changed");
        world.doorward.line("its sealing key `k2` does not open it").await;
        world.assert_no_secret().await;
    });
}
