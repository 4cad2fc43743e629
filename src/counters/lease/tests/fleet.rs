//! A fleet of replicas around one shared counter, simulated event by event: seeded, without a clock and without
//! tasks. Each replica is the real [`Entry`], the counter is the real [`Memory`].

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::Instant;

use crate::{
    counters::{
        Bound, CounterName, Grant, LeaseId, Memory, Order, Return,
        lease::entry::{Asked, Entry, Terms},
    },
    domain::{Clock, Timestamp},
};

/// When the simulation begins, by the counters' clock, in microseconds.
const START_US: i64 = 1_700_000_000_000_000;
/// After how long an answer is waited for no longer.
const TIMEOUT_US: u64 = 50_000;

/// What a fleet is like.
#[derive(Clone)]
pub(super) struct Fleet {
    pub(super) replicas: u32,
    /// How many replicas each of them knows of.
    pub(super) known: u64,
    pub(super) bounds: Vec<Bound>,
    pub(super) hold: Duration,
    /// How long a message takes either way, in microseconds.
    pub(super) latency_us: std::ops::Range<u64>,
    /// How many of a thousand messages are lost, either way.
    pub(super) lost: u32,
    /// How many requests a second arrive at a replica at a time.
    pub(super) rate: fn(replica: u32, at_us: u64, replicas: u32) -> f64,
    pub(super) seconds: u64,
}

/// What was seen of a fleet.
#[derive(Default)]
pub(super) struct Seen {
    /// When each request was admitted, in microseconds from the start: at the counter, or at the replica out of a lease.
    pub(super) admitted: Vec<u64>,
    pub(super) refused: usize,
    /// Requests that got no answer.
    pub(super) failed: usize,
    pub(super) trips: usize,
    /// The most tokens that lay unused while a request was refused by the counter.
    pub(super) unused_max: u64,
    /// Tokens of which nobody knows any more.
    pub(super) lost: u64,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { admitted, refused, failed, trips, unused_max, lost } = self;
        write!(f, "{} admitted, {refused} refused, {failed} failed, {trips} trips, ", admitted.len())?;
        write!(f, "at most {unused_max} unused at a refusal, {lost} lost")
    }
}

impl Seen {
    /// The most that was admitted in any stretch of this length.
    pub(super) fn most_within(&self, length: Duration) -> usize {
        let mut times = self.admitted.clone();
        times.sort_unstable();
        let length_us = u64::try_from(length.as_micros()).expect("a short time");
        let (mut from, mut most) = (0, 0);
        for (to, end) in times.iter().enumerate() {
            while times[from] + length_us <= *end {
                from += 1;
            }
            most = most.max(to + 1 - from);
        }
        most
    }

    /// How many were admitted from this second on.
    pub(super) fn since(&self, second: u64) -> usize {
        self.admitted.iter().filter(|at| **at >= second * 1_000_000).count()
    }
}

#[derive(Debug)]
struct SharedClock(AtomicI64);

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).expect("a moment")
    }
}

enum Event {
    Arrive(usize),
    /// Nobody arrives for a while.
    Pass(usize),
    /// An order reaches the counter.
    Execute(usize, Order, u64),
    /// The answer reaches the replica.
    Answer(usize, Order, Grant, u64),
    /// Nobody answered.
    Timeout(usize, Order),
    /// A lease ends.
    End(usize),
    /// Tokens come back.
    GiveBack(Return),
}

struct Simulation<'f> {
    fleet: &'f Fleet,
    bounds: Arc<[Bound]>,
    name: CounterName,
    clock: Arc<SharedClock>,
    counter: Memory,
    entries: Vec<Entry>,
    /// Requests that wait for whoever leads at their replica.
    waiting: Vec<usize>,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    number: u64,
    now_us: u64,
    epoch: Instant,
    rng: StdRng,
    /// Tokens that were charged and neither used nor given back nor lost.
    unused: u64,
    seen: Seen,
}

impl Fleet {
    /// Lets it run.
    pub(super) fn run(&self, seed: u64) -> Seen {
        let clock = Arc::new(SharedClock(AtomicI64::new(START_US)));
        let mut simulation = Simulation {
            fleet: self,
            bounds: self.bounds.clone().into(),
            name: CounterName::new("shop", "organization", "acme"),
            clock: Arc::clone(&clock),
            counter: Memory::new(clock),
            entries: (0..self.replicas).map(|_| Entry::default()).collect(),
            waiting: vec![0; self.replicas as usize],
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            number: 0,
            now_us: 0,
            epoch: Instant::now(),
            rng: StdRng::seed_from_u64(seed),
            unused: 0,
            seen: Seen::default(),
        };
        for replica in 0..self.replicas as usize {
            simulation.arrive_next(replica);
        }
        simulation.run();
        simulation.seen
    }

    fn terms(&self) -> Terms {
        Terms { hold: self.hold, replicas: self.known }
    }
}

