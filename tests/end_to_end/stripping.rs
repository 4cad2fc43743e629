//! What is for Doorward alone goes no further: the credential, and headers that would make another request of
//! the one that was decided upon. What belongs to the application arrives.

use std::sync::Arc;

use crate::harness::{
    Shared,
    client::Request,
    envoy::NEWEST,
    recipe::Recipe,
    run,
    site::{Key, Site},
    world::World,
};

const CONFIGURATION: &str = include_str!("two_apis.yaml");

/// A world behind a recipe that strips nothing, and a key for each API.
struct Bare {
    world: World,
    shop_key: Key,
    plain_key: Key,
}

async fn bare() -> Arc<Bare> {
    static SHARED: Shared<Bare> = Shared::new();
    let start = async || {
        let site = Site::new(CONFIGURATION);
        let create = |api| site.create(&["--api", api, "--scope", "read"]);
        let (shop_key, plain_key) = (create("shop"), create("plain"));
        let world = World::start(NEWEST, site, Recipe::without_its_own_defences).await;
        Bare { world, shop_key, plain_key }
    };
    SHARED.get(start).await
}

#[test]
fn a_method_override_never_reaches_the_upstream() {
    run(async {
        let bare = bare().await;
        let mut client = bare.world.envoy.client();
        for path in ["/public", "/optional", "/read"] {
            for name in [
                "X-HTTP-Method-Override",
                "X_HTTP_Method_Override",
                "x-http-method",
                "x.http.method",
                "X-Method-Override",
                "x_method-override",
            ] {
                let request = Request::get("shop.test", path).bearer(&bare.shop_key.key).with(name, "DELETE");
                let echo = client.send(&request).await.echo();
                assert!(echo.folded(name).is_empty(), "{name} arrives on {path}: {echo:?}");
            }
        }
    });
}

#[test]
fn the_credential_in_a_header_never_reaches_the_upstream() {
    run(async {
        let bare = bare().await;
        let (shop, plain) = (&bare.shop_key.key, &bare.plain_key.key);
        let cases = [
            ("shop.test", "authorization", format!("Bearer {shop}")),
            ("shop.test", "Authorization", format!("bEARER   {shop}")),
            ("plain.test", "x-api-key", plain.clone()),
            ("plain.test", "Authorization", format!("ApiKey {plain}")),
        ];
        let mut client = bare.world.envoy.client();
        for (host, name, value) in cases {
            for path in ["/read", "/optional", "/public"] {
                let echo = client.send(&Request::get(host, path).with(name, value.as_str())).await.echo();
                assert!(echo.values(name).is_empty(), "{name} arrives at {host}{path}: {echo:?}");
            }
        }
    });
}

#[test]
fn a_bad_credential_on_a_public_route_never_reaches_the_upstream_either() {
    run(async {
        let bare = bare().await;
        let mut client = bare.world.envoy.client();
        for value in ["Bearer nonsense", "Bearer", "Bearer a, Bearer b"] {
            let request = Request::get("shop.test", "/public").with("authorization", value);
            let echo = client.send(&request).await.echo();
            assert!(echo.values("authorization").is_empty(), "{value:?} arrives: {echo:?}");
        }
    });
}

#[test]
fn the_credential_in_the_query_is_taken_out_and_the_rest_of_the_query_stays() {
    run(async {
        let bare = bare().await;
        let key = &bare.plain_key.key;
        let cases = [
            (format!("/read?key={key}"), "/read"),
            (format!("/read?key={key}&page=2&q=a%20b+c"), "/read?page=2&q=a%20b+c"),
            (format!("/read?page=2&key={key}"), "/read?page=2"),
            (format!("/read?a=1&key={key}&a=2&keys=3"), "/read?a=1&a=2&keys=3"),
            ("/public?key=nonsense&b=1".to_owned(), "/public?b=1"),
            ("/public?k%65y=nonsense&b=1&key=more".to_owned(), "/public?b=1"),
        ];
        let mut client = bare.world.envoy.client();
        for (target, arrives) in cases {
            let echo = client.send(&Request::get("plain.test", target.as_str())).await.echo();
            assert_eq!(echo.target, arrives, "after {target}");
        }
    });
}

#[test]
fn an_authorization_that_nobody_claims_reaches_the_upstream() {
    run(async {
        let bare = bare().await;
        let basic = "Basic dXNlcjpwYXNzd29yZA==";
        let mut client = bare.world.envoy.client();
        for (host, path) in [("shop.test", "/public"), ("shop.test", "/optional"), ("plain.test", "/public")]
        {
            let request = Request::get(host, path).with("authorization", basic);
            let echo = client.send(&request).await.echo();
            assert_eq!(echo.values("authorization"), [basic], "{host}{path}");
        }
        // Beside a key of ours in another header it arrives as well: it is the application's.
        let request = Request::get("plain.test", "/read")
            .with("x-api-key", bare.plain_key.key.as_str())
            .with("authorization", basic);
        let echo = client.send(&request).await.echo();
        assert_eq!(echo.values("authorization"), [basic]);
        assert!(echo.values("x-api-key").is_empty());
    });
}
