//! Whole tokens: tables of claims, `published` examples, and what is `remembered`.

mod published;
mod remembered;

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    check::authn::{
        TokenSubject,
        jwks::{KeySet, fixture::Signer},
    },
    config::{Config, CredentialRule, JwtCredential},
    domain::{Scope, ScopeSet, Timestamp},
};

use super::{KeyFault, TokenFault, verify};

/// 2026-01-02T03:04:05Z
const NOW: i64 = 1_767_323_045;

/// A rule with these fields beside the needed ones.
fn rule(fields: &str) -> JwtCredential {
    let text = format!(
        "apis: [{{ name: a, hosts: [a.test], routes: [{{ match: / }}], credentials: [{{ jwt: {{ \
         issuer: joe, audience: [api, other], keys: {{ jwks: 'https://a.test' }}, \
         from: [{{ header: {{ name: x }} }}], {fields} }} }}] }}]"
    );
    let loaded = Config::parse(&text, Path::new("doorward.yaml"), &[]);
    let mut config = loaded.unwrap_or_else(|errors| panic!("{errors}")).config;
    match config.apis.remove(0).credentials.remove(0) {
        CredentialRule::Jwt(jwt) => *jwt,
        other => panic!("{other:?}"),
    }
}

fn set(keys: &Value) -> KeySet {
    KeySet::own(json!({ "keys": keys }).to_string().as_bytes()).expect("a set")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a moment")
}

fn scopes(names: &[&str]) -> ScopeSet {
    ScopeSet::new(names.iter().map(|name| name.parse().expect("a scope")).collect()).expect("few scopes")
}

/// Signs what `edit` makes of good claims, and tells what comes of the token.
fn judged(rule: &JwtCredential, edit: impl FnOnce(&mut Value)) -> Result<TokenSubject, TokenFault> {
    let mut claims = json!({ "iss": "joe", "aud": "api", "sub": "me", "exp": NOW + 60 });
    edit(&mut claims);
    let signer = Signer::new();
    let keys = set(&json!([signer.jwk("k")]));
    verify(&signer.token("k", &claims), &keys, rule, at(NOW)).map(|verified| (*verified.subject).clone())
}

