//! Projects: found, listed, removed.

use doorward::{
    domain::ProjectRecord,
    store::{
        Changes, Kept, OrganizationStore, PageRequest, ProjectFilter, ProjectStore, RecordKind, StoreError,
        UniqueField,
    },
};

use super::{Place, at, by, find, marks, organization, organization_id, project};

pub(super) async fn a_project_needs_its_organization_and_is_there_once(place: impl Place) {
    let store = place.open().await;
    let alone = store.insert_project(&project(1), &by()).await.expect_err("it has no organization");
    assert_eq!(alone.to_string(), "no organization has this id");
    for number in 1..=2 {
        store.insert_organization(&organization(number), &by()).await.expect("inserted");
    }
    store.insert_project(&project(1), &by()).await.expect("inserted");
    let version = store.version().await.expect("a version");
    // The id is taken in the whole store, not only in one organization.
    let twin = ProjectRecord { organization: organization_id(2), ..project(1) };
    let again = store.insert_project(&twin, &by()).await;
    assert!(matches!(again, Err(StoreError::Exists(RecordKind::Project, UniqueField::Id))), "{again:?}");
    assert_eq!(store.version().await.expect("a version"), version, "nothing has changed");
    let found = find::<ProjectRecord>(&store, &project(1).id).await;
    assert_eq!((found.record, found.version), (Some(project(1)), version));
}

pub(super) async fn projects_are_listed_by_organization_and_removed(place: impl Place) {
    let store = place.open().await;
    for number in 1..=2 {
        store.insert_organization(&organization(number), &by()).await.expect("inserted");
    }
    let elsewhere = ProjectRecord { organization: organization_id(2), ..project(3) };
    for record in [&project(2), &project(1), &elsewhere] {
        store.insert_project(record, &by()).await.expect("inserted");
    }
    let list = async |number| {
        let filter = ProjectFilter { organization: Some(organization_id(number)), apis: None };
        store.projects(&filter, &PageRequest::default()).await.expect("a list").records
    };
    assert_eq!(list(1).await, [project(1), project(2)]);
    assert_eq!(list(2).await, [elsewhere]);
    assert_eq!(list(3).await, []);
    assert_eq!(store.project(&project(2).id).await.expect("it is there"), project(2));

    let before = store.version().await.expect("a version");
    assert_eq!(store.remove_project(&project(1).id, at(70), &by()).await.expect("removed"), project(1));
    assert_eq!(marks(&store, before).await, [ProjectRecord::mark(&project(1).id)]);
    assert_eq!(find::<ProjectRecord>(&store, &project(1).id).await.record, None);
    assert_eq!(list(1).await, [project(2)]);
    for missing in
        [store.remove_project(&project(1).id, at(70), &by()).await, store.project(&project(1).id).await]
    {
        assert!(matches!(missing, Err(StoreError::NotFound(RecordKind::Project))), "{missing:?}");
    }
}
