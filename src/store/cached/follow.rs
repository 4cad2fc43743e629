//! Following the change table: what makes a change known here that another process has made.

use std::{pin::pin, time::Duration};

use tokio::time::timeout;

use crate::store::{Change, Lookups, StoreError, Version};

use super::CachedStore;

/// The time that one reading of the changes may take. A hanging one would delay every revocation.
const POLL_TIME: Duration = Duration::from_millis(500);

/// How many changes are gone through one by one. Whoever is further behind forgets all that they remember, which takes
/// no longer than to go through so many.
const BEHIND_MAX: u64 = 65_536;

/// How far the change table is known: its last change, or none while it is empty.
type Reached = Option<Change>;

impl<S: Lookups> CachedStore<S> {
    /// Reads the store's changes every so often, and as soon as it tells of one, for ever, and lets go of what they have
    /// made stale. A change is in force here as soon as the next poll has read it.
    ///
    /// While the store cannot be read, what is remembered is served until its time to live ends; that is
    /// logged when it begins and when it ends.
    pub async fn follow(&self, every: Duration) {
        let mut reached = None;
        let mut failing = false;
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut woken = pin!(self.shared.store.woken());
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut woken => woken.set(self.shared.store.woken()),
            }
            let polled = match &mut reached {
                None => self.start_over().await.map(|now| *reached.insert(now)),
                Some(reached) => self.catch_up(reached).await.map(|()| *reached),
            };
            match polled {
                Ok(now) => {
                    self.shared.breaker.succeeded();
                    self.shared.reached.send_replace(now.map_or(Version(0), |change| change.version));
                    if failing {
                        tracing::info!("the store's changes can be read again");
                    }
                    failing = false;
                }
                Err(error) => {
                    self.shared.errors.count();
                    if !failing {
                        tracing::error!(%error, "the store's changes cannot be read: revocations wait for the cache's time to live");
                    }
                    failing = true;
                }
            }
        }
    }

    /// Raises the fences of all records that changed after `reached`, and moves it on with each reading: what was read
    /// before one that fails is not read again.
    async fn catch_up(&self, reached: &mut Reached) -> Result<(), StoreError> {
        let begun = reached.map_or(0, |change| change.version.0);
        loop {
            // The last change known is read again: if it is not there as it was, this is another history.
            let since = reached.map_or(Version(0), |change| before(change.version));
            let read = in_time(self.shared.store.changes(since)).await?;
            let news = match (*reached, read.split_first()) {
                (None, _) => read.as_slice(),
                (Some(known), Some((first, rest))) if *first == known => rest,
                (Some(_), _) => {
                    tracing::warn!(
                        "an older state of the store was restored: everything remembered is forgotten"
                    );
                    *reached = self.start_over().await?;
                    return Ok(());
                }
            };
            for change in news {
                self.shared.fences.raise(change);
            }
            match news.last() {
                None => return Ok(()),
                Some(last) if last.version.0.saturating_sub(begun) > BEHIND_MAX => {
                    tracing::warn!(
                        "too much has changed since it was read last: everything remembered is forgotten"
                    );
                    *reached = self.start_over().await?;
                    return Ok(());
                }
                Some(last) => *reached = Some(*last),
            }
        }
    }

    /// Takes the store's present state as the beginning, and forgets what was read before it.
    async fn start_over(&self) -> Result<Reached, StoreError> {
        let version = in_time(self.shared.store.version()).await?;
        let reached = if version == Version(0) {
            None
        } else {
            let read = in_time(self.shared.store.changes(before(version))).await?;
            read.first().copied()
        };
        // After the version was read: whatever is loaded from here on knows all changes up to it, and those
        // after it are read next.
        self.shared.fences.forget();
        Ok(reached)
    }
}

/// What the store tells, if it tells it in time.
async fn in_time<T>(telling: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let late = || StoreError::Unavailable("its changes were not told in time".to_owned());
    timeout(POLL_TIME, telling).await.unwrap_or_else(|_| Err(late()))
}

fn before(version: Version) -> Version {
    Version(version.0.saturating_sub(1))
}
