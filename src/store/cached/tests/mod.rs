//! What the cache remembers, and when it must not. What holds for every kind of records is tried with each.

mod bounds;
mod changed;
mod scripted;

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::task::JoinHandle;

use crate::{
    domain::{KeyRecord, MemberRecord, OrganizationRecord, ProjectRecord, ProjectSecrets, SessionRecord},
    store::fixture::{Sample, record},
};

use super::*;

use self::scripted::Scripted;

const POLL: Duration = Duration::from_millis(5);

/// Runs each case with every kind of records.
macro_rules! with_every_kind {
    ($($case:ident)*) => {
        $(
            mod $case {
                use super::*;

                #[tokio::test]
                async fn key() {
                    super::$case::<KeyRecord>().await;
                }

                #[tokio::test]
                async fn session() {
                    super::$case::<SessionRecord>().await;
                }

                #[tokio::test]
                async fn organization() {
                    super::$case::<OrganizationRecord>().await;
                }

                #[tokio::test]
                async fn project() {
                    super::$case::<ProjectRecord>().await;
                }

                #[tokio::test]
                async fn member() {
                    super::$case::<MemberRecord>().await;
                }

                #[tokio::test]
                async fn secrets() {
                    super::$case::<ProjectSecrets>().await;
                }
            }
        )*
    };
}
use with_every_kind;

with_every_kind!(
    a_record_is_loaded_once_and_remembered
    sixty_four_at_once_load_once
    an_error_is_not_remembered
    what_is_read_anew_is_read_once_and_remembered
    what_is_refreshed_is_served_on_until_it_is_read
    an_absence_is_remembered_for_long_only_where_no_stranger_names_it
);

fn limits() -> CacheLimits {
    CacheLimits {
        grace: Duration::ZERO,
        positive: Duration::from_mins(1),
        negative: Duration::from_mins(1),
        capacity_bytes: 1 << 20,
    }
}

fn cached(store: &Scripted) -> CachedStore<Scripted> {
    CachedStore::new(store.clone(), limits(), Duration::from_secs(10))
}

fn follow<S: Lookups>(cached: &CachedStore<S>) -> JoinHandle<()> {
    let cached = cached.clone();
    tokio::spawn(async move { cached.follow(POLL).await })
}

fn name<R: Sample>(number: u32) -> R::Name {
    R::sample(number).name()
}

/// What the cache answers; an error ends the test.
async fn found<R: Sample>(cached: &CachedStore<Scripted>, number: u32) -> Option<Arc<R::Known>> {
    cached.inquire().find::<R>(&name::<R>(number)).await.expect("no error")
}

async fn a_record_is_loaded_once_and_remembered<R: Sample>() {
    let store = Scripted::default();
    store.put(R::sample(1));
    let cached = cached(&store);
    for _ in 0..10 {
        assert_eq!(found::<R>(&cached, 1).await.as_deref(), Some(&R::sample(1).told()));
        assert!(found::<R>(&cached, 2).await.is_none());
    }
    assert_eq!(store.loads(), 2);
}

