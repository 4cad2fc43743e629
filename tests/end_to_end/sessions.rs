//! Sessions in a cookie: how it arrives, what is left of it, and for how long it is good.

use std::{sync::Arc, time::Duration};

use sqlx::Row;
use tokio::time::Instant;

use crate::harness::{
    PATIENCE, Shared,
    client::{Http2, Request, Response},
    envoy::{NEWEST, OLDEST},
    eventually,
    recipe::Recipe,
    run,
    site::{Session, Site},
    world::World,
};

const CONFIGURATION: &str = include_str!("sessions.yaml");

/// The second after which a session that was ended is refused everywhere.
const REVOCATION_TIME: Duration = Duration::from_secs(1);

async fn start(version: &str) -> World {
    World::start(version, Site::new(CONFIGURATION), Recipe::with_web_sockets).await
}

async fn world() -> Arc<World> {
    static SHARED: Shared<World> = Shared::new();
    SHARED.get(async || start(NEWEST).await).await
}

fn sign_in(world: &World, words: &[&str]) -> Session {
    world.site.sign_in(&[&["--api", "board"], words].concat())
}

fn notes(method: &str) -> Request {
    Request::new(method, "board.test", "/notes")
}

/// A request with this session and no other cookie.
fn with(session: &Session, method: &str) -> Request {
    notes(method).with("cookie", format!("board_session={}", session.token))
}

/// What the upstream reads in its cookie header.
fn cookies(response: &Response) -> Vec<String> {
    response.echo().values("cookie").into_iter().map(str::to_owned).collect()
}

async fn cookies_over_both_protocols(version: &str) {
    let world = start(version).await;
    let Session { id, token } = sign_in(&world, &[]);
    let mut http1 = world.envoy.client();
    let mut http2 = Http2::to(world.envoy.address).await;
    for (sent, left) in [
        (&["board_session=TOKEN"][..], &[][..]),
        (&["theme=dark; board_session=TOKEN; lang=de"], &["theme=dark; lang=de"]),
        (&["theme=dark", "board_session=TOKEN", "lang=de"], &["theme=dark; lang=de"]),
        (&["a=1; board_session=TOKEN", "b=\"2 \u{e9}\"; c==,="], &["a=1; b=\"2 \u{e9}\"; c==,="]),
    ] {
        let add = |request: Request, cookie: &&str| request.with("cookie", cookie.replace("TOKEN", &token));
        let request = sent.iter().fold(notes("GET"), add);
        for response in [http1.send(&request).await, http2.send(&request).await] {
            assert_eq!(cookies(&response), left, "{sent:?}");
            let echo = response.echo();
            assert_eq!(echo.values("x-principal-id"), ["ada"]);
            assert_eq!(echo.values("x-principal-kind"), ["user"]);
            assert_eq!(echo.values("x-principal-credential"), [&*id]);
        }
    }
    let bytes = [b"a=\xff; board_session=", token.as_bytes(), b"; b=2"].concat();
    assert_eq!(cookies(&http1.send(&notes("GET").with("cookie", bytes)).await), ["b=2"]);
    for sent in
        [&["board_session=TOKEN; board_session=TOKEN"][..], &["board_session=TOKEN", "board_session=x"]]
    {
        let add = |request: Request, cookie: &&str| request.with("cookie", cookie.replace("TOKEN", &token));
        let request = sent.iter().fold(notes("GET"), add);
        for response in [http1.send(&request).await, http2.send(&request).await] {
            assert_eq!(response.status, 401, "{sent:?}: {response:?}");
        }
        let login = Request { target: "/login".into(), ..request };
        for response in [http1.send(&login).await, http2.send(&login).await] {
            assert!(cookies(&response).is_empty(), "a public route never sees it: {response:?}");
        }
    }
    world.assert_no_secret().await;
}

#[test]
fn the_cookie_is_found_and_cut_out_over_both_protocols() {
    run(cookies_over_both_protocols(NEWEST));
}

#[test]
fn the_cookie_is_found_and_cut_out_behind_the_oldest_envoy() {
    run(cookies_over_both_protocols(OLDEST));
}