/// Checks what is made of a token in which this claim has these values; `null` takes it out.
fn check_claim(rule: &JwtCredential, claim: &str, cases: &[(Value, Option<&str>)]) {
    for (value, expected) in cases {
        let told = judged(rule, |claims| {
            let claims = claims.as_object_mut().expect("an object");
            match value {
                Value::String(text) if text == "absent" => claims.remove(claim),
                value => claims.insert(claim.to_owned(), value.clone()),
            };
        });
        let fault = told.err().map(|fault| fault.to_string());
        match (fault, expected) {
            (None, None) => {}
            (Some(fault), Some(expected)) if fault.contains(expected) => {}
            (fault, _) => panic!("{claim}: {value}: found {fault:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn a_token_counts_within_its_time() {
    let (leeway, none) = (rule("leeway: 30s"), rule("leeway: 0s"));
    let number = Some("to be a number of seconds");
    let (expired, early, future) = (Some("it is expired"), Some("not valid yet"), Some("made in the future"));
    check_claim(
        &leeway,
        "exp",
        &[
            (json!(NOW + 1), None),
            (json!(NOW - 29), None),
            (json!(NOW - 30), expired),
            (json!(0), expired),
            (json!(-1), expired),
            (json!(1e10), None),
            (json!("absent"), number),
            (json!(null), number),
            (json!("2000000000"), number),
            (json!(true), number),
            (json!([NOW + 60]), number),
            (json!(u64::MAX), number),
            (json!(1e300), number),
        ],
    );
    #[expect(clippy::cast_precision_loss, reason = "the number is small enough")]
    let half_a_second = json!(NOW as f64 + 0.5);
    check_claim(
        &none,
        "exp",
        &[(json!(NOW), expired), (json!(NOW + 1), None), (half_a_second, None), (json!(NOW - 1), expired)],
    );
    check_claim(
        &leeway,
        "nbf",
        &[
            (json!("absent"), None),
            (json!(NOW + 30), None),
            (json!(NOW + 31), early),
            (json!("now"), number),
            (json!(null), number),
        ],
    );
    check_claim(
        &leeway,
        "iat",
        &[
            (json!("absent"), None),
            (json!(0), None),
            (json!(NOW + 30), None),
            (json!(NOW + 31), future),
            (json!({}), number),
        ],
    );
}

#[test]
fn a_token_is_by_its_issuer_for_its_audience() {
    check_claim(
        &rule(""),
        "iss",
        &[
            (json!("joe"), None),
            (json!("Joe"), Some("`iss` is another")),
            (json!("joe/"), Some("`iss` is another")),
            (json!(""), Some("`iss` is another")),
            (json!(["joe"]), Some("`iss` to be a string")),
            (json!("absent"), Some("`iss` to be a string")),
        ],
    );
    check_claim(
        &rule(""),
        "aud",
        &[
            (json!("api"), None),
            (json!(["x", "other"]), None),
            (json!("API"), Some("`aud` names none of ours")),
            (json!("api2"), Some("`aud` names none of ours")),
            (json!([]), Some("`aud` names none of ours")),
            (json!(["api", 1]), Some("`aud` to be a string or a list")),
            (json!({ "api": true }), Some("`aud` to be a string or a list")),
            (json!("absent"), Some("`aud` to be a string or a list")),
        ],
    );
}

#[test]
fn an_id_is_taken_as_it_is_or_not_at_all() {
    let long = "x".repeat(257);
    check_claim(
        &rule(""),
        "sub",
        &[
            (json!("auth0|5f7c8ec7c33c6c004bbafe82"), None),
            (json!("Jürgen Müller"), None),
            (json!(""), Some("no id: expected one character")),
            (json!(long), Some("no id: expected at most 256 bytes")),
            (json!("a\nb"), Some("no id: expected no control character")),
            (json!(42), Some("`sub` to be a string")),
            (json!("absent"), Some("`sub` to be a string")),
            (json!(null), Some("`sub` to be a string")),
        ],
    );
    let nested =
        judged(&rule("claims: { id: /user/name }"), |claims| claims["user"] = json!({ "name": "you" }));
    assert_eq!(nested.map(|subject| subject.user.to_string()), Ok("you".to_owned()));
}

#[test]
fn an_id_can_begin_with_what_tells_its_issuer() {
    let partner = rule("claims: { id_prefix: 'partner|' }");
    let user = judged(&partner, |_| ()).map(|subject| subject.user.to_string());
    assert_eq!(user, Ok("partner|me".to_owned()));
    check_claim(
        &partner,
        "sub",
        &[
            (json!("x".repeat(256 - "partner%7C".len())), None),
            (json!("x".repeat(257 - "partner|".len())), Some("no id: expected at most 256 bytes")),
            (json!(""), Some("no id: expected one character")),
        ],
    );
}

#[test]
fn scopes_are_a_string_or_a_list_beside_those_of_the_rule() {
    let rule = rule("scopes: [base], claims: { scopes: permissions }");
    let granted =
        |value: Value| judged(&rule, |claims| claims["permissions"] = value).map(|subject| subject.scopes);
    for (value, expected) in [
        (json!("write read"), &["base", "read", "write"][..]),
        (json!(["write", "base", "write"]), &["base", "write"]),
        (json!(""), &["base"]),
        (json!([]), &["base"]),
        (json!(null), &["base"]),
    ] {
        assert_eq!(granted(value), Ok(scopes(expected)));
    }
    let many: Vec<String> = (0..64).map(|number| format!("s{number}")).collect();
    let expected = Some("`permissions` to be a string with spaces");
    check_claim(
        &rule,
        "permissions",
        &[
            (json!("absent"), None),
            (json!("a\tb"), Some("no scope: expected 1 to 64 visible")),
            (json!(["a b"]), Some("no scope")),
            (json!([""]), Some("no scope")),
            (json!(["x".repeat(65)]), Some("no scope")),
            (json!(many), Some("no set of scopes: expected at most 64 scopes, not 65")),
            (json!([1]), expected),
            (json!({ "read": true }), expected),
            (json!(7), expected),
        ],
    );
}

#[test]
fn organizations_are_a_string_a_list_or_a_mapping_to_scopes() {
    let mapped = rule("claims: { organizations: orgs }");
    let belongs = |rule: &JwtCredential, value: Value| {
        let subject = judged(rule, |claims| claims["orgs"] = value).expect("a subject");
        let text = |scope: &Scope| scope.as_str().to_owned();
        subject.memberships.map(|memberships| {
            let told = |scopes: &ScopeSet| scopes.iter().map(text).collect::<Vec<_>>().join("+");
            let each: Vec<String> =
                memberships.iter().map(|one| format!("{}:{}", one.organization, told(&one.scopes))).collect();
            each.join(" ")
        })
    };
    for (value, expected) in [
        (json!("acme"), "acme:"),
        (json!(["b", "a", "b"]), "a: b:"),
        (json!({ "b": "write read", "a": ["read"], "c": [] }), "a:read b:read+write c:"),
        (json!([]), ""),
        (json!(null), ""),
    ] {
        assert_eq!(belongs(&mapped, value), Some(expected.to_owned()));
    }
    // Where the rule maps no claim, the store knows.
    assert_eq!(belongs(&rule(""), json!("acme")), None);
    let many: Vec<String> = (0..65).map(|number| format!("o{number}")).collect();
    let expected = Some("`orgs` to be an organization, a list");
    check_claim(
        &mapped,
        "orgs",
        &[
            (json!("absent"), None),
            (json!(""), Some("no organization: expected one character")),
            (json!(["a", "x".repeat(257)]), Some("no organization: expected at most 256 bytes")),
            (json!(many), Some("no set of organizations: expected at most 64, not 65")),
            (json!({ "a": 1 }), Some("`orgs` to be a string with spaces")),
            (json!({ "a": { "id": 1 } }), Some("`orgs` to be a string with spaces")),
            (json!([["a"]]), expected),
            (json!(1), expected),
        ],
    );
}

#[test]
fn claims_become_headers_only_where_they_fit() {
    let rule = rule("claims: { headers: { x-email: email, x-age: /person/age } }");
    let headers = |email: Value, person: Value| {
        let subject = judged(&rule, |claims| {
            claims["email"] = email;
            claims["person"] = person;
        });
        let headers = subject.expect("a subject").headers.into_iter();
        headers.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(headers(json!("a@b.test"), json!({ "age": 7 })), "x-age=7 x-email=a@b.test");
    assert_eq!(headers(json!("ü 100%\r\nx: y"), json!({})), "x-email=%C3%BC%20100%25%0D%0Ax:%20y");
    assert_eq!(headers(json!(true), json!({ "age": 1.5 })), "x-age=1.5 x-email=true");
    assert_eq!(headers(json!(null), json!("none")), "");
    assert_eq!(headers(json!(""), json!(null)), "");
    check_claim(
        &rule,
        "email",
        &[
            (json!("x".repeat(256)), None),
            (json!("x".repeat(257)), Some("no value of a header: expected at most 256 bytes")),
            (json!("ü".repeat(43)), Some("not 258")),
            (json!(["a"]), Some("`email` to be a string, a number")),
            (json!({}), Some("`email` to be a string, a number")),
        ],
    );
}

#[test]
fn a_key_is_used_with_the_algorithm_it_is_for_and_the_rule_accepts() {
    let (signer, other) = (Signer::new(), Signer::new());
    let claims = json!({ "iss": "joe", "aud": "api", "sub": "me", "exp": NOW + 60 });
    let token = signer.token("k", &claims);
    let judge = |keys: Value, rule: &JwtCredential| verify(&token, &set(&keys), rule, at(NOW)).err();
    assert_eq!(judge(json!([signer.jwk("k"), other.jwk("j")]), &rule("")), None);
    assert_eq!(judge(json!([other.jwk("k")]), &rule("")), Some(TokenFault::Signature));
    assert_eq!(judge(json!([signer.jwk("j")]), &rule("")), Some(TokenFault::Key(KeyFault::Unknown)));
    let refused = judge(json!([signer.jwk("k")]), &rule("algorithms: [RS256]"));
    assert_eq!(
        refused.map(|fault| fault.to_string()),
        Some("the token has no key: `ES256` is not accepted".into())
    );
}
