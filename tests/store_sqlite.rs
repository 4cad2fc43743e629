//! What can be wrong with an SQLite file, and what the operator is told.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what went wrong by ending")]

use std::{
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use doorward::{
    config::StoreLocation,
    domain::{Author, CredentialHash, KeyKind, KeyRecord, ScopeSet, SessionRecord, Timestamp},
    store::{
        AuditFilter, AuditStore, Changes, Finds, Found, KeyFilter, KeyStore, MemberFilter, MemberStore,
        OrganizationFilter, OrganizationStore, PageRequest, ProjectFilter, ProjectStore, ReplicaStore,
        SecretFilter, SecretStore, SessionStore, SqlStore, StoreError, Version,
    },
};
use sqlx::{Connection, SqliteConnection, migrate::Migrator, sqlite::SqliteConnectOptions};

/// Short, since some tests wait for all of it.
const PATIENCE: Duration = Duration::from_millis(300);

struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("keys.db")
    }

    async fn open(&self) -> SqlStore {
        SqlStore::open_file(&self.path(), PATIENCE).await.expect("it opens")
    }

    /// Another program that does to the file what `statement` says.
    async fn tamper(&self, statement: &'static str) -> SqliteConnection {
        let file = SqliteConnectOptions::new().filename(self.path()).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&file).await.expect("it opens");
        sqlx::raw_sql(statement).execute(&mut connection).await.expect("done");
        connection
    }
}

/// The key with this number, as a Check looks it up.
async fn find(store: &SqlStore, number: u32) -> Result<Found<KeyRecord>, StoreError> {
    Finds::<KeyRecord>::find(store, &record(number).hash).await
}

async fn refusal(path: &Path) -> String {
    let error = SqlStore::open_file(path, PATIENCE).await.expect_err("it cannot be used");
    let text = error.to_string();
    assert!(matches!(error, StoreError::Unavailable(_)), "{text}");
    text.strip_prefix(&format!("the store is unavailable: {}: ", path.display()))
        .unwrap_or_else(|| panic!("it does not name the file: {text}"))
        .to_owned()
}

fn record(number: u32) -> KeyRecord {
    KeyRecord {
        id: format!("key_{number}").parse().expect("an id"),
        hash: CredentialHash::of(&number.to_string()),
        hint: "sk_live_...".parse().expect("a hint"),
        name: "x".repeat(200),
        kind: KeyKind::ApiKey,
        apis: vec!["cortex-edr".parse().expect("a name")],
        organization: "acme".parse().expect("an id"),
        project: None,
        environment: None,
        scopes: ScopeSet::default(),
        plan: None,
        sources: Vec::new(),
        created: Timestamp::UNIX_EPOCH,
        expires: None,
        revoked: None,
        rotated_from: None,
        lineage: format!("key_{number}").parse().expect("an id"),
        labels: std::collections::BTreeMap::new(),
    }
}

