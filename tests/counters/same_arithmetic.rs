//! The scripts against counters in memory: any orders and returns, at any times, are answered alike.

use doorward::{
    counters::{Memory, Room},
    domain::{
        ManualClock, Timestamp,
        WindowKind::{Fixed, Sliding},
    },
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use redis::Connection;

use super::*;
use crate::redis_servers::Server;

const START_US: i64 = 1_700_000_000_000_000;
const DAY_US: i64 = 86_400_000_000;
/// The windows that orders count in. Their lives in Redis are real: none may end while a case runs.
const WINDOWS: [(u64, WindowKind); 6] =
    [(10, Sliding), (10, Fixed), (60, Sliding), (77, Sliding), (60, Fixed), (3_600, Sliding)];

/// What happens next, and when.
#[derive(Debug, Clone)]
struct Step {
    /// How far the time goes on, in microseconds.
    pause_us: i64,
    /// How far the clock is behind, for once.
    behind_us: i64,
    act: Act,
}

#[derive(Debug, Clone)]
enum Act {
    Take {
        windows: Vec<usize>,
        limits: Vec<u64>,
        cost: u64,
        more: u64,
        share: u64,
        has_lease: bool,
    },
    /// Gives back a part of one of the leases so far, or more than it was.
    GiveBack {
        lease: usize,
        left: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let windows = proptest::sample::subsequence((0..WINDOWS.len()).collect::<Vec<_>>(), 1..=3);
    let take =
        (windows, proptest::collection::vec(1_u64..30, 3), 0_u64..5, 0_u64..12, 1_u64..4, any::<bool>());
    let take = take.prop_map(|(windows, limits, cost, more, share, has_lease)| Act::Take {
        windows,
        limits,
        cost,
        more: if cost == 0 { 0 } else { more },
        share,
        has_lease,
    });
    let give_back = (0_usize..8, 0_u64..10).prop_map(|(lease, left)| Act::GiveBack { lease, left });
    let pause = prop_oneof![
        10 => 0_i64..300_000,
        10 => 0_i64..3_000_000,
        5 => 0_i64..100_000_000,
        1 => 0_i64..5_000_000_000,
        // By more than all windows, and by more than a case takes.
        1 => -12 * DAY_US..-10 * DAY_US,
    ];
    let behind = prop_oneof![3 => Just(0), 1 => 0_i64..9_000_000];
    let act = prop_oneof![3 => take, 1 => give_back];
    let step = (pause, behind, act).prop_map(|(pause_us, behind_us, act)| Step { pause_us, behind_us, act });
    proptest::collection::vec(step, 1..60)
}

/// A server whose scripts take the time from a key.
struct Redis {
    connection: Connection,
    take: String,
}

impl Redis {
    fn on(server: &Server) -> Self {
        let text = include_str!("../../src/counters/redis/take.lua");
        let take = text.replace("redis.call('TIME')", "redis.call('HMGET', 'time', 's', 'us')");
        assert_ne!(text, take, "the script asks for the time in one way");
        Self { connection: server.connection().expect("a connection"), take }
    }

    fn set_time(&mut self, now_us: i64) {
        let mut command = redis::cmd("HSET");
        command.arg("time").arg("s").arg(now_us / 1_000_000).arg("us").arg(now_us % 1_000_000);
        command.exec(&mut self.connection).expect("it is set");
    }

    fn take(&mut self, order: &Order) -> Grant {
        let counter = format!("doorward:{{{}}}", order.name);
        let record = order.lease.map(|lease| format!("{counter}:lease:{lease}"));
        let mut command = redis::cmd("EVAL");
        command.arg(&self.take).arg(1 + record.iter().count()).arg(counter).arg(record);
        command.arg(order.cost).arg(order.want).arg(order.share).arg(100_000);
        for Bound { limit, window } in order.bounds.iter() {
            command.arg(*limit).arg(window.bucket_us).arg(window.older);
        }
        let answer: Vec<u64> = command.query(&mut self.connection).expect("an answer");
        let room = |(bound, state): (usize, &[u64])| Room {
            bound,
            limit: order.bounds[bound].limit,
            remaining: state[0],
            reset_at_us: state[1],
            reset_after: Duration::from_micros(state[1].saturating_sub(answer[0])),
        };
        Grant {
            amount: answer[1],
            life: Duration::from_micros(answer[2]),
            due: Duration::from_micros(answer[3]),
            buckets: answer[4..].chunks(3).map(|state| state[2]).collect(),
            room: answer[4..].chunks(3).enumerate().map(room).reduce(Room::nearer).expect("a window"),
        }
    }

    fn give_back(&mut self, given: &Return) {
        let counter = format!("doorward:{{{}}}", given.name);
        let mut command = redis::cmd("EVAL");
        command.arg(include_str!("../../src/counters/redis/give_back.lua")).arg(2);
        command.arg(&counter).arg(format!("{counter}:lease:{}", given.lease)).arg(given.left);
        for (Bound { window, .. }, bucket) in given.bounds.iter().zip(&given.buckets) {
            command.arg(window.bucket_us).arg(window.older).arg(*bucket);
        }
        command.exec(&mut self.connection).expect("an answer");
    }
}

fn run(redis: &mut Redis, case: u64, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
    let memory = Memory::new(Arc::clone(&clock) as _);
    let (mut time_us, mut leases) = (START_US, Vec::new());
    // What writes nothing makes memory forget, but not Redis; and of a lease that has ended memory takes nothing back, but
    // Redis does. A clock that stepped back behind either would show that: what was forgotten would count once more.
    let (mut latest_us, mut not_before_us) = (0, 0);
    for (number, Step { pause_us, behind_us, act }) in steps.into_iter().enumerate() {
        time_us += pause_us;
        if pause_us < 0 {
            (latest_us, not_before_us) = (0, 0);
        }
        let now_us = (time_us - behind_us).max(not_before_us);
        latest_us = now_us.max(latest_us);
        clock.set(Timestamp::from_microsecond(now_us).expect("a moment"));
        redis.set_time(now_us);
        match act {
            Act::Take { windows, limits, cost, more, share, has_lease } => {
                let bounds = windows.iter().zip(limits).map(|(window, limit)| {
                    let (seconds, kind) = WINDOWS[*window];
                    bound(limit, seconds, kind)
                });
                let lease = LeaseId { replica: case, number: number as u64 };
                let order = Order {
                    want: cost + more,
                    share,
                    lease: has_lease.then_some(lease),
                    ..order(&format!("case {case}"), &bounds.collect::<Vec<_>>(), cost)
                };
                let expected = memory.take_one(&order).expect("room in memory");
                let grant = redis.take(&order);
                prop_assert_eq!(&grant, &expected, "step {}: {:?}", number, order);
                let Grant { buckets, amount, .. } = grant;
                if amount == 0 {
                    not_before_us = now_us;
                }
                let lives = order.bounds.iter().map(|bound| bound.window.memory().as_micros());
                let end_us = now_us + i64::try_from(lives.max().expect("a window")).expect("a short time");
                let given = Return { name: order.name, bounds: order.bounds, buckets, lease, left: 0 };
                leases.push((given, end_us));
            }
            Act::GiveBack { lease, left } => {
                // The last ones are the most likely to count still.
                if let Some((given, end_us)) = leases.iter().rev().nth(lease) {
                    if *end_us <= latest_us {
                        not_before_us = latest_us;
                    }
                    let given = Return { left, ..given.clone() };
                    memory.give_back_one(&given);
                    redis.give_back(&given);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn any_orders_and_returns_are_answered_as_in_memory() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = runtime.block_on(Server::start(&[]));
    let redis = std::cell::RefCell::new((Redis::on(&server), 0));
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&steps(), |steps| {
        let (redis, case) = &mut *redis.borrow_mut();
        *case += 1;
        run(redis, *case, steps)
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn a_leap_back_is_one_bucket_longer_than_the_window_for_both() {
    let server = Server::start(&[]).await;
    let mut redis = Redis::on(&server);
    for (case, (seconds, kind)) in (1_000..).zip(WINDOWS) {
        let Window { bucket_us, older } = Window::new(Duration::from_secs(seconds), kind);
        for (number, buckets) in (0..).zip(older..older + 4) {
            let windows = WINDOWS.iter().position(|window| *window == (seconds, kind)).into_iter().collect();
            let act = Act::Take { windows, limits: vec![5], cost: 1, more: 0, share: 1, has_lease: false };
            let behind_us = i64::try_from(buckets * bucket_us).expect("a short time");
            let steps = [0, behind_us, 0].map(|behind_us| Step { pause_us: 0, behind_us, act: act.clone() });
            run(&mut redis, case * 10 + number, steps.into()).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

#[tokio::test]
async fn what_an_ended_lease_gives_back_shows_only_if_the_clock_steps_back() {
    let server = Server::start(&[]).await;
    let mut redis = Redis::on(&server);
    let step = |pause_us, behind_us, act| Step { pause_us, behind_us, act };
    let take = |window, cost, more, has_lease| Act::Take {
        windows: vec![window],
        limits: vec![9],
        cost,
        more,
        share: 1,
        has_lease,
    };
    let (seconds, kind) = WINDOWS[3];
    let life = Window::new(Duration::from_secs(seconds), kind).memory();
    let life_us = i64::try_from(life.as_micros()).expect("a short time");
    let steps = vec![
        step(0, 0, take(3, 1, 5, true)),
        step(12_000_000, 0, take(3, 3, 0, false)),
        // Memory forgets the lease as it writes something else.
        step(life_us - 12_000_000, 0, take(4, 1, 0, false)),
        step(0, 0, Act::GiveBack { lease: 2, left: 1 }),
        step(0, 2_000_000, take(3, 0, 0, false)),
    ];
    run(&mut redis, 1, steps).unwrap_or_else(|error| panic!("{error}"));
}
