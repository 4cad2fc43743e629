//! Which servers there are, and how far each of them knows the changes.

use std::time::Duration;

use doorward::store::{ReplicaStore, Spread};

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

pub(crate) async fn a_change_is_everywhere_when_every_server_knows_it(place: impl Place) {
    let store = place.open().await;
    let spread = async |version| store.spread(version).await.expect("how far it has come");
    assert_eq!(spread(Version(1)).await, Spread::default());
    assert!(spread(Version(1)).await.is_everywhere(), "there is nobody who could not know it");

    store.attend("one", Version(1), MINUTE).await.expect("told");
    store.attend("two", Version(0), MINUTE).await.expect("told");
    assert_eq!(spread(Version(1)).await, Spread { servers: 2, reached: 1, silent: 0 });
    assert!(!spread(Version(1)).await.is_everywhere());
    let other = place.open().await;
    other.attend("two", Version(7), MINUTE).await.expect("told");
    assert_eq!(spread(Version(1)).await, Spread { servers: 2, reached: 2, silent: 0 });
    assert_eq!(spread(Version(2)).await, Spread { servers: 2, reached: 1, silent: 0 });
    store.leave("one").await.expect("told");
    assert_eq!(spread(Version(7)).await, Spread { servers: 1, reached: 1, silent: 0 });
    store.leave("nobody").await.expect("that is no error");
}

pub(crate) async fn a_server_counts_for_as_long_as_it_remembers(place: impl Place) {
    let store = place.open().await;
    store.attend("gone", Version(0), Duration::from_millis(1)).await.expect("told");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(store.spread(Version(1)).await.expect("how far"), Spread::default());
    store.attend("there", Version(0), MINUTE).await.expect("told");
    assert_eq!(store.spread(Version(1)).await.expect("how far").servers, 1);
}

pub(crate) async fn whoever_waits_is_told_when_a_change_is_everywhere(place: impl Place) {
    let store = place.open().await;
    store.insert(&[record(1)], &by()).await.expect("inserted");
    let version = store.version().await.expect("a version");
    store.attend("one", Version(0), MINUTE).await.expect("told");
    let patience = Duration::from_millis(50);
    let spread = store.spread_now(patience).await.expect("how far");
    assert_eq!(spread, Spread { servers: 1, reached: 0, silent: 0 });

    let waiting = {
        let store = store.clone();
        tokio::spawn(async move { store.spread_now(MINUTE).await.expect("how far") })
    };
    store.attend("one", version, MINUTE).await.expect("told");
    assert!(waiting.await.expect("no panic").is_everywhere());
}

pub(crate) async fn whoever_waits_for_changes_is_woken_by_the_next_one(place: impl Place) {
    let (store, other) = (place.open().await, place.open().await);
    store.insert(&[record(1)], &by()).await.expect("inserted");
    tokio::time::timeout(MINUTE, store.woken()).await.expect("by its own change");
    // A store that tells others of its changes begins to listen now, and wakes once since it did not before.
    let listening = tokio::time::timeout(Duration::from_secs(2), other.woken()).await;
    store.revoke(&record(1).id, at(2), &by()).await.expect("revoked");
    if listening.is_ok() {
        tokio::time::timeout(MINUTE, other.woken()).await.expect("by the change of another");
    }
    tokio::time::timeout(MINUTE, store.woken()).await.expect("by its own change");
}
