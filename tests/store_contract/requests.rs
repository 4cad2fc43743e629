//! Requests that are sent again.

use doorward::{
    domain::{Author, KeyRecord, Request, SecretRecord},
    store::{AuditFilter, AuditStore, Changes, KeyStore, PageRequest, SecretStore, SessionStore, StoreError},
};

use super::{Place, all, at, by, record, secret, session};

const DAY: i64 = 24 * 60 * 60;

fn asking(id: &str, digest: u8) -> Author {
    Author { request: Some(Request::new(id.to_owned(), [digest; 32]).expect("an id")), ..by() }
}

pub(super) async fn a_request_makes_one_thing_within_a_day(place: impl Place) {
    let store = place.open().await;
    let request = asking("one", 1);
    assert_eq!(store.made_for(&request, at(1)).await.expect("no error"), None);
    store.insert(&[record(1)], &request).await.expect("inserted");
    assert_eq!(store.made_for(&request, at(1 + DAY - 1)).await.expect("no error"), Some(record(1)));
    let before = store.version().await.expect("a version");
    let again = store.insert(&[record(2)], &request).await.expect_err("it was carried out");
    assert!(matches!(again, StoreError::Repeated), "{again}");
    for refused in [
        store.insert(&[record(2)], &asking("one", 2)).await.expect_err("another request"),
        store.made_for(&asking("one", 2), at(1)).await.expect_err("another request"),
        store.secret_made_for(&request, at(1)).await.expect_err("another kind"),
    ] {
        assert!(matches!(refused, StoreError::RequestReused), "{refused}");
    }
    assert_eq!(all(&store).await, [record(1)]);
    assert_eq!(store.version().await.expect("a version"), before);
    assert_eq!(
        store.audit(&AuditFilter::default(), &PageRequest::default()).await.expect("a list").records.len(),
        1
    );

    let other = Author { name: "ada".to_owned(), ..asking("one", 2) };
    store.insert(&[record(2)], &other).await.expect("it is another author's");
    store.insert(&[record(3)], &asking("two", 2)).await.expect("it has another id");
}

pub(super) async fn a_request_is_forgotten_after_a_day(place: impl Place) {
    let store = place.open().await;
    let request = asking("one", 1);
    store.insert(&[record(1)], &request).await.expect("inserted");
    assert_eq!(store.made_for(&request, at(1 + DAY)).await.expect("no error"), None);
    let later = KeyRecord { created: at(1 + DAY), ..record(2) };
    store.insert(std::slice::from_ref(&later), &asking("one", 2)).await.expect("its id is free again");
    let made = store.made_for(&asking("one", 2), at(1 + DAY)).await.expect("no error");
    assert_eq!(made, Some(later));
}

pub(super) async fn a_request_that_failed_may_be_sent_again(place: impl Place) {
    let store = place.open().await;
    store.insert(&[record(1)], &by()).await.expect("inserted");
    let request = asking("one", 1);
    store.insert(&[record(1)], &request).await.expect_err("it is there already");
    assert_eq!(store.made_for(&request, at(1)).await.expect("no error"), None);
    store.insert(&[record(2)], &request).await.expect("nothing was made before");
}

pub(super) async fn every_kind_that_is_made_remembers_its_request(place: impl Place) {
    let store = place.open().await;
    let rotating = asking("rotating", 1);
    let successor = KeyRecord { rotated_from: Some(record(1).id), lineage: record(1).lineage, ..record(2) };
    store.insert(&[record(1)], &by()).await.expect("inserted");
    store.rotate(&record(1), &successor, at(50), &rotating).await.expect("rotated");
    let other = KeyRecord { rotated_from: Some(record(1).id), ..record(3) };
    let again = store.rotate(&record(1), &other, at(50), &rotating).await.expect_err("it was done");
    assert!(matches!(again, StoreError::Repeated), "{again}");
    assert_eq!(store.made_for(&rotating, at(3)).await.expect("no error"), Some(successor));

    let (making, replacing) = (asking("making", 1), asking("replacing", 1));
    let next = SecretRecord { rotated_from: Some(secret(1).id), ..secret(2) };
    store.insert_secret(&secret(1), &making).await.expect("inserted");
    store.rotate_secret(&secret(1).id, &next, at(50), &replacing).await.expect("rotated");
    let made = store.secret_made_for(&making, at(3)).await.expect("no error");
    assert_eq!(made, Some(SecretRecord { expires: Some(at(50)), ..secret(1) }), "as it is now");
    assert_eq!(store.secret_made_for(&replacing, at(3)).await.expect("no error"), Some(next));
    for again in [
        store.insert_secret(&secret(3), &making).await,
        store.rotate_secret(&secret(2).id, &secret(3), at(50), &replacing).await,
    ] {
        assert!(matches!(again, Err(StoreError::Repeated)), "{again:?}");
    }

    let beginning = asking("beginning", 1);
    store.insert_session(&session(1), &beginning).await.expect("inserted");
    let again = store.insert_session(&session(2), &beginning).await;
    assert!(matches!(again, Err(StoreError::Repeated)), "{again:?}");
    assert_eq!(store.session_made_for(&beginning, at(3)).await.expect("no error"), Some(session(1)));
}
