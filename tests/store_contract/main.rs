//! What every store promises. One body of tests, run against each.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test says what went wrong by ending")]

mod anything;
mod audit;
mod changing;
mod members;
mod organizations;
mod paging;
#[path = "../postgres/mod.rs"]
mod postgres;
mod projects;
mod reading;
mod replicas;
mod requests;
mod secrets;
mod sessions;
mod surviving;
mod updating;
mod usage;

use std::{collections::BTreeMap, time::Duration};

use doorward::{
    config::{StoreLocation, declare_key},
    domain::{
        ApiName, Author, CredentialHash, KeyId, KeyKind, KeyRecord, Membership, OrganizationId,
        OrganizationRecord, ProjectRecord, ScopeSet, SealedSecret, SecretRecord, SessionRecord, Timestamp,
    },
    store::{
        AuditStore, Changes, Finds, Found, Kept, KeyFilter, KeyStore, Mark, MemberStore, OrganizationStore,
        ProjectStore, ReplicaStore, SecretStore, SessionStore, SqlStore, UsageStore, Version, every_page,
    },
};

/// All that is promised of a store.
trait Store:
    KeyStore
    + UsageStore
    + OrganizationStore
    + ProjectStore
    + MemberStore
    + SessionStore
    + SecretStore
    + AuditStore
    + ReplicaStore
    + Clone
    + 'static
{
}

impl<S> Store for S where
    S: KeyStore
        + UsageStore
        + OrganizationStore
        + ProjectStore
        + MemberStore
        + SessionStore
        + SecretStore
        + AuditStore
        + ReplicaStore
        + Clone
        + 'static
{
}

/// A place where records are kept.
trait Place {
    type Store: Store;

    /// A fresh place, without any records.
    async fn fresh() -> Self;

    /// One more handle to the store at this place, as another process would have it.
    async fn open(&self) -> Self::Store;

    /// Puts keys there that were not there before.
    async fn put(&self, store: &Self::Store, keys: &[KeyRecord]) {
        store.insert(keys, &by()).await.expect("inserted");
    }

    /// Revokes a key.
    async fn revoke(&self, store: &Self::Store, key: &KeyId) {
        store.revoke(key, at(5), &by()).await.expect("revoked");
    }

    /// Gives a handle back, as a process does at its end.
    async fn close(&self, store: Self::Store);
}

struct Sqlite(tempfile::TempDir);

impl Place for Sqlite {
    type Store = SqlStore;

    async fn fresh() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    async fn open(&self) -> SqlStore {
        SqlStore::open_file(&self.0.path().join("keys.db"), SqlStore::PATIENCE).await.expect("it opens")
    }

    async fn close(&self, store: SqlStore) {
        store.close().await;
    }
}

/// A database of its own, on a server that all cases share.
struct Postgres(postgres::Database);

impl Place for Postgres {
    type Store = SqlStore;

    async fn fresh() -> Self {
        Self(postgres::shared().await.database().await)
    }

    async fn open(&self) -> SqlStore {
        SqlStore::open(&self.0.location(), SqlStore::PATIENCE).await.expect("it opens")
    }

    async fn close(&self, store: SqlStore) {
        store.close().await;
    }
}

/// A folder of documents. Who puts something there writes another one.
struct Documents(tempfile::TempDir);

impl Documents {
    async fn write(&self, store: &SqlStore, text: &str) {
        let count = std::fs::read_dir(self.0.path()).expect("a folder").count();
        let new = self.0.path().join(".new");
        std::fs::write(&new, text).expect("written");
        std::fs::rename(&new, self.0.path().join(format!("{count:03}.yaml"))).expect("renamed");
        let read = store.look_at_documents().await.expect("they can be read").expect("they have changed");
        assert!(read.refused.is_empty(), "{read:?}");
    }
}

impl Place for Documents {
    type Store = SqlStore;

    async fn fresh() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    async fn open(&self) -> SqlStore {
        let folder = StoreLocation::Files(self.0.path().to_owned());
        SqlStore::open(&folder, SqlStore::PATIENCE).await.expect("it opens")
    }

