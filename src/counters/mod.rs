//! Counters that bound how much is done in a window of time, shared by every replica or kept in this process.
//!
//! A counter has a name (whom it counts, under which rule of which API) and counts in one or several windows at
//! once. [`Counters`] is the bare protocol: tokens are taken, and what was not used is given back.
//! [`Memory`] keeps counters in this process, [`Redis`] shares them among all. [`Leased`] stands in front of shared
//! ones and saves trips; [`Meter`] is what Checks ask: it goes on when shared counters fail.

mod lease;
mod memory;
mod meter;
mod name;
pub mod redis;
mod sharded;
mod window;

use std::{fmt, sync::Arc, time::Duration};

use smallvec::SmallVec;

pub use lease::Leased;
pub use memory::Memory;
pub use meter::{Answer, Meter, Nearest, Take};
pub use name::CounterName;
pub use redis::Redis;
pub use window::{Bound, Tally, Window};

/// Tells one taking of tokens from every other, of all replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseId {
    /// The replica, by a number that it drew at its start.
    pub replica: u64,
    /// Which of its takings.
    pub number: u64,
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{:x}", self.replica, self.number)
    }
}

/// An order of tokens of one counter.
#[derive(Debug, Clone)]
pub struct Order {
    /// The counter.
    pub name: CounterName,
    /// Its bounds: all must have room.
    pub bounds: Arc<[Bound]>,
    /// How many tokens are needed; 0 only asks for the state.
    pub cost: u64,
    /// How many are wanted: `cost` or more.
    pub want: u64,
    /// Of the room there is, no more than one part in so many is given beyond `cost`. Never 0.
    pub share: u64,
    /// By which tokens can be given back. Without it they cannot.
    pub lease: Option<LeaseId>,
}

/// A bucket for each bound of a counter; more than two are allocated.
pub type Buckets = SmallVec<[u64; 2]>;

/// The answer to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// How many tokens were charged; fewer than `cost` is none, and a refusal.
    pub amount: u64,
    /// How long they may be used, from the moment at which the order was sent: until the bucket that they were charged
    /// to ends.
    pub life: Duration,
    /// The bucket charged, for each bound in their order.
    pub buckets: Buckets,
    /// The state of the bound that is nearest to its end of room, after the charge.
    pub room: Room,
    /// If it was refused: when there will be room for `cost`, unless more is taken.
    pub due: Duration,
}

/// What is left under a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Which of the bounds it is, from 0.
    pub bound: usize,
    /// The limit.
    pub limit: u64,
    /// What is left of it.
    pub remaining: u64,
    /// When all of it is there again if nothing more is taken, by the counters' clock, in microseconds of Unix time.
    pub reset_at_us: u64,
    /// The same, from the moment of the answer.
    pub reset_after: Duration,
}

impl Room {
    /// What a counter without bounds has.
    pub const UNBOUNDED: Self =
        Self { bound: 0, limit: u64::MAX, remaining: u64::MAX, reset_at_us: 0, reset_after: Duration::ZERO };

    /// The one of two that is nearer to its end of room; if they are equally near, the one that waits longer.
    #[must_use]
    pub fn nearer(self, other: Self) -> Self {
        let order = |room: &Self| (room.remaining, std::cmp::Reverse(room.reset_after));
        if order(&other) < order(&self) { other } else { self }
    }
}

/// Tokens that were taken and not used.
#[derive(Debug, Clone)]
pub struct Return {
    /// The counter.
    pub name: CounterName,
    /// Its bounds, as in the order.
    pub bounds: Arc<[Bound]>,
    /// The buckets charged, as in the grant.
    pub buckets: Buckets,
    /// The taking; each can be given back once.
    pub lease: LeaseId,
    /// How many.
    pub left: u64,
}

/// Counters could not be asked, or did not answer: what was ordered may have been charged or not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the counters are unavailable: {0}")]
pub struct CountersError(pub String);

/// Where tokens are taken from. Each order is carried out at once and by itself, and at most once.
pub trait Counters: fmt::Debug + Send + Sync + 'static {
    /// Takes what is ordered, in one round trip; answers stand in the order of the orders.
    ///
    /// # Errors
    ///
    /// There is no answer, or not to all. Tokens may have been charged; they are lost.
    fn take(&self, orders: &[Order]) -> impl Future<Output = Result<Vec<Grant>, CountersError>> + Send;

    /// Gives tokens back to the buckets that they were charged to. What cannot be told for sure to be unreturned is
    /// not given back.
    ///
    /// # Errors
    ///
    /// There is no answer: the tokens were given back or are lost. It must not be tried again.
    fn give_back(&self, returns: &[Return]) -> impl Future<Output = Result<(), CountersError>> + Send;

    /// How many replicas share the counters, as far as it is known. Never 0.
    fn replicas(&self) -> u32;
}

impl<C: Counters> Counters for Arc<C> {
    async fn take(&self, orders: &[Order]) -> Result<Vec<Grant>, CountersError> {
        C::take(self, orders).await
    }

    async fn give_back(&self, returns: &[Return]) -> Result<(), CountersError> {
        C::give_back(self, returns).await
    }

    fn replicas(&self) -> u32 {
        C::replicas(self)
    }
}
