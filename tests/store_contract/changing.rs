//! What a change does, and what refuses it.

use std::slice;

use doorward::{
    domain::KeyRecord,
    store::{Changes, KeyEdit, KeyStore, RecordKind, StoreError, UniqueField},
};

use super::{Place, all, at, by, id, mark_of, marks, record, scopes};

fn successor(number: u32, of: &KeyRecord) -> KeyRecord {
    KeyRecord { rotated_from: Some(of.id.clone()), lineage: of.lineage.clone(), ..record(number) }
}

pub(super) async fn an_insert_is_all_or_nothing(place: impl Place) {
    let store = place.open().await;
    store.insert(&[record(2)], &by()).await.expect("inserted");
    let before = store.version().await.expect("a version");
    store.insert(&[record(1), record(2), record(3)], &by()).await.expect_err("the second is there already");
    assert_eq!(all(&store).await, [record(2)]);
    assert_eq!(store.version().await.expect("a version"), before);
    store.insert(&[], &by()).await.expect("nothing to do");
    assert_eq!(store.version().await.expect("a version"), before);
}

pub(super) async fn an_id_or_hash_is_there_once(place: impl Place) {
    let store = place.open().await;
    store.insert(&[record(1)], &by()).await.expect("inserted");
    let same_id = KeyRecord { hash: record(2).hash, ..record(1) };
    let same_hash = KeyRecord { id: id("key_2"), ..record(1) };
    for (twin, what) in [(same_id, UniqueField::Id), (same_hash, UniqueField::Hash)] {
        let error = store.insert(&[twin], &by()).await.expect_err("it is there already");
        assert!(matches!(error, StoreError::Exists(RecordKind::Key, found) if found == what), "{error}");
    }
}

pub(super) async fn a_rotation_is_both_or_nothing(place: impl Place) {
    let store = place.open().await;
    store.insert(&[record(1), record(2)], &by()).await.expect("inserted");
    let before = store.version().await.expect("a version");

    let taken = KeyRecord { hash: record(2).hash, ..successor(3, &record(1)) };
    let error = store.rotate(&record(1), &taken, at(50), &by()).await;
    assert!(matches!(error, Err(StoreError::Exists(_, UniqueField::Hash))), "{error:?}");
    let missing = store.rotate(&record(9), &successor(3, &record(1)), at(50), &by()).await;
    assert!(matches!(missing, Err(StoreError::NotFound(_))), "{missing:?}");
    assert_eq!(all(&store).await, [record(1), record(2)]);
    assert_eq!(store.version().await.expect("a version"), before);

    let new = successor(3, &record(1));
    store.rotate(&record(1), &new, at(50), &by()).await.expect("rotated");
    let old = KeyRecord { expires: Some(at(50)), ..record(1) };
    assert_eq!(all(&store).await, [old, record(2), new]);
    assert_eq!(marks(&store, before).await, [1, 3].map(|number| mark_of(&record(number))));
}

pub(super) async fn what_is_taken_from_a_key_does_not_live_on_in_its_successor(place: impl Place) {
    let store = place.open().await;
    store.insert(&[record(1)], &by()).await.expect("inserted");
    let edits = [KeyEdit::Scopes(scopes(&[]))];
    let less = store.update(&record(1).id, &edits, at(5), &by()).await.expect("updated");
    let before = store.version().await.expect("a version");
    let changed = store.rotate(&record(1), &successor(2, &record(1)), at(50), &by()).await;
    assert!(matches!(changed, Err(StoreError::Changed(RecordKind::Key))), "{changed:?}");
    assert_eq!((all(&store).await, store.version().await.expect("a version")), (vec![less.clone()], before));
    store.rotate(&less, &successor(2, &less), at(50), &by()).await.expect("rotated");
}

pub(super) async fn a_rotation_never_lengthens_a_life(place: impl Place) {
    let store = place.open().await;
    let ends_soon = KeyRecord { expires: Some(at(20)), ..record(1) };
    store.insert(slice::from_ref(&ends_soon), &by()).await.expect("inserted");
    store.rotate(&ends_soon, &successor(2, &record(1)), at(50), &by()).await.expect("rotated");
    let old = store.get(&id("key_1")).await.expect("it is there");
    assert_eq!(old.expires, Some(at(20)));
}

pub(super) async fn a_key_is_replaced_once_and_never_when_revoked(place: impl Place) {
    let store = place.open().await;
    store.insert(&[record(1), record(2)], &by()).await.expect("inserted");
    store.rotate(&record(1), &successor(3, &record(1)), at(50), &by()).await.expect("rotated");
    let again = store.rotate(&record(1), &successor(4, &record(1)), at(10), &by()).await;
    assert!(matches!(again, Err(StoreError::Exists(_, UniqueField::Predecessor))), "{again:?}");
    let old = store.get(&record(1).id).await.expect("it is there");
    assert_eq!(old.expires, Some(at(50)));

    store.revoke(&record(2).id, at(5), &by()).await.expect("revoked");
    let revoked = store.rotate(&record(2), &successor(4, &record(2)), at(50), &by()).await;
    assert!(matches!(revoked, Err(StoreError::Revoked(RecordKind::Key))));
    assert_eq!(all(&store).await.len(), 3);
}

pub(super) async fn a_revoked_key_stays_as_it_was(place: impl Place) {
    let store = place.open().await;
    store.insert(&[record(1)], &by()).await.expect("inserted");
    let first = store.revoke(&id("key_1"), at(5), &by()).await.expect("revoked");
    assert_eq!(first.revoked, Some(at(5)));
    let version = store.version().await.expect("a version");
    let again = store.revoke(&id("key_1"), at(7), &by()).await.expect("no error");
    assert_eq!(again, first);
    assert_eq!(store.get(&id("key_1")).await.expect("it is there"), first);
    assert_eq!(store.version().await.expect("a version"), version, "nothing has changed");
    let missing = store.revoke(&id("key_2"), at(5), &by()).await;
    assert!(matches!(missing, Err(StoreError::NotFound(_))));
}

pub(super) async fn versions_grow_with_every_change(place: impl Place) {
    let store = place.open().await;
    let mut seen = store.version().await.expect("a version");
    for step in 0..4 {
        let done = match step {
            0 => store.insert(&[record(1)], &by()).await,
            1 => store.insert(&[record(2), record(3)], &by()).await,
            2 => {
                let successor = successor(4, &record(1));
                store.rotate(&record(1), &successor, at(50), &by()).await
            }
            _ => store.revoke(&record(2).id, at(5), &by()).await.map(drop),
        };
        done.expect("it can be done");
        let version = store.version().await.expect("a version");
        assert!(version > seen);
        seen = version;
    }
}
