//! One decision with a cached key and a limit counted in memory, beside what no server of Envoy's can do without: decoding the request and
//! encoding an answer.

#![expect(clippy::expect_used, reason = "a bench says what went wrong by ending")]

mod reader;
mod request;

use std::{hint::black_box, path::Path, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use doorward::{
    check::{Checker, Policy, decision::Verdict},
    config::LimitBy,
    domain::SystemClock,
    store::{CachedStore, SqliteStore},
};
use envoy_types::ext_authz::v3::pb::{CheckRequest, HttpResponse};
use prost::Message;
use tokio::runtime::Runtime;

use reader::reader;
use request::call;

/// A checker that counts in memory, and a key that may read.
async fn prepare(folder: &Path) -> (Checker<SqliteStore>, String) {
    let (config, store, key) = reader(folder, LimitBy::Credential).await;
    let cached = CachedStore::new(store, config.cache, config.budget);
    (Checker::new(Policy::new(&config), cached, Arc::new(SystemClock)), key)
}

fn decide(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let (checker, key) = runtime.block_on(prepare(folder.path()));
    let (with_key, without) = (call(&[("authorization", format!("Bearer {key}"))], ""), call(&[], ""));
    let (request, answer) = runtime.block_on(async {
        let decision = checker.check(&with_key).await.expect("no outage");
        assert!(matches!(decision.http_response, Some(HttpResponse::OkResponse(_))), "the key is allowed");
        (with_key.encode_to_vec(), decision)
    });

    let mut group = criterion.benchmark_group("check");
    group.bench_function("floor: decode a request, encode a ready answer", |bencher| {
        bencher.iter(|| (CheckRequest::decode(black_box(request.as_slice())), answer.encode_to_vec()));
    });
    let policy = checker.policy();
    group.bench_function("decide: allowed, cached key", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let decision = checker.decide(&policy, black_box(&with_key)).await;
            assert!(matches!(decision.verdict, Verdict::Allowed(_)));
        });
    });
    group.bench_function("check: decide, render, record: allowed, cached key", |bencher| {
        bencher.to_async(&runtime).iter(async || checker.check(black_box(&with_key)).await);
    });
    group.bench_function("check: decide, render, record: no credential", |bencher| {
        bencher.to_async(&runtime).iter(async || checker.check(black_box(&without)).await);
    });
    group.finish();
}

criterion_group!(benches, decide);
criterion_main!(benches);
