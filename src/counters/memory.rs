//! Counters of this process alone.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use crate::domain::Clock;

use super::{
    Bound, CounterName, Counters, CountersError, Grant, LeaseId, Order, Return, Room, Tally, Window,
    sharded::Sharded,
    window::{State, micros},
};

/// Counters of this process, from none on: a million of client addresses and a million of others at most. One that counts
/// in one window occupies some 250 bytes while it is cold.
pub struct Memory {
    of_addresses: Sharded<Counter>,
    others: Sharded<Counter>,
    clock: Arc<dyn Clock>,
}

/// Shows how many counters there are.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} of addresses, {} others)", self.of_addresses.len(), self.others.len())
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
        Self { of_addresses: Sharded::new(), others: Sharded::new(), clock }
    }

    fn counters(&self, name: &CounterName) -> &Sharded<Counter> {
        if name.is_of_address { &self.of_addresses } else { &self.others }
    }

    /// Carries an order out.
    ///
    /// # Errors
    ///
    /// There are as many counters as there can be. What counts is never forgotten.
    pub fn take_one(&self, order: &Order) -> Result<Grant, CountersError> {
        let now_us = u64::try_from(self.clock.now().as_microsecond()).unwrap_or_default();
        self.counters(&order.name).with(&order.name, |shard| {
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
        self.counters(&order.name).with(&order.name, |shard| {
            if let Some(counter) = shard.get(&order.name) {
                counter.undo(&order.bounds, &grant.buckets, grant.amount);
            }
        });
    }

    /// Gives back what a lease has left, once.
    pub fn give_back_one(&self, given: &Return) {
        self.counters(&given.name).with(&given.name, |shard| {
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

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use ipnet::Ipv6Net;

    use super::*;
    use crate::{
        counters::CounterName,
        domain::{ManualClock, WindowKind},
    };

    fn order(name: CounterName) -> Order {
        let window = Window::new(Duration::from_hours(24), WindowKind::Fixed);
        Order { name, bounds: [Bound { limit: 1, window }].into(), cost: 1, want: 1, share: 1, lease: None }
    }

    #[test]
    fn however_many_addresses_somebody_has_the_counters_of_keys_have_room() {
        let memory =
            Memory::new(Arc::new(ManualClock::at("2030-01-01T00:00:00Z".parse().expect("a moment"))));
        let address = |number: u128| {
            let network = Ipv6Net::new(Ipv6Addr::from(number << 64), 64).expect("a network");
            order(CounterName::of_address("shop", "client_address", network.into()))
        };
        let mut numbers = 0..;
        while numbers.next().is_some_and(|number| memory.take_one(&address(number)).is_ok()) {}
        assert!(numbers.start > 900_000, "{numbers:?}");
        assert_eq!(memory.take_one(&address(0)).map(|grant| grant.amount), Ok(0), "none is forgotten");
        let key = order(CounterName::new("shop", "credential", "key:one"));
        assert_eq!(memory.take_one(&key).map(|grant| grant.amount), Ok(1));
    }
}
