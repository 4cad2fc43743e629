//! One decision for each kind of credential: remembered, and for the first time. The floor is what no server of
//! Envoy's can do without: decoding a request and encoding an answer.

#![expect(clippy::expect_used, reason = "a bench says what went wrong by ending")]

mod request;

use std::{
    cell::Cell,
    hint::black_box,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use doorward::{
    admin::{Keys, NewKey, NewSecret, NewSession, Secrets, Sessions},
    check::{Checker, Policy, decision::Verdict, request::Call},
    config::Config,
    domain::{Author, KeyKind, SystemClock},
    store::{CachedStore, SqlStore},
};
use envoy_types::ext_authz::v3::pb::{CheckRequest, CheckResponse};
use prost::Message;
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use request::call;

const CONFIG: &str = r#"
sealing: { current: one, keys: { one: { env: SEALING_KEY } } }
apis:
  - name: everything
    hosts: [api.cortex-edr.com]
    credentials:
      - api_key: { prefix: sk_, from: [{ header: { name: authorization, scheme: Bearer } }] }
      - jwt:
          issuer: https://login.example
          audience: api
          keys: { file: jwks.json }
          from: [{ header: { name: authorization, scheme: Bearer } }]
          claims: { organizations: org }
      - signature:
          project: { header: x-project }
          timestamp: { header: x-timestamp }
          signature: { header: x-signature, prefix: "sha256=" }
          signed: "{timestamp}.{body}"
      - session: { cookie: sid }
    routes: [{ match: /** }]
"#;

const SEALING_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A store with one credential of each kind, and what is needed to make more.
struct Bench {
    config: Config,
    store: SqlStore,
    key: String,
    session: String,
    secret: hmac::Key,
    issuer: EcdsaKeyPair,
    /// Makes each token and each signed body another one.
    number: Cell<u64>,
    _folder: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let issuer = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let point = issuer.public_key().as_ref();
        let [x, y] = [point.get(1..33), point.get(33..65)]
            .map(|half| URL_SAFE_NO_PAD.encode(half.expect("a point of 65 bytes")));
        let jwks = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "1", "x": x, "y": y }] });
        std::fs::write(folder.path().join("jwks.json"), jwks.to_string()).expect("a file");
        let env = [("SEALING_KEY".to_owned(), SEALING_KEY.to_owned())];
        let loaded = Config::parse(CONFIG, &folder.path().join("doorward.yaml"), &env);
        let config = loaded.expect("the configuration is good").config;
        let path = folder.path().join("doorward.db");
        let store = SqlStore::open_file(&path, SqlStore::PATIENCE).await.expect("a store");
        let mut rng = StdRng::seed_from_u64(1);
        let name = || "everything".parse().expect("a name");
        let key = NewKey {
            apis: vec![name()],
            name: "bench".into(),
            kind: KeyKind::ApiKey,
            organization: "acme".parse().expect("an id"),
            project: None,
            environment: None,
            scopes: Vec::new(),
            preset: None,
            plan: None,
            expires: None,
            sources: Vec::new(),
            labels: std::collections::BTreeMap::new(),
        };
        let session = NewSession {
            apis: vec![name()],
            user: "ada".parse().expect("an id"),
            memberships: Vec::new(),
            scopes: Vec::new(),
            lifetime: Duration::from_hours(1),
            idle: None,
            hash: None,
        };
        let secret = NewSecret {
            api: name(),
            project: "apollo".parse().expect("an id"),
            organization: "acme".parse().expect("an id"),
            secret: None,
            expires: None,
        };
        let key = Keys::new(&store, &config.apis, &config.plans, &SystemClock)
            .create(key, &mut rng, &Author::on_the_store(0))
            .await
            .expect("a key");
        let sessions = Sessions::new(&store, &config.apis, &SystemClock);
        let session = sessions.create(session, &mut rng, &Author::on_the_store(0)).await.expect("a session");
        let secrets = Secrets::new(&store, &config.apis, config.sealing.as_ref(), &SystemClock);
        let secret = secrets.create(secret, &mut rng, &Author::on_the_store(0)).await.expect("a secret");
        Self {
            key: key.key.expect("it is new").expose().to_owned(),
            session: session.token.expect("a token").expose().to_owned(),
            secret: hmac::Key::new(hmac::HMAC_SHA256, secret.secret.expect("it is new").expose().as_bytes()),
            issuer,
            number: Cell::new(0),
            config,
            store,
            _folder: folder,
        }
    }

    /// A checker that remembers nothing yet.
    fn checker(&self) -> Checker<SqlStore> {
        let cached = CachedStore::new(self.store.clone(), self.config.cache, Duration::from_secs(5));
        Checker::new(Policy::new(&self.config), cached, Arc::new(SystemClock))
    }

    fn next(&self) -> u64 {
        self.number.set(self.number.get() + 1);
        self.number.get()
    }

    fn by_key(&self) -> Vec<u8> {
        call(&[("authorization", format!("Bearer {}", self.key))], "").encode_to_vec()
    }

    fn by_session(&self) -> Vec<u8> {
        call(&[("cookie", format!("theme=dark; sid={}", self.session))], "").encode_to_vec()
    }

    /// Each time with another token.
    fn by_token(&self) -> Vec<u8> {
        let claims = json!({
            "iss": "https://login.example", "aud": "api", "sub": "ada", "org": "acme",
            "exp": unix_time() + 3600, "jti": self.next().to_string(),
        });
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encoded(&json!({ "alg": "ES256", "kid": "1" })), encoded(&claims));
        let signature = self.issuer.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()));
        call(&[("authorization", format!("Bearer {token}"))], "").encode_to_vec()
    }

    /// Each time with another body of about 1 KiB.
    fn by_signature(&self) -> Vec<u8> {
        let (time, body) = (unix_time(), format!("{:0>1024}", self.next()));
        let mac = hex::encode(hmac::sign(&self.secret, format!("{time}.{body}").as_bytes()));
        let presented = [
            ("x-project", "apollo".to_owned()),
            ("x-timestamp", time.to_string()),
            ("x-signature", format!("sha256={mac}")),
        ];
        call(&presented, &body).encode_to_vec()
    }
}

/// Makes a Check with a credential.
type Make = fn(&Bench) -> Vec<u8>;

#[expect(clippy::disallowed_methods, reason = "the checker lives in the machine's time")]
fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs()
}

/// Reads and decides.
async fn allow(checker: &Checker<SqlStore>, policy: &Policy, message: &[u8]) {
    let call = Call::read(black_box(message)).expect("a Check");
    let decision = checker.decide(policy, &call).await;
    assert!(matches!(decision.verdict, Verdict::Allowed(_)), "{:?}", decision.verdict);
}

fn decide(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let bench = runtime.block_on(Bench::new());
    let (warm, answer) = runtime.block_on(async {
        let warm = bench.checker();
        warm.policy().first_fetches().await;
        for call in [bench.by_key(), bench.by_session(), bench.by_token(), bench.by_signature()] {
            allow(&warm, &warm.policy(), &call).await;
        }
        let mut answer = Vec::new();
        warm.check(&bench.by_key(), &mut answer).await.expect("no outage");
        (warm, CheckResponse::decode(&*answer).expect("a CheckResponse"))
    });
    let policy = warm.policy();

    let mut group = criterion.benchmark_group("credentials");
    let encoded = bench.by_key();
    group.bench_function("floor: decode a request, encode a ready answer", |bencher| {
        bencher.iter(|| (CheckRequest::decode(black_box(encoded.as_slice())), answer.encode_to_vec()));
    });

    let (key, session, token) = (bench.by_key(), bench.by_session(), bench.by_token());
    runtime.block_on(allow(&warm, &policy, &token));
    for (name, call) in [("key", &key), ("session", &session), ("token", &token)] {
        group.bench_function(format!("{name}: remembered"), |bencher| {
            bencher.to_async(&runtime).iter(|| allow(&warm, &policy, call));
        });
    }
    // A signature proves one request, so what is remembered are the project's secrets alone.
    group.bench_function("signature over 1 KiB: secret remembered", |bencher| {
        bencher.to_async(&runtime).iter_batched(
            || bench.by_signature(),
            async |call| allow(&warm, &policy, &call).await,
            BatchSize::SmallInput,
        );
    });
    group.bench_function("token (ES256): for the first time, keys known", |bencher| {
        bencher.to_async(&runtime).iter_batched(
            || bench.by_token(),
            async |call| allow(&warm, &policy, &call).await,
            BatchSize::SmallInput,
        );
    });
    // What the store has to tell: each time with a cache of its own.
    let cold: [(&str, Make); 3] = [
        ("key", Bench::by_key),
        ("session", Bench::by_session),
        ("signature over 1 KiB", Bench::by_signature),
    ];
    for (name, call) in cold {
        group.bench_function(format!("{name}: for the first time"), |bencher| {
            bencher.to_async(&runtime).iter_batched(
                || (bench.checker(), call(&bench)),
                async |(checker, call)| allow(&checker, &policy, &call).await,
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, decide);
criterion_main!(benches);
