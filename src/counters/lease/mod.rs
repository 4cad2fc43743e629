//! Leases: several tokens of a hot counter in one trip, used by this replica for a short time.
//!
//! Tokens are charged to the shared counter before anybody uses them, so that the sum over any number of replicas
//! never exceeds the limit. Three rules keep that true:
//!
//! 1. A lease dies with the bucket that it was charged to, by the counters' clock: its life is told with the grant
//!    and counted from before the order was sent. Otherwise a token would be used later than it is counted.
//! 2. An order is never sent again. What became of it, if nobody answers, is not known; its tokens are lost.
//! 3. What is left is given back once, by the lease's id, to the very bucket that was charged, or is lost.
//!
//! Only counters of which all limits are 1 000 or more are leased, and all replicas together hold no more than a
//! hundredth of a limit, with no more than as much on its way back: a request can be refused although so many tokens
//! lie unused, until their leases have ended.
//! A refusal is remembered until room is due, for a second at most, so that a flood of refused requests costs next to no
//! trips.

mod entry;
mod returning;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use metrics::{Counter, counter, describe_counter};
use smallvec::{SmallVec, smallvec};
use tokio::{
    sync::oneshot,
    task::AbortHandle,
    time::{Instant, timeout_at},
};

use super::{
    Answer, Counters, CountersError, Grant, LeaseId, Nearest, Order, Return, Room, Take, meter::TAKES,
    sharded::Sharded,
};

use self::entry::{Asked, Charge, Entry, Terms};

/// Counts tokens taken for later use, and those of them given back.
const TOKENS: &str = "doorward_counters_lease_tokens_total";
/// Leases in front of shared counters.
pub struct Leased<C> {
    shared: Arc<Shared<C>>,
    returning: AbortHandle,
}

struct Shared<C> {
    counters: C,
    hold: Duration,
    entries: Sharded<Entry>,
    /// Leases by the order in which they end.
    ending: Mutex<VecDeque<(Instant, Order)>>,
    returns: Mutex<Vec<Return>>,
    replica: u64,
    numbered: AtomicU64,
    meters: Meters,
}

struct Meters {
    leased: Counter,
    given_back: Counter,
    by_trip: Counter,
    by_lease: Counter,
    by_refusal: Counter,
}

impl<C: fmt::Debug> fmt::Debug for Leased<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { counters, hold, entries, .. } = &*self.shared;
        write!(f, "Leased({counters:?}, {} counters, {hold:?})", entries.len())
    }
}

impl<C> Drop for Leased<C> {
    fn drop(&mut self) {
        self.returning.abort();
    }
}

/// What one of some takes has: the state, and of which charge its tokens are, should they have to be put back. Those of a
/// take that is alone never have to: whatever it has is used.
type Held = Option<(Option<Arc<Charge>>, Room)>;

/// The same of all of some takes; more than two are allocated.
type AllHeld = SmallVec<[Held; 2]>;

/// An order of one of some takes, by its number among them.
type Numbered = (usize, Order);

impl<C: Counters> Leased<C> {
    /// Leases tokens of these counters for so long at most; for no time at all, nothing is leased. `replica` is a number
    /// that no other replica has. Within a runtime of tokio only.
    #[must_use]
    pub fn new(counters: C, hold: Duration, replica: u64) -> Self {
        describe_counter!(TOKENS, "Tokens that were leased, and those of them that were given back.");
        let tokens = |what: &'static str| counter!(TOKENS, "what" => what);
        let takes = |by: &'static str| counter!(TAKES, "by" => by);
        let shared = Arc::new(Shared {
            counters,
            hold,
            entries: Sharded::new(),
            ending: Mutex::default(),
            returns: Mutex::default(),
            replica,
            numbered: AtomicU64::new(0),
            meters: Meters {
                leased: tokens("leased"),
                given_back: tokens("given_back"),
                by_trip: takes("trip"),
                by_lease: takes("lease"),
                by_refusal: takes("refusal"),
            },
        });
        let returning = tokio::spawn(Arc::clone(&shared).keep_returning()).abort_handle();
        Self { shared, returning }
    }

    /// The counters behind.
    #[must_use]
    pub fn counters(&self) -> &C {
        &self.shared.counters
    }

