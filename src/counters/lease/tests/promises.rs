//! What leases promise: never more than the limit, and not much less.

use std::time::Duration;

use crate::{
    counters::{Bound, Window},
    domain::WindowKind,
};

use super::fleet::{Fleet, Seen};

const HOLD: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

fn bound(limit: u64, kind: WindowKind) -> Bound {
    Bound { limit, window: Window::new(SECOND, kind) }
}

fn fleet(replicas: u32, limit: u64) -> Fleet {
    Fleet {
        replicas,
        known: replicas.into(),
        bounds: vec![bound(limit, WindowKind::Sliding)],
        hold: HOLD,
        latency_us: 100..2_000,
        lost: 0,
        // Twice the limit, shared evenly; the limit is 40 000 a second in all of these.
        rate: |_, _, replicas| 80_000.0 / f64::from(replicas),
        seconds: 4,
    }
}

/// The limit of most fleets, a second.
const LIMIT: u64 = 40_000;

fn never_more(seen: &Seen, limit: u64) {
    let most = seen.most_within(SECOND);
    assert!(most as u64 <= limit, "{most} in a second: {seen:?}");
}

#[test]
fn a_fleet_of_any_size_admits_nearly_the_limit_and_never_more() {
    for replicas in [1, 3, 30, 1_000] {
        let seen = fleet(replicas, LIMIT).run(replicas.into());
        never_more(&seen, LIMIT);
        // What is held or on its way back while a request is refused.
        assert!(seen.unused_max <= LIMIT / 50, "{replicas} replicas: {seen:?}");
        // From the second second on: a sliding window's 60 of 61 parts, less what lies unused.
        let least = 3 * LIMIT * 60 / 61 * 49 / 50;
        assert!(seen.since(1) as u64 >= least, "{replicas} replicas: {} of {least}, {seen:?}", seen.since(1));
    }
}

#[test]
fn a_hot_counter_of_one_replica_costs_few_trips() {
    let mut fleet = fleet(1, 10_000_000);
    fleet.bounds = vec![Bound { limit: 100_000_000, window: Window::new(60 * SECOND, WindowKind::Sliding) }];
    let seen = fleet.run(5);
    assert_eq!(seen.refused + seen.failed, 0, "{seen:?}");
    assert!(seen.trips * 500 < seen.admitted.len(), "{seen:?}");
}

#[test]
fn with_lost_messages_slow_ones_and_wandering_load_never_more_is_admitted() {
    for seed in 0..3 {
        let mut fleet = fleet(7, LIMIT);
        (fleet.lost, fleet.latency_us) = (20, 50..40_000);
        // All of the load wanders from replica to replica.
        fleet.rate = |replica, at_us, replicas| {
            let turn = u32::try_from(at_us / 130_000).expect("a short time") % replicas;
            if turn == replica { 90_000.0 } else { 500.0 }
        };
        let seen = fleet.run(seed);
        never_more(&seen, LIMIT);
        assert!(seen.since(1) as u64 >= LIMIT, "most of it is admitted all the same: {seen:?}");
    }
}

#[test]
fn tokens_that_lay_in_hand_while_nobody_asked_are_not_used_later_than_they_count() {
    for seed in 0..3 {
        let mut fleet = fleet(5, LIMIT);
        fleet.known = 1;
        // Each replica is busy for 20 ms, and then idle for longer than a bucket but not longer than a lease.
        fleet.rate = |replica, at_us, _| {
            if (at_us + 13_000 * u64::from(replica)) % 80_000 < 20_000 { 60_000.0 } else { 0.1 }
        };
        never_more(&fleet.run(seed), LIMIT);
    }
}

#[test]
fn replicas_that_know_of_no_others_hold_more_but_admit_no_more() {
    let mut fleet = fleet(30, LIMIT);
    fleet.known = 1;
    never_more(&fleet.run(1), LIMIT);
}

#[test]
fn several_windows_hold_at_once() {
    let mut fleet = fleet(3, LIMIT);
    let longer = 2 * SECOND;
    fleet.bounds = vec![
        bound(LIMIT, WindowKind::Sliding),
        Bound { limit: LIMIT * 3 / 2, window: Window::new(longer, WindowKind::Sliding) },
    ];
    let seen = fleet.run(9);
    never_more(&seen, LIMIT);
    assert!(seen.most_within(longer) as u64 <= LIMIT * 3 / 2, "{seen:?}");
}

#[test]
fn a_fixed_window_holds_the_limit_between_its_borders() {
    let mut fleet = fleet(5, LIMIT);
    fleet.bounds = vec![bound(LIMIT, WindowKind::Fixed)];
    let seen = fleet.run(3);
    for second in 0..4 {
        let within = seen.since(second) - seen.since(second + 1);
        assert!(within as u64 <= LIMIT, "second {second}: {within}, {seen:?}");
        assert!(within as u64 >= LIMIT * 49 / 50, "second {second}: {within}, {seen:?}");
    }
}

#[test]
fn small_limits_are_exact_and_cost_a_trip_for_each_request_that_is_not_known_to_be_refused() {
    let mut fleet = fleet(3, 999);
    fleet.bounds = vec![Bound { limit: 999, window: Window::new(60 * SECOND, WindowKind::Sliding) }];
    fleet.rate = |_, _, _| 2_000.0;
    let seen = fleet.run(4);
    assert_eq!(seen.admitted.len(), 999);
    assert!(seen.trips < 999 + 100, "a flood of refused requests costs nothing: {seen:?}");
    assert_eq!(seen.unused_max, 0);
}
