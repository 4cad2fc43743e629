//! What counting costs: taking tokens under one rule and under two from memory, by a client's address, and from a lease;
//! and noting a Check in the metrics, from one thread and from two at once. The floor of the first is one look-up in a map
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
    config::WithoutCounters,
    counters::{Answer, Bound, CounterName, CountersError, Leased, Memory, Meter, Take, Window},
    domain::{SystemClock, WindowKind},
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
            at_once(bencher, threads, || checks.increment(1));
        });
        group.bench_function(format!("a histogram, {threads} threads"), |bencher| {
            at_once(bencher, threads, || seconds.record(black_box(0.000_03)));
        });
    }
    group.finish();
    // What was counted is told: nothing was left out.
    assert!(metrics.render().contains("bench_seconds_count"));
}

/// Does something on so many threads at once.
fn at_once(bencher: &mut Bencher<'_>, threads: usize, act: impl Fn() + Sync) {
    bencher.iter_custom(|times| {
        let began = Instant::now();
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| (0..times).for_each(|_| act()));
            }
        });
        began.elapsed()
    });
}

criterion_group!(benches, takes, metrics);
criterion_main!(benches);
