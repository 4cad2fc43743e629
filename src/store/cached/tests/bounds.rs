//! What the cache does when there is too much to do, or when the store contradicts itself.

use crate::store::{Change, Version};

use super::*;

#[tokio::test]
async fn whoever_waits_too_long_is_told_so_and_the_load_goes_on() {
    let store = Scripted::default();
    store.put(record(1));
    store.close_gate();
    let keys = CachedKeys::new(store.clone(), limits(), Duration::from_millis(50));
    let error = keys.find(record(1).hash).await.expect_err("the store does not answer");
    assert!(error.to_string().contains("no answer within 50 ms"), "{error}");
}

#[tokio::test]
async fn a_store_that_tells_of_an_older_state_is_an_outage() {
    let store = Scripted::default();
    for number in 1..=3 {
        store.put(record(number));
    }
    let keys = cached(store.clone());
    // A change that the store tells of and then no longer knows.
    keys.shared.fences.raise(&Change { version: Version(9), hash: record(1).hash });
    let error = keys.find(record(1).hash).await.expect_err("the answer is older than the change");
    assert!(error.to_string().contains("older state"), "{error}");
    assert!(keys.find(record(2).hash).await.expect("no error").is_some(), "other keys are not concerned");
}

#[tokio::test]
async fn more_look_ups_than_can_be_under_way_are_refused_at_once() {
    let store = Scripted::default();
    store.close_gate();
    let keys = cached(store.clone());
    let hash = |number: usize| CredentialHash::of(&number.to_string());
    let asked: Vec<_> = (0..LOADS_MAX)
        .map(|number| {
            let keys = keys.clone();
            tokio::spawn(async move { keys.find(hash(number)).await })
        })
        .collect();
    store.loads_begun(LOADS_MAX).await;
    let error = keys.find(hash(LOADS_MAX)).await.expect_err("there is no room");
    assert!(error.to_string().contains("under way already"), "{error}");
    store.open_gate();
    for answer in asked {
        assert!(answer.await.expect("no panic").expect("no error").is_none());
    }
    assert!(keys.find(hash(LOADS_MAX)).await.expect("there is room again").is_none());
}
