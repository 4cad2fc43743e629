//! Changes of a key, and its labels.

use std::collections::BTreeMap;

use doorward::{
    domain::KeyRecord,
    store::{
        AuditFilter, AuditStore, Changes, KeyEdit, KeyFilter, KeyStore, PageRequest, RecordKind, StoreError,
    },
};

use super::{Place, all, at, by, find, id, mark_of, marks, record, scopes};

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(super) async fn an_update_of_a_key_changes_what_is_named_and_nothing_else(place: impl Place) {
    let store = place.open().await;
    store.insert(&[record(1), record(2)], &by()).await.expect("inserted");
    let mut expected = record(1);
    let update = async |edits: &[KeyEdit], expected: &KeyRecord| {
        let before = store.version().await.expect("a version");
        let after = store.update(&expected.id, edits, at(9), &by()).await.expect("updated");
        assert_eq!(after, *expected);
        assert_eq!(marks(&store, before).await, [mark_of(expected)]);
        let found = find::<KeyRecord>(&store, &expected.hash).await.record;
        assert_eq!(found, Some(KeyRecord { labels: BTreeMap::new(), ..expected.clone() }), "a Check sees it");
    };
    expected.name.push_str("'; --");
    update(&[KeyEdit::Name(expected.name.clone())], &expected).await;
    expected.scopes = scopes(&["write"]);
    expected.plan = Some("gold".parse().expect("a name"));
    update(&[KeyEdit::Scopes(expected.scopes.clone()), KeyEdit::Plan(expected.plan.clone())], &expected)
        .await;
    expected.expires = Some(at(500));
    update(&[KeyEdit::Expires(expected.expires)], &expected).await;
    expected.labels = labels(&[("team", "ops"), ("tier", "")]);
    update(&[KeyEdit::Labels(expected.labels.clone())], &expected).await;
    expected.labels = labels(&[("team", "dev")]);
    expected.expires = None;
    update(&[KeyEdit::Labels(expected.labels.clone()), KeyEdit::Expires(None)], &expected).await;
    assert_eq!(all(&store).await, [expected.clone(), record(2)]);

    let told = AuditFilter { id: Some("key_1".to_owned()), ..AuditFilter::default() };
    let told = async || store.audit(&told, &PageRequest::default()).await.expect("a list").records;
    assert_eq!(told().await.len(), 6);
    assert!(told().await[0].after.as_ref().is_some_and(|facts| facts.contains(r#""labels":{"team":"dev"}"#)));
    let version = store.version().await.expect("a version");
    let same = [KeyEdit::Labels(expected.labels.clone()), KeyEdit::Name(expected.name.clone())];
    assert_eq!(store.update(&expected.id, &same, at(9), &by()).await.expect("no error"), expected);
    assert_eq!((told().await.len(), store.version().await.expect("a version")), (6, version), "no change");
}

pub(super) async fn a_revoked_key_is_not_updated(place: impl Place) {
    let store = place.open().await;
    store.insert(&[record(1)], &by()).await.expect("inserted");
    let revoked = store.revoke(&record(1).id, at(5), &by()).await.expect("revoked");
    let version = store.version().await.expect("a version");
    let edits = [KeyEdit::Name("again".to_owned()), KeyEdit::Labels(labels(&[("a", "b")]))];
    let refused = store.update(&record(1).id, &edits, at(9), &by()).await;
    assert!(matches!(refused, Err(StoreError::Revoked(RecordKind::Key))), "{refused:?}");
    let missing = store.update(&id("key_2"), &edits, at(9), &by()).await;
    assert!(matches!(missing, Err(StoreError::NotFound(RecordKind::Key))), "{missing:?}");
    assert_eq!(all(&store).await, [revoked]);
    assert_eq!(store.version().await.expect("a version"), version);
}

pub(super) async fn keys_are_found_by_their_labels(place: impl Place) {
    let store = place.open().await;
    let labelled = |number, pairs: &[(&str, &str)]| KeyRecord { labels: labels(pairs), ..record(number) };
    let keys = [
        labelled(1, &[("team", "ops"), ("tier", "'; --")]),
        labelled(2, &[("team", "dev")]),
        labelled(3, &[("tier", "🗝️")]),
        record(4),
    ];
    store.insert(&keys, &by()).await.expect("inserted");
    assert_eq!(all(&store).await, keys);
    for (name, value, expected) in [
        ("team", None, &["key_1", "key_2"][..]),
        ("team", Some("dev"), &["key_2"]),
        ("tier", Some("🗝️"), &["key_3"]),
        ("team", Some("de"), &[]),
        ("tea", None, &[]),
    ] {
        let label = Some((name.to_owned(), value.map(str::to_owned)));
        let filter = KeyFilter { label, ..KeyFilter::default() };
        let found = store.list(&filter, &PageRequest::default()).await.expect("a list").records;
        let found: Vec<_> = found.iter().map(|key| key.id.as_str()).collect();
        assert_eq!(found, expected, "{name} {value:?}");
    }
}
