//! Files, store, listeners.

use std::{
    fs::Permissions,
    os::unix::{fs::PermissionsExt, net::UnixListener},
};

use jiff::SignedDuration;
use rand::{SeedableRng, rngs::StdRng};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};

use crate::{
    admin::{NewSecret, Secrets},
    check::authn::jwks::Inquired,
    config::CredentialRule,
    domain::{Author, CredentialHash, KeyKind, KeyRecord, ScopeSet},
    store::{KeyStore, SqlStore},
};

use super::*;

pub(super) fn key(number: u32, edit: impl FnOnce(&mut KeyRecord)) -> KeyRecord {
    let mut record = KeyRecord {
        id: format!("key_{number}").parse().expect("an id"),
        hash: CredentialHash::of(&format!("sk_live_{number}")),
        hint: "sk_live_...".parse().expect("a hint"),
        name: "CI".to_owned(),
        kind: KeyKind::ApiKey,
        apis: vec!["one".parse().expect("a name")],
        organization: "acme".parse().expect("an id"),
        project: None,
        environment: None,
        scopes: ScopeSet::default(),
        plan: None,
        sources: Vec::new(),
        created: parse_moment("2029-12-01").expect("a moment"),
        expires: None,
        revoked: None,
        rotated_from: None,
        labels: std::collections::BTreeMap::new(),
        lineage: format!("key_{number}").parse().expect("an id"),
    };
    edit(&mut record);
    record
}

impl Scene {
    pub(super) async fn store(&self, keys: &[KeyRecord]) {
        let store =
            SqlStore::open_file(&self.path("doorward.db"), SqlStore::PATIENCE).await.expect("a store");
        store.insert(keys, &Author::on_the_store(0)).await.expect("new keys");
        store.close().await;
    }

    /// The lines about this check, with the scene's folder as `~`.
    pub(super) async fn told(&self, text: &str, check: &str) -> Vec<String> {
        let folder = self.folder.path().display().to_string();
        let lines = lines(&self.findings(text).await, check);
        lines.into_iter().map(|line| line.replace(&folder, "~")).collect()
    }
}

#[tokio::test]
async fn where_all_is_well_every_line_says_ok() {
    let scene = Scene::new();
    scene.store(&[key(1, |_| ())]).await;
    let findings = scene.findings(&api(&[])).await;
    let folder = scene.folder.path().display().to_string();
    let table = render(&findings, Output::Table).expect("a table").replace(&folder, "~");
    let expected = "\
ok           doorward.yaml: APIs: 1, routes: 1, fragments: 0
ok           files with secrets: 1, none open to others
ok           sqlite:~/doorward.db: schema 9, can be read and written to
ok           keys: 1 (active: 1, expired: 0, revoked: 0)
ok           listen.check unix:~/check.sock: nobody listens there: a server could";
    assert_eq!(table, expected);
    let json: serde_json::Value =
        serde_json::from_str(&render(&findings, Output::Json).expect("JSON")).expect("JSON");
    assert_eq!(
        json["findings"][0],
        json!({ "level": "ok", "check": "configuration", "place": "doorward.yaml", "found": "APIs: 1, routes: 1, fragments: 0" })
    );
}

#[test]
fn the_worst_level_decides_how_the_command_ends() {
    let levels = [Level::Ok, Level::Info, Level::Warning, Level::Failed, Level::Unreachable, Level::Refused];
    assert!(levels.is_sorted());
    let exits = levels.map(Level::exit);
    let expected =
        [Exit::Success, Exit::Success, Exit::Success, Exit::Failure, Exit::Unreachable, Exit::Usage];
    assert_eq!(exits, expected);
}

#[tokio::test]
async fn a_refused_fragment_is_told_with_its_mistakes() {
    let scene = Scene::new();
    scene.file("apis.d/team.yaml", "apis: [{ name: two, hosts: [b.test], routes: [] }]\n");
    let text = api(&[]) + "include: apis.d/*.yaml\ngrants: { team: { hosts: [b.test] } }\n";
    let told = scene.told(&text, "configuration").await;
    assert!(told[1].starts_with("refused      ~/apis.d/team.yaml: the fragment is refused: "), "{told:?}");
    assert!(told[1].contains("apis[0].routes: "), "{told:?}");
}

