//! Organizations: found, changed, suspended.

use doorward::{
    domain::OrganizationRecord,
    store::{
        Changes, Kept, OrganizationEdit, OrganizationFilter, OrganizationStore, PageRequest, RecordKind,
        StoreError, UniqueField,
    },
};

use super::{Place, apis, at, by, find, marks, organization, organization_id};

pub(super) async fn an_organization_is_found_listed_and_there_once(place: impl Place) {
    let store = place.open().await;
    let wider = OrganizationRecord { apis: apis(&["odin", "contox"]), ..organization(1) };
    store.insert_organization(&organization(2), &by()).await.expect("inserted");
    store.insert_organization(&wider, &by()).await.expect("inserted");
    let version = store.version().await.expect("a version");

    let found = find::<OrganizationRecord>(&store, &wider.id).await;
    assert_eq!((found.record.as_ref(), found.version), (Some(&wider), version));
    let unknown = find::<OrganizationRecord>(&store, &organization_id(3)).await;
    assert_eq!((unknown.record, unknown.version), (None, version));
    assert_eq!(store.organization(&wider.id).await.expect("it is there"), wider);
    let missing = store.organization(&organization_id(3)).await;
    assert!(matches!(missing, Err(StoreError::NotFound(RecordKind::Organization))), "{missing:?}");

    let list = async |name: Option<&str>| {
        let filter = OrganizationFilter { apis: name.map(|name| apis(&[name])) };
        store.organizations(&filter, &PageRequest::default()).await.expect("a list").records
    };
    assert_eq!(list(None).await, [wider.clone(), organization(2)]);
    assert_eq!(list(Some("contox")).await, [wider]);
    assert_eq!(list(Some("od")).await, []);

    let again = store.insert_organization(&organization(1), &by()).await;
    let expected = StoreError::Exists(RecordKind::Organization, UniqueField::Id);
    assert_eq!(again.expect_err("it is there").to_string(), expected.to_string());
    assert_eq!(store.version().await.expect("a version"), version, "nothing has changed");
}

pub(super) async fn an_update_changes_what_is_named_and_nothing_else(place: impl Place) {
    let store = place.open().await;
    let mut expected = organization(1);
    store.insert_organization(&expected, &by()).await.expect("inserted");
    store.insert_organization(&organization(2), &by()).await.expect("inserted");
    let update = async |edits: &[OrganizationEdit], expected: &OrganizationRecord| {
        let before = store.version().await.expect("a version");
        let after = store.update_organization(&expected.id, edits, at(70), &by()).await.expect("updated");
        assert_eq!(after, *expected);
        assert_eq!(find::<OrganizationRecord>(&store, &expected.id).await.record.as_ref(), Some(expected));
        assert_eq!(marks(&store, before).await, [OrganizationRecord::mark(&expected.id)]);
    };

    expected.name.push_str("'; --");
    update(&[OrganizationEdit::Name(expected.name.clone())], &expected).await;
    expected.apis = apis(&["odin", "contox"]);
    update(&[OrganizationEdit::Apis(expected.apis.clone())], &expected).await;
    expected.plan = None;
    expected.entitlements = Vec::new();
    update(&[OrganizationEdit::Plan(None), OrganizationEdit::Entitlements(Vec::new())], &expected).await;
    expected.plan = Some("enterprise".parse().expect("a name"));
    update(&[OrganizationEdit::Plan(expected.plan.clone())], &expected).await;

    assert_eq!(store.organization(&organization_id(2)).await.expect("it is there"), organization(2));
    let version = store.version().await.expect("a version");
    let missing =
        store.update_organization(&organization_id(3), &[OrganizationEdit::Plan(None)], at(70), &by()).await;
    assert!(matches!(missing, Err(StoreError::NotFound(RecordKind::Organization))), "{missing:?}");
    assert_eq!(store.version().await.expect("a version"), version, "nothing has changed");
}

pub(super) async fn a_suspension_begins_once_and_can_be_ended(place: impl Place) {
    let store = place.open().await;
    let id = organization_id(1);
    store.insert_organization(&organization(1), &by()).await.expect("inserted");
    store.insert_organization(&organization(2), &by()).await.expect("inserted");
    let before = store.version().await.expect("a version");
    let suspended = OrganizationRecord { suspended: Some(at(50)), ..organization(1) };
    for second in [50, 60] {
        let now = store.suspend_organization(&id, at(second), &by()).await.expect("suspended");
        assert_eq!(now, suspended);
        assert_eq!(find::<OrganizationRecord>(&store, &id).await.record.as_ref(), Some(&suspended));
        assert_eq!(marks(&store, before).await.len(), 1, "only the first has changed anything");
    }
    for _ in 0..2 {
        let now = store.resume_organization(&id, at(70), &by()).await.expect("resumed");
        assert_eq!(now, organization(1));
        assert_eq!(marks(&store, before).await, [OrganizationRecord::mark(&id); 2]);
    }
    assert_eq!(store.organization(&organization_id(2)).await.expect("it is there"), organization(2));
    let missing = organization_id(3);
    for done in [
        store.suspend_organization(&missing, at(1), &by()).await,
        store.resume_organization(&missing, at(70), &by()).await,
    ] {
        assert!(matches!(done, Err(StoreError::NotFound(RecordKind::Organization))), "{done:?}");
    }
}
