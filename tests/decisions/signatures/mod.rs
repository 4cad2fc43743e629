//! Requests signed with the secret of a project.

mod bodies;
mod form;
mod proof;
mod replays;
mod secrets;

use aws_lc_rs::{digest, hmac};
use base64::{Engine, engine::general_purpose::STANDARD};
use doorward::{
    config::Config,
    domain::{Author, SealedSecret, SealingKeys, SecretRecord, Timestamp},
    store::SecretStore,
};
use rand::{SeedableRng, rngs::StdRng};

use crate::door::{Call, Door, NOW, SEALING_KEY};

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
        Self::under(CONFIG).await
    }

    /// A scene under this configuration.
    async fn under(config: &str) -> Self {
        Self { door: Door::with(config).await, keys: keys("k1") }
    }

    /// One with a secret of the project `apollo`.
    async fn with_apollo() -> Self {
        Self::new().await.and_apollo().await
    }

    /// The same, with a secret of the project `apollo`.
    async fn and_apollo(self) -> Self {
        let scene = self;
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
        self.door.store.insert_secret(&record, &Author::on_the_store(0)).await.expect("a new secret");
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
