//! The guard against plain HTTP: what Envoy says of how a request came, whatever the client says.

use crate::harness::{
    certificates::Authority,
    client::{Http2, Request, Response, send_over},
    envoy::{Envoy, NEWEST, OLDEST},
    recipe::Recipe,
    run,
    site::Site,
    world::World,
};

const CONFIGURATION: &str = include_str!("sessions.yaml");
const HOST: &str = "secure.test";

/// An Envoy that clients reach in clear or by TLS, and Doorward behind it.
struct Front {
    world: World,
    key: String,
}

impl Front {
    async fn start(version: &str, change: impl FnOnce(Recipe) -> Recipe) -> Self {
        let site = Site::new(CONFIGURATION);
        let key = site.create(&["--api", "secure"]).key;
        Self { world: World::start(version, site, change).await, key }
    }

    fn envoy(&self) -> &Envoy {
        &self.world.envoy
    }

    fn request(&self) -> Request {
        Request::get(HOST, "/notes").with("x-api-key", self.key.as_str())
    }

    /// The same with these words about the protocol.
    fn forwarded(&self, words: &[&str]) -> Request {
        let add = |request: Request, word: &&str| request.with("x-forwarded-proto", *word);
        words.iter().fold(self.request(), add)
    }

    async fn http1(&self, request: &Request) -> Response {
        self.envoy().client().send(request).await
    }

    async fn http2(&self, scheme: &str, request: &Request) -> Response {
        Http2::to(self.envoy().address).await.send_as(scheme, request).await
    }
}

#[track_caller]
fn assert_refused(response: &Response, case: &str) {
    assert_eq!(response.status, 403, "{case}: {response:?}");
    assert!(response.text().contains("transport_insecure"), "{case}: {response:?}");
}

async fn plain_http_is_refused_whatever_the_client_claims(version: &str) {
    let front = Front::start(version, |recipe| recipe).await;
    for words in [&[][..], &["https"], &["https", "https"], &["https,https"]] {
        let request = front.forwarded(words);
        assert_refused(&front.http1(&request).await, &format!("HTTP/1, {words:?}"));
        for scheme in ["http", "https"] {
            let case = format!("HTTP/2, {scheme}, {words:?}");
            assert_refused(&front.http2(scheme, &request).await, &case);
        }
    }
    let whole = Request { target: format!("https://{HOST}/notes").into(), ..front.request() };
    assert_eq!(front.http1(&whole).await.status, 403, "a whole URL: Envoy itself refuses it");
    assert_eq!(front.world.upstream.received(), 0);
    let public = Request::get(HOST, "/status");
    assert_eq!(front.http1(&public).await.status, 200, "what needs no credential may come in clear");
}

#[test]
fn plain_http_is_refused_behind_the_newest_envoy() {
    run(plain_http_is_refused_whatever_the_client_claims(NEWEST));
}

#[test]
fn plain_http_is_refused_behind_the_oldest_envoy() {
    run(plain_http_is_refused_whatever_the_client_claims(OLDEST));
}

async fn tls_passes_whatever_the_client_claims(version: &str) {
    let authority = Authority::new();
    let identity = authority.issue(HOST);
    let front = Front::start(version, |recipe| recipe.over_tls(&identity)).await;
    let address = front.envoy().address;
    for words in [&[][..], &["http"], &["https"]] {
        let request = front.forwarded(words);
        let stream = authority.connect(address, HOST, b"http/1.1").await;
        assert_eq!(send_over(stream, &request).await.status, 200, "HTTP/1, {words:?}");
        for scheme in ["https", "http"] {
            let stream = authority.connect(address, HOST, b"h2").await;
            let response = Http2::over(stream).await.send_as(scheme, &request).await;
            assert_eq!(response.status, 200, "HTTP/2, {scheme}, {words:?}: {response:?}");
        }
    }
}

#[test]
fn tls_passes_behind_the_newest_envoy() {
    run(tls_passes_whatever_the_client_claims(NEWEST));
}

#[test]
fn tls_passes_behind_the_oldest_envoy() {
    run(tls_passes_whatever_the_client_claims(OLDEST));
}

#[test]
fn the_word_of_a_trusted_proxy_counts_if_it_is_one_word() {
    run(async {
        for version in [NEWEST, OLDEST] {
            let front = Front::start(version, Recipe::behind_a_proxy).await;
            let https = front.forwarded(&["https"]);
            assert_eq!(front.http1(&https).await.status, 200, "{version}");
            for scheme in ["http", "https"] {
                assert_eq!(front.http2(scheme, &https).await.status, 200, "{version}, {scheme}");
            }
            for words in [&[][..], &["http"], &["https", "http"], &["http,https"], &["https,https"]] {
                let request = front.forwarded(words);
                assert_refused(&front.http1(&request).await, &format!("{version}, {words:?}"));
                assert_refused(&front.http2("https", &request).await, &format!("{version}, {words:?}"));
            }
        }
    });
}

#[test]
fn a_preflight_passes_for_a_route_that_exists_and_the_request_after_it_needs_its_key() {
    run(async {
        let front = Front::start(NEWEST, |recipe| recipe).await;
        let preflight = |method: &str| {
            Request::new("OPTIONS", HOST, "/notes")
                .with("origin", "https://elsewhere.test")
                .with("access-control-request-method", method)
                .with("x-principal-id", "root")
        };
        let echo = front.http1(&preflight("GET")).await.echo();
        assert_eq!((echo.method.as_str(), echo.values("x-principal-kind")), ("OPTIONS", vec!["anonymous"]));
        assert!(echo.folded("x-principal-id").is_empty());
        assert_eq!(front.http1(&preflight("DELETE")).await.status, 404);
        assert_eq!(front.http1(&preflight("GET").body("{}")).await.status, 404, "with a body");
    });
}
