//! What a store tells of what it holds.

use doorward::{
    domain::KeyRecord,
    store::{Change, Changes, KeyFilter, KeyStore, Mark, PageRequest, RecordKind, StoreError, Version},
};

use super::{Place, all, find, id, mark_of, record};

pub(super) async fn a_key_is_found_by_its_hash_and_its_id(place: impl Place) {
    let store = place.open().await;
    place.put(&store, &[record(1), record(2)]).await;
    let found = find::<KeyRecord>(&store, &record(1).hash).await;
    assert_eq!(found.record, Some(record(1)));
    assert_eq!(found.version, store.version().await.expect("a version"));
    assert_eq!(store.get(&id("key_2")).await.expect("it is there"), record(2));
    let missing = store.get(&id("key_3")).await.expect_err("it is not there");
    assert!(matches!(missing, StoreError::NotFound(RecordKind::Key)));
}

pub(super) async fn an_unknown_hash_tells_the_version(place: impl Place) {
    let store = place.open().await;
    let before = find::<KeyRecord>(&store, &record(9).hash).await;
    assert_eq!((before.record, before.version), (None, Version(0)));
    place.put(&store, &[record(1), record(2)]).await;
    let after = find::<KeyRecord>(&store, &record(9).hash).await;
    assert_eq!(after.record, None);
    assert_eq!(after.version, store.version().await.expect("a version"));
    assert!(after.version > before.version);
}

pub(super) async fn a_list_is_in_order_and_filtered(place: impl Place) {
    let store = place.open().await;
    let serving = |number, apis: &[&str]| KeyRecord {
        apis: apis.iter().map(|api| api.parse().expect("a name")).collect(),
        ..record(number)
    };
    let newest = serving(3, &["odin"]);
    let oldest = serving(1, &["contox", "odin"]);
    let other = serving(2, &["odin-2"]);
    place.put(&store, &[newest.clone(), oldest.clone(), other.clone()]).await;
    assert_eq!(all(&store).await, [oldest.clone(), other, newest.clone()]);
    let filter = |api: &str| KeyFilter { apis: Some(super::apis(&[api])), ..KeyFilter::default() };
    assert_eq!(
        store.list(&filter("odin"), &PageRequest::default()).await.expect("a list").records,
        [oldest, newest]
    );
    assert_eq!(store.list(&filter("od"), &PageRequest::default()).await.expect("a list").records, []);
}

pub(super) async fn changes_tell_every_change_in_order(place: impl Place) {
    let store = place.open().await;
    place.put(&store, &[record(1), record(2)]).await;
    place.revoke(&store, &record(1).id).await;
    let changes = store.changes(Version(0)).await.expect("changes");
    let marks: Vec<Mark> = changes.iter().map(|change| change.mark).collect();
    assert_eq!(marks, [1, 2, 1].map(|number| mark_of(&record(number))));
    assert!(changes.is_sorted_by(|one, next| one.version < next.version));
    for (at, change) in changes.iter().enumerate() {
        let later = store.changes(change.version).await.expect("changes");
        assert_eq!(later, changes[at + 1..]);
    }
    let last = changes.last().map(|change| change.version);
    assert_eq!(last, Some(store.version().await.expect("a version")));
    let beyond = store.changes(Version(u64::MAX)).await.expect("changes");
    assert_eq!(beyond, []);
}

pub(super) async fn many_changes_come_in_parts(place: impl Place) {
    let store = place.open().await;
    let records: Vec<KeyRecord> = (0..10_000).map(record).collect();
    place.put(&store, &records).await;
    let mut read: Vec<Change> = Vec::new();
    loop {
        let since = read.last().map_or(Version(0), |change| change.version);
        let part = store.changes(since).await.expect("changes");
        if part.is_empty() {
            break;
        }
        read.extend(part);
    }
    let marks = read.into_iter().map(|change| change.mark);
    assert!(marks.eq(records.iter().map(mark_of)));
}
