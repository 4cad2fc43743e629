//! Whole Checks under a limit: with counters of this process, and with Redis, leases on and off, on one hot counter and
//! on 100 000 cold ones. Prints decisions a second and what Redis was asked for each Check.
//!
//! Each way runs for a second, in turn, five times; medians are told, and ratios within this run only.
//! `cargo bench --bench limits`; it needs redis-server (`tests/parts.sh redis`).

#![expect(clippy::expect_used, clippy::panic, reason = "a bench says what went wrong by ending")]
#![expect(clippy::cast_precision_loss, reason = "figures are rounded")]
#![expect(
    clippy::indexing_slicing,
    unused_results,
    reason = "what it shares with the tests is written as tests are"
)]

mod reader;
#[path = "../tests/redis/mod.rs"]
mod redis_servers;
mod request;

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use doorward::{
    check::{Checker, Policy},
    config::{CacheLimits, LimitBy, RedisAddress, RedisServers},
    counters::{Memory, Meter, Redis},
    domain::SystemClock,
    store::{CachedStore, SqlStore},
};
use envoy_types::ext_authz::v3::pb::CheckRequest;
use prost::Message;
use tokio::{runtime::Runtime, task::JoinSet, time::Instant};

use reader::reader;
use request::call;

/// How many Checks are under way at a time.
const IN_FLIGHT: usize = 64;
/// How long a run is.
const RUN: Duration = Duration::from_secs(1);
/// How often each way is run.
const RUNS: usize = 5;
const HOUR: Duration = Duration::from_hours(1);
/// From how many addresses the cold counters are asked.
const ADDRESSES: u32 = 100_000;

/// One way of counting.
struct Way {
    name: &'static str,
    checker: Arc<Checker<SqlStore>>,
    /// Whether every Check asks another counter.
    is_cold: bool,
    measured: Vec<Measured>,
}

struct Measured {
    checks_per_second: f64,
    commands_per_check: f64,
}

fn main() {
    // `cargo test --benches` would run it, too.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    Runtime::new().expect("a runtime").block_on(run());
}

async fn run() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = redis_servers::Server::start(&[]).await;
    let (config, store, key) = reader(folder.path(), LimitBy::ClientAddress).await;
    // The machine has no time left beside the clients: nothing is looked up again while they ask.
    let cache = CacheLimits { positive: HOUR, negative: HOUR, ..config.cache };
    let store = CachedStore::new(store, cache, Duration::from_secs(10));
    let checker = |meter: Meter| {
        let checker = Checker::new(Policy::new(&config), store.clone(), Arc::new(SystemClock));
        Arc::new(checker.with_meter(Arc::new(meter)))
    };
    let memory = || Memory::new(Arc::new(SystemClock));
    let mut settings = server.settings();
    settings.servers = RedisServers::Single(RedisAddress::Unix(server.socket()));
    let shared = Redis::connect(&settings, 1);
    shared.first_attempt().await;
    let in_redis = |hold, replica| Meter::in_redis(Arc::clone(&shared), hold, replica, memory());
    let way = |name, meter, is_cold| Way { name, checker: checker(meter), is_cold, measured: Vec::new() };
    let mut ways = [
        way("memory, one hot counter", Meter::in_memory(memory()), false),
        way("Redis without leases, one hot counter", in_redis(Duration::ZERO, 1), false),
        way("Redis with leases, one hot counter", in_redis(Duration::from_millis(100), 2), false),
        way("memory, 100 000 cold counters", Meter::in_memory(memory()), true),
        way("Redis with leases, 100 000 cold counters", in_redis(Duration::from_millis(100), 3), true),
    ];
    for _ in 0..=RUNS {
        for way in &mut ways {
            let before = takes(&server);
            let checks_per_second = measure(&way.checker, &key, way.is_cold).await;
            // What is held comes back, and counts for those who held it.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let commands_per_check =
                (takes(&server) - before) as f64 / (checks_per_second * RUN.as_secs_f64());
            way.measured.push(Measured { checks_per_second, commands_per_check });
        }
    }
    tell(&ways);
}

/// How many scripts the server has run.
fn takes(server: &redis_servers::Server) -> u64 {
    let line = server.info("cmdstat_evalsha");
    line.trim_start_matches("calls=")
        .split(',')
        .next()
        .and_then(|calls| calls.parse().ok())
        .unwrap_or_default()
}

/// How an answer begins that lets a request go on: with a status whose code is 0. Decoding it would cost as much as making it.
const ALLOWED: &[u8] = &[0x0a, 2, 0x08, 0];

/// Lets so many clients ask as fast as they can; tells how many Checks a second were answered.
async fn measure(checker: &Arc<Checker<SqlStore>>, key: &str, is_cold: bool) -> f64 {
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let next = Arc::new(AtomicU32::new(0));
    let mut clients = JoinSet::new();
    let began = Instant::now();
    for _ in 0..IN_FLIGHT {
        let (checker, stop, answered, next) =
            (Arc::clone(checker), Arc::clone(&stop), Arc::clone(&answered), Arc::clone(&next));
        let presented =
            [("authorization", format!("Bearer {key}")), ("x-forwarded-for", "10.0.0.1".to_owned())];
        let mut request = call(&presented, "");
        clients.spawn(async move {
            let (mut message, mut answer) = (request.encode_to_vec(), Vec::new());
            while !stop.load(Ordering::Relaxed) {
                if is_cold {
                    from(&mut request, next.fetch_add(1, Ordering::Relaxed) % ADDRESSES);
                    message = request.encode_to_vec();
                }
                answer.clear();
                checker.check(&message, &mut answer).await.expect("no outage");
                assert!(answer.starts_with(ALLOWED), "{answer:?}");
                answered.fetch_add(1, Ordering::Relaxed);
                tokio::task::consume_budget().await;
            }
        });
    }
    tokio::time::sleep(RUN).await;
    stop.store(true, Ordering::Relaxed);
    let took = began.elapsed();
    clients.join_all().await;
    answered.load(Ordering::Relaxed) as f64 / took.as_secs_f64()
}

/// Lets a request come from another address.
fn from(request: &mut CheckRequest, number: u32) {
    let address = Ipv4Addr::from(0x0a00_0000 + number).to_string();
    let http = request.attributes.as_mut().and_then(|context| context.request.as_mut()?.http.as_mut());
    http.expect("an HTTP request").headers.insert("x-forwarded-for".to_owned(), address);
}

fn median(way: &Way, figure: impl Fn(&Measured) -> f64) -> f64 {
    // The first run warms up.
    let mut figures: Vec<f64> = way.measured.iter().skip(1).map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn tell(ways: &[Way]) {
    println!("{:<42} {:>12} {:>16} {:>22}", "limit", "checks/s", "of memory, hot", "Redis commands/check");
    let floor = median(&ways[0], |run| run.checks_per_second);
    for way in ways {
        let checks = median(way, |run| run.checks_per_second);
        let commands = median(way, |run| run.commands_per_check);
        println!("{:<42} {checks:>12.0} {:>16.2} {commands:>22.4}", way.name, checks / floor);
    }
}
