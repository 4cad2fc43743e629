//! Forged principal headers: whatever a client writes, and however, the upstream reads one value, which is
//! Doorward's, or none.

use std::sync::Arc;

use crate::harness::{
    Shared,
    client::{Http2, Request, Response},
    envoy::{NEWEST, OLDEST},
    recipe::Recipe,
    run,
    site::{Key, Site},
    upstream::Echo,
    world::World,
};

const CONFIGURATION: &str = include_str!("two_apis.yaml");
const FORGED: &str = "forged";

/// The principal headers, in the order of [`expected`], by default and as the second API names them.
const DEFAULT_NAMES: [&str; 8] = [
    "x-principal-id",
    "x-principal-kind",
    "x-principal-organization",
    "x-principal-project",
    "x-principal-environment",
    "x-principal-scopes",
    "x-principal-plan",
    "x-principal-credential",
];
const CONFIGURED_NAMES: [&str; 8] = [
    "x-caller-id",
    "x-caller-kind",
    "x-tenant",
    "x-caller-project",
    "x-caller-environment",
    "x-caller-scopes",
    "x-caller-plan",
    "x-caller-credential",
];

/// The spellings of one name that an application might fold to it. HTTP/2 has no capitals.
fn spellings(name: &str, has_capitals: bool) -> Vec<Vec<String>> {
    let capital = |name: &str| name.to_ascii_uppercase();
    let mut variants = vec![
        vec![name.to_owned()],
        vec![name.to_owned(); 2],
        vec![name.replace('-', "_")],
        vec![name.replace('-', ".")],
        vec![name.replacen('-', "_", 1)],
        vec![name.replacen("x-", "x.", 1)],
        vec![name.to_owned(), name.replace('-', "_"), name.replace('-', ".")],
        vec![name.replace('-', "_"); 2],
    ];
    if has_capitals {
        let more = vec![
            vec![capital(name)],
            vec![capital(&name.replace('-', "_"))],
            vec![capital(name), name.to_owned(), capital(&name.replace('-', "."))],
        ];
        variants.extend(more);
    }
    variants
}

/// The worlds in which forging is tried.
struct Forge {
    world: World,
    shop_key: Key,
    plain_key: Key,
}

impl Forge {
    async fn new(version: &str, change: impl FnOnce(Recipe) -> Recipe) -> Self {
        let site = Site::new(CONFIGURATION);
        let more = ["--scope", "read", "--project", "p1", "--plan", "gold"];
        let create = |api| site.create(&[&["--api", api], &more[..]].concat());
        let (shop_key, plain_key) = (create("shop"), create("plain"));
        Self { world: World::start(version, site, change).await, shop_key, plain_key }
    }

    /// Behind the recipe as it is shipped.
    async fn shipped() -> Arc<Self> {
        static SHARED: Shared<Forge> = Shared::new();
        SHARED.get(async || Self::new(NEWEST, |recipe| recipe).await).await
    }

    /// Behind a recipe that strips nothing.
    async fn bare() -> Arc<Self> {
        static SHARED: Shared<Forge> = Shared::new();
        let start = async || Self::new(NEWEST, Recipe::without_its_own_defences).await;
        SHARED.get(start).await
    }

    /// Sends forged headers in every spelling over this protocol, as a key's holder and as nobody.
    async fn forge(&self, has_capitals: bool, mut send: impl AsyncFnMut(&Request) -> Response) {
        let apis = [
            (
                "shop.test",
                DEFAULT_NAMES,
                "authorization",
                format!("Bearer {}", self.shop_key.key),
                &self.shop_key,
            ),
            ("plain.test", CONFIGURED_NAMES, "x-api-key", self.plain_key.key.clone(), &self.plain_key),
        ];
        let variants = spellings("x-principal-id", has_capitals).len();
        for (host, names, header, value, key) in apis {
            for (path, is_known) in [
                ("/read", true),
                ("/optional", true),
                ("/optional", false),
                ("/public", true),
                ("/public", false),
            ] {
                for variant in 0..variants {
                    let mut request = Request::get(host, path);
                    for name in names {
                        for spelling in &spellings(name, has_capitals)[variant] {
                            request = request.with(spelling, FORGED);
                        }
                    }
                    if is_known {
                        request = request.with(header, value.as_str());
                    }
                    let echo = send(&request).await.echo();
                    let principal = if path == "/public" || !is_known { None } else { Some(key) };
                    assert_only_ours(&echo, &names, principal, &request);
                }
            }
        }
    }
}

/// What the upstream has to read of this principal: a value for each principal header, or none.
fn expected(principal: Option<&Key>) -> [Option<&str>; 8] {
    match principal {
        None => [None, Some("anonymous"), None, None, None, None, None, None],
        Some(key) => [
            Some(&key.id),
            Some("api_key"),
            Some("acme"),
            Some("p1"),
            Some("live"),
            Some("read"),
            Some("gold"),
            Some(&key.id),
        ],
    }
}

fn assert_only_ours(echo: &Echo, names: &[&str; 8], principal: Option<&Key>, request: &Request) {
    for (name, value) in names.iter().zip(expected(principal)) {
        let found = echo.folded(name);
        let is_right = match value {
            None => found.is_empty(),
            Some(value) => found == [value],
        };
        assert!(is_right, "{name} is {found:?} instead of {value:?} after {request:?}");
    }
    let everything = echo.headers.iter().map(|(_, value)| value);
    assert!(
        everything.into_iter().all(|value| !value.contains(FORGED)),
        "something forged arrives: {echo:?} after {request:?}"
    );
}

async fn forge_over_http_1(forge: &Forge) {
    let mut client = forge.world.envoy.client();
    let send = async |request: &Request| client.send(request).await;
    forge.forge(true, send).await;
}

async fn forge_over_http_2(forge: &Forge) {
    let mut client = Http2::to(forge.world.envoy.address).await;
    let send = async |request: &Request| client.send(request).await;
    forge.forge(false, send).await;
}

#[test]
fn forged_headers_over_http_1_never_reach_the_upstream_behind_the_recipe() {
    run(async { forge_over_http_1(&*Forge::shipped().await).await });
}

#[test]
fn forged_headers_over_http_2_never_reach_the_upstream_behind_the_recipe() {
    run(async { forge_over_http_2(&*Forge::shipped().await).await });
}

#[test]
fn forged_headers_over_http_1_never_reach_the_upstream_by_doorwards_own_doing() {
    run(async { forge_over_http_1(&*Forge::bare().await).await });
}

#[test]
fn forged_headers_over_http_2_never_reach_the_upstream_by_doorwards_own_doing() {
    run(async { forge_over_http_2(&*Forge::bare().await).await });
}

#[test]
fn forged_headers_never_reach_the_upstream_by_doorwards_own_doing_behind_the_oldest_envoy() {
    run(async {
        let forge = Forge::new(OLDEST, Recipe::without_its_own_defences).await;
        forge_over_http_1(&forge).await;
        forge_over_http_2(&forge).await;
    });
}
