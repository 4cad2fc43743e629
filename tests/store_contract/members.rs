//! Members: who belongs to which organizations, for which APIs.

use doorward::{
    domain::{ApiName, Member, MemberRecord, Membership, UserId},
    store::{
        Changes, Kept, Mark, MemberFilter, MemberStore, OrganizationStore, PageRequest, RecordKind,
        StoreError,
    },
};

use super::{Place, Store, api, apis, at, by, find, marks, organization, organization_id, scopes};

pub(super) fn member(user: &str, organization: u32, of: &[&str], may: &[&str]) -> Member {
    Member {
        user: user.parse().expect("an id"),
        organization: organization_id(organization),
        apis: apis(of),
        scopes: scopes(may),
    }
}

fn name(user: &str, of: &str) -> (UserId, ApiName) {
    (user.parse().expect("an id"), api(of))
}

/// A store with the organizations 1 to 3.
async fn with_organizations(place: &impl Place) -> impl Store {
    let store = place.open().await;
    for number in 1..=3 {
        store.insert_organization(&organization(number), &by()).await.expect("inserted");
    }
    store
}

pub(super) async fn a_member_needs_the_organization(place: impl Place) {
    let store = place.open().await;
    let alone = store.put_member(&member("ada", 1, &["odin"], &[]), at(70), &by()).await;
    assert_eq!(alone.expect_err("there is none").to_string(), "no organization has this id");
    assert_eq!(store.version().await.expect("a version").0, 0, "nothing has changed");
}

pub(super) async fn a_member_is_found_where_an_api_knows_them(place: impl Place) {
    let store = with_organizations(&place).await;
    for member in [
        member("ada", 3, &["contox", "odin"], &["write", "read"]),
        member("ada", 1, &["odin"], &[]),
        member("ada", 2, &["contox"], &["read"]),
        member("bob", 1, &["odin-2"], &["read"]),
    ] {
        store.put_member(&member, at(70), &by()).await.expect("put");
    }
    for (user, of, expected) in [
        ("ada", "odin", vec![(1, scopes(&[])), (3, scopes(&["read", "write"]))]),
        ("ada", "contox", vec![(2, scopes(&["read"])), (3, scopes(&["read", "write"]))]),
        ("ada", "odin-2", vec![]),
        ("bob", "odin", vec![]),
        ("bob", "odin-2", vec![(1, scopes(&["read"]))]),
        ("eve", "odin", vec![]),
    ] {
        let found = find::<MemberRecord>(&store, &name(user, of)).await;
        let membership = |(number, scopes)| Membership { organization: organization_id(number), scopes };
        let memberships: Vec<Membership> = expected.into_iter().map(membership).collect();
        let expected = (!memberships.is_empty())
            .then(|| MemberRecord { user: user.parse().expect("an id"), memberships: memberships.into() });
        assert_eq!(found.record, expected, "{user} for {of}");
        assert_eq!(found.version, store.version().await.expect("a version"));
    }
}

pub(super) async fn a_membership_is_replaced_and_removed(place: impl Place) {
    let store = with_organizations(&place).await;
    let bob = member("bob", 1, &["odin"], &[]);
    let elsewhere = member("ada", 2, &["odin"], &["read"]);
    for member in [&elsewhere, &bob, &member("ada", 1, &["odin"], &["read"])] {
        store.put_member(member, at(70), &by()).await.expect("put");
    }
    let ada = member("ada", 1, &["contox", "odin"], &["write"]);
    store.put_member(&ada, at(70), &by()).await.expect("replaced");
    let of_acme = MemberFilter { organization: Some(organization_id(1)), ..MemberFilter::default() };
    let of_ada = MemberFilter { user: Some(ada.user.clone()), ..MemberFilter::default() };
    let members = async || store.members(&of_acme, &PageRequest::default()).await.expect("a list").records;
    assert_eq!(members().await, [ada.clone(), bob.clone()]);
    let memberships = async || store.members(&of_ada, &PageRequest::default()).await.expect("a list").records;
    assert_eq!(memberships().await, [ada.clone(), elsewhere.clone()]);

    assert_eq!(store.remove_member(&ada.user, &ada.organization, at(70), &by()).await.expect("removed"), ada);
    assert_eq!(members().await, [bob]);
    assert_eq!(memberships().await, [elsewhere]);
    let missing = store.remove_member(&ada.user, &ada.organization, at(70), &by()).await;
    assert!(matches!(missing, Err(StoreError::NotFound(RecordKind::Member))), "{missing:?}");
}

pub(super) async fn every_api_concerned_is_told_of_a_change(place: impl Place) {
    let store = with_organizations(&place).await;
    let mut seen = store.version().await.expect("a version");
    let mut told = async |done: Result<(), StoreError>, of: &[&str]| {
        done.expect("it can be done");
        let marks = marks(&store, seen).await;
        let expected: Vec<Mark> = of.iter().map(|api| MemberRecord::mark(&name("ada", api))).collect();
        assert_eq!(marks, expected);
        seen = store.version().await.expect("a version");
    };
    let ada = |of: &[&str]| member("ada", 1, of, &[]);
    told(store.put_member(&ada(&["odin", "contox"]), at(70), &by()).await.map(drop), &["contox", "odin"])
        .await;
    told(
        store.put_member(&ada(&["cortex-edr", "odin"]), at(70), &by()).await.map(drop),
        &["contox", "cortex-edr", "odin"],
    )
    .await;
    let removed = store.remove_member(&ada(&[]).user, &organization_id(1), at(70), &by()).await;
    told(removed.map(drop), &["cortex-edr", "odin"]).await;
}
