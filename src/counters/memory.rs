//! Counters of this process alone.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use smallvec::SmallVec;

use crate::domain::Clock;

use super::{
    Bound, Buckets, CounterName, Counters, CountersError, Grant, LeaseId, Order, Return, Room, Take, Tally,
    Window,
    sharded::Sharded,
    window::{State, micros},
};

/// Counters of this process, from none on: a million of client addresses and a million of others at most. One that counts
/// in one window occupies some 240 bytes while it is cold.
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

/// Takings that can be given back, with their amounts and the end of their time, in order.
#[derive(Default)]
struct Leases(VecDeque<(LeaseId, u64, u64)>);

/// One counter. Most are asked for one window, and for nothing that can be given back: these own no memory elsewhere.
#[derive(Default)]
struct Counter {
    /// What was charged, for each window that was ever asked for.
    tallies: SmallVec<[(Window, Tally); 1]>,
    /// What can be given back.
    leases: Option<Box<Leases>>,
    /// When the last of it counts no longer, in microseconds of Unix time.
    ends_at_us: u64,
}

/// What is asked of one counter, as in an [`Order`].
struct Asked<'a> {
    bounds: &'a [Bound],
    cost: u64,
    want: u64,
    share: u64,
    lease: Option<LeaseId>,
}

impl Memory {
    /// No counters yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { of_addresses: Sharded::new(), others: Sharded::new(), clock }
    }

    fn counters(&self, name: &CounterName) -> &Sharded<Counter> {
        if name.is_of_address() { &self.of_addresses } else { &self.others }
    }

    /// The present moment, in microseconds of Unix time.
    fn now_us(&self) -> u64 {
        u64::try_from(self.clock.now().as_microsecond()).unwrap_or_default()
    }

    /// Carries an order out.
    ///
    /// # Errors
    ///
    /// There are as many counters as there can be. What counts is never forgotten.
    pub fn take_one(&self, order: &Order) -> Result<Grant, CountersError> {
        let Order { name, bounds, cost, want, share, lease } = order;
        let asked = Asked { bounds, cost: *cost, want: *want, share: *share, lease: *lease };
        self.carry_out(name, &asked)
    }

    /// Takes what one taker needs.
    ///
    /// # Errors
    ///
    /// As with [`Memory::take_one`].
    pub(super) fn take(&self, take: &Take<'_>) -> Result<Grant, CountersError> {
        let Take { name, bounds, cost } = *take;
        self.carry_out(name, &Asked { bounds, cost, want: cost, share: 1, lease: None })
    }

    fn carry_out(&self, name: &CounterName, asked: &Asked<'_>) -> Result<Grant, CountersError> {
        self.counters(name).with(name, |place| {
            // Read while nobody else can charge it: a moment that passed before would take a counter for a later one.
            let now_us = self.now_us();
            let counter = if asked.cost == 0 {
                place.get()
            } else {
                let counter = place.get_or_make(|counter| counter.ends_at_us <= now_us);
                let full =
                    || CountersError("there is no room for another counter in this process".to_owned());
                Some(counter.ok_or_else(full)?)
            };
            Ok(match counter {
                Some(counter) => counter.take(asked, now_us),
                None => Counter::default().take(asked, now_us),
            })
        })
    }

    /// Undoes a taking that was carried out a moment ago and used by nobody. It needs no lease.
    pub(super) fn undo(&self, take: &Take<'_>, grant: &Grant) {
        self.counters(take.name).with(take.name, |place| {
            if let Some(counter) = place.get() {
                counter.undo(take.bounds, &grant.buckets, grant.amount);
            }
        });
    }

    /// Gives back what a lease has left, once.
    pub fn give_back_one(&self, given: &Return) {
        self.counters(&given.name).with(&given.name, |place| {
            if let Some(counter) = place.get() {
                counter.give_back(given);
            }
        });
    }
}

impl Counter {
    fn take(&mut self, asked: &Asked<'_>, now_us: u64) -> Grant {
        let Asked { bounds, cost, want, share, lease } = *asked;
        let mut states: SmallVec<[State; 2]> = SmallVec::new();
        for bound in bounds {
            states.push(self.tally(bound.window).settle(bound, now_us));
        }
        let room = states.iter().map(|state| state.room).min().unwrap_or(u64::MAX);
        let amount = if room < cost {
            0
        } else if want > cost {
            cost.max(want.min(room / share))
        } else {
            cost
        };
        let is_refused = amount < cost;
        if amount > 0 {
            for (bound, state) in bounds.iter().zip(&states) {
                self.tally(bound.window).charge(state.bucket, amount);
                let end_us = now_us + micros(bound.window.memory());
                self.ends_at_us = self.ends_at_us.max(end_us);
            }
            self.note_lease(lease, amount, now_us);
        }
        let mut due_us = 0;
        let mut nearest: Option<Room> = None;
        let mut buckets = Buckets::new();
        for (index, (bound, state)) in bounds.iter().zip(&states).enumerate() {
            let tally = self.tally(bound.window);
            if is_refused {
                due_us = due_us.max(tally.due_us(bound, cost, now_us));
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
            buckets.push(state.bucket);
        }
        Grant {
            amount,
            life: Duration::from_micros(states.iter().map(|state| state.life_us).min().unwrap_or_default()),
            buckets,
            room: nearest.unwrap_or(Room::UNBOUNDED),
            due: Duration::from_micros(due_us),
        }
    }

    /// Notes a taking that can be given back, if it can, and forgets those whose time is over.
    fn note_lease(&mut self, lease: Option<LeaseId>, amount: u64, now_us: u64) {
        if let Some(leases) = &mut self.leases {
            while leases.0.pop_front_if(|(.., end_us)| *end_us <= now_us).is_some() {}
        }
        if let Some(lease) = lease {
            self.leases.get_or_insert_default().0.push_back((lease, amount, self.ends_at_us));
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
        let Some(leases) = &mut self.leases else { return };
        let place = leases.0.iter().position(|(lease, ..)| *lease == given.lease);
        let taken = place.and_then(|place| leases.0.remove(place));
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
