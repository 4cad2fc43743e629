//! One decision with a cached key and a limit counted in memory, beside what no server of Envoy's can do without: decoding the request and
//! encoding an answer. Refusals make their lines of the log, which go nowhere.

#![expect(clippy::expect_used, reason = "a bench says what went wrong by ending")]

mod reader;
mod request;

use std::{hint::black_box, path::Path, sync::Arc, time::Duration};

use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use doorward::{
    check::{
        Checker, Policy,
        decision::Verdict,
        request::{Call, parse},
    },
    config::LimitBy,
    domain::SystemClock,
    store::{CachedStore, SqlStore},
    telemetry::JsonLines,
};
use envoy_types::ext_authz::v3::pb::{CheckRequest, CheckResponse, HttpResponse};
use prost::Message;
use tokio::runtime::Runtime;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use reader::reader;
use request::call;

/// A checker that counts in memory, and a key that may read.
async fn prepare(folder: &Path) -> (Checker<SqlStore>, String) {
    let (config, store, key) = reader(folder, LimitBy::Credential).await;
    let cached = CachedStore::new(store, config.cache, config.budget);
    (Checker::new(Policy::new(&config), cached, Arc::new(SystemClock)), key)
}

fn decide(criterion: &mut Criterion) {
    let log = JsonLines::put_by(|line| {
        black_box(line);
    });
    tracing_subscriber::registry().with(log).init();
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let (checker, key) = runtime.block_on(prepare(folder.path()));
    let with = |key: &str| call(&[("authorization", format!("Bearer {key}"))], "");
    let (with_key, without) = (with(&key).encode_to_vec(), call(&[], "").encode_to_vec());
    let unscoped = posting(with(&key)).encode_to_vec();
    let answer = runtime.block_on(async {
        let mut answer = Vec::new();
        checker.check(&with_key, &mut answer).await.expect("no outage");
        CheckResponse::decode(&*answer).expect("a CheckResponse")
    });
    assert!(matches!(answer.http_response, Some(HttpResponse::OkResponse(_))), "the key is allowed");

    let mut group = criterion.benchmark_group("check");
    group.bench_function("floor: decode a request, encode a ready answer", |bencher| {
        bencher.iter(|| (CheckRequest::decode(black_box(with_key.as_slice())), answer.encode_to_vec()));
    });
    stages(&mut group, &runtime, &checker, &with_key);
    let whole =
        [("allowed, cached key", &with_key), ("no credential", &without), ("scope missing", &unscoped)];
    for (name, message) in whole {
        group.bench_function(format!("check: {name}"), |bencher| {
            let mut answer = Vec::new();
            bencher.iter(|| {
                answer.clear();
                runtime.block_on(checker.check(black_box(message), &mut answer))
            });
        });
    }
    group.finish();
}

/// The same, as a request that writes.
fn posting(mut call: CheckRequest) -> CheckRequest {
    let request = call.attributes.as_mut().and_then(|attributes| attributes.request.as_mut());
    let http = request.and_then(|request| request.http.as_mut()).expect("a request");
    http.method = "POST".into();
    http.path = "/v1/scans".into();
    call
}

/// What each stage of an allowed Check costs, as far as it can be told alone.
fn stages(
    group: &mut BenchmarkGroup<'_, WallTime>,
    runtime: &Runtime,
    checker: &Checker<SqlStore>,
    message: &[u8],
) {
    let policy = checker.policy();
    group.bench_function("1 parse", |bencher| {
        bencher.iter(|| {
            let call = Call::read(black_box(message)).expect("a Check");
            parse(&call).map(|request| request.headers.has("nothing")).map_err(|_| ())
        });
    });
    let call = Call::read(message).expect("a Check");
    group.bench_function("1 to 7 without reading: decide", |bencher| {
        bencher.iter(|| {
            let decision = runtime.block_on(checker.decide(&policy, black_box(&call)));
            assert!(matches!(decision.verdict, Verdict::Allowed(_)));
        });
    });
    let decision = runtime.block_on(checker.decide(&policy, &call));
    group.bench_function("8 render", |bencher| {
        let mut answer = Vec::new();
        bencher.iter(|| {
            answer.clear();
            policy.render(black_box(&decision), &mut answer)
        });
    });
    group.bench_function("9 record", |bencher| {
        bencher.iter(|| policy.record(black_box(&decision), Duration::from_micros(9)));
    });
}

criterion_group!(benches, decide);
criterion_main!(benches);
