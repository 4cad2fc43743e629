//! Three replicas behind one Envoy, and what their clients see.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use doorward::{
    config::RedisServers,
    domain::{Clock, SystemClock, Timestamp},
};
use tokio::{task::JoinSet, time::Instant};

use crate::harness::{
    PATIENCE,
    client::{Http1, Request},
    doorward::Doorward,
    envoy::{Envoy, NEWEST},
    eventually,
    recipe::Recipe,
    site::{Key, Site},
    upstream::Upstream,
};

pub(super) const SECOND: Duration = Duration::from_secs(1);

const HOST: &str = "shop.test";
const REPLICAS: usize = 3;
const CLIENTS: usize = 64;
/// Two cores carry all of it: each client rests for so long between two requests.
const REST: Duration = Duration::from_millis(10);

/// Which counters are shared, as the configuration has it.
pub(super) struct Counters(String);

impl From<PathBuf> for Counters {
    fn from(socket: PathBuf) -> Self {
        Self(format!("redis+unix://{}", socket.display()))
    }
}

impl From<RedisServers> for Counters {
    fn from(servers: RedisServers) -> Self {
        let list = |hosts: Vec<(String, u16)>| {
            hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>().join(",")
        };
        match servers {
            RedisServers::Cluster(hosts) => Self(format!("redis+cluster://{}", list(hosts))),
            RedisServers::Sentinel(hosts, master) => {
                Self(format!("redis+sentinel://{}/{master}", list(hosts)))
            }
            RedisServers::Single(address) => panic!("{address:?}: give its socket or port"),
        }
    }
}

/// By the port of a server on loopback.
impl From<u16> for Counters {
    fn from(port: u16) -> Self {
        Self(format!("redis://127.0.0.1:{port}"))
    }
}

/// How long a replica waits for Redis. The machine may be busy.
pub(super) const PATIENT: &str = "900ms";
/// The same where Redis is going to be gone.
pub(super) const IMPATIENT: &str = "400ms";

pub(super) struct Fleet {
    envoy: Envoy,
    pub(super) replicas: Vec<Doorward>,
    site: Site,
    key: Key,
    _upstream: Upstream,
}

