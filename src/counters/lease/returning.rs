//! The end of leases: what they have left is given back, once.

use std::{
    mem::take,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::counters::{Counters, Order, Return};

use super::Shared;

/// How often what is left is given back at most.
const RETURN_INTERVAL_MIN: Duration = Duration::from_millis(5);

impl<C: Counters> Shared<C> {
    /// Notes when the lease that an order brought ends.
    pub(super) fn will_end(&self, ends: Instant, order: &Order) {
        lock(&self.ending).push_back((ends, order.clone()));
    }

    /// Has these given back with the next that are.
    pub(super) fn to_return(&self, given: impl IntoIterator<Item = Return>) {
        let mut given = given.into_iter().peekable();
        if given.peek().is_some() {
            lock(&self.returns).extend(given);
        }
    }

    /// Ends the leases whose time is over at `now`, or all.
    pub(super) fn end_leases(&self, now: Option<Instant>) {
        let mut over = Vec::new();
        {
            let mut ending = lock(&self.ending);
            while let Some(end) = ending.pop_front_if(|(ends, _)| now.is_none_or(|now| *ends <= now)) {
                over.push(end);
            }
        }
        for (ends, order) in over {
            let given = self.entries.with(&order.name, |place| place.get()?.expire(now.unwrap_or(ends)));
            self.to_return(given);
        }
    }

    pub(super) async fn give_back(&self) {
        let returns = take(&mut *lock(&self.returns));
        if !returns.is_empty() {
            self.meters.given_back.increment(returns.iter().map(|given| given.left).sum());
            // What cannot be given back is lost: to try again could give it back twice.
            if let Err(error) = self.counters.give_back(&returns).await {
                tracing::debug!(%error, "leased tokens are lost");
            }
        }
    }

    /// Gives back, for ever, what leases had left at their end.
    pub(super) async fn keep_returning(self: Arc<Self>) {
        let mut ticks = tokio::time::interval((self.hold / 4).max(RETURN_INTERVAL_MIN));
        loop {
            let now = ticks.tick().await;
            self.end_leases(Some(now));
            self.give_back().await;
        }
    }
}

/// Whatever panicked while it held the lock left the value whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
