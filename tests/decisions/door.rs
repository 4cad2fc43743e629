//! A guarded door to knock at: two APIs, a store in a folder of its own, and a clock that stands still.

use std::{path::Path, sync::Arc, time::Duration};

use doorward::{
    check::{Checker, Policy, decision::Verdict, request},
    config::Config,
    domain::{
        Author, Clock, CredentialHash, KeyKind, KeyRecord, ManualClock, PlainKey, ScopeSet, SessionRecord,
        SessionToken, Timestamp,
    },
    store::{CachedStore, Changes, KeyStore, Lookups, SessionStore, SqlStore},
};
use envoy_types::{
    ext_authz::v3::pb::{
        Address, CheckRequest, CheckResponse, DeniedHttpResponse, HeaderValue, HttpResponse, OkHttpResponse,
    },
    pb::envoy::{
        config::core::v3::{self as core, HeaderMap, SocketAddress},
        service::auth::v3::{
            AttributeContext,
            attribute_context::{HttpRequest, Peer, Request},
        },
    },
};
use prost::Message;
use rand::{SeedableRng, rngs::StdRng};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

const CONFIG: &str = r#"
apis:
  - name: notes
    hosts: [notes.example]
    client_address: { hops: 2 }
    credentials:
      - api_key:
          prefixes: { live: nt_live_, test: nt_test_ }
          from:
            - header: { name: authorization, scheme: Bearer }
            - header: { name: authorization, scheme: ApiKey }
            - header: { name: x-api-key }
            - query: { name: api_key, environments: [test] }
    scopes: { admin: [write], write: [read] }
    denials:
      body: { error: "{code}", say: "{reason} {status} {nothing}", needs: "{required_scopes}", extra: "{nothing}" }
      reasons:
        credential_missing: { code: { nested: ["{api}", "{provided_scopes}"] } }
        credential_invalid: { code: "a \"quoted\" word" }
        scope_missing: { nothing: 42 }
    routes:
      - { match: GET /notes/**, scopes: [read] }
      - { match: POST /notes, scopes: [write] }
      - { match: /status, public: true }
      - { match: /hello, optional: true }
      - { match: /services, principals: [service_key] }
      - { match: /production, environments: [live] }
  - name: other
    hosts: [other.example]
    unscoped_keys: all
    credentials:
      - api_key: { prefix: ot_, checksum: optional, from: [{ header: { name: x-other-key } }] }
    principal_headers: { id: x-caller }
    denials: { route_unknown: 403 }
    routes:
      - { match: "/a/**", scopes: [anything] }
"#;

/// When everything happens.
pub(crate) const NOW: &str = "2026-01-02T03:04:05Z";

/// What the variable `SEALING_KEY` holds.
pub(crate) const SEALING_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A checker and what it needs.
pub(crate) struct Door {
    pub checker: Checker<SqlStore>,
    pub cached: CachedStore<SqlStore>,
    pub clock: Arc<ManualClock>,
    pub store: SqlStore,
    folder: TempDir,
}

impl Door {
    pub(crate) async fn new() -> Self {
        Self::with(CONFIG).await
    }

    /// A door under this configuration.
    pub(crate) async fn with(config: &str) -> Self {
        let env = [("SEALING_KEY".to_owned(), SEALING_KEY.to_owned())];
        let loaded = Config::parse(config, Path::new("doorward.yaml"), &env);
        Self::of(&loaded.unwrap_or_else(|errors| panic!("{errors}")).config).await
    }

    /// A door under a configuration that was read already. It waits for whatever it has to wait for: the machine may
    /// be busy.
    pub(crate) async fn of(config: &Config) -> Self {
        Self::within(config, Duration::from_secs(10)).await
    }

    /// The same with this budget for one Check.
    pub(crate) async fn within(config: &Config, budget: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store =
            SqlStore::open_file(&folder.path().join("keys.db"), SqlStore::PATIENCE).await.expect("a store");
        let cached = CachedStore::new(store.clone(), config.cache, budget);
        let clock = Arc::new(ManualClock::at(NOW.parse().expect("a moment")));
        let checker = Checker::new(Policy::new(config), cached.clone(), clock.clone());
        Self { checker, cached, clock, store, folder }
    }

    /// Puts a key into the store, changed as the test wants it, and returns it in clear.
    pub(crate) async fn key(&self, prefix: &str, edit: impl FnOnce(&mut KeyRecord)) -> String {
        let key = unknown_key(prefix, self.store.version().await.expect("a version").0);
        self.record(&key, edit).await;
        key
    }

    /// Puts the record of this key into the store.
    pub(crate) async fn record(&self, key: &str, edit: impl FnOnce(&mut KeyRecord)) {
        let number = self.store.version().await.expect("a version").0;
        let environment = ["live", "test"].into_iter().find(|name| key.contains(&format!("_{name}_")));
        let mut record = KeyRecord {
            id: format!("key_{number}").parse().expect("an id"),
            hash: CredentialHash::of(key),
            hint: "nt_...".parse().expect("a hint"),
            name: "a key".into(),
            kind: KeyKind::ApiKey,
            apis: vec!["notes".parse().expect("a name")],
            organization: "acme".parse().expect("an id"),
            project: None,
            environment: environment.map(|name| name.parse().expect("a name")),
            scopes: scopes(&["read"]),
            plan: None,
            sources: Vec::new(),
            created: Timestamp::UNIX_EPOCH,
            expires: None,
            revoked: None,
            rotated_from: None,
            labels: std::collections::BTreeMap::new(),
            lineage: format!("key_{number}").parse().expect("an id"),
        };
        edit(&mut record);
        self.store.insert(&[record], &Author::on_the_store(0)).await.expect("a new key");
    }

    /// Puts a session into the store that began now and lives for a day, changed as the test wants it, and returns
    /// its token.
    pub(crate) async fn session(&self, edit: impl FnOnce(&mut SessionRecord)) -> String {
        let token = unknown_session(self.store.version().await.expect("a version").0);
        self.session_record(&token, edit).await;
        token
    }

    /// Puts the record of the session with this token into the store.
    pub(crate) async fn session_record(&self, token: &str, edit: impl FnOnce(&mut SessionRecord)) {
        let number = self.store.version().await.expect("a version").0;
        let now = self.clock.now();
        let mut record = SessionRecord {
            id: format!("session_{number}").parse().expect("an id"),
            hash: CredentialHash::of(token),
            apis: vec!["notes".parse().expect("a name")],
            user: "ada".parse().expect("an id"),
            memberships: Arc::default(),
            scopes: scopes(&[]),
            created: now,
            expires: now.checked_add(Duration::from_hours(24)).expect("a moment"),
            idle: None,
            used: now,
            ended: None,
        };
        edit(&mut record);
        self.store.insert_session(&record, &Author::on_the_store(0)).await.expect("a new session");
    }

    /// Renames a table of the store, so that all who read it fail, or no longer do.
    pub(crate) async fn rename_table(&self, from: &str, to: &str) {
        let file = SqliteConnectOptions::new().filename(self.folder.path().join("keys.db"));
        let mut connection = SqliteConnection::connect_with(&file).await.expect("the store");
        let statement = format!("ALTER TABLE {from} RENAME TO {to}");
        let done = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await;
        done.expect("the table can be renamed");
    }

    /// Knocks, and tells what Envoy is told.
    pub(crate) async fn knock(&self, call: Call) -> CheckResponse {
        ask(&self.checker, &call).await
    }

    /// Waits until a change in the store has reached what is remembered, so that the verdict is this one.
    pub(crate) async fn settles(&self, call: Call, expected: &str) {
        let following = tokio::spawn({
            let cached = self.cached.clone();
            async move { cached.follow(Duration::from_millis(10)).await }
        });
        let mut last = String::new();
        for _ in 0..1000 {
            last = self.verdict(call.clone()).await;
            if last == expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        following.abort();
        assert_eq!(last, expected);
    }

    /// The reason of the refusal and its cause, which only the operator is told; `allowed` alone otherwise.
    pub(crate) async fn cause(&self, call: &Call) -> String {
        let tell = |verdict: &Verdict<'_>| match verdict {
            Verdict::Allowed(_) => "allowed".to_owned(),
            Verdict::Refused(refusal) => format!("{}: {}", refusal.kind.code(), refusal.cause),
            Verdict::Waived(..) => "waived".to_owned(),
        };
        self.decided(call, tell).await
    }

    /// What is told of the verdict.
    pub(crate) async fn decided<T>(&self, call: &Call, tell: impl FnOnce(&Verdict<'_>) -> T) -> T {
        let message = call.0.encode_to_vec();
        let read = request::Call::read(&message).expect("a Check");
        let policy = self.checker.policy();
        tell(&self.checker.decide(&policy, &read).await.verdict)
    }

    /// The reason of the refusal, or `allowed`.
    pub(crate) async fn verdict(&self, call: Call) -> String {
        let response = self.knock(call).await;
        reason(&response).unwrap_or("allowed").to_owned()
    }
}

/// The cause of a refusal, as the audit line tells it.
pub(crate) async fn cause(door: &Door, call: Call) -> String {
    let tell = |verdict: &Verdict<'_>| match verdict {
        Verdict::Refused(refusal) => refusal.cause.clone().into_owned(),
        other => panic!("it is not refused: {other:?}"),
    };
    door.decided(&call, tell).await
}

/// What Envoy is told.
pub(crate) async fn ask<S: Lookups>(checker: &Checker<S>, call: &Call) -> CheckResponse {
    let mut answer = Vec::new();
    let answered = checker.check(&call.0.encode_to_vec(), &mut answer).await;
    answered.expect("outages are told by error_response");
    CheckResponse::decode(&*answer).expect("a CheckResponse")
}

/// Waits until the verdict is this one, where something beside the Checks has to be noticed first.
pub(crate) async fn now_or_soon(door: &Door, call: &Call, expected: &str) {
    let mut last = String::new();
    for _ in 0..2000 {
        last = door.verdict(call.clone()).await;
        if last == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("found {last}, expected {expected}");
}

/// A well-formed key that is in no store yet.
pub(crate) fn unknown_key(prefix: &str, seed: u64) -> String {
    let prefix = prefix.parse().expect("a prefix");
    PlainKey::generate(&prefix, &mut StdRng::seed_from_u64(seed)).expose().to_owned()
}

/// The well-formed token of a session that is in no store yet.
pub(crate) fn unknown_session(seed: u64) -> String {
    SessionToken::generate(&mut StdRng::seed_from_u64(seed)).expose().to_owned()
}

pub(crate) fn scopes(names: &[&str]) -> ScopeSet {
    let scopes = names.iter().map(|name| name.parse().expect("a scope")).collect();
    ScopeSet::new(scopes).expect("few scopes")
}

/// A Check in the making.
#[derive(Debug, Clone)]
pub(crate) struct Call(pub CheckRequest);

impl Call {
    pub(crate) fn new(method: &str, host: &str, path: &str) -> Self {
        let http =
            HttpRequest { method: method.into(), host: host.into(), path: path.into(), ..Default::default() };
        let request = Request { http: Some(http), ..Default::default() };
        Self(CheckRequest {
            attributes: Some(AttributeContext { request: Some(request), ..Default::default() }),
        })
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", "notes.example", path)
    }

    fn attributes(&mut self) -> &mut AttributeContext {
        self.0.attributes.as_mut().expect("a call has attributes")
    }

    pub(crate) fn http(&mut self) -> &mut HttpRequest {
        let request = self.attributes().request.as_mut().expect("a call has a request");
        request.http.as_mut().expect("a call has an HTTP request")
    }

    /// Adds a header the way Envoy does with `encode_raw_headers`: each apart.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let header =
            HeaderValue { key: name.into(), raw_value: value.as_ref().to_vec(), ..Default::default() };
        self.http().header_map.get_or_insert_with(HeaderMap::default).headers.push(header);
        self
    }

    /// Adds a header the way Envoy does without: as one joined value.
    pub(crate) fn joined(mut self, name: &str, value: &str) -> Self {
        self.http().headers.insert(name.into(), value.into());
        self
    }

    pub(crate) fn bearer(self, key: &str) -> Self {
        self.header("authorization", format!("Bearer {key}"))
    }

    /// Adds a body the way Envoy does with `pack_as_bytes`, whole.
    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.http().raw_body = body.to_vec();
        self.header("x-envoy-auth-partial-body", "false")
    }

    pub(crate) fn json(self, body: &str) -> Self {
        self.body(body.as_bytes()).header("content-type", "application/json")
    }

    pub(crate) fn cookie(self, name: &str, value: &str) -> Self {
        self.header("cookie", format!("{name}={value}"))
    }

    pub(crate) fn peer(mut self, address: &str) -> Self {
        let socket = SocketAddress { address: address.into(), ..Default::default() };
        let address = core::Address { address: Some(Address::SocketAddress(socket)) };
        self.attributes().source = Some(Peer { address: Some(address), ..Default::default() });
        self
    }

    pub(crate) fn extension(mut self, name: &str, value: &str) -> Self {
        self.attributes().context_extensions.insert(name.into(), value.into());
        self
    }
}

/// The reason in the dynamic metadata; the verdict that the response itself gives has to agree with it.
pub(crate) fn reason(response: &CheckResponse) -> Option<&str> {
    let metadata = response.dynamic_metadata.as_ref().expect("every answer has metadata");
    let reason = metadata.fields.get("reason").map(|value| match &value.kind {
        Some(envoy_types::pb::google::protobuf::value::Kind::StringValue(text)) => text.as_str(),
        other => panic!("the reason is {other:?}"),
    });
    let code = response.status.as_ref().expect("every answer has a status").code;
    match (&response.http_response, code) {
        (Some(HttpResponse::OkResponse(_)), 0) => assert_eq!(reason, None),
        (Some(HttpResponse::DeniedResponse(_)), 7 | 16) => {
            assert!(reason.is_some_and(|r| r != "unavailable"));
        }
        (Some(HttpResponse::ErrorResponse(_)), 14) => assert_eq!(reason, Some("unavailable")),
        other => panic!("an answer that is neither: {other:?}"),
    }
    reason
}

pub(crate) fn allowed(response: &CheckResponse) -> &OkHttpResponse {
    match &response.http_response {
        Some(HttpResponse::OkResponse(allowed)) => allowed,
        other => panic!("it is not allowed: {other:?}"),
    }
}

pub(crate) fn denied(response: &CheckResponse) -> &DeniedHttpResponse {
    match &response.http_response {
        Some(HttpResponse::DeniedResponse(denied)) => denied,
        other => panic!("it is not denied: {other:?}"),
    }
}
