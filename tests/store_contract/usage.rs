//! How keys are used.

use std::collections::HashMap;

use doorward::{
    domain::{CredentialStatus, KeyId, KeyRecord, KeyUsage, Timestamp},
    store::{AuditFilter, AuditStore, Changes, KeyFilter, KeyStore, PageRequest, UsageStore},
};

use super::{Place, at, find, id, record};

async fn with_keys<P: Place>(place: &P) -> P::Store {
    let store = place.open().await;
    place.put(&store, &[record(1), record(2), record(3)]).await;
    store
}

fn used(number: u32, uses: u64, at: Timestamp) -> (KeyId, KeyUsage) {
    (record(number).id, KeyUsage { uses, used: at })
}

async fn usage(store: &impl UsageStore, numbers: &[u32]) -> HashMap<KeyId, KeyUsage> {
    let ids: Vec<KeyId> = numbers.iter().map(|number| record(*number).id).collect();
    store.usage(&ids).await.expect("an answer")
}

pub(super) async fn uses_are_added_up_and_the_last_of_them_is_kept(place: impl Place) {
    let store = with_keys(&place).await;
    assert_eq!(usage(&store, &[1, 2, 3]).await, HashMap::new());
    store.add_uses(&[used(1, 3, at(50)), used(2, 1, at(40))]).await.expect("added");
    store.add_uses(&[used(1, 2, at(49)), used(2, 1, at(41)), used(2, 5, at(40))]).await.expect("added");
    store.add_uses(&[]).await.expect("nothing to do");
    let expected = HashMap::from([used(1, 5, at(50)), used(2, 7, at(41))]);
    assert_eq!(usage(&store, &[1, 2, 3]).await, expected);
    assert_eq!(usage(&store, &[2]).await, HashMap::from([used(2, 7, at(41))]), "those that are asked for");
    assert_eq!(usage(&store, &[]).await, HashMap::new());

    let finer: Timestamp = "1970-01-01T00:01:00.1239Z".parse().expect("a moment");
    store.add_uses(&[used(3, 1, finer)]).await.expect("added");
    let kept = "1970-01-01T00:01:00.123Z".parse().expect("a moment");
    assert_eq!(usage(&store, &[3]).await, HashMap::from([used(3, 1, kept)]));
}

pub(super) async fn what_is_used_is_told_to_nobody(place: impl Place) {
    let store = with_keys(&place).await;
    let audited = async || {
        let all = store.audit(&AuditFilter::default(), &PageRequest::default()).await;
        all.expect("a list").records.len()
    };
    let before = (store.version().await.expect("a version"), audited().await);
    store.add_uses(&[used(1, 3, at(50))]).await.expect("added");
    assert_eq!((store.version().await.expect("a version"), audited().await), before);
    assert_eq!(store.get(&record(1).id).await.expect("it is there"), record(1));
    assert_eq!(find::<KeyRecord>(&store, &record(1).hash).await.record, Some(record(1)));
}

pub(super) async fn uses_of_what_is_no_key_are_left_out(place: impl Place) {
    let store = with_keys(&place).await;
    store.add_uses(&[used(9, 1, at(50)), used(1, 1, at(50))]).await.expect("whoever is gone is no error");
    assert_eq!(usage(&store, &[9, 1]).await, HashMap::from([used(1, 1, at(50))]));
    // A key that is made later does not begin with them.
    place.put(&store, &[record(9)]).await;
    assert_eq!(usage(&store, &[9]).await, HashMap::new());
}

pub(super) async fn uses_from_several_handles_are_all_kept<P: Place>(place: P) {
    let (one, other) = (with_keys(&place).await, place.open().await);
    let add = async |store: &_, second| {
        for _ in 0..20 {
            P::Store::add_uses(store, &[used(1, 2, at(second))]).await.expect("added");
        }
    };
    tokio::join!(add(&one, 50), add(&other, 60));
    let expected = HashMap::from([used(1, 80, at(60))]);
    assert_eq!(usage(&one, &[1]).await, expected);
    assert_eq!(usage(&other, &[1]).await, expected);
}

pub(super) async fn counts_come_to_an_end_and_go_no_further(place: impl Place) {
    let store = with_keys(&place).await;
    for (uses, second) in [(u64::MAX, 50), (u64::MAX, 51), (1, 52)] {
        store.add_uses(&[used(1, uses, at(second)), used(2, 1, at(second))]).await.expect("added");
    }
    let expected = HashMap::from([used(1, i64::MAX.unsigned_abs(), at(52)), used(2, 3, at(52))]);
    assert_eq!(usage(&store, &[1, 2]).await, expected);
}

pub(super) async fn keys_that_nobody_uses_are_found(place: impl Place) {
    let store = place.open().await;
    let keys = [
        record(1),
        record(2),
        record(3),
        KeyRecord { expires: Some(at(30)), ..record(4) },
        KeyRecord { created: at(50), ..record(5) },
    ];
    place.put(&store, &keys).await;
    store.add_uses(&[used(1, 1, at(49)), used(2, 7, at(51)), used(3, 1, at(50))]).await.expect("added");
    let unused = |second| KeyFilter { unused_since: Some(at(second)), ..KeyFilter::default() };
    let active = Some((CredentialStatus::Active, at(60)));
    for (filter, expected) in [
        (unused(0), &[][..]),
        (unused(2), &[]),
        (unused(4), &["key_4"]),
        (unused(49), &["key_1", "key_4"]),
        (unused(50), &["key_1", "key_3", "key_4", "key_5"]),
        (unused(51), &["key_1", "key_2", "key_3", "key_4", "key_5"]),
        (KeyFilter { status: active, ..unused(50) }, &["key_1", "key_3", "key_5"]),
        (KeyFilter { made_before: Some(at(2)), ..unused(50) }, &["key_1"]),
    ] {
        let found = store.list(&filter, &PageRequest::default()).await.expect("a list").records;
        let found: Vec<_> = found.into_iter().map(|key| key.id).collect();
        let expected: Vec<_> = expected.iter().map(|text| id(text)).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}
