//! What the cache remembers, and when it must not.

mod bounds;
mod scripted;

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::task::JoinHandle;

use crate::{
    domain::{CredentialHash, Timestamp},
    store::{SqliteStore, fixture::record},
};

use super::*;

use self::scripted::Scripted;

const POLL: Duration = Duration::from_millis(5);

fn limits() -> CacheLimits {
    CacheLimits {
        positive: Duration::from_mins(1),
        negative: Duration::from_mins(1),
        capacity_bytes: 1 << 20,
    }
}

fn cached<S: KeyStore>(store: S) -> CachedKeys<S> {
    CachedKeys::new(store, limits(), Duration::from_secs(10))
}

fn follow<S: KeyStore>(keys: &CachedKeys<S>) -> JoinHandle<()> {
    let keys = keys.clone();
    tokio::spawn(async move { keys.follow(POLL).await })
}

#[tokio::test]
async fn a_key_is_loaded_once_and_remembered() {
    let store = Scripted::default();
    store.put(record(1));
    let keys = cached(store.clone());
    for _ in 0..10 {
        let found = keys.find(record(1).hash).await.expect("no error");
        assert_eq!(found.as_deref(), Some(&record(1)));
        assert!(keys.find(record(2).hash).await.expect("no error").is_none());
    }
    assert_eq!(store.loads(), 2);
}

