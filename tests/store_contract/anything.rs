//! Whatever a record holds comes back as it was.

use std::{fmt::Debug, slice, str::FromStr, time::Duration};

use doorward::{
    domain::{
        ApiName, CredentialHash, KeyKind, KeyRecord, Member, MemberRecord, Membership, OrganizationId,
        OrganizationRecord, ProjectRecord, ProjectSecrets, ScopeSet, SealedSecret, SecretRecord,
        SessionRecord, Timestamp,
    },
    store::{
        KeyStore, MemberFilter, MemberStore, OrganizationStore, PageRequest, ProjectFilter, ProjectStore,
        SecretStore, SessionFilter, SessionStore,
    },
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::{collection::vec, option, prelude::*, test_runner::TestRunner};
use tokio::{runtime::Handle, task::block_in_place};

use super::{Place, all, api, apis, at, by, find, organization, project, record, scopes, secret, session};

/// What a store that builds its statements from texts, or its lists from lines, would stumble over.
const NAUGHTY: [&str; 10] = [
    "'; DROP TABLE keys; --",
    "\"quoted\" `ticked` [bracketed]",
    "%_\\ ?1 :name @name $name",
    "Ünïcödé",
    "\u{202e}olleh",
    "שלום",
    "🗝️",
    "e\u{301}",
    "a  b ",
    "NULL",
];

/// The naughty texts and the longest one.
fn naughty() -> impl Iterator<Item = String> {
    NAUGHTY.into_iter().map(str::to_owned).chain(["x".repeat(256)])
}

pub(super) async fn naughty_texts_come_back_as_they_were(place: impl Place) {
    let store = place.open().await;
    for (number, text) in (0..).zip(naughty()) {
        let naughty = KeyRecord {
            id: text.parse().expect("an id"),
            name: text.clone(),
            organization: text.parse().expect("an id"),
            project: Some(text.parse().expect("an id")),
            lineage: text.parse().expect("an id"),
            ..record(number)
        };
        store.insert(slice::from_ref(&naughty), &by()).await.expect("inserted");
        assert_eq!(store.get(&naughty.id).await.expect("it is there"), naughty);
        let found = find::<KeyRecord>(&store, &naughty.hash).await;
        assert_eq!(found.record, Some(naughty));
    }
    assert_eq!(all(&store).await.len(), naughty().count());
}

pub(super) async fn naughty_organizations_come_back_as_they_were(place: impl Place) {
    let store = place.open().await;
    for (number, text) in (0..).zip(naughty()) {
        let organization = OrganizationRecord {
            id: text.parse().expect("an id"),
            name: text.clone(),
            ..organization(number)
        };
        store.insert_organization(&organization, &by()).await.expect("inserted");
        let found = find::<OrganizationRecord>(&store, &organization.id).await;
        assert_eq!(found.record.as_ref(), Some(&organization));

        let project = ProjectRecord {
            id: text.parse().expect("an id"),
            name: text.clone(),
            organization: organization.id.clone(),
            ..project(number)
        };
        store.insert_project(&project, &by()).await.expect("inserted");
        assert_eq!(
            store
                .projects(
                    &ProjectFilter { organization: Some(organization.id.clone()), apis: None },
                    &PageRequest::default()
                )
                .await
                .expect("a list")
                .records,
            slice::from_ref(&project)
        );
        assert_eq!(find::<ProjectRecord>(&store, &project.id).await.record.as_ref(), Some(&project));

        let member = Member {
            user: text.parse().expect("an id"),
            organization: organization.id.clone(),
            apis: apis(&["odin"]),
            scopes: scopes(&["read"]),
        };
        store.put_member(&member, at(70), &by()).await.expect("put");
        assert_eq!(
            store
                .members(&members_of(&organization.id), &PageRequest::default())
                .await
                .expect("a list")
                .records,
            slice::from_ref(&member)
        );
        assert_eq!(
            store
                .members(
                    &MemberFilter { user: Some(member.user.clone()), ..MemberFilter::default() },
                    &PageRequest::default()
                )
                .await
                .expect("a list")
                .records,
            slice::from_ref(&member)
        );
        let name = (member.user.clone(), api("odin"));
        let found = find::<MemberRecord>(&store, &name).await.record.expect("a member");
        let membership = Membership { organization: organization.id.clone(), scopes: member.scopes.clone() };
        assert_eq!((found.user, &*found.memberships), (member.user.clone(), [membership.clone()].as_slice()));

        store.remove_member(&member.user, &organization.id, at(70), &by()).await.expect("removed");
        store.remove_project(&project.id, at(70), &by()).await.expect("removed");
    }
}

pub(super) async fn naughty_sessions_and_secrets_come_back_as_they_were(place: impl Place) {
    let store = place.open().await;
    for (number, text) in (0..).zip(naughty()) {
        let membership = Membership { organization: text.parse().expect("an id"), scopes: scopes(&["read"]) };
        let session = SessionRecord {
            id: text.parse().expect("an id"),
            user: text.parse().expect("an id"),
            memberships: [membership].into(),
            ..session(number)
        };
        store.insert_session(&session, &by()).await.expect("inserted");
        assert_eq!(store.session(&session.id).await.expect("it is there"), session);
        let filter = SessionFilter { user: Some(session.user.clone()), apis: None };
        assert_eq!(
            store.sessions(&filter, &PageRequest::default()).await.expect("a list").records,
            slice::from_ref(&session)
        );
        assert_eq!(find::<SessionRecord>(&store, &session.hash).await.record, Some(session));

        let secret = SecretRecord {
            id: text.parse().expect("an id"),
            organization: text.parse().expect("an id"),
            project: text.parse().expect("an id"),
            ..secret(number)
        };
        store.insert_secret(&secret, &by()).await.expect("inserted");
        assert_eq!(store.secret(&secret.id).await.expect("it is there"), secret);
        let name = (secret.api.clone(), secret.project.clone());
        let found = find::<ProjectSecrets>(&store, &name).await;
        assert_eq!(found.record, Some(ProjectSecrets { secrets: [secret].into() }));
    }
}

pub(super) async fn any_record_comes_back_as_it_was(place: impl Place) {
    let store = place.open().await;
    every_one_survives(&any_record(), async |wanted: KeyRecord| {
        store.insert(slice::from_ref(&wanted), &by()).await.expect("inserted");
        find::<KeyRecord>(&store, &wanted.hash).await.record.expect("it is there")
    });
}

fn any_record() -> impl Strategy<Value = KeyRecord> {
    let identity = (
        any::<[u8; 32]>(),
        "[!-~]{0,48}",
        "\\PC{0,60}",
        any::<bool>(),
        any_apis(),
        any_id(),
        option::of(any_id()),
        option::of(parsed("[a-z0-9]{1,20}")),
        any_id(),
    );
    let rights = (
        any_scopes(),
        option::of(parsed("[a-z0-9]{1,20}")),
        vec(any_network(), 0..4),
        any_moment(),
        option::of(any_moment()),
        option::of(any_moment()),
    );
    (identity, rights).prop_map(|(identity, rights)| {
        let (hash, hint, name, service, apis, organization, project, environment, lineage) = identity;
        let (scopes, plan, sources, created, expires, revoked) = rights;
        KeyRecord {
            id: id_of(&hash),
            hash: CredentialHash::from_bytes(&hash).expect("32 bytes"),
            hint: hint.parse().expect("a hint"),
            name,
            kind: if service { KeyKind::ServiceKey } else { KeyKind::ApiKey },
            apis,
            organization,
            project,
            environment,
            scopes,
            plan,
            sources,
            created,
            expires,
            revoked,
            rotated_from: None,
            labels: std::collections::BTreeMap::new(),
            lineage,
        }
    })
}

/// Whatever `any` makes comes back from `there_and_back` as it was.
fn every_one_survives<T: Clone + PartialEq + Debug>(
    any: &impl Strategy<Value = T>,
    there_and_back: impl AsyncFn(T) -> T,
) {
    block_in_place(|| {
        TestRunner::default()
            .run(any, |wanted| {
                let found = Handle::current().block_on(there_and_back(wanted.clone()));
                prop_assert_eq!(found, wanted);
                Ok(())
            })
            .expect("every record survives");
    });
}

pub(super) async fn any_session_comes_back_as_it_was(place: impl Place) {
    let store = place.open().await;
    every_one_survives(&any_session(), async |wanted: SessionRecord| {
        store.insert_session(&wanted, &by()).await.expect("inserted");
        find::<SessionRecord>(&store, &wanted.hash).await.record.expect("it is there")
    });
}

fn any_session() -> impl Strategy<Value = SessionRecord> {
    let membership =
        (any_id(), any_scopes()).prop_map(|(organization, scopes)| Membership { organization, scopes });
    let identity = (any::<[u8; 32]>(), any_apis(), any_id(), vec(membership, 0..4), any_scopes());
    let life = (
        any_moment(),
        any_moment(),
        option::of((0..1_u64 << 50).prop_map(Duration::from_millis)),
        any_moment(),
        option::of(any_moment()),
    );
    (identity, life).prop_map(|(identity, (created, expires, idle, used, ended))| {
        let (hash, apis, user, memberships, scopes) = identity;
        SessionRecord {
            id: id_of(&hash),
            hash: CredentialHash::from_bytes(&hash).expect("32 bytes"),
            apis,
            user,
            memberships: memberships.into(),
            scopes,
            created,
            expires,
            idle,
            used,
            ended,
        }
    })
}

pub(super) async fn any_secret_comes_back_as_it_was(place: impl Place) {
    let store = place.open().await;
    every_one_survives(&any_secret(), async |wanted: SecretRecord| {
        store.insert_secret(&wanted, &by()).await.expect("inserted");
        let name = (wanted.api, wanted.project);
        let found = find::<ProjectSecrets>(&store, &name).await.record.expect("it is there");
        found.secrets.first().expect("there is one").clone()
    });
}

/// Each of a project of its own.
fn any_secret() -> impl Strategy<Value = SecretRecord> {
    let identity = (any::<[u8; 32]>(), parsed("[a-z0-9]{1,20}"), any_id());
    let sealed = (parsed("[a-z0-9]{1,20}"), vec(any::<u8>(), 0..100));
    let life = (any_moment(), option::of(any_moment()), option::of(any_moment()));
    (identity, sealed, life).prop_map(|((id, api, organization), (key, bytes), life)| {
        let (created, expires, revoked) = life;
        SecretRecord {
            id: id_of(&id),
            api,
            organization,
            project: id_of(&id),
            sealed: SealedSecret { key, bytes },
            created,
            expires,
            revoked,
            rotated_from: None,
        }
    })
}

pub(super) async fn any_organization_project_and_member_come_back_as_they_were(place: impl Place) {
    let store = place.open().await;
    let any = (any_organization(), "\\PC{0,60}", any_apis(), any_id(), any_scopes(), any_moment());
    let any = any.prop_map(|(organization, name, apis, user, scopes, created)| {
        let project = ProjectRecord {
            id: organization.id.as_str().parse().expect("an id"),
            name,
            apis: apis.clone(),
            organization: organization.id.clone(),
            created,
        };
        let member = Member { user, organization: organization.id.clone(), apis, scopes };
        (organization, project, member)
    });
    every_one_survives(&any, async |(organization, project, member): (_, ProjectRecord, Member)| {
        store.insert_organization(&organization, &by()).await.expect("inserted");
        store.insert_project(&project, &by()).await.expect("inserted");
        store.put_member(&member, at(70), &by()).await.expect("put");
        let found = find::<OrganizationRecord>(&store, &organization.id).await.record;
        let members = store
            .members(&members_of(&organization.id), &PageRequest::default())
            .await
            .expect("a list")
            .records;
        (
            found.expect("it is there"),
            find::<ProjectRecord>(&store, &project.id).await.record.expect("it is there"),
            members.into_iter().next().expect("there is one"),
        )
    });
}

fn members_of(organization: &OrganizationId) -> MemberFilter {
    MemberFilter { organization: Some(organization.clone()), ..MemberFilter::default() }
}

fn any_organization() -> impl Strategy<Value = OrganizationRecord> {
    let identity = (any::<[u8; 32]>(), "\\PC{0,60}", any_apis());
    let rights = (
        option::of(parsed("[a-z0-9]{1,20}")),
        vec(parsed("[!#-\\[\\]-~]{1,64}"), 0..20),
        option::of(any_moment()),
        any_moment(),
    );
    (identity, rights).prop_map(|((id, name, apis), (plan, entitlements, suspended, created))| {
        OrganizationRecord { id: id_of(&id), name, apis, plan, entitlements, suspended, created }
    })
}

fn id_of<T: FromStr<Err: Debug>>(bytes: &[u8; 32]) -> T {
    hex::encode(bytes).parse().expect("an id")
}

fn any_id<T: FromStr + Debug>() -> impl Strategy<Value = T> {
    parsed("[^\\p{Cc}]{1,20}")
}

fn any_apis() -> impl Strategy<Value = Vec<ApiName>> {
    vec(parsed("[a-z0-9]{1,20}"), 1..4)
}

fn any_scopes() -> impl Strategy<Value = ScopeSet> {
    vec(parsed("[!#-\\[\\]-~]{1,64}"), 0..64).prop_map(|scopes| ScopeSet::new(scopes).expect("not too many"))
}

fn parsed<T: FromStr + Debug>(pattern: &'static str) -> impl Strategy<Value = T> {
    pattern.prop_filter_map("not of this form", |text| text.parse().ok())
}

fn any_network() -> impl Strategy<Value = IpNet> {
    prop_oneof![
        (any::<u32>(), 0..=32_u8)
            .prop_map(|(address, bits)| Ipv4Net::new_assert(address.into(), bits).into()),
        (any::<u128>(), 0..=128_u8)
            .prop_map(|(address, bits)| Ipv6Net::new_assert(address.into(), bits).into()),
    ]
}

fn any_moment() -> impl Strategy<Value = Timestamp> {
    (-60_000_000_000_000..=250_000_000_000_000_i64)
        .prop_map(|milliseconds| Timestamp::from_millisecond(milliseconds).expect("in range"))
}