async fn sixty_four_at_once_load_once<R: Sample>() {
    let store = Scripted::default();
    store.put(R::sample(1));
    let cached = cached(&store);
    // First nothing is remembered, then the reading is to be anew.
    for round in 1..=2 {
        store.close_gate();
        let asked: Vec<_> = (0..64)
            .map(|_| {
                let cached = cached.clone();
                tokio::spawn(async move {
                    match round {
                        1 => cached.inquire().find::<R>(&name::<R>(1)).await,
                        _ => cached.inquire().find_anew::<R>(&name::<R>(1)).await,
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20)).await;
        store.open_gate();
        for answer in asked {
            let found = answer.await.expect("no panic").expect("no error");
            assert_eq!(found.as_deref(), Some(&R::sample(1).told()));
        }
        assert_eq!(store.loads(), round);
    }
}

async fn an_error_is_not_remembered<R: Sample>() {
    let store = Scripted::default();
    store.put(R::sample(1));
    store.fail(true);
    let cached = cached(&store);
    let error = cached.inquire().find::<R>(&name::<R>(1)).await.expect_err("it fails");
    assert!(matches!(&*error, StoreError::Unavailable(_)), "{error}");
    store.fail(false);
    assert!(found::<R>(&cached, 1).await.is_some());
}

async fn what_is_read_anew_is_read_once_and_remembered<R: Sample>() {
    let store = Scripted::default();
    store.put(R::sample(1));
    let cached = cached(&store);
    assert!(found::<R>(&cached, 1).await.is_some());
    assert!(found::<R>(&cached, 2).await.is_none());
    store.put_unnoted(R::sample(1).restricted());
    store.put_unnoted(R::sample(2));
    assert_eq!(
        found::<R>(&cached, 1).await.as_deref(),
        Some(&R::sample(1).told()),
        "nobody told of the change"
    );
    for (number, now) in [(1, R::sample(1).restricted()), (2, R::sample(2))] {
        let read = cached.inquire().find_anew::<R>(&name::<R>(number)).await.expect("no error");
        assert_eq!(read.as_deref(), Some(&now.clone().told()));
        assert_eq!(found::<R>(&cached, number).await.as_deref(), Some(&now.clone().told()));
    }
    assert_eq!(store.loads(), 4);
}

async fn what_is_refreshed_is_served_on_until_it_is_read<R: Sample>() {
    let store = Scripted::default();
    store.put(R::sample(1));
    let cached = cached(&store);
    cached.refresh::<R>(&name::<R>(1)).await.expect("no error");
    assert_eq!(store.loads(), 0, "nothing is remembered of it");
    assert!(found::<R>(&cached, 1).await.is_some());
    store.put_unnoted(R::sample(1).restricted());

    store.fail(true);
    cached.refresh::<R>(&name::<R>(1)).await.expect_err("it fails");
    store.fail(false);
    store.close_gate();
    let refreshing = tokio::spawn({
        let cached = cached.clone();
        async move { cached.refresh::<R>(&name::<R>(1)).await }
    });
    store.loads_begun(3).await;
    assert_eq!(found::<R>(&cached, 1).await.as_deref(), Some(&R::sample(1).told()), "nobody waits for it");
    store.open_gate();
    refreshing.await.expect("no panic").expect("no error");
    assert_eq!(found::<R>(&cached, 1).await.as_deref(), Some(&R::sample(1).restricted().told()));
    assert_eq!(store.loads(), 3);

    store.remove::<R>(&name::<R>(1));
    cached.refresh::<R>(&name::<R>(1)).await.expect("no error");
    assert!(found::<R>(&cached, 1).await.is_none());
    assert_eq!(store.loads(), 4);
}

async fn an_absence_is_remembered_for_long_only_where_no_stranger_names_it<R: Sample>() {
    let store = Scripted::default();
    let limits = CacheLimits { negative: Duration::from_millis(20), ..limits() };
    let cached = CachedStore::new(store.clone(), limits, Duration::from_secs(10));
    assert!(found::<R>(&cached, 1).await.is_none());
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(found::<R>(&cached, 1).await.is_none());
    assert_eq!(store.loads(), if R::NAMED_BY_PRINCIPALS { 1 } else { 2 });
}

#[tokio::test]
async fn kinds_with_equal_names_are_told_apart() {
    let store = Scripted::default();
    let key = KeyRecord::sample(1);
    let session = SessionRecord { hash: key.hash, ..SessionRecord::sample(1) };
    store.put(key.clone());
    let cached = cached(&store);
    assert_eq!(
        cached.inquire().find::<KeyRecord>(&key.hash).await.expect("no error").as_deref(),
        Some(&key.clone().told())
    );
    assert!(cached.inquire().find::<SessionRecord>(&key.hash).await.expect("no error").is_none());
    store.remove::<KeyRecord>(&key.hash);
    store.put(session.clone());
    let cached = self::cached(&store);
    assert!(cached.inquire().find::<KeyRecord>(&key.hash).await.expect("no error").is_none());
    assert_eq!(
        cached.inquire().find::<SessionRecord>(&key.hash).await.expect("no error").as_deref(),
        Some(&session)
    );
}

#[tokio::test]
async fn a_store_that_is_too_slow_is_unavailable() {
    let store = Scripted::default();
    store.close_gate();
    let cached = CachedStore::new(store.clone(), limits(), Duration::from_millis(20));
    let error = cached.inquire().find::<KeyRecord>(&record(1).hash).await.expect_err("it takes too long");
    assert_eq!(error.to_string(), "the store is unavailable: no answer within 20 ms");
}

#[tokio::test]
async fn a_load_outlives_the_caller_who_gave_up() {
    let store = Scripted::default();
    store.put(record(1));
    store.close_gate();
    let cached = cached(&store);
    let hash = record(1).hash;
    let given_up =
        tokio::time::timeout(Duration::from_millis(10), cached.inquire().find::<KeyRecord>(&hash)).await;
    assert!(given_up.is_err());
    store.open_gate();
    assert!(found::<KeyRecord>(&cached, 1).await.is_some());
    assert_eq!(store.loads(), 1);
}

#[tokio::test]
async fn look_ups_are_counted_by_kind_and_result() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let store = Scripted::default();
    store.put(record(1));
    let cached = metrics::with_local_recorder(&recorder, || cached(&store));
    for _ in 0..3 {
        found::<KeyRecord>(&cached, 1).await;
        found::<KeyRecord>(&cached, 2).await;
        found::<OrganizationRecord>(&cached, 1).await;
    }
    store.fail(true);
    cached.inquire().find::<KeyRecord>(&record(3).hash).await.expect_err("it fails");
    let shown = recorder.handle().render();
    for line in [
        "doorward_store_cache_lookups_total{kind=\"key\",result=\"hit\"} 2",
        "doorward_store_cache_lookups_total{kind=\"key\",result=\"negative_hit\"} 2",
        "doorward_store_cache_lookups_total{kind=\"key\",result=\"miss\"} 3",
        "doorward_store_cache_lookups_total{kind=\"organization\",result=\"negative_hit\"} 2",
        "doorward_store_cache_lookups_total{kind=\"organization\",result=\"miss\"} 1",
        "doorward_store_load_seconds_count{kind=\"key\"} 3",
        "doorward_store_errors_total 1",
    ] {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
}