#[tokio::test]
async fn sixty_four_at_once_load_once() {
    let store = Scripted::default();
    store.put(record(1));
    store.close_gate();
    let keys = cached(store.clone());
    let asked: Vec<_> = (0..64)
        .map(|_| {
            let keys = keys.clone();
            tokio::spawn(async move { keys.find(record(1).hash).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(20)).await;
    store.open_gate();
    for answer in asked {
        let found = answer.await.expect("no panic").expect("no error");
        assert_eq!(found.as_deref(), Some(&record(1)));
    }
    assert_eq!(store.loads(), 1);
}

#[tokio::test]
async fn a_load_that_races_with_a_revocation_never_serves_what_was_before() {
    let store = Scripted::default();
    store.put(record(1));
    let keys = cached(store.clone());
    let following = follow(&keys);
    store.polled().await;

    store.close_gate();
    let asking = {
        let keys = keys.clone();
        tokio::spawn(async move { keys.find(record(1).hash).await })
    };
    store.loads_begun(1).await;
    store.revoke(&record(1));
    store.polled().await;
    store.open_gate();

    let found = asking.await.expect("no panic").expect("no error");
    assert!(found.expect("it is there").revoked.is_some());
    assert_eq!(store.loads(), 2, "what the first one read was stale when it came");
    following.abort();
}

#[tokio::test]
async fn a_revocation_in_another_process_is_in_force_after_the_next_poll() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.db");
    let ours = SqliteStore::open(&path, SqliteStore::PATIENCE).await.expect("it opens");
    let theirs = SqliteStore::open(&path, SqliteStore::PATIENCE).await.expect("it opens");
    theirs.insert(&[record(1)]).await.expect("inserted");
    let keys = cached(ours);
    let following = follow(&keys);
    // The first poll forgets what was read before it: only what is remembered after it puts the fences to
    // the test.
    tokio::time::sleep(POLL * 20).await;
    let before = keys.find(record(1).hash).await.expect("no error");
    assert!(before.expect("it is there").revoked.is_none());
    assert!(keys.find(record(2).hash).await.expect("no error").is_none());

    theirs.revoke(&record(1).id, Timestamp::UNIX_EPOCH).await.expect("revoked");
    theirs.insert(&[record(2)]).await.expect("inserted");
    let in_force = async {
        let answer = async |number| keys.find(record(number).hash).await.expect("no error");
        while answer(1).await.is_none_or(|key| key.revoked.is_none()) || answer(2).await.is_none() {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), in_force)
        .await
        .expect("within a second the one is revoked and the other no longer unknown");
    following.abort();
}

#[tokio::test]
async fn an_error_is_not_remembered() {
    let store = Scripted::default();
    store.put(record(1));
    store.fail(true);
    let keys = cached(store.clone());
    let error = keys.find(record(1).hash).await.expect_err("it fails");
    assert!(matches!(&*error, StoreError::Unavailable(_)), "{error}");
    store.fail(false);
    assert!(keys.find(record(1).hash).await.expect("no error").is_some());
}

#[tokio::test]
async fn what_is_remembered_is_served_while_the_store_is_down() {
    let store = Scripted::default();
    store.put(record(1));
    let keys = cached(store.clone());
    let following = follow(&keys);
    store.polled().await;
    keys.find(record(1).hash).await.expect("no error");
    store.fail(true);
    store.polled().await;
    assert!(keys.find(record(1).hash).await.expect("no error").is_some());
    assert!(keys.find(record(2).hash).await.is_err(), "unavailable, not unknown");

    store.fail(false);
    store.revoke(&record(1));
    store.polled().await;
    let after = keys.find(record(1).hash).await.expect("no error");
    assert!(after.expect("it is there").revoked.is_some());
    following.abort();
}

#[tokio::test]
async fn a_store_that_is_too_slow_is_unavailable() {
    let store = Scripted::default();
    store.close_gate();
    let keys = CachedKeys::new(store.clone(), limits(), Duration::from_millis(20));
    let error = keys.find(record(1).hash).await.expect_err("it takes too long");
    assert_eq!(error.to_string(), "the store is unavailable: no answer within 20 ms");
}

#[tokio::test]
async fn a_load_outlives_the_caller_who_gave_up() {
    let store = Scripted::default();
    store.put(record(1));
    store.close_gate();
    let keys = cached(store.clone());
    let given_up = tokio::time::timeout(Duration::from_millis(10), keys.find(record(1).hash)).await;
    assert!(given_up.is_err());
    store.open_gate();
    assert!(keys.find(record(1).hash).await.expect("no error").is_some());
    assert_eq!(store.loads(), 1);
}

#[tokio::test]
async fn a_restored_store_makes_everything_forgotten() {
    let store = Scripted::default();
    store.put(record(1));
    store.put(record(2));
    let keys = cached(store.clone());
    let following = follow(&keys);
    store.polled().await;
    assert!(keys.find(record(1).hash).await.expect("no error").is_some());

    store.restore_empty();
    store.polled().await;
    assert!(keys.find(record(1).hash).await.expect("no error").is_none());

    // As many changes as before, so that only their content tells the two histories apart.
    store.put(record(1));
    store.polled().await;
    assert!(keys.find(record(1).hash).await.expect("no error").is_some());
    store.restore_empty();
    store.put(record(3));
    store.polled().await;
    assert!(keys.find(record(1).hash).await.expect("no error").is_none());
    following.abort();
}

#[tokio::test]
async fn a_change_costs_a_neighbour_in_the_slot_one_load() {
    let beginning_alike = |last: u8| {
        let mut bytes = [7; 32];
        bytes[31] = last;
        KeyRecord { hash: CredentialHash::from_bytes(&bytes).expect("32 bytes"), ..record(u32::from(last)) }
    };
    let store = Scripted::default();
    store.put(beginning_alike(1));
    let keys = cached(store.clone());
    let following = follow(&keys);
    store.polled().await;
    keys.find(beginning_alike(1).hash).await.expect("no error");
    store.put(beginning_alike(2));
    store.polled().await;
    for _ in 0..10 {
        let found = keys.find(beginning_alike(1).hash).await.expect("no error");
        assert_eq!(found.as_deref(), Some(&beginning_alike(1)));
    }
    assert_eq!(store.loads(), 2);
    following.abort();
}

#[tokio::test]
async fn known_keys_keep_within_their_bytes() {
    let store = Scripted::default();
    let limits = CacheLimits { capacity_bytes: 20_000, ..limits() };
    let keys = CachedKeys::new(store.clone(), limits, Duration::from_secs(10));
    for number in 0..200 {
        store.put(record(number));
        keys.find(record(number).hash).await.expect("no error");
    }
    let known = &keys.shared.known;
    known.run_pending_tasks().await;
    assert!((1..=20_000).contains(&known.weighted_size()));
    assert!(known.entry_count() > 10, "they are no larger than they are said to be");
}

#[tokio::test]
async fn random_keys_push_out_no_known_one() {
    let store = Scripted::default();
    store.put(record(1));
    let keys = cached(store.clone());
    keys.find(record(1).hash).await.expect("no error");
    for number in 0..70_000_u32 {
        keys.find(CredentialHash::of(&number.to_string())).await.expect("no error");
    }
    keys.shared.unknown.run_pending_tasks().await;
    assert!(keys.shared.unknown.entry_count() <= UNKNOWN_MAX);
    let loads = store.loads();
    assert!(keys.find(record(1).hash).await.expect("no error").is_some());
    assert_eq!(store.loads(), loads);
}

#[tokio::test]
async fn look_ups_are_counted_by_their_result() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let store = Scripted::default();
    store.put(record(1));
    let keys = metrics::with_local_recorder(&recorder, || cached(store.clone()));
    for _ in 0..3 {
        keys.find(record(1).hash).await.expect("no error");
        keys.find(record(2).hash).await.expect("no error");
    }
    store.fail(true);
    keys.find(record(3).hash).await.expect_err("it fails");
    let shown = recorder.handle().render();
    for line in [
        "doorward_key_cache_lookups_total{result=\"hit\"} 2",
        "doorward_key_cache_lookups_total{result=\"negative_hit\"} 2",
        "doorward_key_cache_lookups_total{result=\"miss\"} 3",
        "doorward_store_load_seconds_count 3",
        "doorward_store_errors_total 1",
    ] {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
}
