//! What the product works on: a folder with a configuration, a store with credentials of every kind, and the keys of
//! an issuer of tokens.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward::{
    admin::{NewSecret, NewSession, Secrets, Sessions},
    config::Config,
    domain::{
        ApiName, Author, Clock as _, KeyHint, KeyId, KeyKind, KeyPrefix, KeyRecord, PlainKey, Scope,
        ScopeSet, SystemClock,
    },
    store::{KeyStore as _, SqlStore},
};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use crate::{
    generator::requests::{Values, unix_time},
    progress::Progress,
};

pub(crate) const SEALING_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// The project whose requests are signed.
pub(crate) const PROJECT: &str = "apollo";
/// How many sessions and tokens there are.
const SESSIONS: usize = 100;
pub(crate) const TOKENS: usize = 1000;
/// How many keys are written in one go.
const BATCH: usize = 20_000;

/// The APIs of the configuration, by what limits their requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitedBy {
    Nothing,
    Credential,
    Address,
    Organization,
}

impl LimitedBy {
    const ALL: [Self; 4] = [Self::Nothing, Self::Credential, Self::Address, Self::Organization];

    /// The host of the API.
    pub(crate) fn host(self) -> &'static str {
        match self {
            Self::Nothing => "free.cortex-edr.com",
            Self::Credential => "api.cortex-edr.com",
            Self::Address => "open.cortex-edr.com",
            Self::Organization => "team.cortex-edr.com",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "free",
            Self::Credential => "api",
            Self::Address => "open",
            Self::Organization => "team",
        }
    }

    /// No limit is ever reached.
    fn section(self) -> String {
        let by = match self {
            Self::Nothing => return String::new(),
            Self::Credential => "credential",
            Self::Address => "client_address",
            Self::Organization => "organization",
        };
        format!("    limits: {{ by: {by}, quotas: [1000000000/minute], without_counters: deny }}\n")
    }
}

/// How much of everything there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) keys: usize,
    /// How many organizations the keys belong to.
    pub(crate) organizations: usize,
    /// How many routes the API that is limited by credential has beside the few that all have.
    pub(crate) routes: usize,
}

pub(crate) struct Site {
    folder: TempDir,
    pub(crate) keys: Values,
    /// Keys that are none: well formed, and in no store.
    pub(crate) unknown: Values,
    pub(crate) sessions: Values,
    pub(crate) tokens: Values,
    /// The secret of [`PROJECT`] at the API that is limited by credential.
    pub(crate) secret: hmac::Key,
}

impl Site {
    /// Makes everything anew.
    pub(crate) async fn new(size: Size, progress: &Progress) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let issuer = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        fs::write(folder.path().join("jwks.json"), jwks(&issuer).to_string()).expect("a file");
        let text = configuration(size.routes);
        let file = folder.path().join("doorward.yaml");
        fs::write(&file, &text).expect("a file");
        let env = [("SEALING_KEY".to_owned(), SEALING_KEY.to_owned())];
        let config = Config::parse(&text, &file, &env).expect("the configuration is good").config;
        let path = folder.path().join("doorward.db");
        let store = SqlStore::open_file(&path, SqlStore::PATIENCE).await.expect("a store");
        let mut random = StdRng::seed_from_u64(1);
        let keys = make_keys(&store, size, &mut random, progress).await;
        let unknown = (0..1000).map(|_| PlainKey::generate(&prefix(), &mut random));
        let unknown = Values::new(unknown.map(|key| key.expose().to_owned()));
        let sessions = make_sessions(&store, &config, &mut random).await;
        let secret = NewSecret {
            api: LimitedBy::Credential.name().parse().expect("a name"),
            project: PROJECT.parse().expect("an id"),
            organization: "acme".parse().expect("an id"),
            secret: None,
            expires: None,
        };
        let secrets = Secrets::new(&store, &config.apis, config.sealing.as_ref(), &SystemClock);
        let secret = secrets
            .create(secret, &mut random, &Author::on_the_store(0))
            .await
            .expect("a secret")
            .secret
            .expect("it is new");
        store.close().await;
        make_organizations(&path, size.organizations).await;
        Self {
            folder,
            keys,
            unknown,
            sessions,
            tokens: Values::new((0..TOKENS).map(|number| token(&issuer, number))),
            secret: hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.folder().join("doorward.yaml")
    }
}

fn prefix() -> KeyPrefix {
    "sk_live_".parse().expect("a prefix")
}

fn apis() -> Vec<ApiName> {
    LimitedBy::ALL.iter().map(|api| api.name().parse().expect("a name")).collect()
}

