//! Where the methods are answered: a store in a folder of its own, and somebody who may do everything.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwap;
use axum::body::{Body, to_bytes};
use doorward::{
    admin::api::Desk,
    check::{Checker, Policy},
    config::Config,
    domain::{Administrator, ManualClock, Reach, Role},
    server::admin::Routes,
    store::{CachedStore, SqlStore},
};
use http::{Request, Response, StatusCode};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

const CONFIG: &str = "
sealing: { current: k1, keys: { k1: { env: K1 } } }
apis:
  - name: payments
    hosts: [payments.example]
    client_address: peer
    scopes: { write: [read] }
    credentials:
      - api_key: { prefix: pay_, from: [{ header: { name: x-key } }] }
      - session: { cookie: sid }
      - signature:
          project: { header: x-project }
          timestamp: { header: x-timestamp }
          signature: { header: x-signature }
          signed: '{timestamp}.{body}'
    routes: [{ match: /** }]
  - name: games
    hosts: [games.example]
    client_address: peer
    scopes: { write: [read] }
    credentials:
      - api_key: { prefix: pay_, from: [{ header: { name: x-key } }] }
      - session: { cookie: sid }
      - signature:
          project: { header: x-project }
          timestamp: { header: x-timestamp }
          signature: { header: x-signature }
          signed: '{timestamp}.{body}'
    routes: [{ match: /** }]
  - name: tills
    hosts: [tills.example]
    scopes: { write: [read] }
    credentials:
      - api_key: { prefix: pay_, from: [{ header: { name: x-key } }] }
      - session: { cookie: sid, scopes: [write] }
      - signature:
          project: { header: x-project }
          timestamp: { header: x-timestamp }
          signature: { header: x-signature }
          signed: '{timestamp}.{body}'
          scopes: [write]
    routes: [{ match: /** }]
";

type Inspector = Arc<Checker<SqlStore>>;

/// What answers the methods.
pub(crate) type Answering = Desk<SqlStore, Inspector>;

/// Where the methods are answered.
pub(crate) struct Office {
    routes: Routes<Answering>,
    numbers: AtomicUsize,
    pub(crate) store: SqlStore,
    pub(crate) clock: Arc<ManualClock>,
    folder: TempDir,
}

impl Office {
    /// With the organizations `acme` and `globex`, which may use all APIs.
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let env = [("K1".to_owned(), "1".repeat(64))];
        let loaded = Config::parse(CONFIG, Path::new("doorward.yaml"), &env);
        let config = loaded.unwrap_or_else(|errors| panic!("{errors}")).config;
        let store = SqlStore::open_file(&folder.path().join("keys.db"), SqlStore::PATIENCE).await;
        let store = store.expect("a store");
        let clock = Arc::new(ManualClock::at("2030-01-01T00:00:00Z".parse().expect("a moment")));
        let cached = CachedStore::new(store.clone(), config.cache, config.budget);
        let checker = Arc::new(Checker::new(Policy::new(&config), cached, clock.clone()));
        let config = Arc::new(ArcSwap::from_pointee(config));
        let random = StdRng::seed_from_u64(1);
        let desk = Desk::new(store.clone(), checker, config, clock.clone(), random);
        let (routes, numbers) = (Routes::new(desk), AtomicUsize::new(0));
        let office = Self { routes, numbers, store, clock, folder };
        for id in ["acme", "globex"] {
            let body =
                format!(r#"{{ "id": "{id}", "name": "{id}", "apis": ["payments", "games", "tills"] }}"#);
            office.make(post("/v1/organizations", body)).await;
        }
        office
    }

    /// Another program that does to the store's file what `statement` says.
    pub(crate) async fn tamper(&self, statement: &'static str) {
        let file = SqliteConnectOptions::new().filename(self.folder.path().join("keys.db"));
        let mut connection = SqliteConnection::connect_with(&file).await.expect("it opens");
        sqlx::raw_sql(statement).execute(&mut connection).await.expect("done");
    }

    /// Somebody who may do everything.
    pub(crate) fn owner() -> Administrator {
        let name = "owner".to_owned();
        Administrator { name, role: Role::Owner, reach: Reach::default(), from: "here".to_owned() }
    }

    /// A number that was not there before.
    pub(crate) fn number(&self) -> usize {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Makes something, as somebody who may; gives its id.
    pub(crate) async fn make(&self, request: Request<Body>) -> String {
        let (status, answer) = self.send(&Self::owner(), request).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["id"].as_str().or(answer["user"].as_str()).expect("an id").to_owned()
    }

    /// What this administrator is answered: the status and, if it is refused, the reason.
    pub(crate) async fn ask(&self, by: &Administrator, request: Request<Body>) -> String {
        let (status, answer) = self.send(by, request).await;
        let reason = answer["error"]["details"][0]["reason"].as_str().unwrap_or_default();
        let told = if status == StatusCode::OK { seen(&answer) } else { reason };
        format!("{} {told}", status.as_u16()).trim_end().to_owned()
    }

    /// The answer as it is.
    pub(crate) async fn answer(&self, by: &Administrator, request: Request<Body>) -> Response<Body> {
        self.routes.answer(by.clone(), request).await
    }

    /// The status and what is answered.
    pub(crate) async fn send(&self, by: &Administrator, request: Request<Body>) -> (StatusCode, Value) {
        let answer = self.answer(by, request).await;
        let status = answer.status();
        let body = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
        (status, serde_json::from_slice(&body).expect("JSON"))
    }
}

/// How much of a list is seen; nothing of what is none.
pub(crate) fn seen(answer: &Value) -> &'static str {
    // Nothing but that it was done.
    let Some(answer) = answer.as_object() else { return "" };
    match answer.values().find_map(Value::as_array) {
        Some(_) if answer.contains_key("id") => "",
        Some(list) if list.is_empty() => "none",
        Some(_) => "some",
        None => "",
    }
}

/// A request with a body.
pub(crate) fn post(path: impl AsRef<str>, body: impl Into<String>) -> Request<Body> {
    with_body("POST", path, body)
}

/// A request with a body, by any method.
pub(crate) fn with_body(verb: &str, path: impl AsRef<str>, body: impl Into<String>) -> Request<Body> {
    let request =
        Request::builder().method(verb).uri(path.as_ref()).header("content-type", "application/json");
    request.body(Body::from(body.into())).expect("a request")
}

/// A request without a body.
pub(crate) fn plain(verb: &str, path: impl AsRef<str>) -> Request<Body> {
    Request::builder().method(verb).uri(path.as_ref()).body(Body::empty()).expect("a request")
}