    async fn put(&self, store: &SqlStore, keys: &[KeyRecord]) {
        for some in keys.chunks(2000) {
            let documents = some.iter().map(|key| declare_key(key).expect("a document"));
            let entries = documents.map(|text| text.strip_prefix("keys:\n").expect("keys").to_owned());
            self.write(store, &format!("keys:\n{}", entries.collect::<String>())).await;
        }
        for key in keys.iter().filter(|key| key.revoked.is_some()) {
            self.revoke(store, &key.id).await;
        }
    }

    async fn revoke(&self, store: &SqlStore, key: &KeyId) {
        self.write(store, &format!("revoked: {{ keys: [{key}] }}")).await;
    }

    async fn close(&self, store: SqlStore) {
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
            changing::what_is_taken_from_a_key_does_not_live_on_in_its_successor
            changing::a_rotation_never_lengthens_a_life
            changing::a_key_is_replaced_once_and_never_when_revoked
            changing::a_revoked_key_stays_as_it_was
            changing::versions_grow_with_every_change
            organizations::an_organization_is_found_listed_and_there_once
            organizations::an_update_changes_what_is_named_and_nothing_else
            organizations::a_suspension_begins_once_and_can_be_ended
            projects::a_project_needs_its_organization_and_is_there_once
            projects::projects_are_listed_by_organization_and_removed
            members::a_member_needs_the_organization
            members::a_member_is_found_where_an_api_knows_them
            members::a_membership_is_replaced_and_removed
            members::every_api_concerned_is_told_of_a_change
            sessions::a_session_is_found_listed_and_there_once
            sessions::a_session_ends_once
            sessions::all_good_sessions_of_a_user_end_together
            sessions::a_use_is_noted_and_told_to_nobody
            sessions::sessions_that_are_over_are_removed
            secrets::the_secrets_of_a_project_are_found_youngest_first
            secrets::two_secrets_are_active_at_most
            secrets::a_secret_rotation_is_both_or_nothing
            secrets::a_secret_is_replaced_once_and_never_when_revoked
            secrets::a_revoked_secret_stays_as_it_was
            secrets::a_secret_is_sealed_anew_unless_it_was_already
            surviving::two_handles_see_one_store_and_a_reader_misses_no_change
            surviving::a_closed_store_keeps_everything
            audit::a_record_says_who_did_what_to_what
            audit::every_change_of_every_record_is_told_once
            audit::what_is_sealed_or_hashed_is_not_told
            audit::what_is_refused_is_not_told
            audit::the_log_is_filtered_and_latest_first
            paging::every_list_comes_in_pages_without_gaps
            paging::a_page_goes_on_after_what_was_removed
            paging::a_place_of_another_list_is_refused
            paging::keys_are_filtered_by_what_they_are_and_when
            requests::a_request_makes_one_thing_within_a_day
            requests::a_request_is_forgotten_after_a_day
            requests::a_request_that_failed_may_be_sent_again
            requests::every_kind_that_is_made_remembers_its_request
            updating::an_update_of_a_key_changes_what_is_named_and_nothing_else
            updating::a_revoked_key_is_not_updated
            updating::keys_are_found_by_their_labels
            usage::uses_are_added_up_and_the_last_of_them_is_kept
            usage::what_is_used_is_told_to_nobody
            usage::uses_of_what_is_no_key_are_left_out
            usage::uses_from_several_handles_are_all_kept
            usage::counts_come_to_an_end_and_go_no_further
            usage::keys_that_nobody_uses_are_found
            replicas::a_change_is_everywhere_when_every_server_knows_it
            replicas::a_server_counts_for_as_long_as_it_remembers
            replicas::whoever_waits_is_told_when_a_change_is_everywhere
            replicas::whoever_waits_for_changes_is_woken_by_the_next_one
            anything::naughty_texts_come_back_as_they_were
            anything::naughty_organizations_come_back_as_they_were
            anything::naughty_sessions_and_secrets_come_back_as_they_were
            anything::any_record_comes_back_as_it_was
            anything::any_session_comes_back_as_it_was
            anything::any_secret_comes_back_as_it_was
            anything::any_organization_project_and_member_come_back_as_they_were
        );
    };
    ($store:ident: $place:ty; $($topic:ident::$case:ident)*) => {
        mod $store {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$topic::$case(<$place as super::Place>::fresh().await).await;
                }
            )*
        }
    };
}

