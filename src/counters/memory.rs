//! Counters of this process alone.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::domain::Clock;

use super::{
    Bound, CounterName, Counters, CountersError, Grant, LeaseId, Order, Return, Room, Tally, Window,
    window::State,
};

/// How many parts the memory has, each under a lock of its own.
const SHARDS: usize = 64;
/// The most counters of one part; together they are a million. One that counts in one window occupies some
/// 250 bytes while it is cold.
const SHARD_COUNTERS_MAX: usize = 1024 * 1024 / SHARDS;
/// A part is swept first when it has so many counters.
const FIRST_SWEEP: usize = 64;

/// Counters of this process, from none on.
pub struct Memory {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    clock: Arc<dyn Clock>,
}

/// Shows how many counters there are.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({})", self.len())
    }
}

/// A part of the memory.
struct Shard {
    counters: HashMap<CounterName, Counter>,
    /// With how many counters those that count nothing are looked for again.
    sweep_at: usize,
}

/// One counter.
#[derive(Default)]
struct Counter {
    /// What was charged, for each window that was ever asked for.
    tallies: Vec<(Window, Tally)>,
    /// Takings that can be given back, with their amounts.
    leases: Vec<(LeaseId, u64)>,
    /// When the last of it counts no longer, in microseconds of Unix time.
    ends_at_us: u64,
}

impl Memory {
    /// No counters yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let shard = |_| Mutex::new(Shard { counters: HashMap::new(), sweep_at: FIRST_SWEEP });
        Self { shards: std::array::from_fn(shard), hasher: RandomState::new(), clock }
    }

    /// How many counters there are, those that count nothing any more included.
    #[must_use]
    pub fn len(&self) -> usize {
        let count =
            |shard: &Mutex<Shard>| shard.lock().unwrap_or_else(PoisonError::into_inner).counters.len();
        self.shards.iter().map(count).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Carries an order out.
    ///
    /// # Errors
    ///
    /// There are as many counters as there can be.
    pub fn take_one(&self, order: &Order) -> Result<Grant, CountersError> {
        let now_us = self.now_us();
        self.with(&order.name, |shard| {
            if !shard.counters.contains_key(&order.name) {
                if order.cost == 0 {
                    return Ok(Counter::default().take(order, now_us));
                }
                shard.make_room(now_us)?;
            }
            Ok(shard.counters.entry(order.name.clone()).or_default().take(order, now_us))
        })
    }

    /// Gives back what can be.
    pub fn give_back_one(&self, given: &Return) {
        self.with(&given.name, |shard| {
            if let Some(counter) = shard.counters.get_mut(&given.name) {
                counter.give_back(given);
            }
        });
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.clock.now().as_microsecond()).unwrap_or_default()
    }

    #[expect(clippy::indexing_slicing, reason = "the remainder is smaller than the number of shards")]
    fn with<T>(&self, name: &CounterName, act: impl FnOnce(&mut Shard) -> T) -> T {
        #[expect(clippy::cast_possible_truncation, reason = "any part of the hash will do")]
        let shard = &self.shards[self.hasher.hash_one(name) as usize % SHARDS];
        // A shard is whole between any two of its statements: a panic elsewhere leaves nothing half done.
        act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shard {
    /// Sees to it that one more counter can be kept. What counts is never forgotten.
    fn make_room(&mut self, now_us: u64) -> Result<(), CountersError> {
        if self.counters.len() >= self.sweep_at {
            self.counters.retain(|_, counter| counter.ends_at_us > now_us);
            self.counters.shrink_to(FIRST_SWEEP);
            self.sweep_at = (2 * self.counters.len()).clamp(FIRST_SWEEP, SHARD_COUNTERS_MAX);
        }
        if self.counters.len() >= SHARD_COUNTERS_MAX {
            return Err(CountersError("there is no room for another counter in this process".to_owned()));
        }
        Ok(())
    }
}

impl Counter {
    fn take(&mut self, order: &Order, now_us: u64) -> Grant {
        let states: Vec<State> =
            order.bounds.iter().map(|bound| self.tally(bound.window).settle(bound, now_us)).collect();
        let room = states.iter().map(|state| state.room).min().unwrap_or(u64::MAX);
        let amount = if room < order.cost { 0 } else { order.cost.max(order.want.min(room / order.share)) };
        let is_refused = amount < order.cost;
        if amount > 0 {
            for (bound, state) in order.bounds.iter().zip(&states) {
                self.tally(bound.window).charge(state.bucket, amount);
                let end_us = now_us + super::window::micros(bound.window.memory());
                self.ends_at_us = self.ends_at_us.max(end_us);
            }
            self.leases.extend(order.lease.map(|lease| (lease, amount)));
        }
        let mut due_us = 0;
        let mut nearest: Option<Room> = None;
        for (index, (bound, state)) in order.bounds.iter().zip(&states).enumerate() {
            let tally = self.tally(bound.window);
            if is_refused {
                due_us = due_us.max(tally.due_us(bound, order.cost, now_us));
            }
            let reset_at_us = tally.reset_at_us(&bound.window, now_us);
            let room = Room {
                bound: index,
                limit: bound.limit,
                remaining: state.room - amount,
                reset_at_us,
                reset_after: Duration::from_micros(reset_at_us.saturating_sub(now_us)),
            };
            nearest = Some(nearest.map_or(room, |nearest| nearest.nearer(room)));
        }
        Grant {
            amount,
            life: Duration::from_micros(states.iter().map(|state| state.life_us).min().unwrap_or_default()),
            buckets: states.iter().map(|state| state.bucket).collect(),
            room: nearest.unwrap_or(Room::UNBOUNDED),
            due: Duration::from_micros(due_us),
        }
    }

    fn tally(&mut self, window: Window) -> &mut Tally {
        let place = self.tallies.iter().position(|(known, _)| *known == window).unwrap_or_else(|| {
            self.tallies.push((window, Tally::default()));
            self.tallies.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "it was found there, or put there")]
        &mut self.tallies[place].1
    }

    fn give_back(&mut self, given: &Return) {
        let Some(place) = self.leases.iter().position(|(lease, _)| *lease == given.lease) else {
            return;
        };
        let (_, amount) = self.leases.swap_remove(place);
        if given.left > amount {
            return;
        }
        for (Bound { window, .. }, bucket) in given.bounds.iter().zip(&given.buckets) {
            self.tally(*window).give_back(*bucket, given.left);
        }
    }
}

impl Counters for Memory {
    async fn take(&self, orders: &[Order]) -> Result<Vec<Grant>, CountersError> {
        orders.iter().map(|order| self.take_one(order)).collect()
    }

    async fn give_back(&self, returns: &[Return]) -> Result<(), CountersError> {
        returns.iter().for_each(|given| self.give_back_one(given));
        Ok(())
    }
}
