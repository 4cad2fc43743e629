//! Issuers, and the files and variables that a fragment may name: it reads no secret that is not granted, whatever way
//! leads there.

use std::os::unix::{fs::symlink, net::UnixListener};

use crate::config::{Api, CredentialRule, Fragments, JwtCredential, JwtKeys, Loaded};

use super::{Team, in_force, unavailable};

const MAIN: &str = "include: apis.d/*.yaml
grants:
  pay:
    hosts: [pay.test]
    issuers: [https://login.test, 'https://keys.test:8443/of/pay', urn:pay]
    secrets: [secrets/pay, secrets/one.key, env:PAY_SECRET]
";

/// A fragment that accepts tokens, the issuer in line 5 and the keys in line 6.
fn tokens(issuer: &str, keys: &str) -> String {
    format!(
        "apis:
  - name: pay
    hosts: [pay.test]
    credentials: [{{ jwt: {{ audience: pay, from: [{{ header: {{ name: x-token }} }}],
        issuer: '{issuer}',
        keys: {keys} }} }}]
    routes: [{{ match: / }}]
"
    )
}

/// Keys of one team and of the server, and ways from these to those.
fn team() -> Team {
    let team = Team::new(MAIN, &[]);
    for (name, owner) in
        [("pay/key", "pay"), ("one.key", "pay"), ("server.key", "server"), ("pay-not/key", "other")]
    {
        team.write(&format!("secrets/{name}"), format!("a secret of {owner}, long enough for anything\n"));
    }
    for (link, target) in [("alias", "key"), ("out", "../server.key"), ("up", ".."), ("nowhere", "none")] {
        symlink(target, team.path(&format!("secrets/pay/{link}"))).expect("a link");
    }
    team
}

fn with_fragment(issuer: &str, keys: &str) -> Team {
    let team = team();
    team.write("apis.d/pay.yaml", tokens(issuer, keys));
    team
}

fn jwt(loaded: &Loaded) -> &JwtCredential {
    match loaded.config.apis.first().and_then(|api: &Api| api.credentials.first()) {
        Some(CredentialRule::Jwt(jwt)) => jwt,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_secret_is_read_from_where_it_is_granted() {
    let cases = [
        ("{ file: secrets/pay/key }", "a secret of pay"),
        ("{ file: ./secrets/./pay/../pay/key }", "a secret of pay"),
        ("{ file: secrets/pay/alias }", "a secret of pay"),
        ("{ file: secrets/one.key }", "a secret of pay"),
        ("{ env: PAY_SECRET }", "the secret of the team"),
    ];
    for (source, secret) in cases {
        let loaded = with_fragment("https://login.test", &format!("{{ secret: {source} }}"))
            .load(&Fragments::default());
        assert!(loaded.refused.is_empty(), "{source}: {:?}", loaded.errors());
        let JwtKeys::Secret(found) = &jwt(&loaded).keys else { panic!("no secret") };
        assert!(found.expose().starts_with(secret), "{source}");
    }
    let team = team();
    let absolute = team.path("secrets/pay/key");
    team.write(
        "apis.d/pay.yaml",
        tokens("urn:pay", &format!("{{ secret: {{ file: {} }} }}", absolute.display())),
    );
    team.check_refused(&[]);
}

#[test]
fn a_secret_that_is_not_granted_is_not_read() {
    let lists = "expected what `grants.pay.secrets` of doorward.yaml lists: `secrets/pay`, `secrets/one.key`, \
                 `env:PAY_SECRET`";
    let cases = [
        ("{ file: secrets/server.key }", format!("found secrets/server.key, {lists}")),
        ("{ file: secrets/pay/../server.key }", format!("found secrets/pay/../server.key, {lists}")),
        ("{ file: secrets/pay-not/key }", format!("found secrets/pay-not/key, {lists}")),
        ("{ file: secrets }", format!("found secrets, {lists}")),
        ("{ file: /etc/hostname }", format!("found /etc/hostname, {lists}")),
        (
            "{ file: secrets/pay/out }",
            format!("found secrets/pay/out, which leads to secrets/server.key, {lists}"),
        ),
        (
            "{ file: secrets/pay/up/server.key }",
            format!("found secrets/pay/up/server.key, which leads to secrets/server.key, {lists}"),
        ),
        (
            "{ file: secrets/pay/nowhere }",
            "found secrets/pay/nowhere, which cannot be read: No such file".to_owned(),
        ),
        (
            "{ file: secrets/pay/none }",
            "found secrets/pay/none, which cannot be read: No such file".to_owned(),
        ),
        ("{ file: secrets/pay }", "found secrets/pay, which is no regular file, expected one".to_owned()),
        ("{ file: secrets/pay/socket }", "found secrets/pay/socket, which is no regular file".to_owned()),
        ("{ env: SERVER_SECRET }", format!("found $SERVER_SECRET, {lists}")),
        ("{ env: PAY_SECRET_2 }", format!("found $PAY_SECRET_2, {lists}")),
    ];
    for (source, expected) in cases {
        let team = with_fragment("https://login.test", &format!("{{ secret: {source} }}"));
        let _socket = UnixListener::bind(team.path("secrets/pay/socket")).expect("a socket");
        let column = 25;
        team.check_refused(&[&format!(
            "apis.d/pay.yaml:6:{column}: apis[0].credentials[0].jwt.keys.secret: {expected}"
        )]);
    }
    let team = with_fragment("https://login.test", "{ file: secrets/server.key }");
    let expected = format!("apis[0].credentials[0].jwt.keys.file: found secrets/server.key, {lists}");
    team.check_refused(&[&format!("apis.d/pay.yaml:6:23: {expected}")]);
}

#[test]
fn an_issuer_is_granted_by_its_name_and_its_keys_by_their_scheme_host_and_port() {
    let jwks = |address: &str| format!("{{ jwks: '{address}' }}");
    let lists = "what `grants.pay.issuers` of doorward.yaml lists: `https://login.test`, \
                 `https://keys.test:8443/of/pay`, `urn:pay`";
    let keys = |found: &str| {
        format!(
            "6:15: apis[0].credentials[0].jwt.keys: found {found}, expected the scheme, host and port of {lists}"
        )
    };
    let cases = [
        ("https://login.test", jwks("https://login.test/jwks.json"), None),
        ("https://login.test", jwks("https://keys.test:8443/jwks.json"), None),
        (
            "urn:pay",
            "{ discovery: 'https://login.test:443/.well-known/openid-configuration' }".to_owned(),
            None,
        ),
        (
            "https://login.test/",
            jwks("https://login.test/jwks.json"),
            Some(format!(
                "5:17: apis[0].credentials[0].jwt.issuer: found \"https://login.test/\", expected {lists}"
            )),
        ),
        ("urn:pay", jwks("https://other.test/jwks.json"), Some(keys("https://other.test"))),
        ("urn:pay", jwks("https://login.test.other.test/"), Some(keys("https://login.test.other.test"))),
        ("urn:pay", jwks("https://login.test:8443/"), Some(keys("https://login.test:8443"))),
        (
            "urn:pay",
            "{ discovery: 'https://other.test/.well-known/openid-configuration' }".to_owned(),
            Some(keys("https://other.test")),
        ),
    ];
    for (issuer, keys, expected) in cases {
        let expected: Vec<String> =
            expected.map(|line| format!("apis.d/pay.yaml:{line}")).into_iter().collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        with_fragment(issuer, &keys).check_refused(&expected);
    }
}

#[test]
fn a_grant_without_issuers_and_secrets_gives_none() {
    let team = with_fragment("https://login.test", "{ secret: { env: PAY_SECRET } }");
    team.write("doorward.yaml", "include: apis.d/*.yaml\ngrants: { pay: { hosts: [pay.test] } }\n");
    let lists = "of doorward.yaml lists: nothing";
    team.check_refused(&[
        &format!("apis.d/pay.yaml:5:17: apis[0].credentials[0].jwt.issuer: found \"https://login.test\", expected what `grants.pay.issuers` {lists}"),
        &format!("apis.d/pay.yaml:6:25: apis[0].credentials[0].jwt.keys.secret: found $PAY_SECRET, expected what `grants.pay.secrets` {lists}"),
    ]);
    for (secret, expected) in [
        ("''", "found \"\", expected the path of a file"),
        ("'env:'", "found \"env:\", expected the name of an environment variable"),
        ("'env:PAY_*'", "found \"env:PAY_*\", expected the name of an environment variable"),
    ] {
        team.write("doorward.yaml", MAIN.replace("secrets/pay,", &format!("{secret},")));
        team.check_main(&[&format!("doorward.yaml:6:15: grants.pay.secrets[0]: {expected}")]);
    }
}

#[test]
fn a_last_good_version_ends_with_the_grant_of_its_issuer_or_secret() {
    let cases = [
        ("{ secret: { file: secrets/pay/key } }", "https://login.test, ", true),
        ("{ secret: { file: secrets/pay/key } }", "secrets/pay, ", true),
        ("{ secret: { file: secrets/pay/key } }", "secrets/one.key, ", false),
        ("{ secret: { env: PAY_SECRET } }", ", env:PAY_SECRET", true),
        ("{ secret: { env: PAY_SECRET } }", "secrets/pay, ", false),
        ("{ jwks: 'https://keys.test:8443/' }", "'https://keys.test:8443/of/pay', ", true),
    ];
    for (keys, taken_away, ends) in cases {
        let team = with_fragment("https://login.test", keys);
        let good = team.load(&Fragments::default());
        assert!(good.refused.is_empty(), "{keys}");
        team.write("apis.d/pay.yaml", "");
        assert_eq!(in_force(&team.load(&good.fragments)), ["pay: pay.test"], "{keys}");
        let main = MAIN.replacen(taken_away, "", 1);
        assert_ne!(main, MAIN);
        team.write("doorward.yaml", main);
        let loaded = team.load(&good.fragments);
        assert_eq!(unavailable(&loaded).len(), usize::from(ends), "{keys} without {taken_away}");
        assert_eq!(in_force(&loaded).len(), usize::from(!ends), "{keys} without {taken_away}");
    }
    let team = with_fragment("https://login.test", "{ file: secrets/pay/key }");
    let good = team.load(&Fragments::default());
    std::fs::rename(team.path("secrets/pay/out"), team.path("secrets/pay/key")).expect("a link");
    assert_eq!(unavailable(&team.load(&good.fragments)), ["pay.test: pay"], "it leads elsewhere now");
}

#[test]
fn a_changed_secret_is_a_changed_configuration_and_so_is_one_that_appears() {
    let team = with_fragment("https://login.test", "{ secret: { file: secrets/pay/later } }");
    let refused = team.load(&Fragments::default());
    assert_eq!((refused.refused.len(), refused.files_now()), (1, refused.files.clone()));
    team.write("secrets/pay/later", "the first secret, long enough for anything");
    assert_ne!(refused.files_now(), refused.files, "it appeared");
    let good = team.load(&refused.fragments);
    assert_eq!((good.refused.len(), good.files_now()), (0, good.files.clone()));
    team.write("secrets/pay/later", "the second secret, long enough for anything");
    assert_ne!(good.files_now(), good.files, "it changed");

    // In the main file, where it is missed until it appears.
    let main = tokens("https://login.test", "{ secret: { file: secrets/main } }");
    let team = Team::new(&main, &[]);
    let errors = team.try_load(&Fragments::default()).expect_err("there is no secret");
    let seen = errors.files().clone();
    assert!(seen.paths().any(|path| path.ends_with("secrets/main")), "{seen:?}");
}

#[test]
fn a_signature_needs_the_sealing_of_the_main_file_and_its_risks_are_told_with_their_file() {
    let signature = "apis:
  - name: pay
    hosts: [pay.test]
    credentials: [{ signature: {
        project: { header: x-project }, timestamp: { header: x-timestamp }, signature: { header: x-signature },
        signed: '{timestamp}' } }]
    routes: [{ match: / }]
";
    let team = team();
    team.write("apis.d/pay.yaml", signature);
    let need = "apis.d/pay.yaml:4:32: apis[0].credentials[0].signature: found a signature, expected `sealing` to be configured in the main file";
    team.check_refused(&[need]);

    team.write(
        "doorward.yaml",
        format!("sealing: {{ current: k1, keys: {{ k1: {{ file: k1.key }} }} }}\n{MAIN}"),
    );
    team.write("k1.key", "0".repeat(64));
    let loaded = team.load(&Fragments::default());
    let warnings: Vec<String> = loaded.warnings.lines().collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let expected =
        "apis.d/pay.yaml:6:17: warning: apis[0].credentials[0].signature.signed: found no `{body}`";
    assert!(warnings[0].contains(expected), "{warnings:?}");
    assert!(
        loaded.files.paths().any(|path| path.ends_with("k1.key")),
        "a changed key is a changed configuration"
    );
}
