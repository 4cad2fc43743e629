//! Made-up keys by the thousand: whoever sends them delays no revocation and takes no good key's place.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use doorward::{
    domain::{Author, Timestamp},
    store::KeyStore,
};
use tokio::time::Instant;

use crate::door::{Call, Door, unknown_key};

/// How many made-up keys are in flight at any time.
const AT_ONCE: u64 = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_revoked_in_a_flood_of_made_up_keys_is_refused_within_a_second() {
    let door = Arc::new(Door::new().await);
    let key = door.key("nt_live_", |_| ()).await;
    let following = tokio::spawn({
        let door = Arc::clone(&door);
        async move { door.cached.follow(Duration::from_millis(250)).await }
    });
    let (over, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let flood: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (door, over, sent) = (Arc::clone(&door), Arc::clone(&over), Arc::clone(&sent));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let made_up = unknown_key("nt_live_", 1_000 + sent.fetch_add(1, Ordering::Relaxed));
                    let verdict = door.verdict(Call::get("/notes/1").bearer(&made_up)).await;
                    assert!(["credential_invalid", "unavailable"].contains(&verdict.as_str()), "{verdict}");
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(door.verdict(Call::get("/notes/1").bearer(&key)).await, "allowed", "it is found in the flood");

    door.store
        .revoke(&"key_0".parse().expect("an id"), Timestamp::UNIX_EPOCH, &Author::on_the_store(0))
        .await
        .expect("revoked");
    let revoked = Instant::now();
    while door.verdict(Call::get("/notes/1").bearer(&key)).await == "allowed" {
        assert!(revoked.elapsed() < Duration::from_secs(1), "it is still allowed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(sent.load(Ordering::Relaxed) > AT_ONCE, "there was no flood");
    over.store(true, Ordering::Relaxed);
    for task in flood {
        task.await.expect("no panic");
    }
    following.abort();
}
