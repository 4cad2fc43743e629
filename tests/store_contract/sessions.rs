//! Sessions: found, used, ended, removed.

use doorward::{
    domain::{SessionId, SessionRecord, UserId},
    store::{
        Changes, Kept, Mark, PageRequest, RecordKind, SessionFilter, SessionStore, StoreError, UniqueField,
        Version,
    },
};

use super::{Place, Store, apis, at, by, find, marks, session};

fn user(name: &str) -> UserId {
    name.parse().expect("an id")
}

fn mark(number: u32) -> Mark {
    SessionRecord::mark(&session(number).hash)
}

async fn list(store: &impl SessionStore, filter: SessionFilter) -> Vec<SessionRecord> {
    store.sessions(&filter, &PageRequest::default()).await.expect("a list").records
}

async fn with_sessions(place: &impl Place, sessions: &[SessionRecord]) -> impl Store {
    let store = place.open().await;
    for session in sessions {
        store.insert_session(session, &by()).await.expect("inserted");
    }
    store
}

pub(super) async fn a_session_is_found_listed_and_there_once(place: impl Place) {
    let elsewhere = SessionRecord { user: user("bob"), apis: apis(&["odin", "contox"]), ..session(3) };
    let store = with_sessions(&place, &[session(2), session(1), elsewhere.clone()]).await;
    assert_eq!(marks(&store, Version(0)).await, [2, 1, 3].map(mark));
    let version = store.version().await.expect("a version");

    let found = find::<SessionRecord>(&store, &session(1).hash).await;
    assert_eq!((found.record, found.version), (Some(session(1)), version));
    let unknown = find::<SessionRecord>(&store, &session(9).hash).await;
    assert_eq!((unknown.record, unknown.version), (None, version));
    assert_eq!(store.session(&session(2).id).await.expect("it is there"), session(2));
    let missing = store.session(&session(9).id).await;
    assert!(matches!(missing, Err(StoreError::NotFound(RecordKind::Session))), "{missing:?}");

    let all = SessionFilter::default();
    assert_eq!(list(&store, all.clone()).await, [session(1), session(2), elsewhere.clone()]);
    let of_ada = SessionFilter { user: Some(user("ada")), ..all.clone() };
    assert_eq!(list(&store, of_ada.clone()).await, [session(1), session(2)]);
    let of_odin = SessionFilter { apis: Some(apis(&["odin"])), ..all };
    assert_eq!(list(&store, of_odin).await, [elsewhere]);
    assert_eq!(list(&store, SessionFilter { apis: Some(apis(&["odin"])), ..of_ada }).await, []);

    let same_id = SessionRecord { hash: session(9).hash, ..session(1) };
    let same_hash = SessionRecord { id: session(9).id, ..session(1) };
    for (twin, what) in [(same_id, UniqueField::Id), (same_hash, UniqueField::Hash)] {
        let error = store.insert_session(&twin, &by()).await.expect_err("it is there already");
        assert!(matches!(error, StoreError::Exists(RecordKind::Session, found) if found == what), "{error}");
    }
}

pub(super) async fn a_session_ends_once(place: impl Place) {
    let store = with_sessions(&place, &[session(1), session(2)]).await;
    let before = store.version().await.expect("a version");
    let ended = SessionRecord { ended: Some(at(50)), ..session(1) };
    for second in [50, 60] {
        assert_eq!(store.end_session(&session(1).id, at(second), &by()).await.expect("ended"), ended);
        assert_eq!(find::<SessionRecord>(&store, &ended.hash).await.record.as_ref(), Some(&ended));
        assert_eq!(marks(&store, before).await, [mark(1)], "only the first has changed anything");
    }
    assert_eq!(store.session(&session(2).id).await.expect("it is there"), session(2));
    let missing = store.end_session(&session(9).id, at(50), &by()).await;
    assert!(matches!(missing, Err(StoreError::NotFound(RecordKind::Session))), "{missing:?}");
}

pub(super) async fn all_good_sessions_of_a_user_end_together(place: impl Place) {
    let ended = SessionRecord { ended: Some(at(10)), ..session(3) };
    let expired = SessionRecord { expires: at(50), ..session(4) };
    let of_bob = SessionRecord { user: user("bob"), ..session(5) };
    let others = [ended, expired, of_bob];
    let all = [&[session(1), session(2)], others.as_slice()].concat();
    let store = with_sessions(&place, &all).await;
    let before = store.version().await.expect("a version");
    assert_eq!(store.end_sessions_of(&user("ada"), at(50), &by()).await.expect("ended").len(), 2);
    assert_eq!(marks(&store, before).await, [1, 2].map(mark));
    let now = [1, 2].map(|number| SessionRecord { ended: Some(at(50)), ..session(number) });
    let expected = [now.as_slice(), others.as_slice()].concat();
    assert_eq!(list(&store, SessionFilter::default()).await, expected);

    for nobody in ["ada", "eve"] {
        assert_eq!(store.end_sessions_of(&user(nobody), at(60), &by()).await.expect("no error").len(), 0);
    }
    assert_eq!(list(&store, SessionFilter::default()).await, expected);
    assert_eq!(marks(&store, before).await.len(), 2, "nothing has changed");
}

pub(super) async fn a_use_is_noted_and_told_to_nobody(place: impl Place) {
    let store = with_sessions(&place, &[session(1), session(2)]).await;
    let before = store.version().await.expect("a version");
    for (second, used) in [(50, 50), (40, 50), (60, 60)] {
        store.touch(&[(session(1).hash, at(second))]).await.expect("noted");
        let found = find::<SessionRecord>(&store, &session(1).hash).await.record;
        assert_eq!(found, Some(SessionRecord { used: at(used), ..session(1) }));
    }
    assert_eq!(store.session(&session(2).id).await.expect("it is there"), session(2));
    let together = [9, 1, 2].map(|number| (session(number).hash, at(70)));
    store.touch(&together).await.expect("whoever is gone is no error");
    let used = [1, 2].map(|number| SessionRecord { used: at(70), ..session(number) });
    assert_eq!(list(&store, SessionFilter::default()).await, used);
    store.touch(&[]).await.expect("nothing to do");
    assert_eq!(store.version().await.expect("a version"), before);
}

pub(super) async fn sessions_that_are_over_are_removed(place: impl Place) {
    let all = [
        session(1),
        SessionRecord { ended: Some(at(49)), ..session(2) },
        SessionRecord { ended: Some(at(50)), ..session(3) },
        SessionRecord { expires: at(49), ..session(4) },
        SessionRecord { expires: at(50), ..session(5) },
        SessionRecord { expires: at(49), ended: Some(at(48)), ..session(6) },
    ];
    let store = with_sessions(&place, &all).await;
    assert_eq!(store.remove_sessions_over(at(50)).await.expect("removed"), 3);
    let left: Vec<SessionId> =
        list(&store, SessionFilter::default()).await.into_iter().map(|session| session.id).collect();
    assert_eq!(left, [1, 3, 5].map(|number| session(number).id));
    assert_eq!(find::<SessionRecord>(&store, &session(2).hash).await.record, None);
    assert_eq!(store.remove_sessions_over(at(50)).await.expect("nothing to do"), 0);
}