#[test]
fn what_may_change_something_needs_a_listed_origin_and_so_does_an_upgrade() {
    run(async {
        let world = start(NEWEST).await;
        let session = sign_in(&world, &[]);
        let mut client = world.envoy.client();
        let web_socket = with(&session, "GET").with("connection", "Upgrade").with("upgrade", "websocket");
        for (name, request) in [("POST", with(&session, "POST")), ("WebSocket", web_socket)] {
            let before = world.upstream.received();
            for origin in [None, Some("https://evil.test"), Some("null")] {
                let add = |request: Request, origin: &&str| request.with("origin", *origin);
                let response = client.send(&origin.iter().fold(request.clone(), add)).await;
                assert_eq!(response.status, 403, "{name} from {origin:?}: {response:?}");
                assert!(response.text().contains("origin_not_allowed"), "{response:?}");
            }
            assert_eq!(world.upstream.received(), before, "{name} reached the upstream");
            let listed = client.send(&request.with("origin", "https://board.test")).await;
            assert_eq!((listed.status, world.upstream.received()), (200, before + 1), "{name}: {listed:?}");
        }
        let tunnel = Http2::to(world.envoy.address).await.web_socket(&with(&session, "GET")).await;
        assert_eq!(tunnel.status, 403, "WebSocket over HTTP/2: {tunnel:?}");
        assert!(tunnel.text().contains("origin_not_allowed"), "{tunnel:?}");
    });
}

#[test]
fn a_session_ended_by_another_process_is_refused_within_a_second() {
    run(async {
        let world = world().await;
        let mut client = world.envoy.client();
        for _ in 0..3 {
            let session = sign_in(&world, &[]);
            assert_eq!(client.send(&with(&session, "GET")).await.status, 200, "before its end");
            world.site.json(&["sessions", "end", &session.id]);
            let ended = Instant::now();
            let took = eventually("its end", PATIENCE, async || {
                match client.send(&with(&session, "GET")).await.status {
                    401 => Ok(ended.elapsed()),
                    found => Err(format!("it is answered {found}")),
                }
            });
            let took = took.await;
            assert!(took <= REVOCATION_TIME, "an ended session worked for {took:?}");
        }
        world.assert_no_secret().await;
    });
}

/// Lets so many seconds pass for a session, as far as its use is concerned.
async fn age(site: &Site, session: &Session, seconds: i64) {
    let aging = sqlx::query("UPDATE sessions SET used = used - ?1 WHERE id = ?2");
    let aging = aging.bind(seconds * 1000).bind(session.id.as_str());
    aging.execute(&mut site.sql().await).await.expect("aged");
}

/// How long ago the session was used last, by the word of the store, in seconds since its beginning.
async fn used(site: &Site, session: &Session) -> f64 {
    let reading = sqlx::query("SELECT (used - created) / 1000.0 FROM sessions WHERE id = ?1");
    let row = reading.bind(session.id.as_str()).fetch_one(&mut site.sql().await).await.expect("a session");
    row.get(0)
}

#[test]
fn a_use_is_written_within_a_second_or_two_and_an_idle_session_is_refused() {
    run(async {
        let world = world().await;
        let mut client = world.envoy.client();
        let [used_one, idle_one] = [(); 2].map(|()| sign_in(&world, &["--idle", "1m"]));
        age(&world.site, &used_one, 50).await;
        age(&world.site, &idle_one, 60).await;
        assert_eq!(client.send(&with(&idle_one, "GET")).await.status, 401);
        assert_eq!(client.send(&with(&used_one, "GET")).await.status, 200);
        eventually("the use", PATIENCE, async || match used(&world.site, &used_one).await {
            seconds if seconds >= 0.0 => Ok(()),
            seconds => Err(format!("the store knows of {seconds} s")),
        })
        .await;
        assert!(used(&world.site, &idle_one).await < 0.0, "what is refused is no use");
    });
}

#[test]
fn a_server_that_ends_writes_the_last_uses() {
    run(async {
        let world = start(NEWEST).await;
        let session = sign_in(&world, &["--idle", "1m"]);
        age(&world.site, &session, 50).await;
        assert_eq!(world.envoy.client().send(&with(&session, "GET")).await.status, 200);
        assert_eq!(world.doorward.terminate(PATIENCE).await, Some(0));
        assert!(used(&world.site, &session).await >= 0.0, "the use was lost");
    });
}