fn configuration(routes: usize) -> String {
    let mut text = "\
sealing: { current: one, keys: { one: { env: SEALING_KEY } } }
# The machine is busy: nothing is refused for want of time, and nothing is looked up again.
budget: 10s
cache: { positive: 1h, negative: 1h, capacity_bytes: 4294967296 }
apis:
"
    .to_owned();
    for api in LimitedBy::ALL {
        let (name, host, limits) = (api.name(), api.host(), api.section());
        let written = write!(
            text,
            "  - name: {name}
    hosts: [{host}]
    client_address: {{ hops: 1 }}
    credentials:
      - api_key: {{ prefix: sk_live_, from: [{{ header: {{ name: authorization, scheme: Bearer }} }}] }}
      - jwt:
          issuer: https://login.example
          audience: api
          keys: {{ file: jwks.json }}
          from: [{{ header: {{ name: authorization, scheme: Bearer }} }}]
          claims: {{ organizations: org, scopes: scope }}
      - signature:
          project: {{ header: x-project }}
          timestamp: {{ header: x-timestamp }}
          signature: {{ header: x-signature, prefix: \"sha256=\" }}
          signed: \"{{timestamp}}.{{body}}\"
      - session: {{ cookie: sid }}
{limits}    routes:
      - {{ match: /v1/events }}
      - {{ match: GET /v1/scans/**, scopes: [read] }}
      - {{ match: GET /v1/users/**, scopes: [admin] }}
"
        );
        written.expect("a String takes everything");
        // One API has the further routes: a configuration is at most 1 MiB.
        let routes = if api == LimitedBy::Credential { routes } else { 0 };
        for route in paths(routes) {
            writeln!(text, "      - {{ match: \"GET {route}\", scopes: [read] }}")
                .expect("a String takes everything");
        }
    }
    text
}

/// The paths of so many routes, of one length.
pub(crate) fn paths(routes: usize) -> impl Iterator<Item = String> {
    (0..routes).map(|route| format!("/v1/group{:03}/kind{route:06}/things", route % 100))
}

async fn make_keys(store: &SqlStore, size: Size, random: &mut StdRng, progress: &Progress) -> Values {
    let mut texts = Vec::with_capacity(size.keys);
    let hint = KeyHint::of_prefix(&prefix());
    let scopes = ScopeSet::new(vec![read()]).expect("one scope");
    let (apis, now) = (apis(), SystemClock.now());
    while texts.len() < size.keys {
        let mut batch = Vec::new();
        for number in texts.len()..size.keys.min(texts.len() + BATCH) {
            let (key, id) = (PlainKey::generate(&prefix(), random), KeyId::generate(random));
            texts.push(key.expose().to_owned());
            batch.push(KeyRecord {
                lineage: id.clone(),
                id,
                hash: key.hash(),
                hint: hint.clone(),
                name: "bench".into(),
                kind: KeyKind::ApiKey,
                apis: apis.clone(),
                organization: format!("acme-{}", number % size.organizations).parse().expect("an id"),
                project: None,
                environment: None,
                scopes: scopes.clone(),
                plan: None,
                sources: Vec::new(),
                created: now,
                expires: None,
                revoked: None,
                rotated_from: None,
                labels: std::collections::BTreeMap::new(),
            });
        }
        store.insert(&batch, &Author::on_the_store(0)).await.expect("the keys are written");
        progress.tell(&format!("{} of {} keys made", texts.len(), size.keys));
    }
    Values::new(texts)
}

/// Writes them past the store, which writes each for itself: and a hundred thousand take long so.
async fn make_organizations(store: &Path, count: usize) {
    let file = SqliteConnectOptions::new().filename(store);
    let mut connection = SqliteConnection::connect_with(&file).await.expect("the store");
    let apis: Vec<&str> = LimitedBy::ALL.iter().map(|api| api.name()).collect();
    let statement = "WITH RECURSIVE numbers(number) AS \
                     (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number + 1 < ?1) \
                     INSERT INTO organizations (id, name, apis, entitlements, created) \
                     SELECT 'acme-' || number, 'Acme', ?2, '', 0 FROM numbers";
    let count = i64::try_from(count).expect("not that many");
    let made = sqlx::query(statement).bind(count).bind(apis.join(" ")).execute(&mut connection).await;
    made.expect("the organizations are written");
    connection.close().await.expect("the store closes");
}

async fn make_sessions(store: &SqlStore, config: &Config, random: &mut StdRng) -> Values {
    let sessions = Sessions::new(store, &config.apis, &SystemClock);
    let mut tokens = Vec::new();
    for number in 0..SESSIONS {
        let wanted = NewSession {
            apis: apis(),
            user: format!("user-{number}").parse().expect("an id"),
            memberships: Vec::new(),
            scopes: vec![read()],
            lifetime: Duration::from_hours(24),
            idle: None,
            hash: None,
        };
        let issued = sessions.create(wanted, random, &Author::on_the_store(0)).await.expect("a session");
        tokens.push(issued.token.expect("it was made here").expose().to_owned());
    }
    Values::new(tokens)
}

fn read() -> Scope {
    "read".parse().expect("a scope")
}

fn jwks(issuer: &EcdsaKeyPair) -> Value {
    let point = issuer.public_key().as_ref();
    let [x, y] = [&point[1..33], &point[33..65]].map(|half| URL_SAFE_NO_PAD.encode(half));
    json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "1", "x": x, "y": y }] })
}

/// A token that holds for a day, but for its signature: each number is another one.
pub(crate) fn unsigned_token(algorithm: &str, number: usize) -> String {
    let claims = json!({
        "iss": "https://login.example", "aud": "api", "sub": "ada", "org": "acme", "scope": "read",
        "exp": unix_time().as_secs() + 24 * 3600, "jti": format!("{number:08}"),
    });
    let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", encoded(&json!({ "alg": algorithm, "kid": "1" })), encoded(&claims))
}

/// A token by ES256.
fn token(issuer: &EcdsaKeyPair, number: usize) -> String {
    let signed = unsigned_token("ES256", number);
    let signature = issuer.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}
