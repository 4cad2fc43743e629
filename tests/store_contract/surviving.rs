//! What comes back as it was after a closing, and beside another handle.

use doorward::store::{Change, Changes, KeyStore, Version};

use super::{Place, all, at, by, record};

async fn write(store: impl KeyStore, numbers: std::ops::Range<u32>) {
    for number in numbers {
        store.insert(&[record(number)], &by()).await.expect("inserted");
        if number % 3 == 0 {
            store.revoke(&record(number).id, at(5), &by()).await.expect("revoked");
        }
    }
}

pub(super) async fn two_handles_see_one_store_and_a_reader_misses_no_change(place: impl Place) {
    let (here, there) = tokio::join!(place.open(), place.open());
    let reader = place.open().await;
    let writing = [tokio::spawn(write(here.clone(), 0..60)), tokio::spawn(write(there.clone(), 60..120))];
    // Were a version visible before a lower one, the reader would go past it.
    let mut read: Vec<Change> = Vec::new();
    while read.len() < 160 {
        let since = read.last().map_or(Version(0), |change| change.version);
        read.extend(reader.changes(since).await.expect("changes"));
    }
    for done in writing {
        done.await.expect("no panic");
    }
    assert_eq!(read, here.changes(Version(0)).await.expect("changes"));
    assert_eq!(all(&here).await.len(), 120);
    assert_eq!(all(&here).await, all(&there).await);
}

pub(super) async fn a_closed_store_keeps_everything(place: impl Place) {
    let store = place.open().await;
    store.insert(&[record(1), record(2)], &by()).await.expect("inserted");
    store.revoke(&record(2).id, at(5), &by()).await.expect("revoked");
    let before = all(&store).await;
    let changes = store.changes(Version(0)).await.expect("changes");
    place.close(store).await;

    let store = place.open().await;
    assert_eq!(all(&store).await, before);
    assert_eq!(store.changes(Version(0)).await.expect("changes"), changes);
    store.insert(&[record(3)], &by()).await.expect("inserted");
    assert!(store.version().await.expect("a version") > changes[2].version);
}
