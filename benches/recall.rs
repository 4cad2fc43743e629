//! What it costs to find what is remembered of the store: a key among 1, 1 000 and 1 000 000, an organization, a made-up key that
//! is remembered as unknown; beside a plain hash map that is asked for the same key. Before that, what each of
//! 1 000 000 remembered keys occupies in memory.

#![expect(clippy::expect_used, reason = "a bench says what went wrong by ending")]
#![expect(clippy::cast_precision_loss, reason = "figures are rounded")]
#![expect(clippy::disallowed_methods, reason = "a bench lives in the machine's time")]
#![expect(clippy::indexing_slicing, reason = "every index is of what was made here")]

use std::{
    collections::HashMap,
    fs,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use doorward::{
    config::CacheLimits,
    domain::{
        CredentialHash, KeyKind, KeyRecord, MemberRecord, OrganizationId, OrganizationRecord, ProjectRecord,
        ProjectSecrets, ScopeSet, SessionRecord, Timestamp,
    },
    store::{CachedStore, Change, Changes, Finds, Found, Kept, StoreError, Version},
};
use mimalloc::MiMalloc;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const MILLION: u32 = 1_000_000;
const ORGANIZATIONS: u32 = 1_000;

/// A store that has a million keys of a thousand organizations, and makes up what it is asked for.
#[derive(Debug)]
struct Made;

/// The hash of the key with this number, which stands in its last bytes.
fn hash(number: u32) -> CredentialHash {
    let mut bytes = *CredentialHash::of(&format!("sk_live_{number}")).as_bytes();
    bytes[28..].copy_from_slice(&number.to_be_bytes());
    CredentialHash::from_bytes(&bytes).expect("32 bytes")
}

fn organization(number: u32) -> OrganizationId {
    format!("organization-{:04}", number % ORGANIZATIONS).parse().expect("an id")
}

impl Finds<KeyRecord> for Made {
    async fn find(&self, name: &CredentialHash) -> Result<Found<KeyRecord>, StoreError> {
        let [.., a, b, c, d] = *name.as_bytes();
        let number = u32::from_be_bytes([a, b, c, d]);
        let id = format!("key_{number:020}");
        let record = (number < MILLION).then(|| KeyRecord {
            id: id.parse().expect("an id"),
            hash: *name,
            hint: "sk_live_abc1...".parse().expect("a hint"),
            name: "The key of the nightly build".to_owned(),
            kind: KeyKind::ApiKey,
            apis: vec!["payments".parse().expect("a name")],
            organization: organization(number),
            project: None,
            environment: Some("live".parse().expect("a name")),
            scopes: ScopeSet::new(
                ["accounts:read", "payments:read", "payments:write"]
                    .map(|scope| scope.parse().expect("a scope"))
                    .to_vec(),
            )
            .expect("few scopes"),
            plan: Some("developer".parse().expect("a name")),
            sources: Vec::new(),
            created: Timestamp::UNIX_EPOCH,
            expires: Some(Timestamp::MAX),
            revoked: None,
            rotated_from: None,
            labels: std::collections::BTreeMap::new(),
            lineage: id.parse().expect("an id"),
        });
        Ok(Found { record, version: Version(1) })
    }
}

impl Finds<OrganizationRecord> for Made {
    async fn find(&self, name: &OrganizationId) -> Result<Found<OrganizationRecord>, StoreError> {
        let record = OrganizationRecord {
            id: name.clone(),
            name: "Acme".to_owned(),
            apis: vec!["payments".parse().expect("a name")],
            plan: None,
            entitlements: Vec::new(),
            suspended: None,
            created: Timestamp::UNIX_EPOCH,
        };
        Ok(Found { record: Some(record), version: Version(1) })
    }
}

macro_rules! has_none {
    ($($record:ty)*) => {
        $(impl Finds<$record> for Made {
            async fn find(&self, _: &<$record as Kept>::Name) -> Result<Found<$record>, StoreError> {
                Ok(Found { record: None, version: Version(1) })
            }
        })*
    };
}
has_none!(SessionRecord ProjectRecord MemberRecord ProjectSecrets);

impl Changes for Made {
    async fn changes(&self, _: Version) -> Result<Vec<Change>, StoreError> {
        Ok(Vec::new())
    }

    async fn version(&self) -> Result<Version, StoreError> {
        Ok(Version(1))
    }
}

/// A cache that remembers the first `keys` keys.
fn remembering(runtime: &Runtime, keys: u32) -> CachedStore<Made> {
    let hour = Duration::from_hours(1);
    let limits = CacheLimits {
        positive: hour,
        negative: hour,
        capacity_bytes: 400 * u64::from(MILLION),
        grace: Duration::ZERO,
    };
    let cached = CachedStore::new(Made, limits, Duration::from_secs(10));
    runtime.block_on(async {
        for number in 0..keys {
            let found = cached.inquire().find::<KeyRecord>(&hash(number)).await.expect("no error");
            assert!(found.is_some());
        }
        // All of them are there: none was pushed out.
        let remembering = cached.inquire().only_remembering();
        for number in (0..keys).step_by(997) {
            remembering.find::<KeyRecord>(&hash(number)).await.expect("it is remembered");
        }
    });
    cached
}

/// What this process occupies in memory, in bytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux tells it");
    let kibibytes: u64 = line.split_ascii_whitespace().nth(1).expect("a number").parse().expect("a number");
    kibibytes * 1024
}

