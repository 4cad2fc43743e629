//! Counters in Redis when servers fail.

use doorward::domain::WindowKind::Sliding;

use super::*;
use crate::redis_servers::{Cluster, Sentinels, Server};

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
async fn a_cluster_and_sentinels_are_asked() {
    let cluster = Cluster::start().await;
    let sentinels = Sentinels::start().await;
    for settings in [cluster.settings(), sentinels.settings()] {
        let redis = connected(&settings).await;
        let orders: Vec<Order> =
            (0..50).map(|number| order(&number.to_string(), &[bound(10, 60, Sliding)], 1)).collect();
        for taken in 1..=3 {
            let grants = redis.take(&orders).await.expect("an answer");
            assert!(grants.iter().all(|grant| grant.room.remaining == 10 - taken), "{grants:?}");
        }
    }
}
