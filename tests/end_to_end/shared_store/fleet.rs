//! Three replicas behind one Envoy that share a PostgreSQL database and a Redis, and whoever administers them.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use serde_json::{Value, json};
use tokio::{net::UnixStream, time::Instant};
use tonic::{Code, transport::Channel};

use crate::{
    harness::{
        client::{self, Request, Response},
        doorward::Doorward,
        envoy::{Envoy, NEWEST},
        eventually,
        grpc::{self, Form},
        recipe::Recipe,
        site::{Key, Site},
        upstream::Upstream,
    },
    redis_servers,
};

pub(super) const HOST: &str = "shop.test";
const REPLICAS: usize = 3;

/// How a replica decides about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    Refused,
    Unavailable,
}

pub(super) struct Fleet {
    pub(super) envoy: Envoy,
    pub(super) replicas: Vec<Doorward>,
    pub(super) checks: Vec<AuthorizationClient<Channel>>,
    pub(super) site: Site,
    pub(super) redis: redis_servers::Server,
    _upstream: Upstream,
}

impl Fleet {
    /// Starts it on a database, with these settings of `cache` and such a budget.
    pub(super) async fn start(store: &str, cache: &str, budget: &str) -> Self {
        let redis = redis_servers::Server::start(&[]).await;
        let configuration = format!(
            "store: {store}
budget: {budget}
cache: {cache}
counters: {{ url: \"redis+unix://{}\", timeout: 100ms }}
apis:
  - name: shop
    hosts: [{HOST}]
    credentials: [{{ api_key: {{ prefixes: {{ live: sk_live_ }}, from: [{{ header: {{ name: authorization, scheme: Bearer }} }}] }} }}]
    limits: {{ by: credential, quotas: [1000000/minute] }}
    routes: [{{ match: /** }}]
",
            redis.socket().display()
        );
        let site = Site::new(&configuration).with_admin();
        let upstream = Upstream::start().await;
        let mut replicas = Vec::new();
        let mut checks = Vec::new();
        // They bring the schema up to date, all at once.
        for replica in futures_util::future::join_all((0..REPLICAS).map(|_| site.serve())).await {
            checks.push(grpc::client(&replica.socket).await);
            replicas.push(replica);
        }
        let sockets: Vec<PathBuf> = replicas.iter().map(|replica| replica.socket.clone()).collect();
        let envoy = Envoy::start(NEWEST, &Recipe::shipped(upstream.address, &sockets)).await;
        Self { envoy, replicas, checks, site, redis, _upstream: upstream }
    }

    /// Starts another replica in the place of one that has ended.
    pub(super) async fn replace(&mut self, at: usize) {
        self.replicas[at] = self.site.serve().await;
        self.checks[at] = grpc::client(&self.replicas[at].socket).await;
    }

    /// Asks the admin API of a replica.
    pub(super) async fn ask(&self, replica: usize, path: &str, body: &Value) -> Response {
        ask(&self.replicas[replica].admin(), path, body).await.expect("an answer")
    }

    /// Makes a key, by the admin API of a replica.
    pub(super) async fn create(&self, replica: usize) -> Key {
        let answer = self.ask(replica, "/v1/keys", &wanted()).await;
        let key = issued(&answer).unwrap_or_else(|| panic!("{}", answer.text()));
        self.site.note_secret(&key.key);
        key
    }

    /// Revokes a key; returns on how many replicas that is in force, and of how many.
    pub(super) async fn revoke(&self, replica: usize, id: &str) -> (u64, u64) {
        let answer = self.ask(replica, &format!("/v1/keys/{id}:revoke"), &json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        reached(&answer)
    }

    /// How a replica decides about a key now.
    pub(super) async fn verdict(&self, replica: usize, key: &str) -> Verdict {
        verdict(self.checks[replica].clone(), key).await
    }

    /// How all replicas decide about a key now.
    pub(super) async fn verdicts(&self, key: &str) -> Vec<Verdict> {
        let asked = (0..self.replicas.len()).map(|replica| self.verdict(replica, key));
        futures_util::future::join_all(asked).await
    }

    /// What a client of the Envoy is answered.
    pub(super) async fn status(&self, key: &str) -> u16 {
        self.envoy.client().send(&Request::get(HOST, "/").bearer(key)).await.status
    }

    /// Waits until all replicas decide so.
    pub(super) async fn until(&self, key: &str, expected: Verdict, within: Duration) {
        eventually(&format!("all decide {expected:?}"), within, async || {
            let verdicts = self.verdicts(key).await;
            if verdicts.iter().all(|verdict| *verdict == expected) {
                Ok(())
            } else {
                Err(format!("{verdicts:?}"))
            }
        })
        .await;
    }

    /// Panics if a key stands in a log.
    pub(super) fn assert_no_secret(&self) {
        for replica in &self.replicas {
            self.site.assert_no_secret("a replica's log", &replica.process.log());
        }
    }
}

/// What is wanted of a key.
pub(super) fn wanted() -> Value {
    json!({ "name": "a test's", "apis": ["shop"], "organization": "acme", "environment": "live" })
}

/// The key that was made, if it was.
pub(super) fn issued(answer: &Response) -> Option<Key> {
    let told: Value = serde_json::from_slice(&answer.body).ok()?;
    let text = |name: &str| told[name].as_str().map(str::to_owned);
    (answer.status == 200).then(|| Key { id: text("id").expect("an id"), key: text("key").expect("a key") })
}

/// Asks an admin API by its socket, if it is there.
pub(super) async fn ask(socket: &Path, path: &str, body: &Value) -> io::Result<Response> {
    let stream = UnixStream::connect(socket).await?;
    let request = Request::new("POST", "localhost", path).json(body);
    client::try_send_over(stream, &request).await
}

fn reached(answer: &Response) -> (u64, u64) {
    let told = answer.header("doorward-reached").expect("how far it has come");
    let (reached, servers) = told.split_once('/').expect("two numbers");
    (reached.parse().expect("a number"), servers.parse().expect("a number"))
}

/// How a replica decides about a key.
pub(super) async fn verdict(mut checks: AuthorizationClient<Channel>, key: &str) -> Verdict {
    let credential = format!("Bearer {key}");
    let check = grpc::check(Form::Joined, "GET", HOST, "/", &[("authorization", credential.as_bytes())]);
    match checks.check(check).await {
        Ok(answer) => match answer.into_inner().status.map(|status| Code::from(status.code)) {
            Some(Code::Ok) => Verdict::Allowed,
            Some(Code::Unauthenticated | Code::PermissionDenied) => Verdict::Refused,
            _ => Verdict::Unavailable,
        },
        Err(_) => Verdict::Unavailable,
    }
}

/// Asks a replica about a key until it is refused; returns how long after `since` that was.
pub(super) async fn refused_after(
    checks: AuthorizationClient<Channel>,
    key: String,
    since: Instant,
) -> Duration {
    while verdict(checks.clone(), &key).await != Verdict::Refused {
        assert!(since.elapsed() < Duration::from_secs(30), "it is not refused");
    }
    since.elapsed()
}
