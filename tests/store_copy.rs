//! A store is copied into another one, of the same engine or another.

#![expect(clippy::expect_used, reason = "a test says what went wrong by ending")]

#[path = "postgres/mod.rs"]
mod postgres;

use std::time::Duration;

use doorward::{
    config::StoreLocation,
    domain::{
        Author, CredentialHash, KeyId, KeyKind, KeyRecord, KeyUsage, ScopeSet, SessionRecord, Timestamp,
    },
    store::{
        AuditFilter, AuditStore, Changes, CopyError, CopyProgress, CopyStage, Finds, KeyFilter, KeyStore,
        PageRequest, SessionStore, SqlStore, UsageStore, every_page,
    },
};
use tempfile::TempDir;

/// Two stores, one in each engine.
struct Scene {
    folder: TempDir,
    database: postgres::Database,
}

impl Scene {
    async fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            database: postgres::shared().await.database().await,
        }
    }

    fn file(&self) -> StoreLocation {
        StoreLocation::Sqlite(self.folder.path().join("keys.db"))
    }

    fn other_file(&self) -> StoreLocation {
        StoreLocation::Sqlite(self.folder.path().join("other.db"))
    }
}

async fn open(location: &StoreLocation) -> SqlStore {
    SqlStore::open(location, SqlStore::PATIENCE).await.expect("it opens")
}

async fn target(location: &StoreLocation) -> SqlStore {
    SqlStore::open_target(location, SqlStore::PATIENCE).await.expect("it opens")
}

fn by() -> Author {
    Author::on_the_store(0)
}

fn id(number: u32) -> KeyId {
    format!("key_{number}").parse().expect("an id")
}

fn record(number: u32) -> KeyRecord {
    KeyRecord {
        id: id(number),
        hash: CredentialHash::of(&number.to_string()),
        hint: "sk_live_...".parse().expect("a hint"),
        name: format!("Key {number}, \u{1f511} 'and' \"more\""),
        kind: KeyKind::ApiKey,
        apis: vec!["cortex-edr".parse().expect("a name")],
        organization: "acme".parse().expect("an id"),
        project: None,
        environment: None,
        scopes: ScopeSet::default(),
        plan: None,
        sources: Vec::new(),
        created: Timestamp::from_second(i64::from(number)).expect("a moment"),
        expires: None,
        revoked: None,
        rotated_from: None,
        lineage: id(number),
        labels: [("team".to_owned(), number.to_string())].into(),
    }
}

/// Keys of which some are revoked, replaced and used.
async fn furnish(store: &SqlStore, keys: u32) {
    let records: Vec<KeyRecord> = (0..keys).map(record).collect();
    store.insert(&records, &by()).await.expect("inserted");
    let at = Timestamp::from_second(5).expect("a moment");
    store.revoke(&id(0), at, &by()).await.expect("revoked");
    let successor = KeyRecord { rotated_from: Some(id(1)), lineage: id(1), ..record(keys) };
    let old = store.get(&id(1)).await.expect("it is there");
    store.rotate(&old, &successor, at, &by()).await.expect("rotated");
    store.add_uses(&[(id(2), KeyUsage { uses: 7, used: at })]).await.expect("noted");
}

async fn keys(store: &SqlStore) -> Vec<KeyRecord> {
    every_page(async |page| store.list(&KeyFilter::default(), page).await).await.expect("a list")
}

/// All that both say must be the same, and the copy has to go on as a store.
async fn agree(one: &SqlStore, other: &SqlStore, next: u32) {
    assert_eq!(keys(one).await, keys(other).await);
    assert_eq!(one.version().await.expect("a version"), other.version().await.expect("a version"));
    assert_eq!(one.usage(&[id(2)]).await.expect("uses"), other.usage(&[id(2)]).await.expect("uses"));
    let audit = async |store: &SqlStore| {
        every_page(async |page: &PageRequest| store.audit(&AuditFilter::default(), page).await)
            .await
            .expect("the log")
    };
    assert_eq!(audit(one).await, audit(other).await);
    let before = other.version().await.expect("a version");
    other.insert(&[record(next)], &by()).await.expect("it goes on after what was copied");
    assert!(other.version().await.expect("a version") > before);
    let found = Finds::<KeyRecord>::find(other, &record(next).hash).await.expect("an answer");
    assert!(found.record.is_some());
}

