//! What a change in the store does to what is remembered.

use crate::{
    domain::{Author, CredentialHash, Timestamp},
    store::{KeyStore, SqlStore},
};

use super::*;

with_every_kind!(
    a_load_that_races_with_a_change_never_serves_what_was_before
    a_change_is_in_force_after_the_next_poll
    what_is_remembered_is_served_while_the_store_is_down
    a_restored_store_makes_everything_forgotten
    what_has_ended_counts_for_the_grace_while_the_store_is_down
);

async fn a_load_that_races_with_a_change_never_serves_what_was_before<R: Sample>() {
    let store = Scripted::default();
    store.put(R::sample(1));
    let cached = cached(&store);
    let following = follow(&cached);
    store.polled().await;

    store.close_gate();
    let asking = {
        let cached = cached.clone();
        tokio::spawn(async move { found::<R>(&cached, 1).await })
    };
    store.loads_begun(1).await;
    store.put(R::sample(1).restricted());
    store.polled().await;
    store.open_gate();

    let found = asking.await.expect("no panic");
    assert_eq!(found.as_deref(), Some(&R::sample(1).restricted().told()));
    assert_eq!(store.loads(), 2, "what the first one read was stale when it came");
    following.abort();
}

async fn a_change_is_in_force_after_the_next_poll<R: Sample>() {
    let store = Scripted::default();
    store.put(R::sample(1));
    store.put(R::sample(2));
    let cached = cached(&store);
    let following = follow(&cached);
    store.polled().await;
    assert_eq!(found::<R>(&cached, 1).await.as_deref(), Some(&R::sample(1).told()));
    assert!(found::<R>(&cached, 2).await.is_some());
    assert!(found::<R>(&cached, 3).await.is_none());

    store.put(R::sample(1).restricted());
    store.remove::<R>(&name::<R>(2));
    store.put(R::sample(3));
    store.polled().await;
    assert_eq!(found::<R>(&cached, 1).await.as_deref(), Some(&R::sample(1).restricted().told()));
    assert!(found::<R>(&cached, 2).await.is_none());
    assert!(found::<R>(&cached, 3).await.is_some());
    following.abort();
}

