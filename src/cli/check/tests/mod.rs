//! `doorward check`, word by word, on a real store.

mod limits;
mod requests;
mod secrets;
mod stages;

use std::path::Path;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Parser;
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    admin::{NewSecret, Secrets},
    config::StoreLocation,
    domain::{
        Author, CredentialHash, KeyKind, KeyRecord, PlainKey, PlainSecret, ScopeSet, SessionRecord,
        SessionToken, Timestamp, parse_moment,
    },
    store::{KeyStore, SessionStore},
};

use super::*;

const CONFIG: &str = "
sealing: { current: k1, keys: { k1: { env: SEALING_KEY } } }
apis:
  - name: payments
    hosts: [api.test]
    client_address: peer
    credentials:
      - api_key:
          prefixes: { live: sk_live_, test: sk_test_ }
          from:
            - header: { name: authorization, scheme: Bearer }
            - query: { name: api_key, environments: [test] }
      - session: { cookie: sid }
      - signature:
          project: { header: x-project }
          timestamp: { header: x-timestamp }
          signature: { header: x-signature }
          signed: '{timestamp}.{method}.{path}.{body}'
      - jwt:
          issuer: https://login.test
          audience: api
          keys: { secret: { env: TOKEN_SECRET } }
          scopes: [read]
          from: [{ header: { name: authorization, scheme: Bearer } }]
    scopes: { write: [read] }
    origins: [https://app.test]
    routes:
      - { match: GET /scans/**, scopes: [read] }
      - { match: POST /scans, scopes: [write] }
      - { match: /hello, optional: true }
      - { match: /status, public: true }
      - { match: DELETE /scans, scopes: [write], shadow: { until: 2030-06-01 } }
      - { match: /orgs, organization: { from: [{ query: org }] } }
  - name: secure
    hosts: [secure.test]
    guards: { plain_http: refuse }
    credentials: [{ api_key: { prefix: sec_, from: [{ header: { name: x-key } }] } }]
    routes: [{ match: / }]
";

/// What the configuration reads from the environment.
const ENV: [(&str, &str); 2] = [
    ("SEALING_KEY", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
    ("TOKEN_SECRET", "a secret that is long enough for every algorithm, which takes 64 bytes"),
];

/// The secret of the project `apollo`.
const SECRET: &str = "a secret that no other project has";

#[derive(Debug, Parser)]
struct Root {
    #[command(flatten)]
    check: CheckCommand,
}

/// A store with a few records, and a clock that shows the beginning of 2030.
struct Scene {
    config: Config,
    now: Timestamp,
    key: PlainKey,
    session: SessionToken,
    folder: tempfile::TempDir,
}

impl Scene {
    /// With a key and a session that may read.
    #[expect(clippy::too_many_lines, reason = "it is a list of what there is")]
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let env = ENV.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let loaded = Config::parse(CONFIG, Path::new("doorward.yaml"), &env);
        let config = loaded.unwrap_or_else(|errors| panic!("{errors}")).config;
        let path = folder.path().join("keys.db");
        let store = SqlStore::open_file(&path, SqlStore::PATIENCE).await.expect("a store");
        let prefix = "sk_live_".parse().expect("a prefix");
        let key = PlainKey::generate(&prefix, &mut StdRng::seed_from_u64(1));
        let apis = vec!["payments".parse().expect("a name")];
        let scopes = ScopeSet::new(vec!["read".parse().expect("a scope")]).expect("one");
        let record = KeyRecord {
            id: "key_1".parse().expect("an id"),
            hash: key.hash(),
            hint: key.hint(&prefix),
            name: "CI".to_owned(),
            kind: KeyKind::ApiKey,
            apis: apis.clone(),
            organization: "acme".parse().expect("an id"),
            project: None,
            environment: Some("live".parse().expect("a name")),
            scopes: scopes.clone(),
            plan: None,
            sources: Vec::new(),
            created: Timestamp::UNIX_EPOCH,
            expires: Some(parse_moment("2030-03-01").expect("a moment")),
            revoked: None,
            rotated_from: None,
            labels: std::collections::BTreeMap::new(),
            lineage: "key_1".parse().expect("an id"),
        };
        let bound = KeyRecord {
            id: "key_2".parse().expect("an id"),
            hash: CredentialHash::of("sk_live_bound"),
            sources: vec!["10.0.0.0/8".parse().expect("a network")],
            ..record.clone()
        };
        store.insert(&[record, bound], &Author::on_the_store(0)).await.expect("new keys");
        let token = SessionToken::generate(&mut StdRng::seed_from_u64(3));
        let session = SessionRecord {
            id: "session_1".parse().expect("an id"),
            hash: token.hash(),
            apis,
            user: "ada".parse().expect("an id"),
            memberships: [].into(),
            scopes,
            created: Timestamp::UNIX_EPOCH,
            expires: parse_moment("2040-01-01").expect("a moment"),
            idle: None,
            used: Timestamp::UNIX_EPOCH,
            ended: None,
        };
        store.insert_session(&session, &Author::on_the_store(0)).await.expect("a new session");
        let now = parse_moment("2030-01-01").expect("a moment");
        let clock = ManualClock::at(now);
        let secret = NewSecret {
            api: "payments".parse().expect("a name"),
            project: "apollo".parse().expect("an id"),
            organization: "acme".parse().expect("an id"),
            secret: PlainSecret::from_elsewhere(SECRET.into()).ok(),
            expires: None,
        };
        let secrets = Secrets::new(&store, &config.apis, config.sealing.as_ref(), &clock);
        secrets
            .create(secret, &mut StdRng::seed_from_u64(2), &Author::on_the_store(0))
            .await
            .expect("a new secret");
        store.close().await;
        Self {
            config: Config { store: StoreLocation::Sqlite(path), ..config },
            now,
            key,
            session: token,
            folder,
        }
    }

    /// Carries out the command that these words make.
    async fn run(&self, words: &[&str]) -> Result<(String, Exit), Failure> {
        let root = Root::try_parse_from(std::iter::once("check").chain(words.iter().copied()))
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let now = root.check.at.unwrap_or(self.now);
        execute(&root.check, &self.config, Arc::new(ManualClock::at(now))).await
    }

    async fn json(&self, words: &[&str]) -> (Value, Exit) {
        let (answer, exit) = self.run(&[words, &["--output", "json"]].concat()).await.expect("explained");
        (serde_json::from_str(&answer).expect("JSON"), exit)
    }

    /// The reason of the refusal, or the decision.
    async fn verdict(&self, words: &[&str]) -> String {
        let (answer, _) = self.json(words).await;
        answer.get("reason").unwrap_or(&answer["decision"]).as_str().expect("text").to_owned()
    }

    /// A file with this text.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    /// The flags of a `GET` of this path that the project signs, and the MAC among them.
    fn signed(&self, path: &str) -> (Vec<String>, String) {
        let seconds = self.now.as_second();
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let mac = hex::encode(hmac::sign(&key, format!("{seconds}.GET.{path}.").as_bytes()));
        let headers = [
            "x-project: apollo".to_owned(),
            format!("x-timestamp: {seconds}"),
            format!("x-signature: {mac}"),
        ];
        let mut words: Vec<String> =
            headers.into_iter().flat_map(|header| ["-H".to_owned(), header]).collect();
        words.push(format!("https://api.test{path}"));
        (words, mac)
    }

    /// A token that the issuer made for `ada`.
    fn token(&self) -> String {
        let encode = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let ends = self.now.as_second() + 60;
        let claims = json!({ "iss": "https://login.test", "aud": "api", "sub": "ada", "exp": ends });
        let signed = format!("{}.{}", encode(json!({ "alg": "HS256" })), encode(claims));
        let key = hmac::Key::new(hmac::HMAC_SHA256, ENV[1].1.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes())))
    }

    fn cookie(&self) -> String {
        format!("cookie: sid={}", self.session.expose())
    }

    fn bearer(&self) -> String {
        format!("authorization: Bearer {}", self.key.expose())
    }
}