#[tokio::test]
async fn a_store_that_cannot_be_used_is_told() {
    let scene = Scene::new();
    let missing = ["info         sqlite:~/doorward.db: it is not there yet: the first start makes it"];
    assert_eq!(scene.told(&api(&[]), "store").await, missing);
    assert!(!scene.path("doorward.db").exists());

    let nowhere = api(&[]) + "store: sqlite:/none/keys.db\n";
    let told = scene.told(&nowhere, "store").await;
    assert!(told[0].starts_with("unreachable  sqlite:/none/keys.db: the store is unavailable: "), "{told:?}");

    scene.file(
        "doorward.db",
        "no database, but a text that is long enough to be looked at, and then some more of it",
    );
    let told = scene.told(&api(&[]), "store").await;
    assert!(told[0].contains("it is not an SQLite database"), "{told:?}");
}

#[tokio::test]
async fn keys_that_need_somebody_are_told() {
    let scene = Scene::new();
    let at = |text: &str| parse_moment(text).expect("a moment");
    scene
        .store(&[
            key(1, |key| key.created = at("2029-10-03")),
            key(2, |key| key.created = at("2029-10-04")),
            key(3, |key| key.expires = Some(at("2029-12-31"))),
            key(4, |key| key.revoked = Some(at("2029-12-31"))),
            key(5, |key| key.apis = vec!["gone".parse().expect("a name"), "one".parse().expect("a name")]),
            key(6, |key| key.created = at("2030-01-02")),
        ])
        .await;
    let text = api(&[]);
    assert_eq!(scene.told(&text, "keys").await, ["ok           keys: 6 (active: 4, expired: 1, revoked: 1)"]);
    assert_eq!(
        scene.told(&text, "key_age").await,
        [
            "warning      keys: 1 are older than 90 days. `doorward keys list --older-than 90d` lists them; `doorward keys rotate` replaces one."
        ]
    );
    assert_eq!(
        scene.told(&text, "key_api").await,
        [
            "warning      keys: the configuration has no API `gone`, which 1 working keys are for. Revoke them (`doorward keys list` lists them), or bring `gone` back."
        ]
    );
    let told = scene.told(&text, "clock").await;
    assert!(
        told[0].starts_with("warning      this machine's clock: the key key_6 was created at 2030-01-02"),
        "{told:?}"
    );
}

#[tokio::test]
async fn files_that_others_may_read_are_told() {
    let scene = Scene::new();
    scene.store(&[]).await;
    let secret = scene.file("jwt.secret", "0123456789abcdef0123456789abcdef");
    std::fs::set_permissions(&secret, Permissions::from_mode(0o640)).expect("a mode");
    for file in ["redis.password", "redis.key"] {
        std::fs::set_permissions(scene.file(file, "s3cr3t"), Permissions::from_mode(0o640)).expect("a mode");
    }
    let text = api(&[
        "credentials: [{ jwt: { issuer: i, audience: a, keys: { secret: { file: jwt.secret } }, from: [{ header: { name: x-token } }] } }]",
    ]) + "counters: { url: 'rediss://a', password: { file: redis.password }, tls: { certificate: redis.crt, key: redis.key } }\n";
    assert_eq!(
        scene.told(&text, "file_mode").await,
        ["ok           files with secrets: 4, none open to others"]
    );
    for file in ["jwt.secret", "redis.password", "redis.key"] {
        std::fs::set_permissions(scene.path(file), Permissions::from_mode(0o604)).expect("a mode");
    }
    std::fs::set_permissions(scene.path("doorward.db"), Permissions::from_mode(0o644)).expect("a mode");
    let expected = ["doorward.db", "jwt.secret", "redis.key", "redis.password"].map(|file| {
        format!(
            "warning      ~/{file}: everybody on this machine may read it. Close it: `chmod o-rwx ~/{file}`."
        )
    });
    assert_eq!(scene.told(&text, "file_mode").await, expected);
}

