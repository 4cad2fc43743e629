//! The promises, run against each kind of counters.

use doorward::{
    config::{RedisAddress, RedisCounters, RedisServers},
    counters::{Memory, redis::inquire},
    domain::SystemClock,
};

use super::*;
use crate::{
    promises,
    redis_servers::{
        Server,
        cluster::Cluster,
        secured::{Secured, USER},
        sentinel::Sentinels,
        until,
    },
};

/// Runs every promise.
macro_rules! promises {
    ($counters:expr; $($case:ident)*) => {
        $(promises::$case(Arc::clone($counters)).await;)*
    };
    ($counters:expr) => {
        promises!($counters;
            takers_at_once_never_exceed_the_limit
            all_windows_must_have_room
            a_share_bounds_what_is_taken_in_advance
            a_taking_is_given_back_once
            a_question_takes_nothing
            another_plan_keeps_what_was_counted
            a_reset_and_what_is_due_are_told
            answers_stand_in_the_order_of_orders
            there_is_room_again_when_it_was_due
        )
    };
}

/// What counters in Redis promise beyond.
async fn redis_promises(redis: &Arc<Redis>, servers: &[&Server]) {
    promises!(redis);
    for (used, ttl_ms, is_first) in [(1, 60_000, true), (2, 300, true), (1, 1, false), (2, 1, false)] {
        let noted = redis.note_once(&[used; 32], Duration::from_millis(ttl_ms)).await;
        assert_eq!(noted, Ok(is_first), "{used}");
    }
    redis.forget_use(&[1; 32]).await.expect("an answer");
    assert_eq!(
        redis.note_once(&[1; 32], Duration::from_mins(1)).await,
        Ok(true),
        "forgotten before its time"
    );
    until("the use is forgotten", async || {
        redis.note_once(&[2; 32], Duration::from_mins(1)).await == Ok(true)
    })
    .await;
    until("this replica is noted", async || redis.replicas() == 1).await;
    if servers.is_empty() {
        return;
    }
    let keys: Vec<(String, i64)> = servers.iter().flat_map(|server| lives(server)).collect();
    assert!(keys.len() > 20, "{keys:?}");
    for (key, life_ms) in &keys {
        // A key that ended in between has no life (-2); one that never ends has -1.
        assert_ne!(*life_ms, -1, "{key} never ends");
    }
    let longest = keys.iter().filter(|(key, _)| key.contains("plans")).map(|(_, life_ms)| *life_ms).max();
    assert!(longest > Some(3_000_000), "an order in shorter windows must not shorten a life: {longest:?}");
}

/// Every key of a server, and how long it lives.
fn lives(server: &Server) -> Vec<(String, i64)> {
    let keys: Vec<String> = server.ask(&["KEYS", "*"]);
    keys.into_iter().map(|key| (key.clone(), server.ask(&["PTTL", &key]))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_keeps_the_promises() {
    promises!(&Arc::new(Memory::new(Arc::new(SystemClock))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_keeps_the_promises() {
    let server = Server::start(&[]).await;
    redis_promises(&connected(&server.settings()).await, &[&server]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_keeps_the_promises() {
    let server = Server::start(&[]).await;
    let servers = RedisServers::Single(RedisAddress::Unix(server.socket()));
    let settings = RedisCounters { servers, ..server.settings() };
    redis_promises(&connected(&settings).await, &[&server]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secured_server_keeps_the_promises() {
    let secured = Secured::start().await;
    let settings = RedisCounters { database: 3, ..secured.settings(USER.0, USER.1) };
    redis_promises(&connected(&settings).await, &[]).await;
    assert!(secured.server.info("db3").starts_with("keys="), "the database is the one that is configured");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_keep_the_promises() {
    let sentinels = Sentinels::start().await;
    redis_promises(&connected(&sentinels.settings()).await, &[&sentinels.servers[0]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_keeps_the_promises() {
    let cluster = Cluster::start().await;
    let masters: Vec<&Server> = cluster.masters.iter().collect();
    redis_promises(&connected(&cluster.settings()).await, &masters).await;
    for master in masters {
        assert!(lives(master).len() > 3, "each node keeps a part");
    }
}

#[tokio::test]
async fn an_operator_is_told_of_each_server() {
    let cluster = Cluster::start().await;
    cluster.masters[1].tell(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let settings = RedisCounters { timeout: Duration::from_secs(2), ..cluster.settings() };
    let told = inquire(&settings, &SystemClock).await;
    let expected = ["noeviction", "allkeys-lru", "noeviction"];
    assert_eq!(told.len(), 3, "{told:?}");
    for (master, expected) in cluster.masters.iter().zip(expected) {
        let told = told[&format!("127.0.0.1:{}", master.port)].as_ref().expect("an answer");
        assert_eq!(told.policy.as_deref(), Some(expected));
        assert!(told.version.as_ref().is_some_and(|version| version.starts_with(char::is_numeric)));
        assert!(told.ahead_ms.abs() < 500, "{told:?}");
    }
    // Who may only count is asked no more than that.
    let secured = Secured::start().await;
    let told = inquire(&secured.settings(USER.0, USER.1), &SystemClock).await;
    let told = told.values().next().expect("one server").as_ref().expect("an answer");
    assert_eq!((&told.version, &told.policy), (&None, &None));
    let wrong = inquire(&secured.settings(USER.0, "wrong"), &SystemClock).await;
    let told: Vec<_> = wrong.values().collect();
    assert_eq!(told, [&Err("it refuses user or password".to_owned())]);
}