impl Fleet {
    /// Starts it with these fields of `limits`, by credential, and so much patience with Redis.
    pub(super) async fn start(counters: impl Into<Counters>, timeout: &str, limits: &str) -> Self {
        let Counters(counters) = counters.into();
        let configuration = format!(
            "store: sqlite:doorward.db
budget: 5s
counters: {{ url: \"{counters}\", timeout: {timeout} }}
apis:
  - name: shop
    hosts: [{HOST}]
    credentials: [{{ api_key: {{ prefixes: {{ live: sk_live_ }}, from: [{{ header: {{ name: authorization, scheme: Bearer }} }}] }} }}]
    limits: {{ by: credential, {limits} }}
    routes: [{{ match: /** }}]
"
        );
        let site = Site::new(&configuration);
        let key = site.create(&["--api", "shop"]);
        let upstream = Upstream::start().await;
        let mut replicas = Vec::new();
        for _ in 0..REPLICAS {
            replicas.push(site.serve().await);
        }
        let sockets: Vec<PathBuf> = replicas.iter().map(|replica| replica.socket.clone()).collect();
        let envoy = Envoy::start(NEWEST, &Recipe::shipped(upstream.address, &sockets)).await;
        let fleet = Self { envoy, replicas, site, key, _upstream: upstream };
        // Until all know of each other.
        tokio::time::sleep(2 * SECOND).await;
        fleet
    }

    /// Lets all clients ask for so long, and tells what they saw.
    pub(super) async fn press(&self, time: Duration) -> Log {
        let request = Request::get(HOST, "/").bearer(&self.key.key);
        let address = self.envoy.address;
        let end = Instant::now() + time;
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let request = request.clone();
            clients.spawn(async move {
                let mut client = Http1::to(address);
                let mut seen = Vec::new();
                while Instant::now() < end {
                    let (sent, sent_at) = (Instant::now(), SystemClock.now());
                    let status = client.try_send(&request).await.map(|response| response.status);
                    let received_at = SystemClock.now();
                    seen.push(Seen {
                        sent,
                        received: Instant::now(),
                        times: [sent_at, received_at],
                        status: status.map_err(|error| error.to_string()),
                    });
                    tokio::time::sleep(REST).await;
                }
                seen
            });
        }
        let mut seen: Vec<Seen> = clients.join_all().await.into_iter().flatten().collect();
        seen.sort_by_key(|seen| seen.sent);
        Log(seen)
    }

    /// Does the same until no replica counted for itself meanwhile: on a busy machine Redis may be too slow now and then,
    /// and after an outage it takes a moment until it is asked again. What is returned was pressed later than a
    /// window after that.
    pub(super) async fn press_undisturbed(&self, time: Duration) -> Log {
        eventually("Redis answers all the while", 2 * PATIENCE, async || {
            let before = self.counted_locally().await;
            let log = self.press(2 * SECOND + time).await;
            match self.counted_locally().await - before {
                0.0 => Ok(log.after(2 * SECOND)),
                times => Err(format!("{times} Checks were counted locally: {log:?}")),
            }
        })
        .await
    }

    /// How many Checks were counted by replicas for themselves.
    pub(super) async fn counted_locally(&self) -> f64 {
        self.metric("doorward_counters_takes_total", &[("by", "local")]).await
    }

    /// A metric of all replicas together.
    pub(super) async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let mut sum = 0.0;
        for replica in &self.replicas {
            sum += replica.metric(name, labels).await;
        }
        sum
    }

    /// Panics if the key stands in a log.
    pub(super) fn assert_no_secret(&self) {
        for replica in &self.replicas {
            self.site.assert_no_secret("a replica's log", &replica.process.log());
        }
    }
}

/// What became of one request.
struct Seen {
    sent: Instant,
    received: Instant,
    /// The same moments by the clock, which Redis on this machine has too.
    times: [Timestamp; 2],
    status: Result<u16, String>,
}

/// What became of all requests, in the order in which they were sent.
pub(super) struct Log(Vec<Seen>);

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: Vec<(String, usize)> = Vec::new();
        for Seen { status, .. } in &self.0 {
            let kind = format!("{status:?}");
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((kind, 1)),
            }
        }
        let mut times: Vec<Duration> = self.0.iter().map(|seen| seen.received - seen.sent).collect();
        times.sort_unstable();
        let part =
            |thousandths: usize| times.get(times.len() * thousandths / 1000).copied().unwrap_or_default();
        write!(f, "{} requests: {kinds:?}, p50 {:?}, p99 {:?}, ", times.len(), part(500), part(990))?;
        write!(f, "at most {} admitted within a second", self.most_within(SECOND))
    }
}

impl Log {
    fn with(&self, status: u16) -> impl Iterator<Item = &Seen> {
        self.0.iter().filter(move |seen| seen.status == Ok(status))
    }

    pub(super) fn admitted(&self) -> usize {
        self.with(200).count()
    }

    pub(super) fn admitted_if_sent_before(&self, moment: Instant) -> usize {
        self.with(200).filter(|seen| seen.sent < moment).count()
    }

    pub(super) fn refused(&self) -> usize {
        self.with(429).count()
    }

    /// Panics unless every request was admitted, or refused for want of room.
    pub(super) fn assert_answered(&self) {
        let answered = self.admitted() + self.refused();
        assert!(answered > 100 && answered == self.0.len(), "a Check failed: {self:?}");
    }

    /// The most requests that were admitted for sure within a stretch of this length: those that were both sent and
    /// answered in it.
    pub(super) fn most_within(&self, length: Duration) -> usize {
        let admitted: Vec<&Seen> = self.with(200).collect();
        let within = |start: usize| {
            let end = admitted[start].sent + length;
            let sent = admitted[start..].iter().take_while(|seen| seen.sent < end);
            sent.filter(|seen| seen.received < end).count()
        };
        (0..admitted.len()).map(within).max().unwrap_or_default()
    }

    pub(super) fn assert_never_more(&self, limit: usize, length: Duration) {
        let most = self.most_within(length);
        assert!(most <= limit, "{most} of {limit} in {length:?}: {self:?}");
    }

    /// Panics if more than the limit were admitted within one second of the clock, or in all of them together: a
    /// request that was sent in one and answered in the next belongs to one of them, and nobody knows to which.
    pub(super) fn assert_never_more_between_borders(&self, limit: usize) {
        let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
        for seen in self.with(200) {
            let [from, to] = seen.times.map(Timestamp::as_second);
            if from == to {
                *counts.entry(from).or_default() += 1;
            }
        }
        let most = counts.values().copied().max().unwrap_or_default();
        assert!(most <= limit, "{most} of {limit} in one second of the clock: {self:?}");
        let borders = self.0.iter().flat_map(|seen| seen.times).map(Timestamp::as_second);
        let (first, last) = borders.fold((i64::MAX, i64::MIN), |(low, high), at| (low.min(at), high.max(at)));
        let seconds = usize::try_from(last - first).expect("time goes on") + 1;
        let admitted = self.with(200).count();
        assert!(admitted <= limit * seconds, "{admitted} of {limit} in {seconds} seconds each: {self:?}");
        assert!(admitted > limit, "hardly any load: {self:?}");
    }

    /// The log without what was sent in the first so long a time.
    pub(super) fn after(mut self, time: Duration) -> Self {
        if let Some(from) = self.0.first().map(|seen| seen.sent + time) {
            self.0.retain(|seen| seen.sent >= from);
        }
        self
    }
}
