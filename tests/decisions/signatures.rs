//! Requests signed with the secret of a project.

use aws_lc_rs::{digest, hmac};
use base64::{Engine, engine::general_purpose::STANDARD};
use doorward::{
    config::Config,
    domain::{SealedSecret, SealingKeys, SecretOwner, SecretRecord, Timestamp},
    store::{SecretFilter, SecretStore},
};
use rand::{SeedableRng, rngs::StdRng};

use crate::door::{Call, Door, NOW, SEALING_KEY, allowed, denied, reason};

const CONFIG: &str = r#"
sealing: { current: k1, keys: { k1: { env: SEALING_KEY } } }
apis:
  - name: ingest
    hosts: [ingest.example]
    credentials: &ingest
      - signature:
          project: { header: X-Project }
          timestamp: { header: X-Timestamp }
          signature: { header: X-Signature, prefix: "sha256=" }
          signed: "{timestamp}.{body}"
          scopes: [ingest]
    routes:
      - { match: /ingest, scopes: [ingest] }
      - { match: /admin, scopes: [admin] }
  - name: eu
    hosts: [eu.ingest.example]
    credentials: *ingest
    routes: [{ match: /ingest }]
  - name: strict
    hosts: [strict.example]
    credentials:
      - signature:
          project: { header: X-Project }
          timestamp: { header: X-Timestamp, tolerance: 10s }
          signature: { header: X-Signature, encoding: base64 }
          signed: "{method}\n{path}\n{host}\n{project}\n{header:X-Request-Id}\n{timestamp}\n{body_sha256}"
          once: false
    routes: [{ match: /** }]
  - name: heads
    hosts: [heads.example]
    credentials:
      - signature:
          project: { header: X-Project }
          timestamp: { header: X-Timestamp }
          signature: { header: X-Signature }
          signed: "{timestamp}{method}{path}"
    routes: [{ match: /** }]
"#;

const SECRET: &str = "a secret of more than 16 bytes";

/// A door with secrets behind it.
struct Scene {
    door: Door,
    keys: SealingKeys,
}

/// What a client says of itself.
#[derive(Debug, Clone)]
struct Client {
    project: &'static str,
    secret: &'static str,
    /// Seconds from the time of the clock.
    skew: i64,
}

const APOLLO: Client = Client { project: "apollo", secret: SECRET, skew: 0 };

impl Scene {
    async fn new() -> Self {
        Self { door: Door::with(CONFIG).await, keys: keys("k1") }
    }

    /// The same, with a secret of the project `apollo`.
    async fn with_apollo() -> Self {
        let scene = Self::new().await;
        for api in ["ingest", "strict", "heads"] {
            scene.secret(api, "apollo", SECRET, |_| ()).await;
        }
        scene
    }

    /// Puts a secret into the store, changed as the test wants it.
    async fn secret(&self, api: &str, project: &str, secret: &str, edit: impl FnOnce(&mut SecretRecord)) {
        let mut record = SecretRecord {
            id: format!("secret_{api}_{project}_{}", secret.len()).parse().expect("an id"),
            api: api.parse().expect("a name"),
            organization: "acme".parse().expect("an id"),
            project: project.parse().expect("an id"),
            sealed: SealedSecret { key: "k1".parse().expect("a name"), bytes: Vec::new() },
            created: Timestamp::UNIX_EPOCH,
            expires: None,
            revoked: None,
            rotated_from: None,
        };
        let owner = record.owner();
        record.sealed =
            self.keys.seal(secret.as_bytes(), owner, &mut StdRng::seed_from_u64(1)).expect("sealed");
        edit(&mut record);
        self.door.store.insert_secret(&record).await.expect("a new secret");
    }

    async fn check(&self, cases: &[(&str, Call, &str)]) {
        for (name, call, expected) in cases {
            let cause = self.door.cause(call).await;
            assert!(cause.starts_with(expected), "{name}\nfound {cause}\nexpected {expected}");
        }
    }
}

/// The sealing key of the configuration, under this name.
fn keys(name: &str) -> SealingKeys {
    let name: doorward::domain::SealingKeyId = name.parse().expect("a name");
    let key = SEALING_KEY.parse().expect("a key");
    SealingKeys::new(name.clone(), [(name, key)].into()).expect("keys")
}

fn mac(secret: &str, signed: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, signed).as_ref().to_vec()
}

impl Client {
    fn timestamp(&self) -> String {
        let now: Timestamp = NOW.parse().expect("a moment");
        (now.as_second() + self.skew).to_string()
    }

    /// A request to `ingest` whose MAC stands over `signed`, written so.
    fn ingest(&self, body: &[u8], signature: impl FnOnce(&str) -> String) -> Call {
        let signed = [self.timestamp().as_bytes(), b".", body].concat();
        let mac = hex::encode(mac(self.secret, &signed));
        self.headers(Call::new("POST", "ingest.example", "/ingest"), &signature(&mac))
    }

    /// The request that `ingest` wants.
    fn sign(&self, body: &[u8]) -> Call {
        self.ingest(body, |mac| format!("sha256={mac}")).body(body)
    }

    fn headers(&self, call: Call, signature: &str) -> Call {
        call.header("x-project", self.project)
            .header("x-timestamp", self.timestamp())
            .header("x-signature", signature)
    }

    /// The request that `strict` wants, with these parts of what is signed.
    fn sign_strictly(&self, method: &str, path: &str, id: &str, body: &[u8]) -> Call {
        let hash = hex::encode(digest::digest(&digest::SHA256, body));
        let parts = [method, path, "strict.example", self.project, id, &self.timestamp(), &hash];
        let signature = STANDARD.encode(mac(self.secret, parts.join("\n").as_bytes()));
        self.headers(Call::new(method, "strict.example", path), &signature)
            .header("x-request-id", id)
            .body(body)
    }
}

/// A Check of somebody else's, with the host or the headers changed.
fn changed(
    mut call: Call,
    edit: impl FnOnce(&mut envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest),
) -> Call {
    edit(call.http());
    call
}

/// The value of a header of this Check, set to another.
fn with_header(call: Call, name: &str, value: &str) -> Call {
    changed(call, |http| {
        let headers = &mut http.header_map.as_mut().expect("headers").headers;
        let header = headers.iter_mut().find(|header| header.key == name).expect("the header");
        header.raw_value = value.as_bytes().to_vec();
    })
}

fn without_header(call: Call, name: &str) -> Call {
    changed(call, |http| {
        http.header_map.as_mut().expect("headers").headers.retain(|header| header.key != name);
    })
}

#[tokio::test]
async fn a_signed_request_is_let_in_as_its_project() {
    let scene = Scene::with_apollo().await;
    let response = scene.door.knock(APOLLO.sign(b"{}").header("X_Project", "gemini")).await;
    let allowed = allowed(&response);
    let header = |name: &str| {
        let header = allowed.headers.iter().filter_map(|option| option.header.as_ref());
        header.filter(|header| header.key == name).map(|header| header.value.clone()).collect::<String>()
    };
    for (name, value) in [
        ("x-principal-kind", "project"),
        ("x-principal-id", "apollo"),
        ("x-principal-project", "apollo"),
        ("x-principal-organization", "acme"),
        ("x-principal-scopes", "ingest"),
        ("x-principal-credential", "secret_ingest_apollo_30"),
    ] {
        assert_eq!(header(name), value, "{name}");
    }
    let removed = |name: &str| allowed.headers_to_remove.iter().any(|removed| removed == name);
    assert!(removed("x-signature") && removed("X_Project"), "{:?}", allowed.headers_to_remove);
    assert!(!removed("x-project") && !removed("x-timestamp"), "{:?}", allowed.headers_to_remove);
}

#[tokio::test]
async fn only_what_was_signed_is_let_in() {
    let scene = Scene::with_apollo().await;
    scene.secret("ingest", "gemini", "another secret of gemini's", |_| ()).await;
    let wrong = "credential_invalid: project apollo: none of its active secrets made the signature";
    let other = |project, secret, skew| Client { project, secret, skew };
    let cases = [
        ("another body", APOLLO.ingest(b"{}", |mac| format!("sha256={mac}")).body(b"{ }"), wrong),
        ("no body", changed(APOLLO.sign(b"{}"), |http| http.raw_body.clear()), wrong),
        (
            "another time",
            with_header(APOLLO.sign(b"{}"), "x-timestamp", &other("apollo", SECRET, 1).timestamp()),
            wrong,
        ),
        ("another secret", other("apollo", "another secret of gemini's", 0).sign(b"{}"), wrong),
        (
            "one bit",
            APOLLO
                .ingest(b"{}", |mac| {
                    let last = if mac.ends_with('0') { "1" } else { "0" };
                    format!("sha256={}{last}", &mac[..63])
                })
                .body(b"{}"),
            wrong,
        ),
        (
            "another project",
            with_header(APOLLO.sign(b"{}"), "x-project", "gemini"),
            "credential_invalid: project gemini: none of its active secrets",
        ),
        (
            "an unknown project",
            other("soyuz", SECRET, 0).sign(b"{}"),
            "credential_invalid: the project has no active secret for this API",
        ),
        (
            "another API",
            changed(APOLLO.sign(b"{}"), |http| http.host = "eu.ingest.example".into()),
            "credential_invalid: the project has no active secret for this API",
        ),
        (
            "without the scope",
            changed(APOLLO.sign(b"{}"), |http| http.path = "/admin".into()),
            "scope_missing",
        ),
        (
            "itself, though what was refused above looked alike",
            Client { skew: 2, ..APOLLO }.sign(b"{}"),
            "allowed",
        ),
    ];
    scene.check(&cases).await;
}

#[tokio::test]
async fn what_was_signed_can_be_any_part_of_the_request() {
    let scene = Scene::with_apollo().await;
    let good = || APOLLO.sign_strictly("PUT", "/a/b%20c?d=e&f", "r-1", b"\x00\xff\xfe");
    let wrong = "credential_invalid: project apollo: none of its active secrets made the signature";
    let cases = [
        ("all of it", good(), "allowed"),
        ("again, since it is not once-only", good(), "allowed"),
        ("another method", changed(good(), |http| http.method = "POST".into()), wrong),
        ("another path", changed(good(), |http| http.path = "/a/b%20d?d=e&f".into()), wrong),
        ("another query", changed(good(), |http| http.path = "/a/b%20c?d=e&g".into()), wrong),
        ("no query", changed(good(), |http| http.path = "/a/b%20c".into()), wrong),
        (
            "another spelling of the host",
            changed(good(), |http| http.host = "strict.example:443".into()),
            wrong,
        ),
        ("another header", with_header(good(), "x-request-id", "r-2"), wrong),
        ("another body", changed(good(), |http| http.raw_body.push(0)), wrong),
        (
            "a header missing",
            without_header(good(), "x-request-id"),
            "credential_malformed: a header that is signed was not sent once",
        ),
        (
            "a header twice",
            good().header("x-request-id", "r-1"),
            "credential_malformed: a header that is signed was not sent once",
        ),
        (
            "a header in both forms",
            good().joined("x-request-id", "r-1"),
            "credential_malformed: a header that is signed was not sent once",
        ),
        ("no text in the header", APOLLO.sign_strictly("GET", "/", "", b""), "allowed"),
        (
            "a body that came as text",
            changed(APOLLO.sign_strictly("PUT", "/", "r", "ä".as_bytes()), |http| {
                http.raw_body.clear();
                http.body = "ä".into();
            }),
            "allowed",
        ),
        (
            "shorter tolerance, before",
            Client { skew: -10, ..APOLLO }.sign_strictly("GET", "/", "r", b""),
            "allowed",
        ),
        (
            "shorter tolerance, too long before",
            Client { skew: -11, ..APOLLO }.sign_strictly("GET", "/", "r", b""),
            "credential_invalid: it was signed 11 s before our time, expected 10 s at most",
        ),
    ];
    scene.check(&cases).await;
}

#[tokio::test]
async fn a_signature_has_one_form() {
    let scene = Scene::with_apollo().await;
    let with = |signature: fn(&str) -> String| APOLLO.ingest(b"form", signature).body(b"form");
    let at = |skew, text: &str| with_header(Client { skew, ..APOLLO }.sign(b"form"), "x-timestamp", text);
    let shape = "credential_malformed: the signature is not 32 bytes in its encoding";
    let prefix = "credential_malformed: the signature does not begin with its prefix";
    let time = "credential_malformed: the time of signing is no number of Unix seconds";
    let now = APOLLO.timestamp();
    let cases = [
        ("upper-case digits", with(|mac| format!("sha256={}", mac.to_uppercase())), "allowed"),
        (
            "the same in lower case is the same",
            with(|mac| format!("sha256={mac}")),
            "credential_invalid: project apollo: secret secret_ingest_apollo_30: the signature was used before",
        ),
        ("no prefix", with(str::to_owned), prefix),
        ("another prefix", with(|mac| format!("sha1={mac}")), prefix),
        ("base64", with(|mac| format!("sha256={}", STANDARD.encode(hex::decode(mac).expect("hex")))), shape),
        ("cut short", with(|mac| format!("sha256={}", &mac[..32])), shape),
        ("two", with(|mac| format!("sha256={mac},sha256={mac}")), shape),
        ("none", with(|_| "sha256=".to_owned()), shape),
        ("empty", with(|_| String::new()), prefix),
        ("sent twice", APOLLO.sign(b"2").header("x-signature", "sha256="), "credential_ambiguous"),
        ("a project sent twice", APOLLO.sign(b"2").header("x-project", "apollo"), "credential_ambiguous"),
        ("a time sent twice", APOLLO.sign(b"2").header("x-timestamp", &now), "credential_ambiguous"),
        (
            "no project",
            without_header(APOLLO.sign(b"3"), "x-project"),
            "credential_malformed: a header that belongs to the signature is missing",
        ),
        (
            "no time",
            without_header(APOLLO.sign(b"3"), "x-timestamp"),
            "credential_malformed: a header that belongs to the signature is missing",
        ),
        ("no signature", without_header(APOLLO.sign(b"3"), "x-signature"), "credential_missing"),
        (
            "an empty project",
            with_header(APOLLO.sign(b"3"), "x-project", ""),
            "credential_malformed: the signature's project is no id",
        ),
        ("a time with a sign", at(0, &format!("+{now}")), time),
        ("a time with a zero before", at(0, &format!("0{now}")), time),
        ("a time with a space", at(0, &format!(" {now}")), time),
        ("a time in milliseconds", at(0, &format!("{now}000")), time),
        ("a time in words", at(0, NOW), time),
    ];
    scene.check(&cases).await;
}

#[tokio::test]
async fn a_time_of_signing_may_be_300_seconds_off_either_way() {
    let scene = Scene::with_apollo().await;
    let at = |skew| Client { skew, ..APOLLO }.sign(b"");
    scene
        .check(&[
            ("just young enough", at(300), "allowed"),
            ("just old enough", at(-300), "allowed"),
            (
                "too young",
                at(301),
                "credential_invalid: it was signed 301 s after our time, expected 300 s at most",
            ),
            (
                "too old",
                at(-301),
                "credential_invalid: it was signed 301 s before our time, expected 300 s at most",
            ),
        ])
        .await;
}

#[tokio::test]
async fn a_body_that_is_not_there_is_told_with_what_to_change_in_envoy() {
    let scene = Scene::with_apollo().await;
    let signed = |body: &'static [u8]| APOLLO.ingest(body, |mac| format!("sha256={mac}"));
    let cut = "body_incomplete: the body is longer than Envoy sends: raise `max_request_bytes`";
    let withheld = "body_incomplete: Envoy sent nothing of the body: set `with_request_body`";
    let cut_off = |call: Call| {
        changed(call.header("x-envoy-auth-partial-body", "true"), |http| http.raw_body = b"be".to_vec())
    };
    let cases = [
        ("cut off", cut_off(signed(b"beginning").header("content-length", "9")), cut),
        ("cut off where the beginning was signed", cut_off(signed(b"be")), cut),
        (
            "a body that nobody vouches for",
            changed(signed(b"be"), |http| http.raw_body = b"be".to_vec()),
            cut,
        ),
        ("withheld", signed(b"").header("content-length", "9"), withheld),
        ("withheld, of unknown length", signed(b""), withheld),
        (
            "withheld from a GET",
            changed(signed(b"").header("content-length", "9"), |http| http.method = "GET".into()),
            withheld,
        ),
        ("none, and the client says so", signed(b"").header("content-length", "0"), "allowed"),
        (
            "none, and the method has none",
            changed(Client { skew: 1, ..APOLLO }.ingest(b"", |mac| format!("sha256={mac}")), |http| {
                http.method = "GET".into()
            }),
            "allowed",
        ),
        ("none, and Envoy says so", Client { skew: 2, ..APOLLO }.sign(b""), "allowed"),
        (
            "a bad time is told first",
            with_header(signed(b""), "x-timestamp", "1"),
            "credential_invalid: it was signed",
        ),
        ("an unknown project is not told", with_header(signed(b""), "x-project", "soyuz"), withheld),
    ];
    scene.check(&cases).await;
    let response = scene.door.knock(signed(b"")).await;
    assert_eq!(denied(&response).status.as_ref().map(|status| status.code), Some(413));
}

#[tokio::test]
async fn a_signature_that_leaves_the_body_out_needs_none() {
    let scene = Scene::with_apollo().await;
    let signed = format!("{}POST/a?b", APOLLO.timestamp());
    let call = Call::new("POST", "heads.example", "/a?b");
    let call = APOLLO.headers(call, &hex::encode(mac(SECRET, signed.as_bytes())));
    scene.check(&[("a body that is withheld", call.header("content-length", "9"), "allowed")]).await;
}

#[tokio::test]
async fn a_signature_is_good_once_until_its_time_has_passed() {
    let scene = Scene::with_apollo().await;
    scene.secret("ingest", "gemini", SECRET, |_| ()).await;
    scene.secret("eu", "apollo", SECRET, |_| ()).await;
    let again =
        "credential_invalid: project apollo: secret secret_ingest_apollo_30: the signature was used before";
    let late = Client { skew: 300, ..APOLLO };
    scene
        .check(&[
            ("once", APOLLO.sign(b"x"), "allowed"),
            ("twice", APOLLO.sign(b"x"), again),
            ("another body", APOLLO.sign(b"y"), "allowed"),
            ("another time", Client { skew: 1, ..APOLLO }.sign(b"x"), "allowed"),
            ("the same MAC of another project", Client { project: "gemini", ..APOLLO }.sign(b"x"), "allowed"),
            (
                "and of another API",
                changed(APOLLO.sign(b"x"), |http| http.host = "eu.ingest.example".into()),
                "allowed",
            ),
            ("signed ahead of time", late.sign(b"x"), "allowed"),
        ])
        .await;
    scene.door.clock.advance(300);
    scene.check(&[("at the very end", APOLLO.sign(b"x"), again), ("late", late.sign(b"x"), again)]).await;
    scene.door.clock.advance(300);
    scene
        .check(&[
            ("after the end", APOLLO.sign(b"x"), "credential_invalid: it was signed 600 s before our time"),
            ("late, at its very end", late.sign(b"x"), again),
        ])
        .await;
}

#[tokio::test]
async fn what_is_refused_for_another_reason_uses_no_signature_up() {
    let scene = Scene::with_apollo().await;
    let good = APOLLO.sign(b"x");
    let cases = [
        (
            "another body under the MAC",
            changed(good.clone(), |http| http.raw_body.push(1)),
            "credential_invalid",
        ),
        ("no MAC", with_header(good.clone(), "x-signature", "sha256=00"), "credential_malformed"),
        ("the MAC itself", good, "allowed"),
    ];
    scene.check(&cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_clients_that_replay_at_once_one_is_let_in() {
    let scene = std::sync::Arc::new(Scene::with_apollo().await);
    for round in 0..8 {
        let call = Client { skew: round, ..APOLLO }.sign(b"x");
        let clients: Vec<_> = (0..64)
            .map(|_| {
                let (scene, call) = (std::sync::Arc::clone(&scene), call.clone());
                tokio::spawn(async move { scene.door.verdict(call).await })
            })
            .collect();
        let mut verdicts = Vec::new();
        for client in clients {
            verdicts.push(client.await.expect("no panic"));
        }
        let count = |wanted: &str| verdicts.iter().filter(|verdict| *verdict == wanted).count();
        assert_eq!((count("allowed"), count("credential_invalid")), (1, 63), "{verdicts:?}");
    }
}

#[tokio::test]
async fn two_secrets_of_a_project_are_good_while_both_are_active() {
    let scene = Scene::new().await;
    let overlap_ends = "2026-01-02T03:05:05Z".parse().ok();
    let (old, new) = ("the old secret of the project", "the new secret of this project");
    scene.secret("ingest", "apollo", old, |record| record.expires = overlap_ends).await;
    scene.secret("ingest", "apollo", new, |_| ()).await;
    let with = |secret, skew| Client { secret, skew, ..APOLLO }.sign(b"x");
    let neither = "credential_invalid: project apollo: none of its active secrets made the signature";
    scene
        .check(&[
            ("the old one", with(old, 0), "allowed"),
            ("the new one", with(new, 0), "allowed"),
            ("neither", with(SECRET, 0), neither),
        ])
        .await;
    scene.door.clock.advance(59);
    scene.check(&[("the old one, in the last second", with(old, 1), "allowed")]).await;
    scene.door.clock.advance(1);
    scene
        .check(&[
            ("the old one, after the overlap", with(old, 2), neither),
            ("the new one", with(new, 2), "allowed"),
        ])
        .await;
}

#[tokio::test]
async fn a_revoked_secret_is_refused_though_it_was_remembered() {
    let scene = Scene::with_apollo().await;
    let id = "secret_ingest_apollo_30".parse().expect("an id");
    assert_eq!(scene.door.verdict(APOLLO.sign(b"before")).await, "allowed");
    scene.door.store.revoke_secret(&id, Timestamp::UNIX_EPOCH).await.expect("revoked");
    let replays_as_well = APOLLO.sign(b"after");
    scene.door.settles(replays_as_well.clone(), "credential_invalid").await;
    let unknown = "credential_invalid: the project has no active secret for this API";
    scene.check(&[("signed anew", Client { skew: 1, ..APOLLO }.sign(b"after"), unknown)]).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_signature_looks_alike() {
    let scene = Scene::with_apollo().await;
    scene.secret("ingest", "ended", SECRET, |record| record.expires = NOW.parse().ok()).await;
    scene.secret("ingest", "revoked", SECRET, |record| record.revoked = NOW.parse().ok()).await;
    assert_eq!(scene.door.verdict(APOLLO.sign(b"used")).await, "allowed");
    let project = |project| Client { project, ..APOLLO }.sign(b"x");
    let mut answers = Vec::new();
    for (name, call) in [
        ("unknown", project("soyuz")),
        ("ended", project("ended")),
        ("revoked", project("revoked")),
        ("wrong", Client { secret: "another secret altogether", ..APOLLO }.sign(b"x")),
        ("too old", Client { skew: -301, ..APOLLO }.sign(b"x")),
        ("replayed", APOLLO.sign(b"used")),
    ] {
        let response = scene.door.knock(call).await;
        assert_eq!(reason(&response), Some("credential_invalid"), "{name}");
        answers.push(denied(&response).clone());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
}

#[tokio::test]
async fn a_secret_that_cannot_be_opened_is_an_outage_and_names_its_key() {
    let scene = Scene::new().await;
    let lost = keys("lost").seal(
        SECRET.as_bytes(),
        owner("lost", "secret_ingest_lost_30").as_owner(),
        &mut StdRng::seed_from_u64(1),
    );
    let lost = lost.expect("sealed");
    scene.secret("ingest", "lost", SECRET, |record| record.sealed = lost).await;
    scene.secret("ingest", "damaged", SECRET, |record| record.sealed.bytes.truncate(40)).await;
    scene.secret("ingest", "apollo", SECRET, |_| ()).await;
    let apollo = SecretFilter { project: "apollo".parse().ok(), ..SecretFilter::default() };
    let apollo = scene.door.store.secrets(&apollo).await.expect("its secrets");
    let stolen = apollo[0].sealed.clone();
    scene.secret("ingest", "thief", SECRET, |record| record.sealed = stolen).await;
    scene.secret("ingest", "half", SECRET, |record| record.sealed.bytes.clear()).await;
    scene.secret("ingest", "half", "a secret that can be opened", |_| ()).await;
    let of = |project| Client { project, ..APOLLO }.sign(b"x");
    scene
        .check(&[
            ("under a key that has gone", of("lost"), "unavailable: project lost: secret secret_ingest_lost_30: its sealing key `lost` is not configured"),
            ("damaged", of("damaged"), "unavailable: project damaged: secret secret_ingest_damaged_30: its sealing key `k1` does not open it"),
            ("in another's place", of("thief"), "unavailable: project thief: secret secret_ingest_thief_30: its sealing key `k1` does not open it"),
            ("the other of two", Client { project: "half", secret: "a secret that can be opened", skew: 0 }.sign(b"x"), "allowed"),
            ("it could have been that one", of("half"), "unavailable: project half"),
        ])
        .await;
}

/// The owner of a secret, to seal it by hand.
struct Owner(doorward::domain::ApiName, doorward::domain::ProjectId, doorward::domain::SecretId);

fn owner(project: &str, id: &str) -> Owner {
    Owner("ingest".parse().expect("a name"), project.parse().expect("an id"), id.parse().expect("an id"))
}

impl Owner {
    fn as_owner(&self) -> SecretOwner<'_> {
        SecretOwner { api: &self.0, project: &self.1, id: &self.2 }
    }
}

#[tokio::test]
async fn a_store_that_is_gone_is_an_outage() {
    let scene = Scene::with_apollo().await;
    assert_eq!(scene.door.verdict(APOLLO.sign(b"x")).await, "allowed");
    scene.door.store.close().await;
    scene
        .check(&[
            ("remembered", APOLLO.sign(b"y"), "allowed"),
            ("remembered and replayed", APOLLO.sign(b"y"), "credential_invalid"),
            (
                "not remembered",
                Client { project: "gemini", ..APOLLO }.sign(b"x"),
                "unavailable: the store is unavailable",
            ),
        ])
        .await;
}

#[test]
fn the_configuration_of_these_tests_warns_of_the_one_that_leaves_the_body_out() {
    let env = [("SEALING_KEY".to_owned(), SEALING_KEY.to_owned())];
    let loaded = Config::parse(CONFIG, std::path::Path::new("doorward.yaml"), &env).expect("good");
    let warnings: Vec<String> = loaded.warnings.lines().collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains(": warning: apis[3].credentials[0].signature.signed: found no `{body}`"),
        "{warnings:?}"
    );
}
