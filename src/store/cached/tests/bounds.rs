//! What the cache does when there is too much to do, or when the store contradicts itself.

use crate::{
    domain::CredentialHash,
    store::{Change, Version},
};

use super::*;

with_every_kind!(
    a_store_that_tells_of_an_older_state_is_an_outage
    more_look_ups_than_can_be_under_way_are_refused_at_once
    known_records_keep_within_their_bytes
);

async fn a_store_that_tells_of_an_older_state_is_an_outage<R: Sample>() {
    let store = Scripted::default();
    for number in 1..=3 {
        store.put(R::sample(number));
    }
    let cached = cached(&store);
    // A change that the store tells of and then no longer knows.
    cached.shared.fences.raise(&Change { version: Version(9), mark: R::mark(&name::<R>(1)) });
    let error =
        cached.inquire().find::<R>(&name::<R>(1)).await.expect_err("the answer is older than the change");
    assert!(error.to_string().contains("older state"), "{error}");
    assert!(found::<R>(&cached, 2).await.is_some(), "other records are not concerned");
}

async fn more_look_ups_than_can_be_under_way_are_refused_at_once<R: Sample>() {
    const MAX: u32 = 4096;
    let store = Scripted::default();
    store.close_gate();
    let cached = cached(&store);
    let asked: Vec<_> = (0..MAX)
        .map(|number| {
            let cached = cached.clone();
            tokio::spawn(async move { cached.inquire().find::<R>(&name::<R>(number)).await })
        })
        .collect();
    store.loads_begun(LOADS_MAX).await;
    let error = cached.inquire().find::<R>(&name::<R>(MAX)).await.expect_err("there is no room");
    assert!(error.to_string().contains("4096 look-ups are under way already"), "{error}");
    store.open_gate();
    for answer in asked {
        assert!(answer.await.expect("no panic").expect("no error").is_none());
    }
    assert!(found::<R>(&cached, MAX).await.is_none(), "there is room again");
}

async fn known_records_keep_within_their_bytes<R: Sample>() {
    let store = Scripted::default();
    let limits = CacheLimits { capacity_bytes: 20_000, ..limits() };
    let cached = CachedStore::new(store.clone(), limits, Duration::from_secs(10));
    for number in 0..200 {
        store.put(R::sample(number));
        found::<R>(&cached, number).await;
    }
    let known = &R::memory(&cached.shared.memories).known;
    assert!((1..=20_000).contains(&known.weight()));
    assert!(known.len() > 10, "they are no larger than they are said to be");
}

#[tokio::test]
async fn look_ups_of_one_kind_leave_room_for_the_others() {
    let store = Scripted::default();
    let cached = cached(&store);
    let turns = &KeyRecord::memory(&cached.shared.memories).turns;
    let _all = turns.try_acquire_many(u32::try_from(LOADS_MAX).expect("it fits")).expect("they are free");
    cached.inquire().find::<KeyRecord>(&record(1).hash).await.expect_err("there is no room");
    assert!(found::<OrganizationRecord>(&cached, 1).await.is_none());
}

#[tokio::test]
async fn random_keys_push_out_no_known_one() {
    let store = Scripted::default();
    store.put(record(1));
    let cached = cached(&store);
    assert!(found::<KeyRecord>(&cached, 1).await.is_some());
    for number in 0..70_000_u32 {
        let hash = CredentialHash::of(&number.to_string());
        cached.inquire().find::<KeyRecord>(&hash).await.expect("no error");
    }
    let unknown = &cached.shared.memories.keys.unknown;
    assert!(unknown.weight() <= unknown.capacity());
    assert_eq!(unknown.len(), 65_536);
    let loads = store.loads();
    assert!(found::<KeyRecord>(&cached, 1).await.is_some());
    assert_eq!(store.loads(), loads);
}
