//! What counting costs: taking tokens under one rule and under two from memory, by a client's address, and from a lease;
//! noting a Check in the metrics, and the use of a key, from one thread and from two at once. The floor of the first is one look-up in a map
//! and one addition under a lock.

#![expect(clippy::expect_used, reason = "a bench says what went wrong by ending")]

use std::{
    collections::HashMap,
    hint::black_box,
    slice,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use doorward::{
    check::usage::Uses,
    config::WithoutCounters,
    counters::{Answer, Bound, CounterName, CountersError, Leased, Memory, Meter, Take, Window},
    domain::{KeyId, SystemClock, Timestamp, WindowKind},
    telemetry,
};
use ipnet::IpNet;
use metrics::{counter, histogram};
use tokio::{runtime::Runtime, time::Instant};

const KEY: &str = "key:key_01jv8m5q3zc7x9t2w4r6y8n0pa";
const ORGANIZATION: &str = "org_01jv8m5q3zc7x9t2w4r6y8n0pa";
const FAR: Duration = Duration::from_hours(24);

/// A limit that nobody reaches.
fn bounds() -> Arc<[Bound]> {
    let window = Window::new(Duration::from_mins(1), WindowKind::Sliding);
    [Bound { limit: 1_000_000_000_000, window }].into()
}

fn takes(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let _entered = runtime.enter();
    let deadline = Instant::now() + FAR;
    let (meter, bounds) = (Meter::in_memory(Memory::new(Arc::new(SystemClock))), bounds());
    let leased = Leased::new(Memory::new(Arc::new(SystemClock)), Duration::from_secs(1), 1);
    let address: IpNet = "203.0.113.7/32".parse().expect("a network");
    let network: IpNet = "2001:db8:1:2::/64".parse().expect("a network");
    let mut group = criterion.benchmark_group("take");
    group.bench_function("floor: a map under a lock", |bencher| {
        let counts = Mutex::new(HashMap::from([(KEY.to_owned(), 0_u64)]));
        bencher.iter(|| {
            let mut counts = counts.lock().expect("nobody panics");
            if let Some(count) = counts.get_mut(black_box(KEY)) {
                *count += 1;
            }
        });
    });
    group.bench_function("memory, one rule", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let name = CounterName::new("shop", "credential", black_box(KEY));
            let one = Take { name: &name, bounds: &bounds, cost: 1 };
            admitted(meter.take(slice::from_ref(&one), WithoutCounters::Deny, deadline).await);
        });
    });
    group.bench_function("memory, two rules", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let names = [
                CounterName::new("shop", "credential", black_box(KEY)),
                CounterName::new("shop", "organization", black_box(ORGANIZATION)),
            ];
            let two = names.each_ref().map(|name| Take { name, bounds: &bounds, cost: 1 });
            admitted(meter.take(&two, WithoutCounters::Deny, deadline).await);
        });
    });
    for (name, network) in [("address", address), ("network", network)] {
        group.bench_function(format!("memory, by a client's {name}"), |bencher| {
            bencher.to_async(&runtime).iter(async || {
                let name = CounterName::of_address("shop", "client_address", black_box(network));
                let one = Take { name: &name, bounds: &bounds, cost: 1 };
                admitted(meter.take(slice::from_ref(&one), WithoutCounters::Deny, deadline).await);
            });
        });
    }
    group.bench_function("lease, one rule", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let name = CounterName::new("shop", "credential", black_box(KEY));
            let one = Take { name: &name, bounds: &bounds, cost: 1 };
            admitted(leased.take(slice::from_ref(&one), deadline).await);
        });
    });
    group.finish();
}

fn admitted(answer: Result<Answer, CountersError>) {
    assert!(answer.is_ok_and(|answer| matches!(answer, Answer::Admitted(_))));
}

fn metrics(criterion: &mut Criterion) {
    let metrics = telemetry::install_metrics().expect("nothing else collects metrics");
    let (checks, seconds) = (counter!("bench_total"), histogram!("bench_seconds"));
    let mut group = criterion.benchmark_group("metrics");
    for threads in [1, 2] {
        group.bench_function(format!("a counter, {threads} threads"), |bencher| {
            at_once(bencher, threads, |_| checks.increment(1));
        });
        group.bench_function(format!("a histogram, {threads} threads"), |bencher| {
            at_once(bencher, threads, |_| seconds.record(black_box(0.000_03)));
        });
    }
    group.finish();
    // What was counted is told: nothing was left out.
    assert!(metrics.render().contains("bench_seconds_count"));
}

fn uses(criterion: &mut Criterion) {
    let key = |number: u32| format!("key_01jv8m5q3zc7x9t2w4r6y8n{number:03}").parse().expect("an id");
    let keys: Vec<KeyId> = (0..1000).map(key).collect();
    let (uses, one) = (Uses::default(), keys.first().expect("a key"));
    let mut group = criterion.benchmark_group("use");
    for threads in [1, 2] {
        group.bench_function(format!("of one key, {threads} threads"), |bencher| {
            at_once(bencher, threads, |_| uses.note(black_box(one), Timestamp::UNIX_EPOCH));
        });
        group.bench_function(format!("of a thousand keys, {threads} threads"), |bencher| {
            at_once(bencher, threads, |turn| {
                let key = keys.get(turn % keys.len()).unwrap_or(one);
                uses.note(black_box(key), Timestamp::UNIX_EPOCH);
            });
        });
    }
    group.finish();
}

/// Does something on so many threads at once, each of which is told how often it did so before.
fn at_once(bencher: &mut Bencher<'_>, threads: usize, act: impl Fn(usize) + Sync) {
    bencher.iter_custom(|times| {
        let began = Instant::now();
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| (0..usize::try_from(times).unwrap_or(usize::MAX)).for_each(&act));
            }
        });
        began.elapsed()
    });
}

criterion_group!(benches, takes, metrics, uses);
criterion_main!(benches);