    /// Takes all of these, or none; waits until `deadline` at most.
    ///
    /// # Errors
    ///
    /// The counters did not answer, or not in time.
    pub async fn take(&self, takes: &[Take<'_>], deadline: Instant) -> Result<Answer, CountersError> {
        let shared = &self.shared;
        let mut held: AllHeld = smallvec![None; takes.len()];
        let outcome = shared.take_all(takes, &mut held, deadline).await;
        if !matches!(outcome, Ok(Answer::Admitted(_))) {
            shared.put_back(takes, held);
        }
        outcome
    }

    /// Gives back whatever is leased. Nothing is to be taken afterwards.
    pub async fn close(&self) {
        self.shared.end_leases(None);
        self.shared.give_back().await;
    }
}

impl<C: Counters> Shared<C> {
    async fn take_all(
        self: &Arc<Self>,
        takes: &[Take<'_>],
        held: &mut [Held],
        deadline: Instant,
    ) -> Result<Answer, CountersError> {
        for is_first in std::iter::once(true).chain(std::iter::repeat(false)) {
            let (mut orders, mut waits) = (Vec::new(), None);
            let missing = takes.iter().zip(&mut *held).enumerate().filter(|(_, (_, held))| held.is_none());
            for (number, (take, held)) in missing {
                let (asked, charge) = self.ask(take, is_first, takes.len() > 1);
                match asked {
                    Asked::Held(room) | Asked::Known(room) => *held = Some((charge, room)),
                    Asked::Wait(back) => waits = Some(back),
                    Asked::Order { want, share } => {
                        orders.push((number, self.order(take, want, share, takes.len())));
                    }
                    Asked::Refused(room, retry_after) => {
                        self.follow(&orders);
                        let nearest = Nearest { take: number, room };
                        return Ok(Answer::Refused { nearest, retry_after });
                    }
                }
            }
            if let Some(refused) = self.fetch(orders, held, deadline).await? {
                return Ok(refused);
            }
            match waits {
                // Whoever led is back, or will be; what they brought may be gone by then.
                Some(back) => timeout_at(deadline, back).await.map_err(|_| too_late())?,
                None => return Ok(Answer::Admitted(nearest(held))),
            }
        }
        Err(too_late())
    }

    /// Asks what this replica knows, and leads if it has to be asked for more. With tokens that were in hand comes their
    /// charge, if `keeps_charge`.
    fn ask(&self, take: &Take<'_>, is_first: bool, keeps_charge: bool) -> (Asked, Option<Arc<Charge>>) {
        let (terms, now) = (self.terms(), Instant::now());
        let mut returns = Vec::new();
        let (asked, charge) = self.entries.with(take.name, |place| {
            let entry = if terms.leases(take.bounds) {
                place.get_or_make(|entry| entry.is_idle(terms.hold, now))
            } else {
                place.get()
            };
            let Some(entry) = entry else {
                return (Asked::Order { want: take.cost, share: 1 }, None);
            };
            if is_first {
                entry.want(take.cost, terms, now);
            }
            let asked = match entry.ask(take.bounds, take.cost, terms, now, &mut returns) {
                // Whoever waited once goes alone: otherwise a server that answers nobody holds a Check up trip after trip.
                Asked::Wait(_) if !is_first => Asked::Order { want: take.cost, share: 1 },
                asked => asked,
            };
            if let Asked::Order { want, .. } = asked
                && want > take.cost
            {
                entry.lead(want - take.cost, now);
            }
            let charge = match asked {
                Asked::Held(_) if keeps_charge => entry.charge(),
                _ => None,
            };
            (asked, charge)
        });
        self.to_return(returns);
        match &asked {
            Asked::Held(..) => self.meters.by_lease.increment(1),
            Asked::Refused(..) | Asked::Known(_) => self.meters.by_refusal.increment(1),
            Asked::Order { .. } => self.meters.by_trip.increment(1),
            Asked::Wait(_) => {}
        }
        (asked, charge)
    }

    fn order(&self, take: &Take<'_>, want: u64, share: u64, takes: usize) -> Order {
        let number = self.numbered.fetch_add(1, Ordering::Relaxed);
        let lease = LeaseId { replica: self.replica, number };
        Order {
            name: take.name.clone(),
            bounds: Arc::clone(take.bounds),
            cost: take.cost,
            want,
            share,
            // What is needed by one take alone is used in any case.
            lease: (want > take.cost || (takes > 1 && want > 0)).then_some(lease),
        }
    }

    /// Makes a trip for some takes; tells if one was refused.
    async fn fetch(
        self: &Arc<Self>,
        orders: Vec<Numbered>,
        held: &mut [Held],
        deadline: Instant,
    ) -> Result<Option<Answer>, CountersError> {
        if orders.is_empty() {
            return Ok(None);
        }
        let numbers: Vec<usize> = orders.iter().map(|(number, _)| *number).collect();
        let (told, answer) = oneshot::channel();
        // A task of its own: a caller who gives up takes nobody's tokens away, and others may wait for them.
        tokio::spawn(Arc::clone(self).trip(orders, told));
        let answer = timeout_at(deadline, answer).await.map_err(|_| too_late())?;
        let gone = |_| CountersError("the trip to them ended early".to_owned());
        let mut refused: Option<(Nearest, Duration)> = None;
        for (number, Fetched { charge, room, due }) in numbers.into_iter().zip(answer.map_err(gone)??) {
            if let Some(charge) = charge {
                if let Some(held) = held.get_mut(number) {
                    *held = Some((Some(charge), room));
                }
            } else if refused.is_none_or(|(_, longest)| longest < due) {
                refused = Some((Nearest { take: number, room }, due));
            }
        }
        Ok(refused.map(|(nearest, retry_after)| Answer::Refused { nearest, retry_after }))
    }

    /// Carries orders out and notes what they brought, whether or not somebody still waits for it.
    async fn trip(self: Arc<Self>, orders: Vec<Numbered>, told: oneshot::Sender<Brought>) {
        let orders: Vec<Order> = orders.into_iter().map(|(_, order)| order).collect();
        let sent = Instant::now();
        let grants = self.counters.take(&orders).await;
        let now = Instant::now();
        let brought = grants.map(|grants| {
            orders.iter().zip(grants).map(|(order, grant)| self.note(order, &grant, [sent, now])).collect()
        });
        if brought.is_err() {
            for order in &orders {
                self.follow_one(order);
            }
        }
        if let Err(Ok(unwanted)) = told.send(brought) {
            for (order, Fetched { charge, .. }) in orders.iter().zip(unwanted) {
                if let Some(charge) = charge {
                    self.put_back_one(&charge, order.cost);
                }
            }
        }
    }

    /// Takes note of what an order brought.
    fn note(&self, order: &Order, grant: &Grant, times: [Instant; 2]) -> Fetched {
        let terms = self.terms();
        let is_refused = grant.amount < order.cost;
        let before = self.entries.with(&order.name, |place| {
            let entry = if is_refused || order.want > order.cost {
                place.get_or_make(|entry| entry.is_idle(terms.hold, times[1]))
            } else {
                None
            };
            let Some(entry) = entry else {
                // Nobody would know of them.
                return Charge::of(order, grant).give_back(grant.amount.saturating_sub(order.cost));
            };
            let before = entry.note(order, grant, terms, times);
            if order.want > order.cost {
                entry.follow();
            }
            if let Some(ends) = entry.lease_ends() {
                self.will_end(ends, order);
            }
            before
        });
        let beyond = grant.amount.saturating_sub(order.cost);
        self.meters.leased.increment(beyond);
        self.to_return(before);
        Fetched {
            charge: (!is_refused).then(|| Arc::new(Charge::of(order, grant))),
            room: Room { remaining: grant.room.remaining + beyond, ..grant.room },
            due: grant.due,
        }
    }

    /// Lets those go on who wait for orders that are not sent, or not answered.
    fn follow(&self, orders: &[Numbered]) {
        for (_, order) in orders {
            self.follow_one(order);
        }
    }

    fn follow_one(&self, order: &Order) {
        if order.want > order.cost {
            self.entries.with(&order.name, |place| place.get().map(Entry::follow));
        }
    }

    fn put_back(&self, takes: &[Take<'_>], held: AllHeld) {
        for (take, held) in takes.iter().zip(held) {
            if let Some((Some(charge), _)) = held {
                self.put_back_one(&charge, take.cost);
            }
        }
    }

    fn put_back_one(&self, charge: &Charge, cost: u64) {
        let given = self.entries.with(&charge.name, |place| match place.get() {
            Some(entry) => entry.put_back(charge, cost),
            None => charge.give_back(cost),
        });
        self.to_return(given);
    }

    fn terms(&self) -> Terms {
        Terms { hold: self.hold, replicas: self.counters.replicas().into() }
    }
}

/// What a trip brought for one order.
struct Fetched {
    /// The tokens needed, unless it was refused.
    charge: Option<Arc<Charge>>,
    /// What is left, here and there.
    room: Room,
    /// When there will be room.
    due: Duration,
}

/// What a trip brought, for each order.
type Brought = Result<Vec<Fetched>, CountersError>;

/// The state that is nearest to its end of room.
fn nearest(held: &[Held]) -> Option<Nearest> {
    let states =
        held.iter().enumerate().filter_map(|(take, held)| Some(Nearest { take, room: held.as_ref()?.1 }));
    states.reduce(Nearest::nearer)
}

fn too_late() -> CountersError {
    CountersError("no answer within the Check's time".to_owned())
}