fn recall(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    drop(remembering(&runtime, 1));
    let before = resident();
    let began = Instant::now();
    let million = remembering(&runtime, MILLION);
    println!(
        "{MILLION} remembered keys occupy {:.0} bytes each; a load and its remembering took {:.1} µs",
        (resident() - before) as f64 / f64::from(MILLION),
        began.elapsed().as_secs_f64() * 1e6 / f64::from(MILLION),
    );
    let one = remembering(&runtime, 1);
    let thousand = remembering(&runtime, 1_000);

    // The hasher of the standard library is slower than the cache's own; this is the simplest that one would write.
    let plain: HashMap<CredentialHash, Arc<u64>> =
        (0..1_000).map(|number| (hash(number), Arc::new(number.into()))).collect();
    let names: Vec<CredentialHash> = (0..MILLION).map(hash).collect();
    let mut group = criterion.benchmark_group("recall");
    let mut turn = 0_usize;
    // Not one after the other: they would lie side by side in memory.
    let mut next = move |among: usize| {
        turn = (turn + 611_953) % among.max(1);
        turn
    };
    group.bench_function("floor: a hash map of 1 000 keys", |bencher| {
        bencher.iter(|| plain.get(black_box(&names[next(1_000)])).cloned());
    });
    for (name, cached, among) in
        [("1", &one, 1), ("1 000", &thousand, 1_000), ("1 000 000", &million, MILLION as usize)]
    {
        group.bench_function(format!("a key among {name}"), |bencher| {
            let inquiry = cached.inquire();
            bencher.to_async(&runtime).iter(|| inquiry.find::<KeyRecord>(black_box(&names[next(among)])));
        });
    }
    group.bench_function("an organization", |bencher| {
        let (inquiry, name) = (thousand.inquire(), organization(1));
        bencher.to_async(&runtime).iter(|| inquiry.find::<OrganizationRecord>(black_box(&name)));
    });
    group.bench_function("a key that is unknown", |bencher| {
        let (inquiry, name) = (thousand.inquire(), hash(MILLION));
        bencher.to_async(&runtime).iter(|| inquiry.find::<KeyRecord>(black_box(&name)));
    });
    group.bench_function("to begin an inquiry", |bencher| bencher.iter(|| black_box(&thousand).inquire()));
    group.finish();
}

criterion_group!(benches, recall);
criterion_main!(benches);
