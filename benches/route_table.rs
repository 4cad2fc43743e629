//! Finding a route among 10, 1 000 and 10 000: the cost follows the path, not the number of routes.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a bench says what went wrong by ending")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use doorward::{check::route::RouteTable, domain::RoutePattern};

/// Routes as products have them: collections, members, and what hangs below members.
fn patterns(count: usize) -> Vec<RoutePattern> {
    let forms =
        ["GET /v1/{r}", "POST /v1/{r}", "GET /v1/{r}/{id}", "DELETE /v1/{r}/{id}", "/v1/{r}/{id}/notes/**"];
    let text =
        |index: usize| forms[index % forms.len()].replace("{r}", &format!("resource{}", index / forms.len()));
    (0..count).map(|index| text(index).parse().expect("a pattern")).collect()
}

fn find(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route_table");
    for count in [10, 1_000, 10_000] {
        let table = RouteTable::new(&patterns(count));
        let last = count / 5 - 1;
        for (name, path) in [
            ("member", format!("/v1/resource{last}/0123456789abcdef")),
            ("deep", format!("/v1/resource{last}/0123456789abcdef/notes/2026/11/21")),
            ("unknown", format!("/v1/resource{last}/0123456789abcdef/nothing")),
        ] {
            assert_eq!(table.find("GET", &path).is_none(), name == "unknown");
            group.bench_with_input(BenchmarkId::new(name, count), &path, |bencher, path| {
                bencher.iter(|| table.find(black_box("GET"), black_box(path)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, find);
criterion_main!(benches);