#[tokio::test]
async fn addresses_that_cannot_be_listened_on_are_told() {
    let scene = Scene::new();
    let foreign = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = foreign.local_addr().expect("an address").port();
    scene.file("file.sock", "");
    drop(UnixListener::bind(scene.path("dead.sock")).expect("a socket"));
    let text = api(&[]).replace(
        "\"unix:check.sock\"",
        &format!("127.0.0.1:{port}, unix:file.sock, unix:dead.sock, unix:none/check.sock, {{ address: 192.0.2.1:1, insecure: true }}"),
    );
    // The other side hangs up at once: no HTTP/2.
    let hanging_up = tokio::task::spawn_blocking(move || drop(foreign.accept()));
    let told = scene.told(&text, "listener").await;
    hanging_up.await.expect("somebody asked");
    let expected = [
        format!("failed       listen.check 127.0.0.1:{port}: somebody else listens there: it "),
        "failed       listen.check: cannot listen on unix:~/file.sock: a file that is no socket stands there. ".to_owned(),
        "ok           listen.check unix:~/dead.sock: a socket that nobody answers".to_owned(),
        "failed       listen.check: cannot listen on unix:~/none/check.sock: No such file or directory (os error 2). Create the folder".to_owned(),
        "failed       listen.check: cannot listen on 192.0.2.1:1: ".to_owned(),
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(&expected), "{told}\n{expected}");
    }
}

#[tokio::test]
async fn certificates_are_told_with_their_end() {
    let scene = Scene::new();
    let text = api(&[]).replace(
        "\"unix:check.sock\"",
        "{ address: 127.0.0.1:0, tls: { certificate: tls.crt, key: tls.key, client_ca: ca.crt } }",
    );
    let told = scene.told(&text, "certificate").await;
    assert!(told[0].contains("tls.client_ca: ~/ca.crt: "), "{told:?}");
    let pem = |name: &str, (year, month, day), is_authority: bool| {
        let mut params = CertificateParams::new(vec!["a.test".to_owned()]).expect("a name");
        params.not_after = date_time_ymd(year, month, day);
        if is_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        scene.file(&format!("{name}.crt"), &certificate.pem());
        scene.file(&format!("{name}.key"), &key.serialize_pem());
    };
    pem("ca", (2029, 12, 31), true);
    pem("tls", (2030, 1, 30), false);
    assert_eq!(
        scene.told(&text, "certificate").await,
        [
            "warning      ~/tls.crt: a certificate ends in 29 days, at 2030-01-30T00:00:00Z. Replace the file: a running server reads it again.",
            "failed       ~/ca.crt: a certificate ended at 2029-12-31T00:00:00Z. Replace the file: a running server reads it again.",
        ]
    );
    pem("ca", (2031, 1, 1), true);
    pem("tls", (2031, 1, 1), false);
    let told = scene.told(&text, "certificate").await;
    assert_eq!(told[0], "ok           ~/tls.crt: a certificate, good until 2031-01-01T00:00:00Z");
    scene.file("tls.key", "");
    let told = scene.told(&text, "certificate").await;
    assert!(told[0].starts_with("failed       127.0.0.1:0: listen.check: tls.key: ~/tls.key: "), "{told:?}");
}

#[tokio::test]
async fn issuers_are_told_with_their_keys() {
    let scene = Scene::new();
    let jwk = json!({ "kty": "oct", "kid": "a", "k": "A".repeat(86) });
    let set = |keys: serde_json::Value| json!({ "keys": keys }).to_string();
    scene.file("good.json", &set(json!([jwk, { "kty": "none" }])));
    scene.file("bad.json", &set(json!([{ "kty": "none" }])));
    // Nobody listens on the port of a listener that is gone.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let issuer = |name: &str, keys: &str| {
        format!(
            "\n      - {{ jwt: {{ issuer: {name}, audience: a, keys: {keys}, from: [{{ header: {{ name: x-token }} }}] }} }}"
        )
    };
    let credentials = [
        issuer("good", "{ file: good.json }"),
        issuer("bad", "{ file: bad.json }"),
        issuer("private", &format!("{{ jwks: 'https://{gone}/' }}")),
        issuer("gone", &format!("{{ jwks: {{ url: 'https://{gone}/', private_addresses: allow }} }}")),
    ];
    let told = scene.told(&api(&[&format!("credentials:{}", credentials.concat())]), "issuer").await;
    let expected = [
        "ok           one, issuer good: keys: 1, and 1 that cannot be used",
        "failed       one, issuer bad: the file's key set cannot be used: found no key that can be used; of the first, its type",
        "failed       one, issuer private: the host has an address that is not public",
        "unreachable  one, issuer gone: the server did not answer: ",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n{expected}");
    }
}

