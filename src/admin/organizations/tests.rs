//! What becomes of organizations, with a real store and a clock that stands still.

use std::slice;

use rand::{SeedableRng, rngs::StdRng};

use crate::{
    admin::fixture,
    domain::{Author, ManualClock, PlainKey, parse_moment},
    store::{MemberFilter, OrganizationFilter, PageRequest, ProjectFilter, SqlStore},
};

use super::*;

/// A store, the APIs, no plans, and a clock that shows the beginning of 2030.
struct Scene {
    store: SqlStore,
    apis: Vec<Api>,
    plans: Plans,
    clock: ManualClock,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("doorward.db");
        Self {
            store: SqlStore::open_file(&path, SqlStore::PATIENCE).await.expect("it opens"),
            apis: fixture::config().apis,
            plans: Plans::new(),
            clock: ManualClock::at(moment("2030-01-01")),
            _folder: folder,
        }
    }

    fn organizations(&self) -> Organizations<'_, SqlStore> {
        Organizations::new(&self.store, &self.apis, &self.plans, &self.clock)
    }
}

fn moment(text: &str) -> Timestamp {
    parse_moment(text).expect("a moment")
}

fn apis(names: &[&str]) -> Vec<ApiName> {
    names.iter().map(|name| name.parse().expect("a name")).collect()
}

fn entitlements(names: &[&str]) -> Vec<Entitlement> {
    names.iter().map(|name| name.parse().expect("an entitlement")).collect()
}

fn acme() -> NewOrganization {
    NewOrganization {
        id: "acme".parse().expect("an id"),
        name: "Acme".to_owned(),
        apis: apis(&["payments"]),
        plan: Some("developer".parse().expect("a name")),
        entitlements: entitlements(&["sso", "audit", "sso"]),
    }
}

fn apollo() -> NewProject {
    NewProject {
        id: "apollo".parse().expect("an id"),
        name: "Apollo".to_owned(),
        apis: apis(&["payments"]),
        organization: acme().id,
    }
}

fn ada() -> NewMember {
    NewMember {
        user: "ada".parse().expect("an id"),
        organization: acme().id,
        apis: apis(&["payments"]),
        scopes: vec!["write".parse().expect("a scope"), "read".parse().expect("a scope")],
    }
}

/// A key of the API `payments`.
fn key() -> String {
    let prefix = "sk_live_".parse().expect("a prefix");
    PlainKey::generate(&prefix, &mut StdRng::seed_from_u64(1)).expose().to_owned()
}

fn serving(api: &str) -> OrganizationFilter {
    OrganizationFilter { apis: Some(apis(&[api])) }
}

fn projects_of_acme() -> ProjectFilter {
    ProjectFilter { organization: Some(acme().id), apis: None }
}

fn members_of_acme() -> MemberFilter {
    MemberFilter { organization: Some(acme().id), ..MemberFilter::default() }
}

#[tokio::test]
async fn an_organization_is_kept_as_it_was_wanted() {
    let scene = Scene::new().await;
    let organizations = scene.organizations();
    let created = organizations.create(acme(), &Author::on_the_store(0)).await.expect("created");
    let expected = OrganizationRecord {
        id: acme().id,
        name: "Acme".to_owned(),
        apis: apis(&["payments"]),
        plan: acme().plan,
        entitlements: entitlements(&["audit", "sso"]),
        suspended: None,
        created: moment("2030-01-01"),
    };
    assert_eq!(created, expected);
    assert_eq!(organizations.get(&acme().id).await.expect("it is there"), expected);
    assert_eq!(
        organizations
            .list(&OrganizationFilter::default(), &PageRequest::default())
            .await
            .expect("a list")
            .records,
        [expected]
    );
    assert_eq!(
        organizations.list(&serving("games"), &PageRequest::default()).await.expect("a list").records,
        []
    );
    let unknown =
        organizations.list(&serving("paiments"), &PageRequest::default()).await.expect_err("no such API");
    assert!(unknown.to_string().starts_with("apis: found \"paiments\", expected one of `payments`"));

    let again =
        organizations.create(acme(), &Author::on_the_store(0)).await.expect_err("it is there already");
    assert_eq!(again.to_string(), "another organization has this id already");
}

