//! What a replica knows of one shared counter: tokens in hand, a refusal, how many are asked for. No clock, no I/O.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, futures::OwnedNotified},
    time::Instant,
};

use crate::counters::{Bound, Buckets, CounterName, Grant, LeaseId, Order, Return, Room};

/// Limits below never lease: their counts stay exact, and so does what is told of them.
const LEASED_LIMIT_MIN: u64 = 1_000;
/// All replicas together hold no more than one part in so many of a limit; no more than as much is on its way back.
const HELD_PART: u64 = 100;
/// Fewer tokens than these are not worth a lease: giving back what is left costs a trip, too.
const LEASE_MIN: u64 = 4;

/// After so long, whoever went for tokens is waited for no longer.
const LEAD_MAX: Duration = Duration::from_secs(1);

/// A refusal is remembered no longer.
const REFUSED_MAX: Duration = Duration::from_secs(1);

/// What leases depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// How long tokens may be held at most.
    pub(super) hold: Duration,
    /// How many replicas there are.
    pub(super) replicas: u64,
}

/// What one replica knows of one counter.
#[derive(Debug, Default)]
pub(super) struct Entry {
    lease: Option<Lease>,
    refusal: Option<Refusal>,
    demand: Demand,
    /// A trip for more tokens than one taker needs.
    leading: Option<Leading>,
    /// Until then nobody waits for anybody: there was no room for a lease.
    scarce_until: Option<Instant>,
}

/// Somebody on the way for tokens.
#[derive(Debug)]
struct Leading {
    since: Instant,
    back: Arc<Notify>,
    /// How many of the tokens nobody waits for yet. Whoever is one too many goes alone: otherwise far away counters
    /// would let through no more than a lease in the time of a trip.
    unclaimed: u64,
}

/// Tokens in hand.
#[derive(Debug)]
struct Lease {
    charge: Arc<Charge>,
    left: u64,
    room: Room,
    granted: Instant,
    until: Instant,
}

/// That there was no room.
#[derive(Debug)]
struct Refusal {
    bounds: Arc<[Bound]>,
    cost: u64,
    room: Room,
    asked: Instant,
    /// When there will be room.
    due: Instant,
    /// Until when it is remembered.
    until: Instant,
}

/// What was charged where.
#[derive(Debug, Clone)]
pub(super) struct Charge {
    pub(super) name: CounterName,
    pub(super) bounds: Arc<[Bound]>,
    pub(super) buckets: Buckets,
    pub(super) lease: Option<LeaseId>,
}

impl Charge {
    /// The return of so many tokens; `None` if they cannot be given back.
    pub(super) fn give_back(&self, left: u64) -> Option<Return> {
        let Self { name, bounds, buckets, lease } = self.clone();
        (left > 0).then_some(Return { name, bounds, buckets, lease: lease?, left })
    }
}

/// What an entry says to whoever needs tokens.
#[derive(Debug)]
pub(super) enum Asked {
    /// They were in hand, and are taken: [`Entry::charge`] tells where from.
    Held(Room),
    /// None are needed, and the state is known.
    Known(Room),
    /// There is no room, and will not be for so long.
    Refused(Room, Duration),
    /// Somebody is on the way for more: wait until they are back, and ask again. Made while the entry is locked: whoever
    /// is back the moment after is not missed.
    Wait(OwnedNotified),
    /// They have to be ordered: this many of them, at most one part in `share` of the room beyond what is needed. If it
    /// is more than what is needed, others wait for it.
    Order { want: u64, share: u64 },
}

/// How many tokens are asked for in the time that a lease is held.
#[derive(Debug, Default)]
struct Demand {
    began: Option<Instant>,
    current: u64,
    previous: u64,
}

impl Demand {
    /// Notes that so many are asked for.
    fn note(&mut self, cost: u64, period: Duration, now: Instant) {
        let passed = self.began.map_or(Duration::MAX, |began| now.saturating_duration_since(began));
        if passed >= period {
            self.previous = if passed >= 2 * period { 0 } else { self.current };
            self.current = 0;
            self.began = Some(now);
        }
        self.current += cost;
    }

    fn in_a_period(&self) -> u64 {
        self.current.max(self.previous)
    }
}

impl Terms {
    /// How many tokens of a counter may be held; fewer than [`LEASE_MIN`] is none.
    fn held_max(&self, bounds: &[Bound]) -> u64 {
        let smallest = bounds.iter().map(|bound| bound.limit).min().unwrap_or_default();
        if smallest < LEASED_LIMIT_MIN || self.hold.is_zero() {
            return 0;
        }
        smallest / (HELD_PART * self.replicas.max(1))
    }

    /// Whether tokens of a counter with these bounds are ever held. Every taking asks it, so that it does not divide.
    pub(super) fn leases(&self, bounds: &[Bound]) -> bool {
        let least = LEASED_LIMIT_MIN.max(LEASE_MIN * HELD_PART * self.replicas.max(1));
        !self.hold.is_zero() && bounds.iter().all(|bound| bound.limit >= least) && !bounds.is_empty()
    }
}

