//! One decision with a cached key, beside what no server of Envoy's can do without: decoding the request and
//! encoding an answer.

#![expect(clippy::expect_used, reason = "a bench says what went wrong by ending")]

use std::{hint::black_box, path::Path, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use doorward::{
    admin::{Keys, NewKey},
    check::{Checker, Policy, decision::Verdict},
    config::{Config, Fragments},
    domain::{KeyKind, SystemClock},
    store::{CachedStore, SqliteStore},
};
use envoy_types::{
    ext_authz::v3::pb::{CheckRequest, HttpResponse},
    pb::envoy::service::auth::v3::{
        AttributeContext,
        attribute_context::{HttpRequest, Request},
    },
};
use prost::Message;
use rand::{SeedableRng, rngs::StdRng};
use tokio::runtime::Runtime;

/// A request as a browser's or an SDK's comes through Envoy: 19 headers, about 950 bytes.
fn call(key: Option<&str>) -> CheckRequest {
    let mut headers: Vec<(&str, String)> = vec![
        (":authority", "api.cortex-edr.com".into()),
        (":path", "/v1/scans?page=2&per_page=50".into()),
        (":method", "GET".into()),
        (":scheme", "https".into()),
        ("accept", "application/json".into()),
        ("accept-encoding", "gzip, deflate, br".into()),
        ("accept-language", "en-GB,en;q=0.9".into()),
        ("cache-control", "no-cache".into()),
        ("content-type", "application/json".into()),
        ("pragma", "no-cache".into()),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        ("user-agent", "example-sdk/3.2.1 (linux; x86_64) http/2".into()),
        ("x-client-version", "3.2.1".into()),
        ("x-envoy-expected-rq-timeout-ms", "15000".into()),
        ("x-forwarded-for", "203.0.113.7".into()),
        ("x-forwarded-proto", "https".into()),
        ("x-request-id", "6f1c2f0e-93c5-4f6e-8b1d-0d5f1c0a7e55".into()),
        ("x-session", "c2Vzc2lvbi1vZi1hLWNsaWVudA".into()),
    ];
    headers.extend(key.map(|key| ("authorization", format!("Bearer {key}"))));
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let http = HttpRequest {
        id: "1234567890123456789".into(),
        method: "GET".into(),
        headers,
        path: "/v1/scans?page=2&per_page=50".into(),
        host: "api.cortex-edr.com".into(),
        scheme: "https".into(),
        protocol: "HTTP/2".into(),
        ..Default::default()
    };
    let request = Request { http: Some(http), ..Default::default() };
    CheckRequest { attributes: Some(AttributeContext { request: Some(request), ..Default::default() }) }
}

/// A checker with the example's configuration, and a key that may read.
async fn prepare(folder: &Path) -> (Checker<SqliteStore>, String) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/cortex-edr.yaml");
    let config = Config::load(&example, &[], &Fragments::default()).expect("the example is good").config;
    let store = SqliteStore::open(&folder.join("keys.db"), SqliteStore::PATIENCE).await.expect("a store");
    let wanted = NewKey {
        apis: config.apis.iter().map(|api| api.name.clone()).collect(),
        name: "bench".into(),
        kind: KeyKind::ApiKey,
        organization: "acme".parse().expect("an id"),
        project: None,
        environment: "live".parse().ok(),
        scopes: vec!["read".parse().expect("a scope")],
        preset: None,
        plan: None,
        expires: None,
        sources: Vec::new(),
    };
    let keys = Keys::new(&store, &config.apis, &SystemClock);
    let issued = keys.create(wanted, &mut StdRng::seed_from_u64(1)).await.expect("a key");
    let cached = CachedStore::new(store.clone(), config.cache, config.budget);
    let checker = Checker::new(Policy::new(&config), cached, Arc::new(SystemClock));
    (checker, issued.key.expose().to_owned())
}

fn decide(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let (checker, key) = runtime.block_on(prepare(folder.path()));
    let (with_key, without) = (call(Some(&key)), call(None));
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
