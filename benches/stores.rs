//! How the stores grow: how long a look-up, a list, what the gauges count and a start take with a thousand keys and with a
//! million, in SQLite and in a PostgreSQL server of its own, and how long it takes to copy one into the other.
//!
//! `cargo bench --bench stores -- 1000 10000 100000 1000000` prints tables.

#![expect(clippy::expect_used, reason = "a bench says what went wrong by ending")]
#![expect(clippy::disallowed_methods, reason = "a bench lives in the machine's time")]

#[path = "../tests/postgres/mod.rs"]
mod postgres;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use doorward::{
    config::StoreLocation,
    domain::{Author, CredentialHash, CredentialStatus, KeyKind, KeyRecord, KeyUsage, ScopeSet, Timestamp},
    store::{Finds, KeyFilter, KeyStore, PageRequest, SqlStore, UsageStore},
};

/// How many keys are written at once.
const BATCH: u32 = 10_000;
/// How often each thing is done.
const TIMES: u32 = 101;

fn main() {
    let sizes: Vec<u32> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    // `cargo test --benches` names none.
    if sizes.is_empty() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        // As it is shipped: a commit waits for the disk.
        let server = postgres::Server::start(&[]).await;
        let folder = tempfile::tempdir().expect("a folder");
        for engine in ["SQLite", "PostgreSQL"] {
            println!("### {engine}\n");
            println!(
                "| keys | create one | look up, p50 | p99 | first page of 1 000 | page in the middle | of one organization \
                 | count expiring | count unused | note uses of 1 000 | open |"
            );
            println!("|---|---|---|---|---|---|---|---|---|---|---|");
            for size in &sizes {
                let location = match engine {
                    "SQLite" => StoreLocation::Sqlite(folder.path().join(format!("{size}.db"))),
                    _ => server.location(&server.make_database().await),
                };
                measure(*size, &location).await;
            }
            println!();
        }
        println!("### Copied from SQLite into PostgreSQL, and compared\n\n| keys | rows | time |\n|---|---|---|");
        for size in &sizes {
            let from = StoreLocation::Sqlite(folder.path().join(format!("{size}.db")));
            let from = SqlStore::open(&from, SqlStore::PATIENCE).await.expect("it opens");
            let to = server.location(&server.make_database().await);
            let to = SqlStore::open_target(&to, SqlStore::PATIENCE).await.expect("it opens");
            let began = Instant::now();
            let rows = from.copy_into(&to, |_| ()).await.expect("copied");
            println!("| {size} | {rows} | {:.1?} |", began.elapsed());
        }
    });
}

async fn measure(size: u32, location: &StoreLocation) {
    let by = Author::on_the_store(0);
    let store = SqlStore::open(location, SqlStore::PATIENCE).await.expect("it opens");
    for first in (0..size).step_by(BATCH as usize) {
        let records: Vec<KeyRecord> = (first..size.min(first + BATCH)).map(record).collect();
        store.insert(&records, &by).await.expect("inserted");
        eprintln!("{} of {size} keys made", size.min(first + BATCH));
    }
    let mut next = size;
    let create = median(async || {
        next += 1;
        store.insert(&[record(next)], &by).await.expect("inserted");
    })
    .await;
    let mut number = 0;
    let mut look_ups = Vec::new();
    for _ in 0..20 * TIMES {
        number = (number + 7919) % size;
        let hash = hash(number);
        let began = Instant::now();
        let found = Finds::<KeyRecord>::find(&store, &hash).await.expect("an answer");
        look_ups.push(began.elapsed());
        assert!(found.record.is_some(), "key {number}");
    }
    look_ups.sort_unstable();
    let part =
        |hundredths: usize| look_ups.get(look_ups.len() * hundredths / 100).copied().unwrap_or_default();
    let list = async |filter: KeyFilter, page: PageRequest| store.list(&filter, &page).await.expect("a page");
    let first = median(async || drop(list(KeyFilter::default(), PageRequest::default()).await)).await;
    let mut after = None;
    for _ in 0..size / 2000 {
        after = list(KeyFilter::default(), PageRequest { after, ..PageRequest::default() }).await.next;
    }
    let middle = PageRequest { after, ..PageRequest::default() };
    let middle = median(async || drop(list(KeyFilter::default(), middle.clone()).await)).await;
    let one =
        KeyFilter { organization: Some("organization_7".parse().expect("an id")), ..KeyFilter::default() };
    let one = median(async || drop(list(one.clone(), PageRequest::default()).await)).await;
    let now = at(2_000_000_000);
    let active = Some((CredentialStatus::Active, now));
    let soon = KeyFilter { status: active, expires_before: Some(at(2_000_600_000)), ..KeyFilter::default() };
    let count = async |filter: &KeyFilter| {
        store.count(filter).await.expect("a count");
    };
    let expiring = once(async || count(&soon).await).await;
    let unused = KeyFilter { status: active, unused_since: Some(now), ..KeyFilter::default() };
    let unused = once(async || count(&unused).await).await;
    let uses: Vec<_> =
        (0..size.min(1000)).map(|number| (record(number).id, KeyUsage { uses: 1, used: now })).collect();
    let noting = once(async || store.add_uses(&uses).await.expect("noted")).await;
    store.close().await;
    let open = once(async || {
        SqlStore::open(location, SqlStore::PATIENCE).await.expect("it opens").close().await;
    })
    .await;
    println!(
        "| {size} | {create:.1?} | {:.0?} | {:.0?} | {first:.1?} | {middle:.1?} | {one:.1?} | {expiring:.1?} | \
         {unused:.1?} | {noting:.1?} | {open:.1?} |",
        part(50),
        part(99)
    );
}

async fn once(mut work: impl AsyncFnMut()) -> Duration {
    let began = Instant::now();
    work().await;
    began.elapsed()
}

async fn median(mut work: impl AsyncFnMut()) -> Duration {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        times.push(once(&mut work).await);
    }
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn hash(number: u32) -> CredentialHash {
    CredentialHash::of(&number.to_string())
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a moment")
}

fn record(number: u32) -> KeyRecord {
    let id: doorward::domain::KeyId = format!("key_{number}").parse().expect("an id");
    KeyRecord {
        id: id.clone(),
        hash: hash(number),
        hint: "sk_live_...".parse().expect("a hint"),
        name: format!("Key {number}"),
        kind: KeyKind::ApiKey,
        apis: vec!["payments".parse().expect("a name")],
        organization: format!("organization_{}", number % 1000).parse().expect("an id"),
        project: None,
        environment: Some("live".parse().expect("a name")),
        scopes: ScopeSet::default(),
        plan: None,
        sources: Vec::new(),
        created: at(1_900_000_000 + i64::from(number)),
        expires: Some(at(2_000_000_000 + 60 * i64::from(number))),
        revoked: None,
        rotated_from: None,
        lineage: id,
        labels: BTreeMap::new(),
    }
}
