//! Who may administer, as the configuration says it.

use std::{fs, path::Path};

use super::*;
use crate::{
    config::{
        Config, Fragments, JwtKeys, Loaded,
        tests::{api, check, config, problems},
    },
    domain::Role,
};

/// A configuration whose administrators stand in line 6.
fn with(administrators: &str) -> String {
    format!("{}administrators: [{administrators}]\n", api(&[]))
}

fn sign_in(more: &str) -> String {
    let usual = "issuer: 'https://login.test', audience: doorward, keys: { jwks: 'https://login.test/jwks' }";
    format!("{}sign_in: [{{ {usual}, {more} }}]\n", api(&[]))
}

#[test]
fn every_field_can_be_set() {
    let text = with(
        "{ name: ada, role: owner, tokens: [{ env: KEY }, 'sha256:AA00000000000000000000000000000000000000000000000000000000000000'] }, \
         { name: ci@one, role: editor, certificates: [CI.test, 'spiffe://a.test/CI'], apis: [one], organization: acme, scopes: [read] }",
    );
    let [ada, ci] = config(&text).administrators.try_into().expect("two");
    assert_eq!(
        (ada.name.as_str(), ada.standing.role, ada.standing.reach.is_confined()),
        ("ada", Role::Owner, false)
    );
    let hashes: Vec<CredentialHash> = ada.tokens.iter().map(|token| token.hash).collect();
    assert_eq!(hashes[0], CredentialHash::of(&"0".repeat(64)));
    assert_eq!(hashes[1].as_bytes()[..2], [0xaa, 0]);
    assert_eq!(ci.certificates, ["ci.test", "spiffe://a.test/CI"]);
    let reach = ci.standing.reach;
    assert_eq!(reach.apis.expect("some").len(), 1);
    assert_eq!(reach.organization.expect("one").as_str(), "acme");
    assert_eq!(reach.scopes.len(), 1);
}

#[test]
fn what_is_wrong_is_told() {
    let token = "tokens: [{ env: KEY }]";
    let cases = [
        (
            format!("{{ name: a b, role: owner, {token} }}"),
            "[0].name: found \"a b\", expected 1 to 64 letters",
        ),
        (format!("{{ name: a, role: admin, {token} }}"), "[0].role: found \"admin\", expected"),
        ("{ name: a, role: owner }".to_owned(), "[0]: found neither `tokens` nor `certificates`"),
        (
            format!("{{ name: a, role: owner, {token}, scopes: [read] }}"),
            "[0].scopes: found scopes, expected none",
        ),
        (format!("{{ name: a, role: owner, {token}, apis: [] }}"), "[0].apis: found an empty list"),
        (
            format!("{{ name: a, role: owner, {token}, apis: [two] }}"),
            "[0].apis[0]: found `two`, expected the name",
        ),
        (
            format!("{{ name: a, role: owner, {token} }}, {{ name: a, role: viewer, certificates: [a] }}"),
            "[1].name: found `a` again",
        ),
        (
            format!("{{ name: a, role: owner, {token} }}, {{ name: b, role: viewer, {token} }}"),
            "[1].tokens: found a token of `a`",
        ),
        (
            "{ name: a, role: owner, certificates: [A] }, { name: b, role: viewer, certificates: [a] }"
                .to_owned(),
            "[1].certificates: found a name of `a`",
        ),
        (
            "{ name: a, role: owner, certificates: ['*.a.test'] }".to_owned(),
            "[0].certificates[0]: found \"*.a.test\", expected a name such as",
        ),
        (
            "{ name: a, role: owner, tokens: ['hunter2hunter2hunter2hunter2hunter2'] }".to_owned(),
            "[0].tokens[0]: found 35 characters, expected `sha256:`",
        ),
        (
            "{ name: a, role: owner, tokens: [{ env: NONE }] }".to_owned(),
            "[0].tokens[0]: found $NONE, which is not set",
        ),
    ];
    for (administrators, expected) in cases {
        let found = problems(&with(&administrators));
        let place = format!("administrators{expected}");
        assert!(found.len() == 1 && found[0].contains(&place), "{administrators}\nfound {found:?}");
    }
    check(&with(""), &["6:17 administrators: found an empty list"]);
}

#[test]
fn a_token_is_long_enough_and_fits_into_a_header() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    let text = with(&format!("{{ name: a, role: owner, tokens: [{{ file: {} }}] }}", path.display()));
    let good = "t".repeat(32);
    for (token, expected) in [
        (good.clone(), None),
        (format!("{good}\n"), None),
        ("t".repeat(31), Some("found 31 characters in ")),
        (format!("{good} {good}"), Some("found other than visible ASCII characters in ")),
        (format!("{good}ü"), Some("found other than visible ASCII characters in ")),
    ] {
        fs::write(&path, &token).expect("a file");
        let found = problems(&text);
        let agree = found.len() == usize::from(expected.is_some())
            && found.iter().all(|problem| problem.contains(expected.unwrap_or_default()));
        assert!(agree && !found.concat().contains("ttt"), "{token}: {found:?}");
    }
}

