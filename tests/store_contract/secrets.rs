//! Secrets of projects: found, bounded, rotated, sealed anew.

use std::slice;

use doorward::{
    domain::{ApiName, ProjectId, ProjectSecrets, SealedSecret, SecretId, SecretRecord, Timestamp},
    store::{
        Changes, Kept, Mark, PageRequest, RecordKind, SecretFilter, SecretStore, StoreError, UniqueField,
        Version,
    },
};

use super::{Place, Store, api, at, by, find, marks, project, secret};

fn name() -> (ApiName, ProjectId) {
    (api("contox"), project(1).id)
}

fn mark() -> Mark {
    ProjectSecrets::mark(&name())
}

fn successor(number: u32, of: &SecretRecord) -> SecretRecord {
    SecretRecord { rotated_from: Some(of.id.clone()), ..secret(number) }
}

/// The secrets of the project for the API, the youngest first.
async fn all(store: &impl SecretStore) -> Vec<SecretRecord> {
    let filter = SecretFilter {
        apis: Some(super::apis(&["contox"])),
        project: Some(project(1).id),
        organization: None,
    };
    let mut found = store.secrets(&filter, &PageRequest::default()).await.expect("a list").records;
    found.reverse();
    found
}

async fn with_secrets(place: &impl Place, secrets: &[SecretRecord]) -> impl Store {
    let store = place.open().await;
    for secret in secrets {
        store.insert_secret(secret, &by()).await.expect("inserted");
    }
    store
}

pub(super) async fn the_secrets_of_a_project_are_found_youngest_first(place: impl Place) {
    let revoked = SecretRecord { revoked: Some(at(5)), ..secret(1) };
    let elsewhere = SecretRecord { api: api("odin"), ..secret(3) };
    let another = SecretRecord { project: project(2).id, ..secret(4) };
    let store = with_secrets(&place, &[revoked.clone(), elsewhere.clone(), another, secret(2)]).await;
    let version = store.version().await.expect("a version");
    let found = find::<ProjectSecrets>(&store, &name()).await;
    let expected = [secret(2), revoked];
    assert_eq!(found.record, Some(ProjectSecrets { secrets: expected.clone().into() }));
    assert_eq!(found.version, version);
    assert_eq!(all(&store).await, expected);
    let listed = async |filter: SecretFilter| {
        store.secrets(&filter, &PageRequest::default()).await.expect("a list").records.len()
    };
    assert_eq!(listed(SecretFilter::default()).await, 4);
    assert_eq!(
        listed(SecretFilter { apis: Some(super::apis(&["odin"])), ..SecretFilter::default() }).await,
        1
    );
    assert_eq!(listed(SecretFilter { project: Some(project(1).id), ..SecretFilter::default() }).await, 3);
    let of_odin = find::<ProjectSecrets>(&store, &(api("odin"), project(1).id)).await;
    assert_eq!(of_odin.record, Some(ProjectSecrets { secrets: [elsewhere].into() }));
    let unknown = find::<ProjectSecrets>(&store, &(api("odin"), project(2).id)).await;
    assert_eq!((unknown.record, unknown.version), (None, version));

    assert_eq!(store.secret(&secret(2).id).await.expect("it is there"), secret(2));
    let missing = store.secret(&secret(9).id).await;
    assert!(matches!(missing, Err(StoreError::NotFound(RecordKind::Secret))), "{missing:?}");
    let again = store.insert_secret(&secret(2), &by()).await;
    assert!(matches!(again, Err(StoreError::Exists(RecordKind::Secret, UniqueField::Id))), "{again:?}");
}

pub(super) async fn two_secrets_are_active_at_most(place: impl Place) {
    let store = with_secrets(
        &place,
        &[
            SecretRecord { expires: Some(at(100)), ..secret(1) },
            SecretRecord { revoked: Some(at(5)), ..secret(2) },
            SecretRecord { api: api("odin"), ..secret(3) },
            SecretRecord { project: project(2).id, ..secret(4) },
            secret(5),
        ],
    )
    .await;
    assert_eq!(marks(&store, Version(0)).await.first(), Some(&mark()));
    let before = store.version().await.expect("a version");
    let third = |number| SecretRecord { created: at(99), ..secret(number) };
    let error = store.insert_secret(&third(6), &by()).await.expect_err("two are active");
    assert_eq!(
        error.to_string(),
        "two secrets of this project are active for this API already: revoke one of them first"
    );
    assert_eq!(all(&store).await.len(), 3);
    assert_eq!(store.version().await.expect("a version"), before);

    // What has ended before it is active takes no place, and neither does what ends as it is created.
    store
        .insert_secret(&SecretRecord { revoked: Some(at(99)), ..third(6) }, &by())
        .await
        .expect("it is not active");
    store
        .insert_secret(&SecretRecord { created: at(100), ..secret(7) }, &by())
        .await
        .expect("the first has ended");
    store.insert_secret(&third(8), &by()).await.expect_err("two are active again");
    store.revoke_secret(&secret(5).id, at(100), &by()).await.expect("revoked");
    store.insert_secret(&SecretRecord { created: at(100), ..secret(8) }, &by()).await.expect("there is room");
}

