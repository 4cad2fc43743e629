//! The audit log: what a change adds to it, and what it tells.

use doorward::{
    domain::{AuditRecord, Author, KeyRecord, Role, SecretRecord},
    store::{
        AuditFilter, AuditStore, Deed, KeyStore, MemberStore, OrganizationEdit, OrganizationStore,
        PageRequest, ProjectStore, RecordKind, SecretStore, SessionStore,
    },
};

use super::{
    Place, Store, api, apis, at, by, organization, organization_id, project, record, secret, session,
};

/// All that the log tells, in the order in which it happened.
async fn log(store: &impl AuditStore) -> Vec<AuditRecord> {
    let mut records =
        store.audit(&AuditFilter::default(), &PageRequest::default()).await.expect("a list").records;
    records.reverse();
    records
}

/// What was done to what.
async fn deeds(store: &impl AuditStore) -> Vec<String> {
    log(store).await.iter().map(|record| format!("{} {}", record.action, record.id)).collect()
}

fn ada() -> Author {
    Author { name: "ada".to_owned(), role: Role::Editor, from: "192.0.2.1".to_owned(), request: None }
}

pub(super) async fn a_record_says_who_did_what_to_what(place: impl Place) {
    let store = place.open().await;
    store.insert(&[record(1)], &ada()).await.expect("inserted");
    store.revoke(&record(1).id, at(7), &by()).await.expect("revoked");
    let [created, revoked] = log(&store).await.try_into().expect("two records");
    assert_eq!((created.at, created.actor.as_str(), created.role), (at(1), "ada", Role::Editor));
    assert_eq!((created.from.as_str(), created.kind.as_str(), created.before), ("192.0.2.1", "key", None));
    assert_eq!((created.organization, created.apis), (Some(record(1).organization), apis(&["cortex-edr"])));
    assert_eq!((revoked.at, revoked.actor.as_str(), revoked.from.as_str()), (at(7), "cli", "uid 0"));
    assert_eq!(revoked.before, created.after);
    let after = revoked.after.expect("it is there still");
    assert!(after.contains("\"revoked\":\"1970-01-01T00:00:07Z\""), "{after}");
    assert!(revoked.number > created.number);
}

pub(super) async fn every_change_of_every_record_is_told_once(place: impl Place) {
    let store = place.open().await;
    let member = super::members::member("ada", 1, &["odin"], &[]);
    let successor = KeyRecord { rotated_from: Some(record(1).id), lineage: record(1).lineage, ..record(3) };
    store.insert(&[record(1)], &by()).await.expect("inserted");
    store.import(&[record(2), record(9)], &by()).await.expect("imported");
    store.rotate(&record(1), &successor, at(50), &by()).await.expect("rotated");
    store.insert_organization(&organization(1), &by()).await.expect("inserted");
    // What is done twice changes nothing the second time.
    for _ in 0..2 {
        store.revoke(&record(2).id, at(5), &by()).await.expect("revoked");
        let edit = OrganizationEdit::Name("Acme".to_owned());
        store.update_organization(&organization_id(1), &[edit], at(6), &by()).await.expect("updated");
        store.suspend_organization(&organization_id(1), at(7), &by()).await.expect("suspended");
    }
    for _ in 0..2 {
        store.resume_organization(&organization_id(1), at(8), &by()).await.expect("resumed");
        store.put_member(&member, at(9), &by()).await.expect("put");
    }
    store.put_member(&super::members::member("ada", 1, &["contox"], &[]), at(9), &by()).await.expect("put");
    store.remove_member(&member.user, &member.organization, at(9), &by()).await.expect("removed");
    store.insert_project(&project(1), &by()).await.expect("inserted");
    store.remove_project(&project(1).id, at(9), &by()).await.expect("removed");
    for number in 1..=3 {
        store.insert_session(&session(number), &by()).await.expect("inserted");
    }
    for _ in 0..2 {
        store.end_session(&session(1).id, at(10), &by()).await.expect("ended");
        store.end_sessions_of(&session(1).user, at(11), &by()).await.expect("ended");
    }
    let expected = [
        "key.create key_1",
        "key.import key_2",
        "key.import key_9",
        "key.rotate key_1",
        "key.create key_3",
        "organization.create organization_1",
        "key.revoke key_2",
        "organization.update organization_1",
        "organization.suspend organization_1",
        "organization.resume organization_1",
        "member.create ada",
        "member.update ada",
        "member.remove ada",
        "project.create project_1",
        "project.remove project_1",
        "session.create session_1",
        "session.create session_2",
        "session.create session_3",
        "session.end session_1",
        "session.end session_2",
        "session.end session_3",
    ];
    assert_eq!(deeds(&store).await, expected);
}