#[tokio::test]
async fn everything_that_is_not_allowed_is_told_and_nothing_done() {
    let scene = Scene::new().await;
    let organizations = scene.organizations();
    let by = Author::on_the_store(0);
    let wrong = NewOrganization {
        id: key().parse().expect("an id"),
        name: String::new(),
        apis: apis(&["payments", "paiments", "payments"]),
        ..acme()
    };
    let told = organizations.create(wrong, &by).await.expect_err("nothing is right").to_string();
    assert_eq!(
        told,
        "name: found nothing, expected 1 to 256 bytes without control characters\n\
         apis: found \"paiments\", expected one of `payments`, `games`, `games-eu`, `library`, `open`, `ingest`\n\
         apis: found `payments` twice, expected each API once\n\
         id: found a key in clear, expected no secret"
    );
    assert_eq!(
        organizations
            .list(&OrganizationFilter::default(), &PageRequest::default())
            .await
            .expect("a list")
            .records,
        []
    );

    organizations.create(acme(), &by).await.expect("created");
    let edits = vec![
        OrganizationEdit::Plan(None),
        OrganizationEdit::Name(key()),
        OrganizationEdit::Apis(Vec::new()),
        OrganizationEdit::Entitlements(entitlements(&[&key()])),
    ];
    let told = organizations.update(&acme().id, edits, &by).await.expect_err("it is not allowed").to_string();
    assert_eq!(
        told,
        "name: found a key in clear, expected no secret\n\
         apis: found none, expected the API that it is for\n\
         entitlements: found a key in clear, expected no secret"
    );
    assert_eq!(organizations.get(&acme().id).await.expect("it is there").plan, acme().plan);

    let project = NewProject { name: "a\u{7}".to_owned(), apis: Vec::new(), ..apollo() };
    let told = organizations.create_project(project, &by).await.expect_err("it is not allowed").to_string();
    assert_eq!(
        told,
        "name: found a control character, expected 1 to 256 bytes without control characters\n\
         apis: found none, expected the API that it is for"
    );
    let scopes = (0..65).map(|number| format!("s{number}").parse().expect("a scope")).collect();
    let member = NewMember { scopes, ..ada() };
    let told = organizations.put_member(member, &by).await.expect_err("too many").to_string();
    assert_eq!(told, "scopes: found 65 scopes, expected at most 64");
    let member = NewMember { user: key().parse().expect("an id"), apis: apis(&["paiments"]), ..ada() };
    let told = organizations.put_member(member, &by).await.expect_err("it is not allowed").to_string();
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(!told.contains(&key()));
}

#[tokio::test]
async fn an_update_changes_what_it_names() {
    let scene = Scene::new().await;
    let organizations = scene.organizations();
    let before = organizations.create(acme(), &Author::on_the_store(0)).await.expect("created");
    let edits = vec![
        OrganizationEdit::Plan(None),
        OrganizationEdit::Entitlements(entitlements(&["sso", "backup", "sso"])),
    ];
    let after = organizations.update(&acme().id, edits, &Author::on_the_store(0)).await.expect("updated");
    let entitlements = entitlements(&["backup", "sso"]);
    assert_eq!(after, OrganizationRecord { plan: None, entitlements, ..before });
    assert_eq!(organizations.get(&acme().id).await.expect("it is there"), after);
}

#[tokio::test]
async fn where_there_are_plans_an_organization_has_one_of_them_or_none() {
    let mut scene = Scene::new().await;
    scene
        .organizations()
        .create(acme(), &Author::on_the_store(0))
        .await
        .expect("without plans the name is the applications' alone");
    scene.plans = [("free".parse().expect("a name"), [].into())].into();
    let organizations = scene.organizations();
    let other = NewOrganization { id: "other".parse().expect("an id"), ..acme() };
    let expected = "plan: found \"developer\", expected one of the configured plans: `free`";
    assert_eq!(
        organizations.create(other, &Author::on_the_store(0)).await.expect_err("no such plan").to_string(),
        expected
    );
    let edits = |plan: Option<PlanName>| vec![OrganizationEdit::Plan(plan)];
    let told = organizations
        .update(&acme().id, edits(acme().plan), &Author::on_the_store(0))
        .await
        .expect_err("no such plan");
    assert_eq!(told.to_string(), expected);
    for plan in [Some("free".parse().expect("a name")), None] {
        organizations.update(&acme().id, edits(plan), &Author::on_the_store(0)).await.expect("updated");
    }
    let name = vec![OrganizationEdit::Name("Acme Inc.".to_owned())];
    organizations
        .update(&acme().id, name, &Author::on_the_store(0))
        .await
        .expect("a plan that is not touched is not judged");
}

