//! Which uses of keys are counted.

use doorward::{
    domain::{Clock, KeyId, KeyRecord, KeyUsage},
    store::{Changes, KeyFilter, KeyStore, PageRequest, UsageStore},
};

use crate::door::{Call, Door, scopes, unknown_key};

const CONFIG: &str = "
apis:
  - name: notes
    hosts: [notes.example]
    credentials:
      - api_key: { prefix: nt_, from: [{ header: { name: authorization, scheme: Bearer } }] }
    routes:
      - { match: /read, scopes: [read] }
      - { match: /written, scopes: [write] }
      - { match: /perhaps, optional: true }
      - { match: /login, public: true }
      - { match: /few, limits: { by: credential, quotas: [1/minute], window: fixed } }
      - { match: /waived, scopes: [write], shadow: { until: 2026-02-01 } }
      - { match: /early, scopes: [read], shadow: { until: 2026-02-01 } }
";

/// A reader's key, changed as the test wants it.
async fn key(door: &Door, edit: impl FnOnce(&mut KeyRecord)) -> String {
    let reader = |record: &mut KeyRecord| {
        record.environment = None;
        record.scopes = scopes(&["read"]);
        edit(record);
    };
    door.key("nt_", reader).await
}

/// How the store says that the only key was used.
async fn usage(door: &Door) -> Option<KeyUsage> {
    let keys = door.store.list(&KeyFilter::default(), &PageRequest::default()).await.expect("a list").records;
    let ids: Vec<KeyId> = keys.into_iter().map(|key| key.id).collect();
    let mut usage = door.store.usage(&ids).await.expect("an answer");
    assert_eq!(ids.len(), 1, "{ids:?}");
    usage.remove(&ids[0])
}

#[tokio::test]
async fn what_a_key_opens_is_counted_and_nothing_else() {
    let door = Door::with(CONFIG).await;
    let key = key(&door, |_| ()).await;
    let mut uses = 0;
    for (path, verdict, counts) in [
        ("/read", "allowed", true),
        ("/written", "scope_missing", false),
        ("/perhaps", "allowed", true),
        ("/nowhere", "route_unknown", false),
        ("/read//", "request_malformed", false),
        // Where nobody is asked who they are, no key is looked at.
        ("/login", "allowed", false),
        ("/few", "allowed", true),
        ("/few", "rate_limited", false),
        // It goes on, though it would be refused.
        ("/waived", "allowed", false),
        // It goes on, and would anyway.
        ("/early", "allowed", true),
    ] {
        door.clock.advance(1);
        let before = usage(&door).await;
        assert_eq!(door.verdict(Call::get(path).bearer(&key)).await, verdict, "{path}");
        assert_eq!(usage(&door).await, before, "nothing is written before its time: {path}");
        door.checker.write_uses().await.expect("written");
        if counts {
            uses += 1;
            assert_eq!(usage(&door).await, Some(KeyUsage { uses, used: door.clock.now() }), "{path}");
        } else {
            assert_eq!(usage(&door).await, before, "{path}");
        }
    }
    assert_eq!(door.verdict(Call::get("/perhaps")).await, "allowed");
    assert_eq!(door.verdict(Call::get("/read").bearer(&unknown_key("nt_", 7))).await, "credential_invalid");
    let before = usage(&door).await;
    door.checker.write_uses().await.expect("written");
    assert_eq!(usage(&door).await, before);
}

#[tokio::test]
async fn a_key_that_is_not_good_is_not_used() {
    let door = Door::with(CONFIG).await;
    let now = door.clock.now();
    let expired = key(&door, |record| record.expires = Some(now)).await;
    assert_eq!(door.verdict(Call::get("/read").bearer(&expired)).await, "credential_invalid");
    door.checker.write_uses().await.expect("written");
    assert_eq!(usage(&door).await, None);
}

#[tokio::test]
async fn uses_that_cannot_be_written_are_kept_and_nobody_is_refused() {
    let door = Door::with(CONFIG).await;
    let key = key(&door, |_| ()).await;
    let knock = async || assert_eq!(door.verdict(Call::get("/read").bearer(&key)).await, "allowed");
    knock().await;
    door.rename_table("key_usage", "away").await;
    door.checker.write_uses().await.expect_err("there is nothing to write to");
    door.clock.advance(5);
    knock().await;
    let (last, version) = (door.clock.now(), door.store.version().await.expect("a version"));
    door.checker.write_uses().await.expect_err("there is nothing to write to");
    door.rename_table("away", "key_usage").await;
    door.checker.write_uses().await.expect("written");
    assert_eq!(usage(&door).await, Some(KeyUsage { uses: 2, used: last }));
    door.checker.write_uses().await.expect("there is nothing to write");
    assert_eq!(usage(&door).await, Some(KeyUsage { uses: 2, used: last }), "nothing is written twice");
    assert_eq!(door.store.version().await.expect("a version"), version, "nothing is to be read again");
}

#[tokio::test]
async fn whoever_only_asks_what_would_be_uses_nothing() {
    let door = Door::with(CONFIG).await;
    let key = key(&door, |_| ()).await;
    let api = "notes".parse().expect("a name");
    door.checker.inspect(&api, &key).await.expect("there is such an API").expect("it is good");
    assert_eq!(door.cause(&Call::get("/read").bearer(&key)).await, "allowed");
    door.checker.write_uses().await.expect("written");
    assert_eq!(usage(&door).await, None);
}