/// Many changes that a slow store tells in parts: each part counts, however long all of them take together.
#[tokio::test]
async fn changes_that_take_long_to_tell_are_in_force_in_the_end() {
    let store = Scripted::default();
    store.put(KeyRecord::sample(1));
    let cached = cached(&store);
    let following = follow(&cached);
    store.polled().await;
    assert!(found::<KeyRecord>(&cached, 1).await.is_some());
    store.tell_slowly(3, Duration::from_millis(100));
    for number in 2..18 {
        store.put(KeyRecord::sample(number));
    }
    store.put(KeyRecord::sample(1).restricted());
    let patience = Instant::now() + Duration::from_secs(20);
    while found::<KeyRecord>(&cached, 1).await.as_deref() != Some(&KeyRecord::sample(1).restricted().told()) {
        assert!(Instant::now() < patience, "the change is never in force");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    following.abort();
}

async fn what_is_remembered_is_served_while_the_store_is_down<R: Sample>() {
    let store = Scripted::default();
    store.put(R::sample(1));
    let cached = cached(&store);
    let following = follow(&cached);
    store.polled().await;
    found::<R>(&cached, 1).await;
    found::<R>(&cached, 2).await;
    store.fail(true);
    store.polled().await;
    assert!(found::<R>(&cached, 1).await.is_some());
    assert!(found::<R>(&cached, 2).await.is_none());
    assert!(cached.inquire().find::<R>(&name::<R>(3)).await.is_err(), "unavailable, not unknown");

    store.fail(false);
    store.put(R::sample(1).restricted());
    store.polled().await;
    assert_eq!(found::<R>(&cached, 1).await.as_deref(), Some(&R::sample(1).restricted().told()));
    following.abort();
}

async fn a_restored_store_makes_everything_forgotten<R: Sample>() {
    let store = Scripted::default();
    store.put(R::sample(1));
    store.put(R::sample(2));
    let cached = cached(&store);
    let following = follow(&cached);
    store.polled().await;
    assert!(found::<R>(&cached, 1).await.is_some());

    store.restore_empty();
    store.polled().await;
    assert!(found::<R>(&cached, 1).await.is_none());

    // As many changes as before, so that only their content tells the two histories apart.
    store.put(R::sample(1));
    store.polled().await;
    assert!(found::<R>(&cached, 1).await.is_some());
    store.restore_empty();
    store.put(R::sample(3));
    store.polled().await;
    assert!(found::<R>(&cached, 1).await.is_none());
    following.abort();
}

async fn what_has_ended_counts_for_the_grace_while_the_store_is_down<R: Sample>() {
    let store = Scripted::default();
    store.put(R::sample(1));
    let (positive, grace) = (Duration::from_millis(1), Duration::from_millis(1500));
    let limits = CacheLimits { positive, grace, ..limits() };
    let cached = CachedStore::new(store.clone(), limits, Duration::from_secs(10));
    assert!(found::<R>(&cached, 1).await.is_some());
    let remembered = Instant::now();
    store.fail(true);
    tokio::time::sleep(3 * positive).await;
    let asked = cached.inquire().find::<R>(&name::<R>(1)).await;
    // On a machine that stood still meanwhile it has ended already.
    assert!(asked.is_ok_and(|known| known.is_some()) || remembered.elapsed() > grace);
    assert!(cached.inquire().find::<R>(&name::<R>(2)).await.is_err(), "nothing is known of the other");
    store.fail(false);
    store.put_unnoted(R::sample(1).restricted());
    // Whoever answers again is asked again, once the breaker lets somebody try.
    let restricted = async {
        while found_or_none::<R>(&cached).await.as_deref() != Some(&R::sample(1).restricted().told()) {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), restricted).await.expect("the store is asked again");
    store.fail(true);
    tokio::time::sleep(grace + Duration::from_millis(10)).await;
    assert!(cached.inquire().find::<R>(&name::<R>(1)).await.is_err(), "the grace has ended");
}

async fn found_or_none<R: Sample>(cached: &CachedStore<Scripted>) -> Option<Arc<R::Known>> {
    cached.inquire().find::<R>(&name::<R>(1)).await.ok().flatten()
}

#[tokio::test]
async fn whoever_is_too_far_behind_forgets_everything() {
    let store = Scripted::default();
    store.put(record(1));
    let cached = cached(&store);
    let following = follow(&cached);
    store.polled().await;
    let answer = async || cached.inquire().find::<KeyRecord>(&record(1).hash).await.expect("no error");
    answer().await;
    assert_eq!(store.loads(), 1);
    store.fail(true);
    store.polled().await;
    for _ in 0..70_000 {
        store.put(record(2));
    }
    store.fail(false);
    store.polled().await;
    answer().await;
    assert_eq!(store.loads(), 2, "what was remembered may have been changed");
    following.abort();
}

#[tokio::test]
async fn a_revocation_in_another_process_is_in_force_after_the_next_poll() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.db");
    let ours = SqlStore::open_file(&path, SqlStore::PATIENCE).await.expect("it opens");
    let theirs = SqlStore::open_file(&path, SqlStore::PATIENCE).await.expect("it opens");
    theirs.insert(&[record(1)], &Author::on_the_store(0)).await.expect("inserted");
    let cached = CachedStore::new(ours, limits(), Duration::from_secs(10));
    let following = follow(&cached);
    // The first poll forgets what was read before it: only what is remembered after it puts the fences to
    // the test.
    tokio::time::sleep(POLL * 20).await;
    let answer =
        async |number| cached.inquire().find::<KeyRecord>(&record(number).hash).await.expect("no error");
    assert!(answer(1).await.expect("it is there").revoked.is_none());
    assert!(answer(2).await.is_none());

    theirs.revoke(&record(1).id, Timestamp::UNIX_EPOCH, &Author::on_the_store(0)).await.expect("revoked");
    theirs.insert(&[record(2)], &Author::on_the_store(0)).await.expect("inserted");
    let in_force = async {
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
async fn a_change_costs_a_neighbour_in_the_slot_one_load() {
    let beginning_alike = |last: u8| {
        let mut bytes = [7; 32];
        bytes[31] = last;
        KeyRecord { hash: CredentialHash::from_bytes(&bytes).expect("32 bytes"), ..record(u32::from(last)) }
    };
    let store = Scripted::default();
    store.put(beginning_alike(1));
    let cached = cached(&store);
    let following = follow(&cached);
    store.polled().await;
    let answer =
        async || cached.inquire().find::<KeyRecord>(&beginning_alike(1).hash).await.expect("no error");
    answer().await;
    store.put(beginning_alike(2));
    store.polled().await;
    for _ in 0..10 {
        assert_eq!(answer().await.as_deref(), Some(&beginning_alike(1).told()));
    }
    assert_eq!(store.loads(), 2);
    following.abort();
}
