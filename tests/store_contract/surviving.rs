//! What comes back as it was: after a closing, beside another handle, whatever it holds.

use doorward::{
    domain::{CredentialHash, KeyId, KeyKind, KeyRecord, ScopeSet, Timestamp},
    store::{Change, Changes, KeyStore, StoreError, Version},
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::{collection::vec, option, prelude::*, test_runner::TestRunner};
use tokio::{runtime::Handle, task::block_in_place};

use super::{Place, all, at, find, record};

async fn write(store: impl KeyStore, numbers: std::ops::Range<u32>) {
    for number in numbers {
        store.insert(&[record(number)]).await.expect("inserted");
        if number % 3 == 0 {
            store.revoke(&record(number).id, at(5)).await.expect("revoked");
        }
    }
}

pub(super) async fn two_handles_see_one_store_and_a_reader_misses_no_change(place: impl Place) {
    let (here, there) = tokio::join!(place.open(), place.open());
    let reader = place.open().await;
    let writing = [tokio::spawn(write(here.clone(), 0..60)), tokio::spawn(write(there.clone(), 60..120))];
    // Were a version visible before a lower one, the reader would go past it.
    let mut read: Vec<Change> = Vec::new();
    while read.len() < 160 {
        let since = read.last().map_or(Version(0), |change| change.version);
        read.extend(reader.changes(since).await.expect("changes"));
    }
    for done in writing {
        done.await.expect("no panic");
    }
    assert_eq!(read, here.changes(Version(0)).await.expect("changes"));
    assert_eq!(all(&here).await.len(), 120);
    assert_eq!(all(&here).await, all(&there).await);
}

pub(super) async fn a_closed_store_keeps_everything(place: impl Place) {
    let store = place.open().await;
    store.insert(&[record(1), record(2)]).await.expect("inserted");
    store.revoke(&record(2).id, at(5)).await.expect("revoked");
    let before = all(&store).await;
    let changes = store.changes(Version(0)).await.expect("changes");
    place.close(store).await;

    let store = place.open().await;
    assert_eq!(all(&store).await, before);
    assert_eq!(store.changes(Version(0)).await.expect("changes"), changes);
    store.insert(&[record(3)]).await.expect("inserted");
    assert!(store.version().await.expect("a version") > changes[2].version);
}

pub(super) async fn naughty_texts_come_back_as_they_were(place: impl Place) {
    let store = place.open().await;
    let longest = "x".repeat(256);
    let texts = [
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
        &longest,
    ];
    for (number, text) in (0..).zip(texts) {
        let naughty = KeyRecord {
            id: text.parse().expect("an id"),
            name: text.to_owned(),
            organization: text.parse().expect("an id"),
            project: Some(text.parse().expect("an id")),
            ..record(number)
        };
        store.insert(std::slice::from_ref(&naughty)).await.expect("inserted");
        assert_eq!(store.get(&naughty.id).await.expect("it is there"), naughty);
        let found = find::<KeyRecord>(&store, &naughty.hash).await;
        assert_eq!(found.record, Some(naughty));
    }
    assert_eq!(all(&store).await.len(), texts.len());
}

pub(super) async fn any_record_comes_back_as_it_was(place: impl Place) {
    let store = place.open().await;
    block_in_place(|| {
        TestRunner::default()
            .run(&any_record(), |wanted| {
                let found = Handle::current().block_on(async {
                    store.insert(std::slice::from_ref(&wanted)).await?;
                    Ok::<_, StoreError>(find::<KeyRecord>(&store, &wanted.hash).await)
                });
                prop_assert_eq!(found.expect("inserted").record, Some(wanted));
                Ok(())
            })
            .expect("every record survives");
    });
}

fn any_record() -> impl Strategy<Value = KeyRecord> {
    let identity = (
        any::<[u8; 32]>(),
        "[!-~]{0,48}",
        "\\PC{0,60}",
        any::<bool>(),
        vec(parsed("[a-z0-9]{1,20}"), 1..4),
        parsed("[^\\p{Cc}]{1,20}"),
        option::of(parsed("[^\\p{Cc}]{1,20}")),
        option::of(parsed("[a-z0-9]{1,20}")),
    );
    let rights = (
        vec(parsed("[!#-\\[\\]-~]{1,64}"), 0..64),
        option::of(parsed("[a-z0-9]{1,20}")),
        vec(any_network(), 0..4),
        any_moment(),
        option::of(any_moment()),
        option::of(any_moment()),
    );
    (identity, rights).prop_map(|(identity, rights)| {
        let (hash, hint, name, service, apis, organization, project, environment) = identity;
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
            scopes: ScopeSet::new(scopes).expect("not too many"),
            plan,
            sources,
            created,
            expires,
            revoked,
            rotated_from: None,
        }
    })
}

fn id_of(hash: &[u8; 32]) -> KeyId {
    hex::encode(hash).parse().expect("an id")
}

fn parsed<T: std::str::FromStr + std::fmt::Debug>(pattern: &'static str) -> impl Strategy<Value = T> {
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