impl Simulation<'_> {
    fn run(&mut self) {
        while let Some(Reverse((at_us, number))) = self.queue.pop() {
            self.now_us = at_us;
            let shown = START_US + i64::try_from(at_us).expect("a short time");
            self.clock.0.store(shown, Ordering::SeqCst);
            match self.events.remove(&number).expect("it was scheduled") {
                Event::Arrive(replica) => {
                    let (terms, now) = (self.fleet.terms(), self.now());
                    self.entries[replica].want(1, terms, now);
                    self.ask(replica);
                    self.arrive_next(replica);
                }
                Event::Pass(replica) => self.arrive_next(replica),
                Event::Execute(replica, order, sent_us) => self.execute(replica, order, sent_us),
                Event::Answer(replica, order, grant, sent_us) => {
                    self.answer(replica, &order, &grant, sent_us);
                }
                Event::Timeout(replica, order) => {
                    self.seen.failed += 1;
                    self.go_on(replica, &order);
                }
                Event::End(replica) => {
                    let now = self.now();
                    let given = self.entries[replica].expire(now);
                    self.send_back(given);
                }
                Event::GiveBack(given) => {
                    self.unused -= given.left;
                    self.counter.give_back_one(&given);
                }
            }
        }
    }

    fn now(&self) -> Instant {
        self.at(self.now_us)
    }

    fn at(&self, at_us: u64) -> Instant {
        self.epoch + Duration::from_micros(at_us)
    }

    fn schedule(&mut self, after_us: u64, event: Event) {
        self.number += 1;
        self.queue.push(Reverse((self.now_us + after_us, self.number)));
        self.events.insert(self.number, event);
    }

    fn latency_us(&mut self) -> u64 {
        self.rng.random_range(self.fleet.latency_us.clone())
    }

    fn is_lost(&mut self) -> bool {
        self.rng.random_range(0..1_000) < self.fleet.lost
    }

    /// Requests arrive at random, as many as the rate says, which is asked anew every millisecond.
    fn arrive_next(&mut self, replica: usize) {
        let rate = (self.fleet.rate)(
            u32::try_from(replica).expect("a small number"),
            self.now_us,
            self.fleet.replicas,
        )
        .max(0.1);
        let pause = -self.rng.random_range(1e-9..1.0_f64).ln() / rate;
        let (pause_us, event) = match Duration::from_secs_f64(pause).as_micros() {
            pause_us @ 0..1_000 => (u64::try_from(pause_us).unwrap_or(1_000), Event::Arrive(replica)),
            _ => (1_000, Event::Pass(replica)),
        };
        if self.now_us + pause_us < self.fleet.seconds * 1_000_000 {
            self.schedule(pause_us, event);
        }
    }

    fn ask(&mut self, replica: usize) {
        let (terms, now) = (self.fleet.terms(), self.now());
        let mut returns = Vec::new();
        let asked = self.entries[replica].ask(&self.bounds, 1, terms, now, &mut returns);
        for given in returns {
            self.send_back(Some(given));
        }
        match asked {
            Asked::Held(..) => {
                self.unused -= 1;
                self.seen.admitted.push(self.now_us);
            }
            Asked::Refused(..) => self.seen.refused += 1,
            Asked::Wait(_) => self.waiting[replica] += 1,
            Asked::Known(_) => unreachable!("everybody needs a token"),
            Asked::Order { want, share } => self.send(replica, want, share),
        }
    }

    fn send(&mut self, replica: usize, want: u64, share: u64) {
        self.seen.trips += 1;
        let now = self.now();
        if want > 1 {
            self.entries[replica].lead(want - 1, now);
        }
        let lease = LeaseId { replica: replica as u64, number: self.number };
        let (name, bounds) = (self.name.clone(), Arc::clone(&self.bounds));
        let order = Order { name, bounds, cost: 1, want, share, lease: Some(lease) };
        if self.is_lost() {
            return self.schedule(TIMEOUT_US, Event::Timeout(replica, order));
        }
        let latency_us = self.latency_us();
        self.schedule(latency_us, Event::Execute(replica, order, self.now_us));
    }

    fn execute(&mut self, replica: usize, order: Order, sent_us: u64) {
        let grant = self.counter.take_one(&order).expect("there is room for one counter");
        if grant.amount == 0 {
            self.seen.unused_max = self.seen.unused_max.max(self.unused);
        } else {
            self.unused += grant.amount - 1;
            self.seen.admitted.push(self.now_us);
        }
        let latency_us = self.latency_us();
        let is_late = self.now_us + latency_us > sent_us + TIMEOUT_US;
        if is_late || self.is_lost() {
            let left = grant.amount.saturating_sub(1);
            self.unused -= left;
            self.seen.lost += left;
            return self.schedule(
                (sent_us + TIMEOUT_US).saturating_sub(self.now_us),
                Event::Timeout(replica, order),
            );
        }
        self.schedule(latency_us, Event::Answer(replica, order, grant, sent_us));
    }

    fn answer(&mut self, replica: usize, order: &Order, grant: &Grant, sent_us: u64) {
        if grant.amount == 0 {
            self.seen.refused += 1;
        }
        let times = [self.at(sent_us), self.now()];
        let given = self.entries[replica].note(order, grant, self.fleet.terms(), times);
        self.send_back(given);
        if let Some(ends) = self.entries[replica].lease_ends() {
            let left = ends.saturating_duration_since(self.now());
            // Leases are looked through every quarter of their time.
            let until_looked_at =
                u64::try_from((left + self.fleet.hold / 4).as_micros()).expect("a short time");
            self.schedule(until_looked_at, Event::End(replica));
        }
        self.go_on(replica, order);
    }

    /// Those who waited for this order ask again.
    fn go_on(&mut self, replica: usize, order: &Order) {
        if order.want > 1 {
            self.entries[replica].follow();
            for _ in 0..std::mem::take(&mut self.waiting[replica]) {
                self.ask(replica);
            }
        }
    }

    fn send_back(&mut self, given: Option<Return>) {
        let Some(given) = given else { return };
        if self.is_lost() {
            self.unused -= given.left;
            self.seen.lost += given.left;
            return;
        }
        let latency_us = self.latency_us();
        self.schedule(latency_us, Event::GiveBack(given));
    }
}