#[tokio::test]
async fn a_suspension_lasts_until_it_is_ended() {
    let scene = Scene::new().await;
    let organizations = scene.organizations();
    let active = organizations.create(acme(), &Author::on_the_store(0)).await.expect("created");
    let suspended = OrganizationRecord { suspended: Some(moment("2030-01-01")), ..active.clone() };
    for _ in 0..2 {
        assert_eq!(
            organizations.suspend(&acme().id, &Author::on_the_store(0)).await.expect("suspended"),
            suspended
        );
        scene.clock.advance(86_400);
    }
    assert_eq!(organizations.resume(&acme().id, &Author::on_the_store(0)).await.expect("resumed"), active);
    let nobody = "nobody".parse().expect("an id");
    let missing = organizations.suspend(&nobody, &Author::on_the_store(0)).await.expect_err("there is none");
    assert_eq!(missing.to_string(), "no organization has this id");
}

#[tokio::test]
async fn projects_and_members_belong_to_an_organization() {
    let scene = Scene::new().await;
    let organizations = scene.organizations();
    for missing in [
        organizations.create_project(apollo(), &Author::on_the_store(0)).await.map(drop),
        organizations.put_member(ada(), &Author::on_the_store(0)).await.map(drop),
        organizations.projects(&projects_of_acme(), &PageRequest::default()).await.map(drop),
        organizations.members(&members_of_acme(), &PageRequest::default()).await.map(drop),
    ] {
        assert_eq!(missing.expect_err("there is none").to_string(), "no organization has this id");
    }
    organizations.create(acme(), &Author::on_the_store(0)).await.expect("created");

    let project = organizations.create_project(apollo(), &Author::on_the_store(0)).await.expect("created");
    assert_eq!(project.created, moment("2030-01-01"));
    let again = organizations
        .create_project(apollo(), &Author::on_the_store(0))
        .await
        .expect_err("it is there already");
    assert_eq!(again.to_string(), "another project has this id already");
    assert_eq!(
        organizations.projects(&projects_of_acme(), &PageRequest::default()).await.expect("a list").records,
        slice::from_ref(&project)
    );
    assert_eq!(
        organizations.remove_project(&project.id, &Author::on_the_store(0)).await.expect("removed"),
        project
    );
    assert_eq!(
        organizations.projects(&projects_of_acme(), &PageRequest::default()).await.expect("a list").records,
        []
    );

    organizations.put_member(ada(), &Author::on_the_store(0)).await.expect("put");
    let member = organizations
        .put_member(NewMember { scopes: Vec::new(), ..ada() }, &Author::on_the_store(0))
        .await
        .expect("replaced");
    assert!(member.scopes.is_empty());
    assert_eq!(
        organizations.members(&members_of_acme(), &PageRequest::default()).await.expect("a list").records,
        slice::from_ref(&member)
    );
    let of_ada = MemberFilter { user: Some(ada().user), ..MemberFilter::default() };
    assert_eq!(
        organizations.members(&of_ada, &PageRequest::default()).await.expect("a list").records,
        slice::from_ref(&member)
    );
    assert_eq!(
        organizations
            .remove_member(&ada().user, &acme().id, &Author::on_the_store(0))
            .await
            .expect("removed"),
        member
    );
    let missing = organizations
        .remove_member(&ada().user, &acme().id, &Author::on_the_store(0))
        .await
        .expect_err("there is none");
    assert_eq!(missing.to_string(), "this user is no member of this organization");
}