#[tokio::test]
async fn a_store_moves_there_and_back() {
    let scene = Scene::new().await;
    let file = open(&scene.file()).await;
    furnish(&file, 1200).await;
    let there = target(&scene.database.location()).await;
    let mut told = Vec::new();
    let rows = file.copy_into(&there, |progress| told.push(progress)).await.expect("copied");
    let last = *told.last().expect("told");
    assert_eq!(last, CopyProgress { stage: CopyStage::Comparing, done: rows, all: rows });
    agree(&file, &there, 5000).await;
    // Whoever opens it as servers do finds it whole.
    let there = open(&scene.database.location()).await;
    let back = target(&scene.other_file()).await;
    there.copy_into(&back, |_| ()).await.expect("copied");
    agree(&there, &back, 5001).await;
}

#[tokio::test]
async fn a_copy_that_broke_off_is_opened_by_nobody_and_gone_on_with() {
    let scene = Scene::new().await;
    let file = open(&scene.file()).await;
    furnish(&file, 3000).await;
    for stop in [700, 1900, 3100, 6500] {
        let (file, there) = (file.clone(), target(&scene.database.location()).await);
        let broken = tokio::spawn(async move {
            file.copy_into(&there, |progress| {
                assert!(
                    progress.stage == CopyStage::Comparing || progress.done < stop,
                    "as if it were killed"
                );
            })
            .await
        });
        broken.await.expect_err("it was cut off");
        let refused = SqlStore::open(&scene.database.location(), SqlStore::PATIENCE).await;
        let refused = refused.expect_err("it is not whole").to_string();
        assert!(
            refused.contains("a copy into it is not whole: `doorward store copy` goes on with it"),
            "{refused}"
        );
    }
    // What changes without being told of is copied as it is in the end.
    let at = Timestamp::from_second(9).expect("a moment");
    file.add_uses(&[(id(2), KeyUsage { uses: 1, used: at })]).await.expect("noted");
    let there = target(&scene.database.location()).await;
    let mut parts = 0;
    let rows = file.copy_into(&there, |progress| parts += u64::from(progress.stage == CopyStage::Copying));
    let rows = rows.await.expect("copied");
    // Of each 500 rows it is told once, and once more of each of the twelve tables.
    assert!(parts < 12 + rows / 500 * 3 / 4, "it goes on where it was: {parts} parts of {rows} rows");
    agree(&file, &open(&scene.database.location()).await, 5000).await;
}

#[tokio::test]
async fn what_would_mix_two_states_is_refused() {
    let scene = Scene::new().await;
    let file = open(&scene.file()).await;
    furnish(&file, 1200).await;
    let there = target(&scene.database.location()).await;
    let broken = {
        let (file, there) = (file.clone(), there.clone());
        tokio::spawn(async move { file.copy_into(&there, |progress| assert!(progress.done < 600)).await })
    };
    broken.await.expect_err("it was cut off");
    file.revoke(&id(3), Timestamp::UNIX_EPOCH, &by()).await.expect("revoked");
    let outdated = file.copy_into(&there, |_| ()).await.expect_err("a key would come back");
    assert!(matches!(outdated, CopyError::Outdated(_)), "{outdated}");

    let other = open(&scene.other_file()).await;
    other.insert(&[record(1)], &by()).await.expect("inserted");
    let occupied = file.copy_into(&other, |_| ()).await.expect_err("something is there");
    assert!(matches!(occupied, CopyError::Occupied(_)), "{occupied}");
    assert_eq!(keys(&other).await.len(), 1);
}

