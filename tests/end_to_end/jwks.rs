//! Tokens whose keys come from an issuer over TLS: rotation, outage and change while requests go on. What happens
//! at which moment is tested to the second in `decisions`.

use std::time::Duration;

use serde_json::json;

use crate::{
    harness::{
        PATIENCE,
        client::{Request, Response},
        envoy::NEWEST,
        eventually, run,
        site::Site,
        world::World,
    },
    issuer::{Reply, Server, Signer},
};

const ISSUER: &str = "https://login.test";
const HOST: &str = "notes.test";

/// Envoy, Doorward, and an issuer on loopback.
struct Scene {
    world: World,
    issuer: Server,
}

fn configuration(issuer: &Server, audience: &str, more: &str) -> String {
    let keys = issuer.keys(&format!("refresh: 1s, refetch: 100ms, {more}"));
    format!(
        "store: sqlite:doorward.db
budget: 5s
apis:
  - name: notes
    hosts: [{HOST}]
    origins: [https://{HOST}]
    credentials:
      - jwt:
          issuer: {ISSUER}
          audience: {audience}
          keys: {keys}
          from: [{{ header: {{ name: authorization, scheme: Bearer }} }}, {{ cookie: token }}]
          claims: {{ headers: {{ x-principal-email: email }} }}
    routes: [{{ match: /** }}]
"
    )
}

impl Scene {
    async fn start(signers: &[&Signer], more: &str) -> Self {
        let issuer = Server::start().await;
        issuer.publishes(signers);
        let site = Site::new(&configuration(&issuer, "api", more));
        Self { world: World::start(NEWEST, site, |recipe| recipe).await, issuer }
    }

    async fn send(&self, request: &Request) -> Response {
        self.world.envoy.client().send(request).await
    }

    /// How a token is answered.
    async fn status(&self, token: &str) -> u16 {
        self.world.site.note_secret(token);
        self.send(&Request::get(HOST, "/").bearer(token)).await.status
    }

    /// Waits until a token is answered so.
    async fn becomes(&self, token: &str, status: u16) {
        eventually("the answer", PATIENCE, async || match self.status(token).await {
            found if found == status => Ok(()),
            found => Err(format!("it is answered {found}")),
        })
        .await;
    }
}

fn token(signer: &Signer) -> String {
    signer.token(ISSUER, &json!({}))
}

#[test]
fn a_new_key_is_learned_with_its_first_token_and_one_that_is_gone_counts_no_longer() {
    run(async {
        let (old, new) = (Signer::new("old"), Signer::new("new"));
        let scene = Scene::start(&[&old], "stale: 1h").await;
        assert_eq!(scene.status(&token(&old)).await, 200);
        scene.issuer.publishes(&[&old, &new]);
        // The keys may have been fetched less than 100 ms ago.
        scene.becomes(&token(&new), 200).await;
        assert_eq!(scene.status(&token(&old)).await, 200);
        scene.issuer.publishes(&[&new]);
        scene.becomes(&token(&old), 401).await;
        assert_eq!(scene.status(&token(&new)).await, 200);
        scene.world.assert_no_secret().await;
    });
}

#[test]
fn through_an_outage_known_keys_serve_for_a_time_and_unknown_ones_are_an_outage() {
    run(async {
        let (known, unknown) = (Signer::new("known"), Signer::new("unknown"));
        let scene = Scene::start(&[&known], "stale: 5s").await;
        assert_eq!(scene.status(&token(&known)).await, 200);
        scene.issuer.says("/jwks", Reply::HangUp);
        scene.becomes(&token(&unknown), 503).await;
        assert_eq!(scene.status(&token(&known)).await, 200, "within the time");
        scene.becomes(&token(&known), 503).await;
        scene.issuer.publishes(&[&known]);
        scene.becomes(&token(&known), 200).await;
        scene.becomes(&token(&unknown), 401).await;
    });
}

#[test]
fn an_issuer_that_is_down_at_the_start_keeps_nothing_else_from_being_ready() {
    run(async {
        let signer = Signer::new("one");
        let issuer = Server::start().await;
        issuer.says("/jwks", Reply::HangUp);
        let site = Site::new(&configuration(&issuer, "api", "stale: 1h"));
        let scene = Scene { world: World::start(NEWEST, site, |recipe| recipe).await, issuer };
        assert_eq!(scene.status(&token(&signer)).await, 503);
        scene.issuer.publishes(&[&signer]);
        scene.becomes(&token(&signer), 200).await;
    });
}

#[test]
fn an_issuer_on_a_private_address_has_to_be_allowed() {
    run(async {
        let signer = Signer::new("one");
        let issuer = Server::start().await;
        issuer.publishes(&[&signer]);
        let configuration = configuration(&issuer, "api", "stale: 1h");
        let site = Site::new(&configuration.replace("private_addresses: allow,", ""));
        let scene = Scene { world: World::start(NEWEST, site, |recipe| recipe).await, issuer };
        assert_eq!(scene.status(&token(&signer)).await, 503);
        assert_eq!(scene.issuer.asked(), 0, "it was never asked");
    });
}

#[test]
fn another_audience_is_in_force_for_tokens_that_were_verified_before() {
    run(async {
        let signer = Signer::new("one");
        let scene = Scene::start(&[&signer], "stale: 1h").await;
        assert_eq!(scene.status(&token(&signer)).await, 200);
        let changed = configuration(&scene.issuer, "another", "stale: 1h");
        std::fs::write(scene.world.site.configuration(), changed).expect("a configuration");
        scene.becomes(&token(&signer), 401).await;
        let fitting = signer.token(ISSUER, &json!({ "aud": "another" }));
        assert_eq!(scene.status(&fitting).await, 200);
    });
}

#[test]
fn claims_arrive_under_their_headers_and_forged_ones_do_not() {
    run(async {
        let signer = Signer::new("one");
        let scene = Scene::start(&[&signer], "stale: 1h").await;
        let ask = |more| {
            let token = signer.token(ISSUER, &more);
            let forged = Request::get(HOST, "/").with("x-principal-email", "root@evil.test");
            forged.with("X_Principal_Email", "root@evil.test").bearer(&token)
        };
        let echo = scene.send(&ask(json!({ "email": "ada@notes.test" }))).await.echo();
        assert_eq!(echo.folded("x-principal-email"), ["ada@notes.test"]);
        let echo = scene.send(&ask(json!({}))).await.echo();
        assert!(echo.folded("x-principal-email").is_empty(), "{echo:?}");
    });
}

#[test]
fn a_token_in_a_cookie_is_cut_out_and_needs_an_origin_to_change_anything() {
    run(async {
        let signer = Signer::new("one");
        let scene = Scene::start(&[&signer], "stale: 1h").await;
        let cookie = format!("a=1; token={}; b=2", token(&signer));
        let ask = |method: &str| Request::new(method, HOST, "/").with("cookie", cookie.as_str());
        assert_eq!(scene.send(&ask("GET")).await.echo().values("cookie"), ["a=1; b=2"]);
        assert_eq!(scene.send(&ask("POST").body("")).await.status, 403);
        let here = ask("POST").with("origin", &*format!("https://{HOST}")).body("");
        assert_eq!(scene.send(&here).await.status, 200);
    });
}

/// How long a changed file may take: it is looked at every second.
const FILE_TIME: Duration = Duration::from_secs(10);

#[test]
fn a_changed_key_file_is_in_force_by_itself() {
    run(async {
        let (old, new) = (Signer::new("old"), Signer::new("new"));
        let issuer = Server::start().await;
        let keys = issuer.keys("refresh: 1s, refetch: 100ms, stale: 1h");
        let configuration = configuration(&issuer, "api", "stale: 1h").replace(&keys, "{ file: jwks.json }");
        let site = Site::new(&configuration);
        let write = |signer: &Signer, folder: &std::path::Path| {
            let next = folder.join("jwks.next");
            std::fs::write(&next, crate::issuer::set(&[signer])).expect("a file");
            std::fs::rename(next, folder.join("jwks.json")).expect("it takes its place");
        };
        write(&old, site.folder());
        let scene = Scene { world: World::start(NEWEST, site, |recipe| recipe).await, issuer };
        assert_eq!(scene.status(&token(&old)).await, 200);
        write(&new, scene.world.site.folder());
        let (old, new) = (token(&old), token(&new));
        eventually("the new keys", FILE_TIME, async || {
            match (scene.status(&old).await, scene.status(&new).await) {
                (401, 200) => Ok(()),
                found => Err(format!("they are answered {found:?}")),
            }
        })
        .await;
    });
}