#[test]
fn no_token_is_shown_and_a_changed_file_is_a_changed_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let (token, file) = (folder.path().join("token"), folder.path().join("doorward.yaml"));
    let secret = "hunter2".repeat(6);
    fs::write(&token, &secret).expect("a file");
    fs::write(&file, with("{ name: a, role: owner, tokens: [{ file: token }] }")).expect("a file");
    let load = || -> Loaded { Config::load(&file, &[], &Fragments::default()).expect("good") };
    let loaded = load();
    let shown = format!("{:?}{}", loaded.config, loaded.to_yaml().expect("YAML"));
    assert!(shown.contains("token") && !shown.contains(&secret), "{shown}");
    fs::write(&token, secret + "!").expect("a file");
    assert!(loaded.files_now() != loaded.files);
    assert_ne!(
        load().config.administrators[0].tokens[0].hash,
        loaded.config.administrators[0].tokens[0].hash
    );
}

#[test]
fn people_sign_in_by_their_groups() {
    let roles = "roles: { platform: owner, 'a b': { role: editor, apis: [one], scopes: [read] } }";
    let [plain] = config(&sign_in(roles)).sign_in.try_into().expect("one");
    assert_eq!((plain.groups.as_str(), plain.name.is_none()), ("groups", true));
    assert_eq!(
        (plain.tokens.issuer.as_str(), plain.tokens.audiences[0].as_str()),
        ("https://login.test", "doorward")
    );
    assert!(matches!(plain.tokens.keys, JwtKeys::Jwks(_)));
    let [(spaced, confined), (platform, owner)] = plain.roles.try_into().expect("two");
    assert_eq!((spaced.as_str(), platform.as_str()), ("a b", "platform"));
    assert_eq!((owner.role, owner.reach.is_confined()), (Role::Owner, false));
    assert!(confined.role == Role::Editor && confined.reach.is_confined());
    let [named] = config(&sign_in(&format!("groups: /realm/roles, name: login, {roles}")))
        .sign_in
        .try_into()
        .expect("one");
    assert_eq!((named.groups.as_str(), named.name.expect("one").as_str()), ("/realm/roles", "login"));
}

#[test]
fn what_is_wrong_with_signing_in_is_told() {
    for (more, expected) in [
        ("roles: {}", "6:113 sign_in[0].roles: found no group"),
        ("roles: { a: root }", "6:118 sign_in[0].roles.a: found \"root\", expected"),
        ("roles: { a: { apis: [one] } }", "6:118 sign_in[0].roles.a: found no field `role`"),
        ("roles: { a: { role: owner, apis: [two] } }", "6:140 sign_in[0].roles.a.apis[0]: found `two`"),
        ("roles: { a: { role: owner, scopes: [r] } }", "6:141 sign_in[0].roles.a.scopes: found scopes"),
    ] {
        check(&sign_in(more), &[expected]);
    }
    let twice = sign_in("roles: { a: owner }").replace("owner } }]", "owner } }, { issuer: 'https://login.test', audience: b, keys: { jwks: 'https://b.test' }, roles: { a: owner } }]");
    assert!(problems(&twice)[0].contains("sign_in[1].issuer: found `https://login.test` again"), "{twice}");
}

#[test]
fn a_listener_that_nobody_could_use_is_refused() {
    let tls = "{ address: 0.0.0.0:1, tls: { certificate: a, key: b } }";
    let with_ca = "{ address: 0.0.0.0:1, tls: { certificate: a, key: b, client_ca: c } }";
    let by_token = with("{ name: a, role: owner, tokens: [{ env: KEY }] }");
    let by_certificate = with("{ name: a, role: owner, certificates: [a] }");
    let by_sign_in = sign_in("roles: { a: owner }");
    for (text, listener, good) in [
        (api(&[]), "unix:a", true),
        (api(&[]), "127.0.0.1:1", false),
        (api(&[]), with_ca, false),
        (by_token, "127.0.0.1:1", true),
        (by_certificate.clone(), "127.0.0.1:1", false),
        (by_certificate.clone(), tls, false),
        (by_certificate, with_ca, true),
        (by_sign_in, "127.0.0.1:1", true),
    ] {
        let found = problems(&format!("{text}listen: {{ admin: {listener} }}\n"));
        let told = found
            .iter()
            .all(|problem| problem.contains("listen.admin: found") && problem.contains("nobody could use"));
        assert!(told && found.is_empty() == good, "{text}{listener}\n{found:?}");
    }
}

#[test]
fn an_api_of_a_fragment_may_come_and_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("doorward.yaml");
    fs::create_dir(folder.path().join("apis.d")).expect("a folder");
    let main = with("{ name: a, role: owner, tokens: [{ env: KEY }], apis: [team] }")
        + "include: apis.d/*.yaml\ngrants: { team: { hosts: [team.test] } }\n";
    fs::write(&file, main).expect("a file");
    let env = [("KEY".to_owned(), "0".repeat(64))];
    let warnings = |file: &Path| {
        let loaded =
            Config::load(file, &env, &Fragments::default()).unwrap_or_else(|errors| panic!("{errors}"));
        loaded.warnings.lines().collect::<Vec<_>>()
    };
    let [warning] = warnings(&file).try_into().expect("one");
    assert!(
        warning.contains(
            "administrators[0].apis[0]: found `team`, which is no API as long as no fragment has it"
        )
    );
    let fragment = "apis: [{ name: team, hosts: [team.test], routes: [{ match: /, public: true }] }]\n";
    fs::write(folder.path().join("apis.d/team.yaml"), fragment).expect("a file");
    assert!(warnings(&file).iter().all(|warning| !warning.contains("administrators")));
}
