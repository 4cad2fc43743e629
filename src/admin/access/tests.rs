//! Every rule of who gets in.

use http::{HeaderMap, HeaderValue, Uri};
use serde_json::{Value, json};
use tonic::Code;

use super::*;
use crate::{
    config::Config,
    domain::{Administrator, CredentialHash, Role, Timestamp},
};

const TOKEN: &str = "one-token-of-somebody-0123456789";

fn config() -> Config {
    let hash = hex::encode(CredentialHash::of(TOKEN).as_bytes());
    let text = format!(
        "apis: [{{ name: one, hosts: [a.test], routes: [{{ match: /, public: true }}] }}]
administrators:
  - {{ name: ada, role: owner, tokens: ['sha256:{}', 'sha256:{hash}'] }}
  - {{ name: bob, role: viewer, certificates: [bob.test, 'spiffe://a.test/bob'], apis: [one], scopes: [read] }}
sign_in:
  - issuer: https://login.test
    audience: doorward
    keys: {{ jwks: 'https://login.test/jwks' }}
    roles:
      look: viewer
      change: editor
      team: {{ role: owner, apis: [one] }}
      team-look: {{ role: viewer, apis: [one] }}
      acme: {{ role: editor, organization: acme }}
",
        "0".repeat(64)
    );
    let loaded = Config::parse(&text, std::path::Path::new("/etc/doorward/doorward.yaml"), &[]);
    loaded.unwrap_or_else(|errors| panic!("{errors}")).config
}

fn caller(address: &str) -> Caller {
    Caller::Tcp { address: address.parse().expect("an address"), certificate: None }
}

fn headers(of: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in of {
        headers.append(*name, HeaderValue::from_str(value).expect("a value"));
    }
    headers
}

fn now(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a moment")
}

#[test]
fn a_token_proves_whose_it_is() {
    let roster = Roster::new(&config());
    let from = caller("192.0.2.1:1");
    let ada = roster.by_token(TOKEN, &from).expect("ada");
    assert_eq!((ada.name.as_str(), ada.role, ada.from.as_str()), ("ada", Role::Owner, "192.0.2.1"));
    assert!(!ada.reach.is_confined());
    for other in ["", "one-token-of-somebody-0123456788", &TOKEN.to_uppercase()] {
        assert_eq!(roster.by_token(other, &from), None, "{other}");
    }
}

#[test]
fn a_certificate_proves_whose_name_it_has() {
    let roster = Roster::new(&config());
    let by = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        roster.by_certificate(&names, &caller("[2001:db8::1]:1"))
    };
    let bob = by(&["other.test", "spiffe://a.test/bob"]).expect("bob");
    assert_eq!((bob.name.as_str(), bob.role, bob.from.as_str()), ("bob", Role::Viewer, "2001:db8::1"));
    assert!(bob.reach.is_confined() && bob.reach.scopes.len() == 1);
    for names in [&[][..], &["ada"], &["a.bob.test"], &["SPIFFE://a.test/bob"]] {
        assert_eq!(by(names).expect_err("nobody").fault.reason, "credential_invalid", "{names:?}");
    }
    let mut config = config();
    config.administrators[0].certificates = vec!["ada.test".to_owned()];
    let two = Roster::new(&config)
        .by_certificate(&["ada.test".to_owned(), "bob.test".to_owned()], &caller("1.1.1.1:1"));
    assert_eq!(two.expect_err("two").cause, "the certificate has names of ada and bob");
}

fn sign_in(claims: &Value) -> Result<Administrator, Refusal> {
    let config = config();
    Roster::new(&config).by_claims(&config.sign_in[0], claims, &caller("1.1.1.1:1"))
}

#[test]
fn the_group_that_reaches_furthest_counts() {
    let cases = [
        (json!("look"), Ok((Role::Viewer, false))),
        (json!(["look"]), Ok((Role::Viewer, false))),
        (json!(["change", "look", 7, "unknown"]), Ok((Role::Editor, false))),
        (json!(["team", "look"]), Ok((Role::Viewer, false))),
        (json!(["team"]), Ok((Role::Owner, true))),
        (json!(["team-look", "team"]), Ok((Role::Owner, true))),
        (json!(["team", "acme"]), Err("your groups are confined in different ways")),
        (json!(["team", "acme", "look"]), Ok((Role::Viewer, false))),
        (json!([]), Err("none of your groups has a role")),
        (json!("LOOK"), Err("none of your groups has a role")),
        (json!({ "look": true }), Err("none of your groups has a role")),
        (json!(null), Err("none of your groups has a role")),
    ];
    for (groups, expected) in cases {
        let found = sign_in(&json!({ "sub": "u1", "groups": groups }));
        match (&found, expected) {
            (Ok(by), Ok(expected)) => assert_eq!((by.role, by.reach.is_confined()), expected, "{groups}"),
            (Err(refusal), Err(message)) => {
                assert_eq!(
                    (refusal.fault.code, refusal.fault.reason),
                    (Code::PermissionDenied, "role_missing")
                );
                assert!(refusal.fault.message.starts_with(message), "{groups}: {}", refusal.fault.message);
            }
            _ => panic!("{groups}: {found:?}"),
        }
    }
}

