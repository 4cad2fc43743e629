//! What a Check asks for: tokens of several counters at once, of all or of none.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::config::WithoutCounters;

use super::{Bound, CounterName, CountersError, LeaseId, Memory, Order, Return, Room};

/// What is taken of one counter.
#[derive(Debug, Clone)]
pub struct Take {
    /// The counter.
    pub name: CounterName,
    /// Its bounds: all must have room.
    pub bounds: Arc<[Bound]>,
    /// How many tokens; 0 only asks for the state.
    pub cost: u64,
}

/// The state that is nearest to its end of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nearest {
    /// Which of the takes it belongs to, from 0.
    pub take: usize,
    /// The state.
    pub room: Room,
}

/// The answer to some takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Each had room, and was charged. Of nothing, or without counters, nothing is told.
    Admitted(Option<Nearest>),
    /// One had no room; none was charged.
    Refused {
        /// The state of the one that waits longest.
        nearest: Nearest,
        /// When there will be room, unless more is taken.
        retry_after: Duration,
    },
}

/// Takes tokens.
#[derive(Debug)]
pub struct Meter {
    memory: Memory,
    /// How many takings were numbered.
    numbered: AtomicU64,
}

impl Meter {
    /// A meter on counters of this process alone.
    #[must_use]
    pub fn in_memory(memory: Memory) -> Self {
        Self { memory, numbered: AtomicU64::new(0) }
    }

    /// Takes all of these, or none; waits until `deadline` at most. `without` is what is done where shared counters
    /// do not answer.
    ///
    /// # Errors
    ///
    /// Nobody can tell whether there is room, and `without` does not say what to do then.
    #[expect(clippy::unused_async, reason = "shared counters are waited for")]
    pub async fn take(
        &self,
        takes: &[Take],
        _without: WithoutCounters,
        _deadline: Instant,
    ) -> Result<Answer, CountersError> {
        let mut nearest: Option<Nearest> = None;
        let mut charged: Vec<Return> = Vec::new();
        let mut refused: Option<(Nearest, Duration)> = None;
        for (index, take) in takes.iter().enumerate() {
            let number = self.numbered.fetch_add(1, Ordering::Relaxed);
            let lease = LeaseId { replica: 0, number };
            let order = Order {
                name: take.name.clone(),
                bounds: Arc::clone(&take.bounds),
                cost: take.cost,
                want: take.cost,
                share: 1,
                lease: None,
            };
            let grant = self.memory.take_one(&order)?;
            let state = Nearest { take: index, room: grant.room };
            if grant.amount < take.cost {
                if refused.is_none_or(|(_, due)| due < grant.due) {
                    refused = Some((state, grant.due));
                }
                continue;
            }
            nearest = Some(nearest.map_or(state, |nearest| nearest.nearer(state)));
            charged.push(Return {
                name: order.name,
                bounds: order.bounds,
                buckets: grant.buckets,
                lease,
                left: grant.amount,
            });
        }
        let Some((nearest, retry_after)) = refused else {
            return Ok(Answer::Admitted(nearest));
        };
        charged.iter().for_each(|given| self.memory.undo(given));
        Ok(Answer::Refused { nearest, retry_after })
    }
}

impl Nearest {
    /// The one of two that is nearer to its end of room.
    pub(super) fn nearer(self, other: Self) -> Self {
        if self.room.nearer(other.room) == self.room { self } else { other }
    }
}
