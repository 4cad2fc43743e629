//! Counters in Redis when masters change and slots move.

use doorward::{config::RedisCounters, domain::WindowKind::Sliding};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::*;
use crate::{
    failures::{recovered, take},
    redis_servers::{Server, cluster::Cluster, sentinel::Sentinels, until},
};

const TIMEOUT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn sentinels_name_another_master_and_it_is_asked() {
    for stands_still in [false, true] {
        let mut sentinels = Sentinels::start().await;
        let settings = RedisCounters { timeout: TIMEOUT, ..sentinels.settings() };
        let redis = connected(&settings).await;
        assert_eq!(take(&redis, "a").await, Ok(999));
        if stands_still {
            sentinels.servers[0].pause();
        } else {
            sentinels.servers[0].kill();
        }
        take(&redis, "a").await.expect_err("the master is gone");
        sentinels.failed_over().await;
        let took = recovered(&redis).await;
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!(take(&redis, "a").await, Ok(998), "the replica knew what was counted");
    }
}

/// Names of counters, some in every slot range.
fn names() -> Vec<String> {
    (0..30).map(|number| format!("moving {number}")).collect()
}

/// How many of these counters are answered.
async fn answered(redis: &Redis) -> usize {
    join_all(names().iter().map(|name| take(redis, name))).await.into_iter().flatten().count()
}

#[tokio::test]
async fn a_cluster_promotes_a_replica_and_it_is_asked() {
    let mut cluster = Cluster::start().await;
    let redis = connected(&RedisCounters { timeout: TIMEOUT, ..cluster.settings() }).await;
    assert_eq!(answered(&redis).await, 30);
    cluster.masters[0].kill();
    until("the breaker of the dead node is open", async || {
        answered(&redis).await;
        !redis.faults().is_empty()
    })
    .await;
    let began = Instant::now();
    let others = answered(&redis).await;
    assert!((10..30).contains(&others), "the other nodes are asked all the while: {others}");
    assert!(began.elapsed() < TIMEOUT, "and nobody waits for the dead one");
    until("all are answered", async || answered(&redis).await == 30).await;
    assert_eq!(redis.faults(), []);
}

#[tokio::test]
async fn a_planned_failover_of_a_cluster_is_followed() {
    let cluster = Cluster::start().await;
    let redis = connected(&cluster.settings()).await;
    assert_eq!(answered(&redis).await, 30);
    cluster.replicas[1].tell(&["CLUSTER", "FAILOVER"]);
    until("the replica is the master", async || cluster.replicas[1].says("role", "master")).await;
    until("the old master knows", async || cluster.masters[1].says("role", "slave")).await;
    until("all are answered", async || answered(&redis).await == 30).await;
    recovered(&redis).await;
}

/// The slot of a counter, as a server computes it.
fn slot(server: &Server, name: &str) -> String {
    server.ask::<u16>(&["CLUSTER", "KEYSLOT", &format!("doorward:{{notes/0/{name}}}")]).to_string()
}

#[tokio::test]
async fn a_slot_that_is_moved_is_followed_and_each_take_is_charged_once() {
    let cluster = Cluster::start().await;
    let redis = connected(&cluster.settings()).await;
    let [from, to] = [&cluster.masters[0], &cluster.masters[1]];
    let name = (0..).map(|number| format!("slot {number}"));
    let name = name.take(1_000).find(|name| slot(from, name).parse::<u16>().is_ok_and(|slot| slot < 5_461));
    let name = name.expect("one of them");
    let slot = slot(from, &name);
    let [from_id, to_id]: [String; 2] = [from, to].map(|node| node.ask(&["CLUSTER", "MYID"]));
    to.tell(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
    from.tell(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
    let bounds = [bound(1_000, 3_600, Sliding)];
    // Beside it goes one that is not moved.
    let both = async |lease| {
        let moving = Order { lease, ..order(&name, &bounds, 1) };
        let grants = redis.take(&[moving, order("another", &bounds, 1)]).await;
        grants.map(|grants| [grants[0].room.remaining, grants[1].room.remaining])
    };
    for taken in 1..=5 {
        assert_eq!(both(None).await, Ok([1_000 - taken, 1_000 - taken]));
    }
    // No node has both keys of a counter and a lease that are half way, which is nobody's failure.
    for number in 1..=5 {
        let told = both(Some(LeaseId { replica: 1, number })).await.expect_err("it is half way").to_string();
        assert!(told.contains("the counter is being moved to another node"), "{told}");
    }
    assert_eq!(redis.faults(), []);
    for node in cluster.nodes().filter(|node| node.info("role") == "master") {
        node.tell(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
    }
    for taken in 6..=10 {
        assert_eq!(both(None).await, Ok([1_000 - taken, 1_000 - taken - 5]));
    }
    assert_eq!(both(Some(LeaseId { replica: 1, number: 6 })).await, Ok([989, 984]));
}
