//! Counters of this process alone.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use crate::domain::Clock;

use super::{
    Bound, Counters, CountersError, Grant, LeaseId, Order, Return, Room, Tally, Window,
    sharded::Sharded,
    window::{State, micros},
};

/// Counters of this process, from none on: a million at most. One that counts in one window occupies some
/// 250 bytes while it is cold.
pub struct Memory {
    counters: Sharded<Counter>,
    clock: Arc<dyn Clock>,
}

/// Shows how many counters there are.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({})", self.counters.len())
    }
}

/// One counter.
#[derive(Default)]
struct Counter {
    /// What was charged, for each window that was ever asked for.
    tallies: Vec<(Window, Tally)>,
    /// Takings that can be given back, with their amounts and the end of their time, in order.
    leases: VecDeque<(LeaseId, u64, u64)>,
    /// When the last of it counts no longer, in microseconds of Unix time.
    ends_at_us: u64,
}

impl Memory {
    /// No counters yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { counters: Sharded::new(), clock }
    }

    /// Carries an order out.
    ///
    /// # Errors
    ///
    /// There are as many counters as there can be. What counts is never forgotten.
    pub fn take_one(&self, order: &Order) -> Result<Grant, CountersError> {
        let now_us = u64::try_from(self.clock.now().as_microsecond()).unwrap_or_default();
        self.counters.with(&order.name, |shard| {
            if order.cost == 0 && shard.get(&order.name).is_none() {
                return Ok(Counter::default().take(order, now_us));
            }
            let counter = shard.get_or_make(&order.name, |counter| counter.ends_at_us <= now_us);
            let full = || CountersError("there is no room for another counter in this process".to_owned());
            Ok(counter.ok_or_else(full)?.take(order, now_us))
        })
    }

    /// Undoes a taking that was carried out a moment ago and used by nobody. It needs no lease.
    pub fn undo(&self, order: &Order, grant: &Grant) {
        self.counters.with(&order.name, |shard| {
            if let Some(counter) = shard.get(&order.name) {
                counter.undo(&order.bounds, &grant.buckets, grant.amount);
            }
        });
    }

    /// Gives back what a lease has left, once.
    pub fn give_back_one(&self, given: &Return) {
        self.counters.with(&given.name, |shard| {
            if let Some(counter) = shard.get(&given.name) {
                counter.give_back(given);
            }
        });
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
                let end_us = now_us + micros(bound.window.memory());
                self.ends_at_us = self.ends_at_us.max(end_us);
            }
            while self.leases.pop_front_if(|(.., end_us)| *end_us <= now_us).is_some() {}
            self.leases.extend(order.lease.map(|lease| (lease, amount, self.ends_at_us)));
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
        let place = self.leases.iter().position(|(lease, ..)| *lease == given.lease);
        let taken = place.and_then(|place| self.leases.remove(place));
        if taken.is_some_and(|(_, amount, _)| given.left <= amount) {
            self.undo(&given.bounds, &given.buckets, given.left);
        }
    }

    fn undo(&mut self, bounds: &[Bound], buckets: &[u64], amount: u64) {
        for (Bound { window, .. }, bucket) in bounds.iter().zip(buckets) {
            self.tally(*window).give_back(*bucket, amount);
        }
    }
}

impl Counters for Memory {
    async fn take(&self, orders: &[Order]) -> Result<Vec<Grant>, CountersError> {
        orders.iter().map(|order| self.take_one(order)).collect()
    }

    async fn give_back(&self, returns: &[Return]) -> Result<(), CountersError> {
        for given in returns {
            self.give_back_one(given);
        }
        Ok(())
    }

    fn replicas(&self) -> u32 {
        1
    }
}
