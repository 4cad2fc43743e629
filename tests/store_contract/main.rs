//! What every key store promises. One body of tests, run against each.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test says what went wrong by ending")]

mod changing;
mod reading;
mod surviving;

use doorward::{
    domain::{CredentialHash, KeyId, KeyKind, KeyRecord, ScopeSet, Timestamp},
    store::{Changes, Finds, Found, Kept, KeyFilter, KeyStore, Mark, SqliteStore, Version},
};

/// A place where keys are kept.
trait Place {
    type Store: KeyStore + Clone;

    /// A fresh place, without any keys.
    fn fresh() -> Self;

    /// One more handle to the store at this place, as another process would have it.
    async fn open(&self) -> Self::Store;

    /// Gives a handle back, as a process does at its end.
    async fn close(&self, store: Self::Store);
}

struct Sqlite(tempfile::TempDir);

impl Place for Sqlite {
    type Store = SqliteStore;

    fn fresh() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    async fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.0.path().join("keys.db"), SqliteStore::PATIENCE).await.expect("it opens")
    }

    async fn close(&self, store: SqliteStore) {
        store.close().await;
    }
}

/// Runs every case against the store of a place.
macro_rules! contract {
    ($store:ident: $place:ty) => {
        contract!($store: $place;
            reading::a_key_is_found_by_its_hash_and_its_id
            reading::an_unknown_hash_tells_the_version
            reading::a_list_is_in_order_and_filtered
            reading::changes_tell_every_change_in_order
            reading::many_changes_come_in_parts
            changing::an_insert_is_all_or_nothing
            changing::an_id_or_hash_is_there_once
            changing::a_rotation_is_both_or_nothing
            changing::a_rotation_never_lengthens_a_life
            changing::a_key_is_replaced_once_and_never_when_revoked
            changing::a_revoked_key_stays_as_it_was
            changing::versions_grow_with_every_change
            surviving::two_handles_see_one_store_and_a_reader_misses_no_change
            surviving::a_closed_store_keeps_everything
            surviving::naughty_texts_come_back_as_they_were
            surviving::any_record_comes_back_as_it_was
        );
    };
    ($store:ident: $place:ty; $($topic:ident::$case:ident)*) => {
        mod $store {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$topic::$case(<$place as super::Place>::fresh()).await;
                }
            )*
        }
    };
}

contract!(sqlite: super::Sqlite);

fn record(number: u32) -> KeyRecord {
    KeyRecord {
        id: id(&format!("key_{number}")),
        hash: CredentialHash::of(&number.to_string()),
        hint: "sk_live_...".parse().expect("a hint"),
        name: format!("Key {number}"),
        kind: KeyKind::ApiKey,
        apis: vec!["cortex-edr".parse().expect("a name")],
        organization: "acme".parse().expect("an id"),
        project: None,
        environment: Some("live".parse().expect("a name")),
        scopes: ScopeSet::new(vec!["read".parse().expect("a scope")]).expect("one scope"),
        plan: None,
        sources: Vec::new(),
        created: at(i64::from(number)),
        expires: None,
        revoked: None,
        rotated_from: None,
    }
}

fn id(text: &str) -> KeyId {
    text.parse().expect("an id")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a moment")
}

/// What a Check is told of this name.
async fn find<R: Kept>(store: &impl Finds<R>, name: &R::Name) -> Found<R> {
    store.find(name).await.expect("an answer")
}

/// The marks of all changes after a version.
async fn marks(store: &impl Changes, since: Version) -> Vec<Mark> {
    let changes = store.changes(since).await.expect("changes");
    changes.into_iter().map(|change| change.mark).collect()
}

fn mark_of(key: &KeyRecord) -> Mark {
    KeyRecord::mark(&key.hash)
}

async fn all(store: &impl KeyStore) -> Vec<KeyRecord> {
    store.list(&KeyFilter::default()).await.expect("a list")
}