#[test]
fn an_issuer_s_clock_is_compared_with_ours() {
    let scene = Scene::new();
    let text = api(&[
        "credentials: [{ jwt: { issuer: i, audience: a, keys: { jwks: 'https://i.test/' }, leeway: 1m, from: [{ header: { name: x-token } }] } }]",
    ]);
    let config = scene.load(&text).config;
    let Some(CredentialRule::Jwt(rule)) = config.apis[0].credentials.first() else { panic!("no token") };
    for (behind, level, seconds) in [
        (0, Level::Ok, 0),
        (5, Level::Ok, 5),
        (-6, Level::Warning, 6),
        (60, Level::Warning, 60),
        (-61, Level::Failed, 61),
    ] {
        let date = scene.now.checked_add(SignedDuration::from_secs(behind)).expect("a moment");
        let inquired = Inquired { count: 1, skipped: 0, date: Some(date) };
        let told = issuers::describe("i", rule, Ok(inquired), scene.now);
        assert_eq!(told[1].level, level);
        assert_eq!(
            told[1].found,
            format!("its clock and this machine's are {seconds} s apart (`leeway`: 60 s)")
        );
    }
}

#[tokio::test]
async fn secrets_that_cannot_be_opened_are_told() {
    let scene = Scene::new();
    let text = api(&[]);
    let at_first = scene.load(&text).config;
    let path = scene.path("doorward.db");
    let store = SqlStore::open_file(&path, SqlStore::PATIENCE).await.expect("a store");
    let mut rng = StdRng::seed_from_u64(1);
    let signed = api(&[
        "credentials: [{ signature: { project: { header: x-p }, timestamp: { header: x-t }, signature: { header: x-s }, signed: '{timestamp}.{body}' } }]",
    ]);
    let apis = scene.load(&signed).config.apis;
    let clock = ManualClock::at(scene.now);
    let secrets = Secrets::new(&store, &apis, at_first.sealing.as_ref(), &clock);
    for project in ["apollo", "gemini"] {
        let secret = NewSecret {
            api: "one".parse().expect("a name"),
            project: project.parse().expect("an id"),
            organization: "acme".parse().expect("an id"),
            secret: None,
            expires: None,
        };
        secrets.create(secret, &mut rng, &Author::on_the_store(0)).await.expect("a new secret");
    }
    store.close().await;
    assert_eq!(scene.told(&text, "secrets").await, ["ok           secrets of projects: 2 work"]);
    assert_eq!(scene.told(&text, "sealing").await, Vec::<String>::new());

    scene.file("k2", &"ff".repeat(32));
    let both = text.replace("current: k1, keys: {", "current: k2, keys: { k2: { file: k2 },");
    assert_eq!(
        scene.told(&both, "sealing").await,
        [
            "info         secrets of projects: 2 are sealed under another key than `k2`. `doorward secrets reseal` seals them anew."
        ]
    );
    let lost = text.replace(
        "current: k1, keys: { k1: { env: SEALING_KEY } }",
        "current: k2, keys: { k2: { file: k2 } }",
    );
    assert_eq!(
        scene.told(&lost, "secrets").await[1],
        "failed       secrets of projects: 2 cannot be opened: its sealing key `k1` is not configured. Bring the key back, or make new secrets for these projects."
    );
    let other = text.replace("{ env: SEALING_KEY }", "{ file: k2 }");
    assert!(
        scene.told(&other, "secrets").await[1]
            .contains("2 cannot be opened: its sealing key `k1` does not open it")
    );
    let none = text.replace("sealing: { current: k1, keys: { k1: { env: SEALING_KEY } } }", "");
    assert!(
        scene.told(&none, "secrets").await[0].starts_with("failed       secrets of projects: 2 work, and")
    );
}
