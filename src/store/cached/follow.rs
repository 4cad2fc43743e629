//! Following the change table: what makes a change known here that another process has made.

use std::{pin::pin, time::Duration};

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
            let poll = async {
                match reached {
                    None => self.start_over().await,
                    Some(reached) => self.catch_up(reached).await,
                }
            };
            let polled = tokio::time::timeout(POLL_TIME, poll).await.unwrap_or_else(|_| {
                Err(StoreError::Unavailable("its changes were not told in time".to_owned()))
            });
            match polled {
                Ok(now) => {
                    reached = Some(now);
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

    /// Raises the fences of all records that changed after `reached`.
    async fn catch_up(&self, mut reached: Reached) -> Result<Reached, StoreError> {
        let begun = reached.map_or(0, |change| change.version.0);
        loop {
            // The last change known is read again: if it is not there as it was, this is another history.
            let since = reached.map_or(Version(0), |change| before(change.version));
            let read = self.shared.store.changes(since).await?;
            let news = match (reached, read.split_first()) {
                (None, _) => read.as_slice(),
                (Some(known), Some((first, rest))) if *first == known => rest,
                (Some(_), _) => {
                    tracing::warn!(
                        "an older state of the store was restored: everything remembered is forgotten"
                    );
                    return self.start_over().await;
                }
            };
            for change in news {
                self.shared.fences.raise(change);
            }
            match news.last() {
                None => return Ok(reached),
                Some(last) if last.version.0.saturating_sub(begun) > BEHIND_MAX => {
                    tracing::warn!(
                        "too much has changed since it was read last: everything remembered is forgotten"
                    );
                    return self.start_over().await;
                }
                Some(last) => reached = Some(*last),
            }
        }
    }

    /// Takes the store's present state as the beginning, and forgets what was read before it.
    async fn start_over(&self) -> Result<Reached, StoreError> {
        let version = self.shared.store.version().await?;
        let reached = if version == Version(0) {
            None
        } else {
            let read = self.shared.store.changes(before(version)).await?;
            read.first().copied()
        };
        // After the version was read: whatever is loaded from here on knows all changes up to it, and those
        // after it are read next.
        self.shared.fences.forget();
        Ok(reached)
    }
}

fn before(version: Version) -> Version {
    Version(version.0.saturating_sub(1))
}
