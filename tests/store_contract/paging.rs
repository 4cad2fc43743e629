//! Lists, a page at a time.

use std::fmt::Debug;

use doorward::{
    domain::{CredentialStatus, KeyRecord, SecretRecord},
    store::{
        AuditFilter, AuditStore, Cursor, KeyFilter, KeyStore, MemberFilter, MemberStore, OrganizationFilter,
        OrganizationStore, Page, PageRequest, ProjectFilter, ProjectStore, SecretFilter, SecretStore,
        SessionFilter, SessionStore, StoreError,
    },
};

use super::{Place, apis, at, by, id, members::member, organization, project, record, secret, session};

/// Looks whether a list comes the same in pages of every size as it does whole, and how long it is.
async fn check<R: PartialEq + Debug>(list: impl AsyncFn(&PageRequest) -> Page<R>, length: usize) {
    let whole = list(&PageRequest::default()).await;
    assert_eq!((whole.records.len(), whole.next), (length, None));
    for size in 1..=length {
        let mut records = Vec::new();
        let mut request = PageRequest { size, after: None };
        loop {
            let page = list(&request).await;
            assert!(page.records.len() == size || page.next.is_none());
            assert!(!page.records.is_empty(), "no page is empty but that of an empty list");
            records.extend(page.records);
            let Some(next) = page.next else { break };
            request.after = Some(next.to_string().parse().expect("a place"));
        }
        assert_eq!(records, whole.records, "in pages of {size}");
    }
}

pub(super) async fn every_list_comes_in_pages_without_gaps(place: impl Place) {
    let store = place.open().await;
    // Two of three are made at the same moment.
    let made = |number: u32| at(i64::from(number / 2));
    for number in 1..=5 {
        let key = KeyRecord { created: made(number), ..record(number) };
        store.insert(&[key], &by()).await.expect("inserted");
        store.insert_organization(&organization(number), &by()).await.expect("inserted");
        store.insert_project(&project(number), &by()).await.expect("inserted");
        store.insert_session(&session(number), &by()).await.expect("inserted");
        let secret = SecretRecord { project: project(number).id, created: made(number), ..secret(number) };
        store.insert_secret(&secret, &by()).await.expect("inserted");
        for user in ["ada", "bob"] {
            store.put_member(&member(user, number, &["odin"], &[]), at(1), &by()).await.expect("put");
        }
    }
    check(async |page| store.list(&KeyFilter::default(), page).await.expect("a page"), 5).await;
    check(async |page| store.organizations(&OrganizationFilter::default(), page).await.expect("a page"), 5)
        .await;
    check(async |page| store.projects(&ProjectFilter::default(), page).await.expect("a page"), 5).await;
    check(async |page| store.sessions(&SessionFilter::default(), page).await.expect("a page"), 5).await;
    check(async |page| store.secrets(&SecretFilter::default(), page).await.expect("a page"), 5).await;
    check(async |page| store.members(&MemberFilter::default(), page).await.expect("a page"), 10).await;
    check(async |page| store.audit(&AuditFilter::default(), page).await.expect("a page"), 35).await;
    let some = KeyFilter { made_before: Some(at(1)), ..KeyFilter::default() };
    check(async |page| store.list(&some, page).await.expect("a page"), 3).await;
}

pub(super) async fn a_page_goes_on_after_what_was_removed(place: impl Place) {
    let store = place.open().await;
    store.insert_organization(&organization(1), &by()).await.expect("inserted");
    for number in 1..=3 {
        store.insert_project(&project(number), &by()).await.expect("inserted");
    }
    let first = PageRequest { size: 1, after: None };
    let page = store.projects(&ProjectFilter::default(), &first).await.expect("a page");
    assert_eq!(page.records, [project(1)]);
    store.remove_project(&project(1).id, at(9), &by()).await.expect("removed");
    let rest = PageRequest { size: 9, after: page.next };
    let page = store.projects(&ProjectFilter::default(), &rest).await.expect("a page");
    assert_eq!(page.records, [project(2), project(3)]);
}

pub(super) async fn a_place_of_another_list_is_refused(place: impl Place) {
    let store = place.open().await;
    let row = PageRequest { size: 1, after: Some(Cursor::Row { created: 0, number: 0 }) };
    let names = PageRequest { size: 1, after: Some(Cursor::Names(["a".to_owned(), "b".to_owned()])) };
    for refused in [
        store.list(&KeyFilter::default(), &names).await.map(drop),
        store.audit(&AuditFilter::default(), &names).await.map(drop),
        store.members(&MemberFilter::default(), &row).await.map(drop),
    ] {
        assert!(matches!(refused, Err(StoreError::Misplaced)), "{refused:?}");
    }
}

pub(super) async fn keys_are_filtered_by_what_they_are_and_when(place: impl Place) {
    let store = place.open().await;
    let keys = [
        KeyRecord { project: project(1).id.as_str().parse().ok(), ..record(1) },
        KeyRecord { apis: apis(&["odin"]), expires: Some(at(50)), ..record(2) },
        KeyRecord {
            organization: organization(2).id,
            revoked: Some(at(5)),
            expires: Some(at(60)),
            ..record(3)
        },
        KeyRecord { apis: apis(&["contox", "odin"]), ..record(4) },
    ];
    place.put(&store, &keys).await;
    let all = KeyFilter::default;
    let status = |status, second| KeyFilter { status: Some((status, at(second))), ..all() };
    for (filter, expected) in [
        (all(), &["key_1", "key_2", "key_3", "key_4"][..]),
        (KeyFilter { apis: Some(apis(&["contox", "cortex-edr"])), ..all() }, &["key_1", "key_3", "key_4"]),
        (KeyFilter { apis: Some(Vec::new()), ..all() }, &[]),
        (KeyFilter { organization: Some(organization(2).id), ..all() }, &["key_3"]),
        (KeyFilter { project: Some(project(1).id), ..all() }, &["key_1"]),
        (status(CredentialStatus::Active, 49), &["key_1", "key_2", "key_4"]),
        (status(CredentialStatus::Active, 50), &["key_1", "key_4"]),
        (status(CredentialStatus::Expired, 50), &["key_2"]),
        (status(CredentialStatus::Revoked, 0), &["key_3"]),
        (KeyFilter { made_before: Some(at(2)), ..all() }, &["key_1", "key_2"]),
        (KeyFilter { expires_before: Some(at(50)), ..all() }, &["key_2"]),
        (KeyFilter { expires_before: Some(at(60)), ..status(CredentialStatus::Active, 0) }, &["key_2"]),
        (KeyFilter { expires_before: Some(at(60)), ..status(CredentialStatus::Active, 49) }, &["key_2"]),
        (KeyFilter { expires_before: Some(at(60)), ..status(CredentialStatus::Active, 50) }, &[]),
    ] {
        let found = store.list(&filter, &PageRequest::default()).await.expect("a list").records;
        let expected: Vec<_> = expected.iter().map(|text| id(text)).collect();
        let found: Vec<_> = found.into_iter().map(|key| key.id).collect();
        assert_eq!(found, expected, "{filter:?}");
        assert_eq!(store.count(&filter).await.expect("a count"), expected.len() as u64, "{filter:?}");
    }
}