pub(super) async fn a_secret_rotation_is_both_or_nothing(place: impl Place) {
    let store = with_secrets(&place, &[secret(1)]).await;
    let before = store.version().await.expect("a version");
    let taken = SecretRecord { rotated_from: Some(secret(1).id), ..secret(1) };
    let refused = store.rotate_secret(&secret(1).id, &taken, at(50), &by()).await;
    assert!(matches!(refused, Err(StoreError::Exists(_, UniqueField::Id))), "{refused:?}");
    let missing = store.rotate_secret(&secret(9).id, &successor(2, &secret(1)), at(50), &by()).await;
    assert!(matches!(missing, Err(StoreError::NotFound(RecordKind::Secret))), "{missing:?}");
    assert_eq!(all(&store).await, [secret(1)]);
    assert_eq!(store.version().await.expect("a version"), before);

    let new = successor(2, &secret(1));
    store.rotate_secret(&secret(1).id, &new, at(50), &by()).await.expect("rotated");
    let ending = |ends: Timestamp| SecretRecord { expires: Some(ends), ..secret(1) };
    assert_eq!(all(&store).await, [new.clone(), ending(at(50))]);
    assert_eq!(marks(&store, before).await, [mark(); 2]);

    // While both are active there is no room for a third; where the old one ends at once, there is.
    let overlapping = store.rotate_secret(&new.id, &successor(3, &new), at(60), &by()).await;
    assert!(matches!(overlapping, Err(StoreError::TwoSecretsActive)), "{overlapping:?}");
    assert_eq!(all(&store).await, [new.clone(), ending(at(50))]);
    let newest = successor(3, &new);
    store.rotate_secret(&new.id, &newest, newest.created, &by()).await.expect("rotated");
    let new = SecretRecord { expires: Some(newest.created), ..new };
    assert_eq!(all(&store).await, [newest, new, ending(at(50))]);
}

pub(super) async fn a_secret_is_replaced_once_and_never_when_revoked(place: impl Place) {
    let ends_soon = SecretRecord { expires: Some(at(20)), ..secret(1) };
    let store = with_secrets(&place, &[ends_soon]).await;
    store.rotate_secret(&secret(1).id, &successor(2, &secret(1)), at(50), &by()).await.expect("rotated");
    let old = store.secret(&secret(1).id).await.expect("it is there");
    assert_eq!(old.expires, Some(at(20)), "a rotation never lengthens a life");

    let later = SecretRecord { created: at(30), ..successor(3, &secret(1)) };
    let again = store.rotate_secret(&secret(1).id, &later, at(40), &by()).await;
    assert!(matches!(again, Err(StoreError::Exists(_, UniqueField::Predecessor))), "{again:?}");
    store.revoke_secret(&secret(2).id, at(30), &by()).await.expect("revoked");
    let revoked = store.rotate_secret(&secret(2).id, &successor(4, &secret(2)), at(50), &by()).await;
    assert!(matches!(revoked, Err(StoreError::Revoked(RecordKind::Secret))), "{revoked:?}");
    assert_eq!(all(&store).await.len(), 2);
}

pub(super) async fn a_revoked_secret_stays_as_it_was(place: impl Place) {
    let store = with_secrets(&place, &[secret(1)]).await;
    let before = store.version().await.expect("a version");
    let revoked = SecretRecord { revoked: Some(at(5)), ..secret(1) };
    for second in [5, 7] {
        assert_eq!(store.revoke_secret(&secret(1).id, at(second), &by()).await.expect("revoked"), revoked);
        assert_eq!(all(&store).await, slice::from_ref(&revoked));
        assert_eq!(marks(&store, before).await, [mark()], "only the first has changed anything");
    }
    let missing = store.revoke_secret(&secret(2).id, at(5), &by()).await;
    assert!(matches!(missing, Err(StoreError::NotFound(RecordKind::Secret))), "{missing:?}");
}

pub(super) async fn a_secret_is_sealed_anew_unless_it_was_already(place: impl Place) {
    let sealed = |key: &str, byte: u8| SealedSecret { key: key.parse().expect("a name"), bytes: vec![byte] };
    let first = SecretRecord { sealed: sealed("first", 1), ..secret(1) };
    let second = SecretRecord { sealed: sealed("second", 2), project: project(2).id, ..secret(2) };
    let store = with_secrets(&place, &[second.clone(), first.clone()]).await;
    let others = async |key: &str| -> Vec<SecretId> {
        let found = store.secrets_not_sealed_under(&key.parse().expect("a name")).await.expect("a list");
        found.into_iter().map(|secret| secret.id).collect()
    };
    assert_eq!(others("third").await, [first.id.clone(), second.id.clone()]);
    assert_eq!(others("second").await, slice::from_ref(&first.id));

    let before = store.version().await.expect("a version");
    let reseal = async |id: &SecretId, expected: SealedSecret, new: SealedSecret| {
        store.reseal(id, &expected, &new, at(70), &by()).await.expect("no error")
    };
    let new = sealed("second", 3);
    assert!(!reseal(&first.id, sealed("first", 9), new.clone()).await, "it holds other bytes");
    assert!(!reseal(&first.id, sealed("second", 1), new.clone()).await, "it is under another key");
    assert!(!reseal(&secret(9).id, sealed("first", 1), new.clone()).await, "it is not there");
    assert_eq!(store.version().await.expect("a version"), before);
    assert!(reseal(&first.id, sealed("first", 1), new.clone()).await);
    assert_eq!(all(&store).await, [SecretRecord { sealed: new, ..first }]);
    assert_eq!(marks(&store, before).await, [mark()]);
    assert_eq!(store.secret(&second.id).await.expect("it is there"), second);
    assert_eq!(others("second").await, []);
}