#[tokio::test]
async fn the_file_is_made_for_its_owner_alone() {
    let scene = Scene::new();
    let store = scene.open().await;
    store.insert(&[record(1)], &Author::on_the_store(0)).await.expect("inserted");
    for name in ["keys.db", "keys.db-wal", "keys.db-shm"] {
        let file = std::fs::metadata(scene.folder.path().join(name)).expect("it is there");
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let scene = Scene::new();
    assert_eq!(
        refusal(&scene.folder.path().join("none/keys.db")).await,
        "its folder does not exist: create it first"
    );
}

#[tokio::test]
async fn a_folder_is_no_file() {
    let scene = Scene::new();
    assert_eq!(refusal(scene.folder.path()).await, "it is a folder, where a file was expected");
}

#[tokio::test]
async fn another_kind_of_file_is_left_alone() {
    let scene = Scene::new();
    let text = "listen: 127.0.0.1:9191\n".repeat(100);
    std::fs::write(scene.path(), &text).expect("written");
    assert_eq!(refusal(&scene.path()).await, "it is not an SQLite database");
    assert_eq!(std::fs::read_to_string(scene.path()).expect("read"), text);
}

#[tokio::test]
async fn a_damaged_file_is_unavailable_and_not_empty() {
    let scene = Scene::new();
    let store = scene.open().await;
    let records: Vec<KeyRecord> = (0..500).map(record).collect();
    store.insert(&records, &Author::on_the_store(0)).await.expect("inserted");
    store.close().await;
    let file = std::fs::OpenOptions::new().write(true).open(scene.path()).expect("it opens");
    let length = usize::try_from(file.metadata().expect("read").len()).expect("it is small");
    file.write_all_at(&vec![0xAB; length - 4096], 4096).expect("written");

    let damage = format!(
        "the store is unavailable: {}: it is damaged: restore it from a backup",
        scene.path().display()
    );
    match SqlStore::open_file(&scene.path(), PATIENCE).await {
        Err(error) => assert_eq!(error.to_string(), damage),
        Ok(store) => {
            let error = find(&store, 1).await.expect_err("it cannot be read");
            assert_eq!(error.to_string(), damage);
        }
    }
}

#[tokio::test]
async fn a_schema_of_a_newer_version_asks_for_an_upgrade() {
    let scene = Scene::new();
    scene.open().await.close().await;
    scene
        .tamper("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', TRUE, x'00', 0)")
        .await;
    assert_eq!(
        refusal(&scene.path()).await,
        "a newer version of this program has written it: upgrade this program"
    );
}

#[tokio::test]
async fn what_is_opened_as_it_is_stays_as_it_is() {
    let scene = Scene::new();
    let refused = async |expected: &str| {
        let error = SqlStore::open_as_it_is(&StoreLocation::Sqlite(scene.path()), PATIENCE)
            .await
            .expect_err("it cannot be used");
        assert!(error.to_string().contains(expected), "{error}");
    };
    refused("keys.db: it is not there yet: `doorward serve`").await;
    assert!(!scene.path().exists());

    std::fs::write(scene.path(), "").expect("an empty file");
    refused("its schema is not that of this version").await;
    assert_eq!(std::fs::metadata(scene.path()).expect("the file").len(), 0);
    std::fs::remove_file(scene.path()).expect("removed");

    let store = scene.open().await;
    store.insert(&[record(1)], &Author::on_the_store(0)).await.expect("inserted");
    let other =
        SqlStore::open_as_it_is(&StoreLocation::Sqlite(scene.path()), PATIENCE).await.expect("it opens");
    assert!(find(&other, 1).await.expect("found").record.is_some());
    other.try_to_write().await.expect("it could be written to");
    let lock = scene.tamper("BEGIN IMMEDIATE").await;
    let error = other.try_to_write().await.expect_err("somebody else writes");
    assert!(error.to_string().contains("another process holds a lock"), "{error}");
    drop(lock);
    store.close().await;
    other.close().await;

    scene.tamper("INSERT INTO _sqlx_migrations VALUES (999, 'later', 0, 1, x'00', 0)").await;
    refused("a newer version of this program has written it").await;
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let scene = Scene::new();
    scene.tamper("CREATE TABLE keys (id INTEGER); INSERT INTO keys VALUES (1)").await;
    assert!(refusal(&scene.path()).await.contains("table keys already exists"));
    let mut connection = scene.tamper("SELECT 1").await;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut connection)
        .await
        .expect("read");
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_lock_held_for_too_long_is_told_and_reading_goes_on() {
    let scene = Scene::new();
    let store = scene.open().await;
    store.insert(&[record(1)], &Author::on_the_store(0)).await.expect("inserted");
    let locked = "another process holds a lock on it for too long";

    let writer = scene.tamper("BEGIN IMMEDIATE").await;
    let error =
        store.insert(&[record(2)], &Author::on_the_store(0)).await.expect_err("someone else is writing");
    assert!(error.to_string().ends_with(locked), "{error}");
    assert!(find(&store, 1).await.expect("an answer").record.is_some());
    scene.open().await.close().await;
    drop(writer);
    store.insert(&[record(2)], &Author::on_the_store(0)).await.expect("the lock is gone");
    store.close().await;

    // In this mode of locking not even readers get in.
    let _owner =
        scene.tamper("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE mine (id)").await;
    assert_eq!(refusal(&scene.path()).await, locked);
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_named() {
    let scene = Scene::new();
    let store = scene.open().await;
    store.insert(&[record(1)], &Author::on_the_store(0)).await.expect("inserted");
    for (statement, complaint) in [
        ("UPDATE keys SET kind = 'master'", "column kind: expected `api_key` or `service_key`"),
        ("UPDATE keys SET kind = 'api_key', sources = '10.0.0.0/8 ten'", "column sources: "),
        ("UPDATE keys SET sources = '', created = 9223372036854775807", "column created: "),
        ("UPDATE keys SET created = 0, project = ''", "column project: expected one character at least"),
        ("UPDATE keys SET project = NULL, apis = 'Über'", "column apis: expected lower-case"),
        ("UPDATE keys SET apis = 'x', hint = CAST(x'FF' AS TEXT)", "column hint: "),
    ] {
        scene.tamper(statement).await;
        let expected = format!("the store holds something unreadable: key \"key_1\", {complaint}");
        let found = find(&store, 1).await.expect_err("it makes no sense");
        assert!(found.to_string().starts_with(&expected), "{found}");
        let listed = store.list(&KeyFilter::default(), &PageRequest::default()).await;
        assert!(matches!(listed, Err(StoreError::Corrupt(_))), "{listed:?}");
    }
}

#[tokio::test]
async fn a_row_of_every_other_kind_that_makes_no_sense_is_named() {
    let scene = Scene::new();
    let store = scene.open().await;
    let hash = CredentialHash::of("a token");
    scene
        .tamper(
            "INSERT INTO organizations VALUES (1, 'acme', 'Acme', 'odin', 'Top', 'sso', NULL, 0); \
             INSERT INTO projects VALUES (1, 'apollo', 'Apollo', 'Odin', 'acme', 0); \
             INSERT INTO members VALUES (1, 'ada', 'acme', 'odin', '\"'); \
             INSERT INTO secrets VALUES \
             (1, 'secret_1', 'odin', 'acme', 'apollo', 'One', x'00', 0, NULL, NULL, NULL)",
        )
        .await;
    let told = |error: StoreError| error.to_string();
    let page = PageRequest::default();
    for (complaint, expected) in [
        (
            store.organizations(&OrganizationFilter::default(), &page).await.map(drop).map_err(told),
            "organization \"acme\", column plan: expected lower-case",
        ),
        (
            store.projects(&ProjectFilter::default(), &page).await.map(drop).map_err(told),
            "project \"apollo\", column apis: expected lower-case",
        ),
        (
            store.members(&MemberFilter::default(), &page).await.map(drop).map_err(told),
            "member \"ada\", column scopes: expected 1 to 64 visible",
        ),
        (
            store.secrets(&SecretFilter::default(), &page).await.map(drop).map_err(told),
            "secret \"secret_1\", column sealing_key: expected lower-case",
        ),
    ] {
        let complaint = complaint.expect_err("it makes no sense");
        let expected = format!("the store holds something unreadable: {expected}");
        assert!(complaint.starts_with(&expected), "{complaint}");
    }

    let session = SessionRecord {
        id: "session_1".parse().expect("an id"),
        hash,
        apis: vec!["odin".parse().expect("a name")],
        user: "ada".parse().expect("an id"),
        memberships: [].into(),
        scopes: ScopeSet::default(),
        created: Timestamp::UNIX_EPOCH,
        expires: Timestamp::UNIX_EPOCH,
        idle: None,
        used: Timestamp::UNIX_EPOCH,
        ended: None,
    };
    store.insert_session(&session, &Author::on_the_store(0)).await.expect("inserted");
    for (statement, complaint) in [
        ("UPDATE sessions SET memberships = '{}'", "column memberships: "),
        (
            "UPDATE sessions SET memberships = '[{\"organization\": \"\", \"scopes\": []}]'",
            "column memberships: expected one character at least",
        ),
        (
            "UPDATE sessions SET memberships = '[{\"organization\": \"acme\", \"scopes\": [\"a b\"]}]'",
            "column memberships: expected 1 to 64 visible",
        ),
        ("UPDATE sessions SET memberships = '[]', idle = -1", "column idle: "),
    ] {
        scene.tamper(statement).await;
        let found = Finds::<SessionRecord>::find(&store, &hash).await.expect_err("it makes no sense");
        let expected = format!("the store holds something unreadable: session \"session_1\", {complaint}");
        assert!(found.to_string().starts_with(&expected), "{found}");
    }
}

#[tokio::test]
async fn a_file_of_the_first_version_is_brought_up_to_date_with_its_keys() {
    let scene = Scene::new();
    let migrations = scene.folder.path().join("migrations");
    std::fs::create_dir(&migrations).expect("a folder");
    let first = "src/store/migrations/sqlite/0001_keys.sql";
    std::fs::copy(first, migrations.join("0001_keys.sql")).expect("copied");
    let mut file = scene.tamper("SELECT 1").await;
    let migrator = Migrator::new(migrations).await.expect("one migration");
    migrator.run(&mut file).await.expect("a file of the first version");
    scene
        .tamper(
            "INSERT INTO keys SELECT value, 'key_' || value, randomblob(32), '', '', 'api_key', 'odin', 'acme', \
             NULL, NULL, '', NULL, '', 0, NULL, NULL, iif(value IN (2, 4), 'key_' || (value - 1), NULL) \
             FROM json_each('[3, 1, 2, 4]') ORDER BY value; \
             UPDATE keys SET rotated_from = 'key_2' WHERE id = 'key_3'; \
             INSERT INTO keys SELECT 5, 'key_5', randomblob(32), '', '', 'api_key', 'odin', 'acme', \
             NULL, NULL, '', NULL, '', 0, NULL, NULL, NULL; \
             INSERT INTO changes (hash) SELECT hash FROM keys",
        )
        .await;

    let rows = sqlx::query("SELECT * FROM keys").fetch_all(&mut file).await.expect("read");
    assert_eq!(rows.len(), 5);

    let store = scene.open().await;
    let keys = store.list(&KeyFilter::default(), &PageRequest::default()).await.expect("a list").records;
    let lineages: Vec<(&str, &str)> =
        keys.iter().map(|key| (key.id.as_str(), key.lineage.as_str())).collect();
    let expected =
        [("key_1", "key_1"), ("key_2", "key_1"), ("key_3", "key_1"), ("key_4", "key_1"), ("key_5", "key_5")];
    assert_eq!(lineages, expected);
    let changes = store.changes(Version(0)).await.expect("changes");
    assert_eq!(changes.len(), 5);
    assert_eq!(
        store
            .organizations(&OrganizationFilter::default(), &PageRequest::default())
            .await
            .expect("a list")
            .records,
        []
    );
    // Whoever has it open since before goes on reading, and new ones come after the old.
    store.revoke(&keys[0].id, Timestamp::UNIX_EPOCH, &Author::on_the_store(0)).await.expect("revoked");
    let rows = sqlx::query("SELECT * FROM keys").fetch_all(&mut file).await.expect("read");
    assert_eq!(rows.len(), 5);
    let versions: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM changes WHERE length(hash) = 32 ORDER BY 1")
            .fetch_all(&mut file)
            .await
            .expect("read");
    assert_eq!(versions, [1, 2, 3, 4, 5, 6]);

    // What it inserts, without a lineage, is the first of its chain.
    scene
        .tamper(
            "INSERT INTO keys SELECT 6, 'key_6', randomblob(32), '', '', 'api_key', 'odin', 'acme', NULL, NULL, \
             '', NULL, '', 0, NULL, NULL, 'key_5'",
        )
        .await;
    let unknown = store.get(&"key_6".parse().expect("an id")).await.expect("a key");
    assert_eq!(unknown.lineage, unknown.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_open_a_fresh_file_at_once_and_all_succeed() {
    for _ in 0..10 {
        let scene = Scene::new();
        let opening: Vec<_> = (0..8)
            .map(|_| {
                let path = scene.path();
                tokio::spawn(async move { SqlStore::open_file(&path, SqlStore::PATIENCE).await })
            })
            .collect();
        for (number, opened) in (0..).zip(opening) {
            let store = opened.await.expect("no panic").expect("it opens");
            store.insert(&[record(number)], &Author::on_the_store(0)).await.expect("inserted");
        }
    }
}

#[tokio::test]
async fn a_backup_put_back_under_an_open_store_is_read_at_once() {
    let scene = Scene::new();
    let store = scene.open().await;
    store.insert(&[record(1), record(2)], &Author::on_the_store(0)).await.expect("inserted");

    let backup = scene.folder.path().join("backup.db");
    let other = SqlStore::open_file(&backup, PATIENCE).await.expect("it opens");
    other.insert(&[record(1)], &Author::on_the_store(0)).await.expect("inserted");
    let id = record(1).id;
    other.revoke(&id, Timestamp::UNIX_EPOCH, &Author::on_the_store(0)).await.expect("revoked");
    other.close().await;
    for leftover in ["keys.db-wal", "keys.db-shm"] {
        std::fs::remove_file(scene.folder.path().join(leftover)).expect("removed");
    }
    std::fs::rename(&backup, scene.path()).expect("renamed");

    let found = find(&store, 1).await.expect("no error");
    assert!(found.record.is_some_and(|record| record.revoked.is_some()), "it is the backup's");
    assert!(find(&store, 2).await.expect("no error").record.is_none());
    assert_eq!(store.version().await.expect("no error"), found.version);
    assert_eq!(store.changes(found.version).await.expect("no error"), []);
}

#[tokio::test]
async fn nothing_alters_the_audit_log() {
    let scene = Scene::new();
    let store = scene.open().await;
    store.insert(&[record(1)], &Author::on_the_store(0)).await.expect("inserted");
    let before = store.audit(&AuditFilter::default(), &PageRequest::default()).await.expect("a list").records;
    let mut file = scene.tamper("SELECT 1").await;
    for statement in [
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit",
        "REPLACE INTO audit SELECT number, 0, 'nobody', role, origin, action, kind, id, NULL, '', NULL, NULL FROM audit",
    ] {
        let error = sqlx::raw_sql(statement).execute(&mut file).await.expect_err("it is refused");
        assert!(error.to_string().contains("the audit log is not altered"), "{statement}: {error}");
    }
    assert_eq!(
        store.audit(&AuditFilter::default(), &PageRequest::default()).await.expect("a list").records,
        before
    );
}

#[tokio::test]
async fn changes_are_kept_for_those_who_are_a_little_behind() {
    let scene = Scene::new();
    let store = scene.open().await;
    store.insert(&[record(1), record(2)], &Author::on_the_store(0)).await.expect("inserted");
    scene.tamper("INSERT INTO changes (version, hash) VALUES (1000001, zeroblob(32))").await;
    store.attend("one", Version(0), PATIENCE).await.expect("told");
    let kept: Vec<u64> =
        store.changes(Version(0)).await.expect("changes").iter().map(|change| change.version.0).collect();
    assert_eq!(kept, [2, 1_000_001]);
}
