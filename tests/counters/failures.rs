//! Counters in Redis when servers fail, and when they come back.

use doorward::{config::RedisCounters, domain::WindowKind::Sliding};
use tokio::time::Instant;

use super::*;
use crate::redis_servers::{
    Server, free_port,
    secured::{Secured, USER},
    settings, tcp, until,
};

/// What is answered while nobody is waited for.
const AT_ONCE: Duration = Duration::from_millis(40);

pub(crate) async fn take(redis: &Redis, name: &str) -> Result<u64, String> {
    let grants = redis.take(&[order(name, &[bound(1_000, 3_600, Sliding)], 1)]).await;
    grants.map(|grants| grants[0].room.remaining).map_err(|error| error.to_string())
}

/// Waits until takes are answered again, by itself; tells how long it took.
pub(crate) async fn recovered(redis: &Redis) -> Duration {
    let began = Instant::now();
    until("takes are answered", async || take(redis, "recovered").await.is_ok()).await;
    began.elapsed()
}

/// Takes until three have failed in a row, and then at once.
async fn opened(redis: &Redis) -> String {
    let told = "the breaker is open";
    until(told, async || !redis.faults().is_empty() || take(redis, "failing").await.is_ok_and(|_| false))
        .await;
    let began = Instant::now();
    let mut last = String::new();
    for _ in 0..10 {
        last = take(redis, "failing").await.expect_err("it is asked no more");
    }
    assert!(began.elapsed() < AT_ONCE, "nobody is waited for: {:?}", began.elapsed());
    last
}

#[tokio::test]
async fn scripts_are_taught_again_after_a_flush() {
    let server = Server::start(&[]).await;
    let redis = connected(&server.settings()).await;
    let bounds = [bound(10, 60, Sliding)];
    for taken in 1..=3 {
        server.tell(&["SCRIPT", "FLUSH"]);
        let orders = [order("a", &bounds, 1), order("b", &bounds, 1), order("a", &bounds, 1)];
        let grants = redis.take(&orders).await.expect("an answer");
        let remaining: Vec<u64> = grants.iter().map(|grant| grant.room.remaining).collect();
        assert_eq!(remaining, [11 - 2 * taken, 10 - taken, 10 - 2 * taken]);
    }
}

#[tokio::test]
async fn a_server_that_comes_back_is_asked_again() {
    let mut server = Server::start(&[]).await;
    let redis = connected(&server.settings()).await;
    assert_eq!(take(&redis, "a").await, Ok(999));
    server.kill();
    let told = opened(&redis).await;
    assert!(told.contains(&format!("127.0.0.1:{}: ", server.port)), "{told}");
    assert!(told.contains("connection"), "{told}");
    server.again().await;
    let took = recovered(&redis).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(take(&redis, "a").await, Ok(999), "it forgot, and its scripts with it");
}

#[tokio::test]
async fn a_server_that_is_not_there_at_the_start_is_asked_when_it_comes() {
    let port = free_port();
    let redis = Redis::connect(&settings(tcp("127.0.0.1", port)), 1);
    redis.first_attempt().await;
    let told = take(&redis, "a").await.expect_err("nobody is there");
    assert!(
        told.starts_with(&format!("the counters are unavailable: 127.0.0.1:{port}: no connection (")),
        "{told}"
    );
    assert_eq!(redis.replicas(), 1);
    let server = Server::at(port, &[]).await;
    recovered(&redis).await;
    drop(server);
}

