//! Which credentials open the door.

use doorward::{domain::KeyKind, store::Changes};

use crate::door::{Call, Door, NOW, denied, reason, scopes, unknown_key};

#[tokio::test]
async fn a_key_is_good_in_every_place_that_the_api_names() {
    let door = Door::new().await;
    let live = door.key("nt_live_", |_| ()).await;
    let test = door.key("nt_test_", |_| ()).await;
    let get = || Call::get("/notes/1");
    let cases = [
        ("scheme", get().bearer(&live), "allowed"),
        ("scheme in other case", get().header("authorization", format!("bearer   {live}")), "allowed"),
        ("second scheme", get().header("authorization", format!("APIKEY {live}")), "allowed"),
        ("whole header", get().header("x-api-key", &live), "allowed"),
        ("joined headers", get().joined("authorization", &format!("Bearer {live}")), "allowed"),
        ("said twice alike", get().bearer(&live).header("x-api-key", &live), "allowed"),
        (
            "beside a scheme that nobody claims",
            get().header("x-api-key", &live).header("authorization", "Basic YTpi"),
            "allowed",
        ),
        ("query, for test keys", Call::get(&format!("/notes/1?api_key={test}")), "allowed"),
        ("query, but a live key", Call::get(&format!("/notes/1?api_key={live}")), "credential_malformed"),
        (
            "query and header alike, but a live key",
            Call::get(&format!("/notes/1?api_key={live}")).bearer(&live),
            "credential_malformed",
        ),
        ("nothing", get(), "credential_missing"),
        ("a scheme that nobody claims", get().header("authorization", "Basic YTpi"), "credential_missing"),
        ("empty after the scheme", get().header("authorization", "Bearer "), "credential_malformed"),
        ("the scheme alone", get().header("authorization", "Bearer"), "credential_malformed"),
        ("empty header", get().header("x-api-key", ""), "credential_malformed"),
        ("two keys", get().bearer(&live).header("x-api-key", &test), "credential_ambiguous"),
        ("one header twice", get().bearer(&live).bearer(&live), "credential_ambiguous"),
        (
            "one header twice, once unclaimed",
            get().bearer(&live).header("authorization", "Basic YTpi"),
            "credential_ambiguous",
        ),
        ("joined by Envoy", get().joined("x-api-key", &format!("{live},{live}")), "credential_ambiguous"),
        (
            "joined behind another scheme",
            get().joined("authorization", &format!("Basic YTpi,Bearer {live}")),
            "credential_ambiguous",
        ),
        (
            "parameter twice",
            Call::get(&format!("/notes/1?api_key={test}&api_key={test}")),
            "credential_malformed",
        ),
        (
            "parameter with encoded name",
            Call::get(&format!("/notes/1?api%5Fkey={test}")),
            "credential_malformed",
        ),
        ("encoded key", Call::get(&format!("/notes/1?api_key=%6e{}", &test[1..])), "credential_malformed"),
        ("no prefix of the API", get().bearer("sk_12345"), "credential_malformed"),
        (
            "no UTF-8",
            get().header("x-api-key", [b"nt_live_".as_slice(), &[0xff]].concat()),
            "credential_malformed",
        ),
        ("a wrong checksum", get().bearer(&format!("{live}x")), "credential_invalid"),
    ];
    for (name, call, expected) in cases {
        assert_eq!(door.verdict(call).await, expected, "{name}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_key_looks_alike() {
    let door = Door::new().await;
    let gone = door.key("nt_live_", |record| record.expires = NOW.parse().ok()).await;
    let revoked = door.key("nt_live_", |record| record.revoked = NOW.parse().ok()).await;
    let foreign = door
        .key("nt_live_", |record| {
            record.apis = vec!["other".parse().expect("a name")];
        })
        .await;
    let misfiled = door.key("nt_live_", |record| record.environment = "test".parse().ok()).await;
    let unknown = unknown_key("nt_live_", 1_000);
    let mut bodies = Vec::new();
    for (name, key) in [
        ("expired", gone),
        ("revoked", revoked),
        ("foreign", foreign),
        ("misfiled", misfiled),
        ("unknown", unknown),
    ] {
        let response = door.knock(Call::get("/notes/1").bearer(&key)).await;
        assert_eq!(reason(&response), Some("credential_invalid"), "{name}");
        bodies.push(denied(&response).clone());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:#?}");
}

#[tokio::test]
async fn a_key_ends_in_the_very_second_of_its_expiry_though_it_is_cached() {
    let door = Door::new().await;
    let key = door
        .key("nt_live_", |record| {
            record.expires = "2026-01-02T03:05:05Z".parse().ok();
        })
        .await;
    let call = Call::get("/notes/1").bearer(&key);
    door.clock.advance(59);
    assert_eq!(door.verdict(call.clone()).await, "allowed");
    door.clock.advance(1);
    assert_eq!(door.verdict(call).await, "credential_invalid");
}

#[tokio::test]
async fn a_key_without_checksum_is_known_only_where_the_api_says_so() {
    let door = Door::new().await;
    door.record("ot_made-elsewhere", |record| {
        record.apis = vec!["other".parse().expect("a name")];
        record.scopes = scopes(&[]);
    })
    .await;
    door.record("nt_live_made-elsewhere", |_| ()).await;
    let other = Call::new("GET", "other.example", "/a/x").header("x-other-key", "ot_made-elsewhere");
    assert_eq!(door.verdict(other).await, "allowed", "and a key without scopes may do all there");
    assert_eq!(
        door.verdict(Call::get("/notes/1").bearer("nt_live_made-elsewhere")).await,
        "credential_invalid"
    );
}

#[tokio::test]
async fn authorization_asks_in_its_order() {
    let door = Door::new().await;
    let key = door.key("nt_live_", |_| ()).await;
    let test = door.key("nt_test_", |_| ()).await;
    let unscoped = door.key("nt_live_", |record| record.scopes = scopes(&[])).await;
    let admin = door.key("nt_live_", |record| record.scopes = scopes(&["admin"])).await;
    let service = door.key("nt_live_", |record| record.kind = KeyKind::ServiceKey).await;
    let cases = [
        ("/services", &key, "credential_kind_not_allowed"),
        ("/services", &service, "allowed"),
        ("/production", &test, "environment_mismatch"),
        ("/production", &key, "allowed"),
        ("/notes/1", &unscoped, "scope_missing"),
        ("/notes/1", &admin, "allowed"),
    ];
    for (path, key, expected) in cases {
        assert_eq!(door.verdict(Call::get(path).bearer(key)).await, expected, "{path}");
    }
    let post = |key| Call::new("POST", "notes.example", "/notes").bearer(key);
    assert_eq!(door.verdict(post(&key)).await, "scope_missing");
    assert_eq!(door.verdict(post(&admin)).await, "allowed");
}

#[tokio::test]
async fn a_key_bound_to_networks_needs_an_address_that_can_be_trusted() {
    let door = Door::new().await;
    let key = door
        .key("nt_live_", |record| {
            record.sources =
                ["203.0.113.0/24", "2001:db8::/32"].map(|net| net.parse().expect("a net")).into();
        })
        .await;
    let unscoped = door
        .key("ot_", |record| {
            record.apis = vec!["other".parse().expect("a name")];
            record.scopes = scopes(&[]);
            record.sources = vec!["0.0.0.0/0".parse().expect("a net")];
        })
        .await;
    let from = |forwarded: &str| Call::get("/notes/1").bearer(&key).header("x-forwarded-for", forwarded);
    let cases = [
        ("two hops", from("203.0.113.9, 10.0.0.1"), "allowed"),
        ("IPv6", from("2001:db8::1, 10.0.0.1"), "allowed"),
        ("IPv4 within IPv6", from("::ffff:203.0.113.9, 10.0.0.1"), "allowed"),
        (
            "continued in a second header",
            from("203.0.113.9").header("x-forwarded-for", "10.0.0.1"),
            "allowed",
        ),
        ("another network", from("198.51.100.1, 10.0.0.1"), "source_not_allowed"),
        ("a forged entry further left", from("203.0.113.9, 198.51.100.1, 10.0.0.1"), "source_not_allowed"),
        ("too few hops", from("203.0.113.9"), "source_not_allowed"),
        ("no address", from("unknown, 10.0.0.1"), "source_not_allowed"),
        ("no header", Call::get("/notes/1").bearer(&key).peer("203.0.113.9"), "source_not_allowed"),
        (
            "an API that does not say how the address is told",
            Call::new("GET", "other.example", "/a").header("x-other-key", &unscoped).peer("203.0.113.9"),
            "source_not_allowed",
        ),
    ];
    for (name, call, expected) in cases {
        assert_eq!(door.verdict(call).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_public_route_ignores_credentials_and_an_optional_one_verifies_them() {
    let door = Door::new().await;
    let key = door.key("nt_live_", |_| ()).await;
    let revoked = door.key("nt_live_", |record| record.revoked = NOW.parse().ok()).await;
    let cases = [
        ("/status", Call::get("/status"), "allowed"),
        ("/status", Call::get("/status").bearer("rubbish").bearer("twice"), "allowed"),
        ("/hello", Call::get("/hello"), "allowed"),
        ("/hello", Call::get("/hello").bearer(&key), "allowed"),
        ("/hello", Call::get("/hello").bearer(&revoked), "credential_invalid"),
        ("/hello", Call::get("/hello").bearer("rubbish"), "credential_malformed"),
    ];
    for (path, call, expected) in cases {
        assert_eq!(door.verdict(call).await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_store_that_is_gone_is_an_outage_and_never_a_refusal() {
    let door = Door::new().await;
    let cached = door.key("nt_live_", |_| ()).await;
    let other = door.key("nt_live_", |_| ()).await;
    assert_eq!(door.verdict(Call::get("/notes/1").bearer(&cached)).await, "allowed");
    door.store.close().await;
    assert!(door.store.version().await.is_err());
    assert_eq!(door.verdict(Call::get("/notes/1").bearer(&cached)).await, "allowed", "it is remembered");
    assert_eq!(door.verdict(Call::get("/notes/1").bearer(&other)).await, "unavailable");
}

#[tokio::test]
async fn a_key_in_a_cookie_is_as_good_as_any_other_cookie() {
    const CONFIG: &str = "
apis:
  - name: notes
    hosts: [notes.example]
    origins: [https://notes.example]
    credentials: [{ api_key: { prefix: nt_, from: [{ cookie: key }, { header: { name: x-key } }] } }]
    routes: [{ match: /notes }]
";
    let door = Door::with(CONFIG).await;
    let key = door.key("nt_", |_| ()).await;
    let with_cookie =
        |method: &str| Call::new(method, "notes.example", "/notes").header("cookie", format!("key={key}"));
    assert_eq!(door.verdict(with_cookie("GET")).await, "allowed");
    assert_eq!(door.verdict(with_cookie("POST")).await, "origin_not_allowed");
    let elsewhere = with_cookie("POST").header("origin", "https://evil.example");
    assert_eq!(door.verdict(elsewhere).await, "origin_not_allowed");
    let here = with_cookie("POST").header("origin", "https://notes.example");
    assert_eq!(door.verdict(here).await, "allowed");
    let in_a_header = Call::new("POST", "notes.example", "/notes").header("x-key", &key);
    assert_eq!(door.verdict(in_a_header).await, "allowed");
}