#[test]
fn a_person_has_the_name_that_the_issuer_vouches_for() {
    let name = |claims: Value| {
        let mut claims = claims;
        claims["groups"] = json!("look");
        sign_in(&claims).map(|by| by.name).map_err(|refusal| refusal.fault.reason)
    };
    let invalid = Err("credential_invalid");
    for (claims, expected) in [
        (json!({ "sub": "u1", "email": "eve@a.test" }), Ok("eve@a.test".to_owned())),
        (json!({ "sub": "u1", "email": "eve@a.test", "email_verified": true }), Ok("eve@a.test".to_owned())),
        (json!({ "sub": "u1", "email": "eve@a.test", "email_verified": false }), Ok("u1".to_owned())),
        (json!({ "sub": "u1" }), Ok("u1".to_owned())),
        (json!({}), invalid.clone()),
        (json!({ "sub": "" }), invalid.clone()),
        (json!({ "sub": 7 }), invalid.clone()),
        (json!({ "sub": "uid 0" }), invalid.clone()),
        (json!({ "sub": "a\nb" }), invalid.clone()),
        (json!({ "sub": "a".repeat(257) }), invalid.clone()),
        // Of somebody who is configured.
        (json!({ "sub": "ada" }), invalid),
    ] {
        assert_eq!(name(claims.clone()), expected, "{claims}");
    }
}

#[test]
fn one_bearer_token_is_presented_or_nothing() {
    let cases = [
        (headers(&[]), Ok(None)),
        (headers(&[("authorization", "Bearer abc")]), Ok(Some("abc"))),
        (headers(&[("authorization", "bearer  abc")]), Ok(Some("abc"))),
        (headers(&[("authorization", "Bearer")]), Err("credential_invalid")),
        (headers(&[("authorization", "Bearer ")]), Err("credential_invalid")),
        (headers(&[("authorization", "Basic abc")]), Err("credential_invalid")),
        (headers(&[("authorization", "")]), Err("credential_invalid")),
        (headers(&[("authorization", "Bearer a"), ("authorization", "Bearer a")]), Err("credential_invalid")),
    ];
    for (headers, expected) in cases {
        assert_eq!(bearer(&headers).map_err(|refusal| refusal.fault.reason), expected, "{headers:?}");
    }
}

/// Headers, address, the names of the listener, and whether it gets in.
type Visit<'a> = (&'a [(&'static str, &'static str)], &'a str, &'a Hosts, bool);

#[test]
fn no_web_page_gets_in() {
    let listed = Hosts::Listed(vec!["admin.test".to_owned()]);
    let (any, relative) = (Hosts::Any, "/v1/keys");
    let cases: [Visit<'_>; 19] = [
        (&[("host", "evil.test")], relative, &any, true),
        (&[("host", "evil.test"), ("sec-fetch-site", "none")], relative, &any, true),
        (&[("origin", "https://admin.test")], relative, &any, false),
        (&[("origin", "null")], relative, &any, false),
        (&[("sec-fetch-site", "same-origin")], relative, &any, false),
        (&[("sec-fetch-site", "cross-site")], relative, &any, false),
        (&[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")], relative, &any, false),
        (&[("host", "127.0.0.1:9192")], relative, &listed, true),
        (&[("host", "[::1]:9192")], relative, &listed, true),
        (&[("host", "localhost:9192")], relative, &listed, true),
        (&[("host", "Admin.Test.")], relative, &listed, true),
        (&[("host", "evil.test")], relative, &listed, false),
        (&[("host", "127.0.0.1.evil.test")], relative, &listed, false),
        (&[("host", "localhost.evil.test")], relative, &listed, false),
        (&[("host", "127.0.0.1"), ("host", "evil.test")], relative, &listed, false),
        (&[], relative, &listed, false),
        (&[], "http://localhost:9192/v1/keys", &listed, true),
        (&[], "http://evil.test/v1/keys", &listed, false),
        (&[("host", "evil.test")], "http://localhost/v1/keys", &listed, false),
    ];
    for (of, uri, hosts, good) in cases {
        let uri: Uri = uri.parse().expect("a URI");
        let judged = judge_site(&uri, &headers(of), hosts);
        assert_eq!(judged.is_ok(), good, "{of:?} {uri}");
        assert!(judged.err().is_none_or(|refusal| refusal.fault.reason == "cross_site"));
    }
}

#[test]
fn ten_bad_credentials_of_an_address_may_come_in_a_minute() {
    let attempts = Attempts::default();
    let network = |address: &str| caller(address).network();
    let (one, other) = (network("192.0.2.1:1"), network("192.0.2.2:1"));
    for second in 0..10 {
        assert_eq!(attempts.judge(one, now(second)), Ok(()));
        attempts.count(one, now(second));
    }
    let refusal = attempts.judge(one, now(20)).expect_err("too many");
    assert_eq!((refusal.fault.code, refusal.fault.reason), (Code::ResourceExhausted, "too_many_attempts"));
    assert_eq!(refusal.retry_after, Some(std::time::Duration::from_secs(40)));
    assert_eq!(attempts.judge(other, now(20)), Ok(()));
    assert!(attempts.judge(one, now(59)).is_err());
    assert_eq!(attempts.judge(one, now(60)), Ok(()));
    attempts.count(one, now(61));
    assert_eq!(attempts.judge(one, now(61)), Ok(()), "a new minute has begun");
}

#[test]
fn attempts_are_counted_by_address() {
    let network = |address: &str| caller(address).network().map(|network| network.to_string());
    assert_eq!(network("192.0.2.1:1").as_deref(), Some("192.0.2.1/32"));
    assert_eq!(network("[::ffff:192.0.2.1]:1").as_deref(), Some("192.0.2.1/32"));
    assert_eq!(network("[2001:db8:1:2:3::4]:1").as_deref(), Some("2001:db8:1:2::/64"));
    let unix = Caller::Unix { uid: 7 };
    assert_eq!(unix.network(), None);
    assert_eq!(unix.to_string(), "unix uid 7");
    let by = owner(7, &unix);
    assert_eq!((by.name.as_str(), by.role, by.from.as_str()), ("uid 7", Role::Owner, "unix uid 7"));
}