#[tokio::test]
async fn nothing_is_changed_while_it_is_copied() {
    let scene = Scene::new().await;
    let patience = Duration::from_millis(200);
    for (from, to) in [
        (scene.file(), scene.other_file()),
        (scene.database.location(), StoreLocation::Sqlite(scene.folder.path().join("third.db"))),
    ] {
        furnish(&open(&from).await, 700).await;
        let (there, writer) = (target(&to).await, SqlStore::open(&from, patience).await.expect("it opens"));
        let (begun, beginning) = tokio::sync::oneshot::channel();
        let (go_on, waiting) = std::sync::mpsc::channel::<()>();
        let copying = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
            let mut begun = Some(begun);
            runtime.block_on(async {
                let source = SqlStore::open(&from, patience).await.expect("it opens");
                source
                    .copy_into(&there, |_| {
                        if let Some(begun) = begun.take() {
                            begun.send(()).expect("somebody waits");
                            waiting.recv().expect("somebody lets it go on");
                        }
                    })
                    .await
                    .expect("copied")
            })
        });
        beginning.await.expect("it has begun");
        let refused = writer.revoke(&id(3), Timestamp::UNIX_EPOCH, &by()).await.expect_err("not now");
        assert!(refused.to_string().contains("another process holds a lock"), "{refused}");
        assert!(
            Finds::<KeyRecord>::find(&writer, &record(3).hash).await.expect("an answer").record.is_some()
        );
        go_on.send(()).expect("it waits");
        copying.await.expect("no panic");
        writer.revoke(&id(3), Timestamp::UNIX_EPOCH, &by()).await.expect("now it is");
    }
}

fn session() -> SessionRecord {
    let at = |second| Timestamp::from_second(second).expect("a moment");
    SessionRecord {
        id: "ses_1".parse().expect("an id"),
        hash: CredentialHash::of("a token"),
        apis: vec!["board".parse().expect("a name")],
        user: "ada".parse().expect("an id"),
        memberships: Vec::new().into(),
        scopes: ScopeSet::default(),
        created: at(5),
        expires: at(5_000),
        idle: None,
        used: at(5),
        ended: None,
    }
}

/// Servers of PostgreSQL go on noting uses, for which nobody takes the right to change.
#[tokio::test]
async fn uses_that_are_noted_meanwhile_keep_nobody_from_copying() {
    let scene = Scene::new().await;
    let source = open(&scene.database.location()).await;
    furnish(&source, 700).await;
    source.insert_session(&session(), &by()).await.expect("inserted");
    let before = source.usage(&[id(2), id(3)]).await.expect("uses");
    let there = target(&scene.file()).await;
    let runtime = tokio::runtime::Handle::current();
    let copying = tokio::task::spawn_blocking({
        let (source, there) = (source.clone(), there.clone());
        move || {
            let note = |second| {
                let at = Timestamp::from_second(second).expect("a moment");
                let usage = KeyUsage { uses: 1, used: at };
                let noted = async {
                    source.add_uses(&[(id(2), usage), (id(3), usage)]).await.expect("noted");
                    source.touch(&[(session().hash, at)]).await.expect("noted");
                };
                std::thread::scope(|scope| scope.spawn(|| runtime.block_on(noted)).join().expect("noted"));
            };
            let mut second = 5;
            runtime.block_on(source.copy_into(&there, |_| {
                second += 1;
                note(second);
            }))
        }
    });
    copying.await.expect("no panic").expect("copied");
    assert_eq!(there.usage(&[id(2), id(3)]).await.expect("uses"), before, "as it was when it began");
    assert_eq!(there.session(&session().id).await.expect("it is there"), session());
    let after = source.usage(&[id(2)]).await.expect("uses");
    assert!(after.get(&id(2)).expect("it was used").uses > 7 + 12, "it was used all the time: {after:?}");
}