contract!(in_sqlite: super::Sqlite);
contract!(in_postgres: super::Postgres);
contract!(in_documents: super::Documents;
    reading::a_key_is_found_by_its_hash_and_its_id
    reading::an_unknown_hash_tells_the_version
    reading::a_list_is_in_order_and_filtered
    reading::changes_tell_every_change_in_order
    reading::many_changes_come_in_parts
    paging::keys_are_filtered_by_what_they_are_and_when
    usage::uses_are_added_up_and_the_last_of_them_is_kept
    usage::keys_that_nobody_uses_are_found
);

fn record(number: u32) -> KeyRecord {
    KeyRecord {
        id: id(&format!("key_{number}")),
        hash: CredentialHash::of(&number.to_string()),
        hint: "sk_live_...".parse().expect("a hint"),
        name: format!("Key {number}"),
        kind: KeyKind::ApiKey,
        apis: apis(&["cortex-edr"]),
        organization: "acme".parse().expect("an id"),
        project: None,
        environment: Some("live".parse().expect("a name")),
        scopes: scopes(&["read"]),
        plan: None,
        sources: Vec::new(),
        created: at(i64::from(number)),
        expires: None,
        revoked: None,
        rotated_from: None,
        lineage: id(&format!("key_{number}")),
        labels: BTreeMap::new(),
    }
}

fn organization(number: u32) -> OrganizationRecord {
    OrganizationRecord {
        id: organization_id(number),
        name: format!("Organization {number}"),
        apis: apis(&["cortex-edr"]),
        plan: Some("developer".parse().expect("a name")),
        entitlements: vec!["sso".parse().expect("an entitlement")],
        suspended: None,
        created: at(i64::from(number)),
    }
}

fn organization_id(number: u32) -> OrganizationId {
    format!("organization_{number}").parse().expect("an id")
}

/// A project of the organization 1.
fn project(number: u32) -> ProjectRecord {
    ProjectRecord {
        id: format!("project_{number}").parse().expect("an id"),
        name: format!("Project {number}"),
        apis: apis(&["cortex-edr"]),
        organization: organization_id(1),
        created: at(i64::from(number)),
    }
}

/// A session of the user `ada`.
fn session(number: u32) -> SessionRecord {
    SessionRecord {
        id: format!("session_{number}").parse().expect("an id"),
        hash: CredentialHash::of(&number.to_string()),
        apis: apis(&["contox"]),
        user: "ada".parse().expect("an id"),
        memberships: [Membership { organization: organization_id(1), scopes: scopes(&["write"]) }].into(),
        scopes: scopes(&["read"]),
        created: at(i64::from(number)),
        expires: at(1000),
        idle: Some(Duration::from_millis(1500)),
        used: at(i64::from(number)),
        ended: None,
    }
}

/// A secret of the project 1 for the API `contox`.
fn secret(number: u32) -> SecretRecord {
    SecretRecord {
        id: format!("secret_{number}").parse().expect("an id"),
        api: api("contox"),
        organization: organization_id(1),
        project: project(1).id,
        sealed: SealedSecret { key: "first".parse().expect("a name"), bytes: vec![0, 255, 7] },
        created: at(i64::from(number)),
        expires: None,
        revoked: None,
        rotated_from: None,
    }
}

fn api(name: &str) -> ApiName {
    name.parse().expect("a name")
}

fn apis(names: &[&str]) -> Vec<ApiName> {
    names.iter().map(|name| api(name)).collect()
}

fn scopes(names: &[&str]) -> ScopeSet {
    let scopes = names.iter().map(|name| name.parse().expect("a scope")).collect();
    ScopeSet::new(scopes).expect("few scopes")
}

fn id(text: &str) -> KeyId {
    text.parse().expect("an id")
}

fn by() -> Author {
    Author::on_the_store(0)
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
    every_page(async |page| store.list(&KeyFilter::default(), page).await).await.expect("a list")
}
