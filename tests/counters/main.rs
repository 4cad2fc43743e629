//! What all counters promise. One body of tests, run against each; and what Redis promises beyond.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what went wrong by ending"
)]

#[path = "../redis/mod.rs"]
mod redis_servers;

mod failures;
mod moving;
mod promises;
mod same_arithmetic;
mod sent_once;
mod shapes;

use std::{sync::Arc, time::Duration};

use doorward::{
    counters::{Bound, CounterName, Counters, Grant, LeaseId, Order, Redis, Return, Window},
    domain::WindowKind,
};

/// The name of a counter of the tests.
fn named(name: &str) -> CounterName {
    CounterName::new("notes", "0", name)
}

fn bound(limit: u64, seconds: u64, kind: WindowKind) -> Bound {
    Bound { limit, window: Window::new(Duration::from_secs(seconds), kind) }
}

/// An order of so many tokens, no more and no fewer.
fn order(name: &str, bounds: &[Bound], cost: u64) -> Order {
    Order { name: named(name), bounds: bounds.into(), cost, want: cost, share: 1, lease: None }
}

async fn take_one<C: Counters>(counters: &C, order: Order) -> Grant {
    counters.take(&[order]).await.expect("an answer").remove(0)
}

/// Redis, connected.
async fn connected(settings: &doorward::config::RedisCounters) -> Arc<Redis> {
    let redis = Redis::connect(settings, 1);
    redis.first_attempt().await;
    assert_eq!(redis.faults(), []);
    redis
}