impl Entry {
    /// What there is for whoever needs `cost` tokens. What can be used no longer goes to `returns`.
    pub(super) fn ask(
        &mut self,
        bounds: &Arc<[Bound]>,
        cost: u64,
        terms: Terms,
        now: Instant,
        returns: &mut Vec<Return>,
    ) -> Asked {
        if let Some(refusal) = &self.refusal {
            let room = refusal.room.later(refusal.asked, now);
            match refusal.due.saturating_duration_since(now) {
                _ if refusal.until <= now => self.refusal = None,
                due if refusal.bounds == *bounds && refusal.cost <= cost => return Asked::Refused(room, due),
                _ if refusal.bounds == *bounds && cost == 0 => return Asked::Known(room),
                _ => {}
            }
        }
        self.drop_spent_lease(bounds, now, returns);
        if let Some(lease) = &mut self.lease
            && lease.left >= cost
        {
            lease.left -= cost;
            let room = Room { remaining: lease.room.remaining + lease.left, ..lease.room };
            return Asked::Held(room.later(lease.granted, now));
        }
        let want = self.demand.in_a_period().min(terms.held_max(bounds));
        let is_scarce = self.scarce_until.is_some_and(|until| until > now);
        if cost == 0 || want < LEASE_MIN || want <= cost || is_scarce {
            return Asked::Order { want: cost, share: 1 };
        }
        if let Some(leading) = &mut self.leading
            && now.saturating_duration_since(leading.since) < LEAD_MAX
        {
            return match leading.unclaimed.checked_sub(cost) {
                None => Asked::Order { want: cost, share: 1 },
                Some(unclaimed) => {
                    leading.unclaimed = unclaimed;
                    Asked::Wait(Arc::clone(&leading.back).notified_owned())
                }
            };
        }
        returns.extend(self.lease.take().and_then(|lease| lease.charge.give_back(lease.left)));
        Asked::Order { want, share: terms.replicas.max(1) * 4 }
    }

    /// Where the tokens in hand come from.
    pub(super) fn charge(&self) -> Option<Arc<Charge>> {
        self.lease.as_ref().map(|lease| Arc::clone(&lease.charge))
    }

    /// Notes that somebody needs so many tokens.
    pub(super) fn want(&mut self, cost: u64, terms: Terms, now: Instant) {
        self.demand.note(cost, terms.hold, now);
    }

    /// Says that somebody went for so many tokens more than they need.
    pub(super) fn lead(&mut self, unclaimed: u64, now: Instant) {
        self.follow();
        self.leading = Some(Leading { since: now, back: Arc::new(Notify::new()), unclaimed });
    }

    /// Says that whoever led is back, or gave up: those who wait ask again.
    pub(super) fn follow(&mut self) {
        if let Some(leading) = self.leading.take() {
            leading.back.notify_waiters();
        }
    }

    /// Takes note of the answer to an order: when that was sent, and when it was answered. What a lease before this
    /// one has left is to be given back.
    pub(super) fn note(
        &mut self,
        order: &Order,
        grant: &Grant,
        terms: Terms,
        [sent, now]: [Instant; 2],
    ) -> Option<Return> {
        let is_leased = order.want > order.cost;
        if grant.amount < order.cost {
            // Tokens that others hold, or took together with some that were refused, come back before any bucket ends.
            let longest = if terms.leases(&order.bounds) { terms.hold } else { REFUSED_MAX };
            self.refusal = Some(Refusal {
                bounds: Arc::clone(&order.bounds),
                cost: order.cost,
                room: grant.room,
                asked: now,
                due: sent + grant.due,
                until: sent + grant.due.min(longest),
            });
        } else if is_leased && grant.amount > order.cost {
            let charge = Arc::new(Charge::of(order, grant));
            let until = sent + grant.life.min(terms.hold);
            let left = grant.amount - order.cost;
            let before = self.lease.replace(Lease { charge, left, room: grant.room, granted: now, until });
            return before.and_then(|lease| lease.charge.give_back(lease.left));
        } else if is_leased {
            self.scarce_until = Some(now + terms.hold / 4);
        }
        None
    }

    /// Takes tokens back into the hand from which they came; if that is gone, they are to be given back.
    pub(super) fn put_back(&mut self, charge: &Charge, cost: u64) -> Option<Return> {
        match &mut self.lease {
            Some(lease) if lease.charge.lease == charge.lease => {
                lease.left += cost;
                None
            }
            _ => charge.give_back(cost),
        }
    }

    /// Ends a lease whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Return> {
        let lease = self.lease.take_if(|lease| lease.until <= now)?;
        lease.charge.give_back(lease.left)
    }

    /// When the lease ends, if there is one.
    pub(super) fn lease_ends(&self) -> Option<Instant> {
        self.lease.as_ref().map(|lease| lease.until)
    }

    /// Whether nothing would be lost with it.
    pub(super) fn is_idle(&self, period: Duration, now: Instant) -> bool {
        self.lease.is_none()
            && self.leading.is_none()
            && self.refusal.as_ref().is_none_or(|refusal| refusal.until <= now)
            && self.demand.began.is_none_or(|began| now.saturating_duration_since(began) >= 2 * period)
    }

    /// A lease dies with its time, and with the bounds that it was charged to.
    fn drop_spent_lease(&mut self, bounds: &Arc<[Bound]>, now: Instant, returns: &mut Vec<Return>) {
        let spent = self.lease.take_if(|lease| lease.until <= now || lease.charge.bounds != *bounds);
        returns.extend(spent.and_then(|lease| lease.charge.give_back(lease.left)));
    }
}

impl Charge {
    /// What an order was granted.
    pub(super) fn of(order: &Order, grant: &Grant) -> Self {
        Self {
            name: order.name.clone(),
            bounds: Arc::clone(&order.bounds),
            buckets: grant.buckets.clone(),
            lease: order.lease,
        }
    }
}

impl Room {
    /// The same, some time after it was told.
    fn later(self, told: Instant, now: Instant) -> Self {
        let passed = now.saturating_duration_since(told);
        Self { reset_after: self.reset_after.saturating_sub(passed), ..self }
    }
}