#[tokio::test]
async fn a_server_that_stands_still_is_waited_for_three_times() {
    let server = Server::start(&[]).await;
    let timeout = Duration::from_millis(100);
    let redis = connected(&RedisCounters { timeout, ..server.settings() }).await;
    take(&redis, "a").await.expect("an answer");
    server.pause();
    let told = take(&redis, "a").await.expect_err("it stands still");
    assert!(told.ends_with("no answer within 100ms"), "{told}");
    let told = opened(&redis).await;
    assert!(told.ends_with("no answer within 100ms"), "{told}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    opened(&redis).await;
    server.resume();
    let took = recovered(&redis).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn a_full_server_says_so_and_nothing_is_half_written() {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]).await;
    let redis = connected(&server.settings()).await;
    let lease = LeaseId { replica: 1, number: 1 };
    let bounds = [bound(100, 3_600, Sliding)];
    let grant = take_one(&*redis, Order { lease: Some(lease), ..order("full", &bounds, 10) }).await;
    let before: Vec<String> = server.ask(&["HGETALL", "doorward:{notes/0/full}"]);
    server.tell(&["CONFIG", "SET", "maxmemory", "1"]);
    let told = redis.take(&[order("full", &bounds, 1)]).await.expect_err("it is full").to_string();
    assert!(told.contains("it is full: `maxmemory` is reached"), "{told}");
    assert_eq!(server.ask::<Vec<String>>(&["HGETALL", "doorward:{notes/0/full}"]), before);
    let (name, bounds) = (named("full"), bounds.as_slice().into());
    let given = Return { name, bounds, buckets: grant.buckets, lease, left: 4 };
    redis.give_back(&[given]).await.expect("what is given back needs no room");
    opened(&redis).await;
    server.tell(&["CONFIG", "SET", "maxmemory", "0"]);
    recovered(&redis).await;
    assert_eq!(take_one(&*redis, order("full", &[bound(100, 3_600, Sliding)], 0)).await.room.remaining, 94);
}

#[tokio::test]
async fn a_replica_and_a_server_that_loads_are_told_apart_from_an_outage() {
    let master = Server::start(&[]).await;
    let replica = Server::start(&["--replicaof", "127.0.0.1", &master.port.to_string()]).await;
    until("the replica follows", async || replica.says("master_link_status", "up")).await;
    let redis = Redis::connect(&replica.settings(), 1);
    redis.first_attempt().await;
    let told = take(&redis, "a").await.expect_err("it takes no writes");
    assert!(told.contains("it is a replica, which takes no writes"), "{told}");
    replica.tell(&["REPLICAOF", "NO", "ONE"]);
    recovered(&redis).await;
}

#[tokio::test]
async fn who_is_refused_is_told_why_and_no_password_is_shown() {
    let secured = Secured::start().await;
    let (user, password) = USER;
    for (user, password) in [(user, "wrong-password"), ("nobody", password)] {
        let settings = secured.settings(user, password);
        let redis = Redis::connect(&settings, 1);
        redis.first_attempt().await;
        let told = take(&redis, "a").await.expect_err("it is refused");
        let shown = format!("{told} {redis:?} {settings:?}");
        assert!(told.contains("localhost:") && told.contains("it refuses user or password"), "{told}");
        assert!(!shown.contains("-password"), "{shown}");
    }
    let mut settings = secured.settings(user, password);
    if let Some(tls) = &mut settings.tls {
        tls.ca = None;
    }
    let redis = Redis::connect(&settings, 1);
    redis.first_attempt().await;
    let told = take(&redis, "a").await.expect_err("nobody vouches for it");
    assert!(told.contains("UnknownIssuer"), "{told}");
    secured.server.tell(&["ACL", "SETUSER", user, "-evalsha"]);
    let redis = Redis::connect(&secured.settings(user, password), 1);
    redis.first_attempt().await;
    let told = take(&redis, "a").await.expect_err("it may not");
    assert!(told.contains("its user may not do this"), "{told}");
}

#[tokio::test]
async fn replicas_count_each_other() {
    let server = Server::start(&[]).await;
    let replicas: Vec<Arc<Redis>> = (1..=3).map(|id| Redis::connect(&server.settings(), id)).collect();
    until("all three are known", async || replicas.iter().all(|redis| redis.replicas() == 3)).await;
    server.pause();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(replicas[0].replicas(), 3, "what was known is kept");
    server.resume();
    let left = Arc::clone(&replicas[0]);
    drop(replicas);
    until("the others are gone", async || left.replicas() == 1).await;
}

#[tokio::test]
async fn what_is_dropped_leaves_no_connection_behind() {
    let server = Server::start(&[]).await;
    let redis = connected(&server.settings()).await;
    take(&redis, "a").await.expect("an answer");
    assert_eq!(server.info("connected_clients"), "2", "its own, and the one that asks here");
    drop(redis);
    until("its connection is gone", async || server.says("connected_clients", "1")).await;
    let calls = server.info("total_connections_received").parse::<u64>().expect("a number");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(server.info("total_connections_received"), (calls + 1).to_string(), "nobody tries again");
}