pub(super) async fn what_is_sealed_or_hashed_is_not_told(place: impl Place) {
    let store = place.open().await;
    let next = SecretRecord { rotated_from: Some(secret(1).id), ..secret(2) };
    let new = super::SealedSecret { key: "second".parse().expect("a name"), bytes: vec![9; 40] };
    store.insert(&[record(1)], &by()).await.expect("inserted");
    store.insert_session(&session(1), &by()).await.expect("inserted");
    store.insert_secret(&secret(1), &by()).await.expect("inserted");
    store.rotate_secret(&secret(1).id, &next, at(50), &by()).await.expect("rotated");
    store.reseal(&next.id, &next.sealed, &new, at(60), &by()).await.expect("sealed anew");
    store.revoke_secret(&next.id, at(70), &by()).await.expect("revoked");
    let told = deeds(&store).await;
    let expected = [
        "secret.rotate secret_1",
        "secret.create secret_2",
        "secret.reseal secret_2",
        "secret.revoke secret_2",
    ];
    assert_eq!(told[3..], expected);
    for record in log(&store).await {
        for facts in [&record.before, &record.after].into_iter().flatten() {
            let names = ["\"hash\"", "\"sealed\"", "bytes"];
            assert!(names.iter().all(|name| !facts.contains(name)), "{facts}");
            for hash in [super::record(1).hash, session(1).hash] {
                assert!(!facts.contains(&hex::encode(hash.as_bytes())), "{facts}");
            }
        }
    }
}

pub(super) async fn what_is_refused_is_not_told(place: impl Place) {
    let store = place.open().await;
    store.insert(&[record(2)], &by()).await.expect("inserted");
    store.insert(&[record(1), record(2)], &by()).await.expect_err("the second is there already");
    store.import(&[record(1), record(2)], &by()).await.expect_err("the second is there already");
    let taken = KeyRecord { rotated_from: Some(record(2).id), hash: record(2).hash, ..record(3) };
    store.rotate(&record(2), &taken, at(50), &by()).await.expect_err("its hash is taken");
    store.insert_project(&project(1), &by()).await.expect_err("it has no organization");
    assert_eq!(deeds(&store).await, ["key.create key_2"]);
}

pub(super) async fn the_log_is_filtered_and_latest_first(place: impl Place) {
    let store = with_three(&place).await;
    let told = async |filter: AuditFilter| -> Vec<String> {
        let records = store.audit(&filter, &PageRequest::default()).await.expect("a list").records;
        records.into_iter().map(|record| record.id).collect()
    };
    let all = AuditFilter::default;
    assert_eq!(told(all()).await, ["secret_3", "organization_2", "key_1"]);
    assert_eq!(told(AuditFilter { actor: Some("ada".to_owned()), ..all() }).await, ["key_1"]);
    assert_eq!(told(AuditFilter { kind: Some("secret".to_owned()), ..all() }).await, ["secret_3"]);
    assert_eq!(told(AuditFilter { id: Some("key_1".to_owned()), ..all() }).await, ["key_1"]);
    let organization = Some(organization_id(2));
    assert_eq!(told(AuditFilter { organization, ..all() }).await, ["organization_2"]);
    let serving = |names: &[&str]| AuditFilter { apis: Some(apis(names)), ..all() };
    assert_eq!(told(serving(&["contox"])).await, ["secret_3"]);
    assert_eq!(told(serving(&["contox", "cortex-edr"])).await.len(), 3);
    assert_eq!(told(serving(&["cortex"])).await, [""; 0]);
    assert_eq!(told(serving(&[])).await, [""; 0]);
    assert_eq!(told(AuditFilter { since: Some(at(2)), ..all() }).await, ["secret_3", "organization_2"]);
}

async fn with_three(place: &impl Place) -> impl Store {
    let store = place.open().await;
    store.insert(&[record(1)], &ada()).await.expect("inserted");
    store.insert_organization(&organization(2), &by()).await.expect("inserted");
    let deed = Deed {
        at: at(3),
        action: "secret.reveal",
        kind: RecordKind::Secret,
        id: "secret_3",
        organization: None,
        apis: &[api("contox")],
    };
    store.note(&deed, &by()).await.expect("noted");
    store
}
