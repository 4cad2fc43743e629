//! Which servers answer Checks from what they remember of a store, and how far each of them knows its changes.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Changes, StoreError, Version};

/// How often it is looked whether a change has reached every server.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// How far a change has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spread {
    /// How many servers there are that may answer from what they remember.
    pub servers: u64,
    /// How many of them let nothing count that the change has made stale.
    pub reached: u64,
    /// How many of the others have not been heard of for a while: they were killed, or cannot reach the store. What they
    /// remember ends with its time to live.
    pub silent: u64,
}

impl Spread {
    /// Whether no server answers any more from what was before the change.
    #[must_use]
    pub fn is_everywhere(&self) -> bool {
        self.reached == self.servers
    }

    /// Whether waiting is of no use: all have it, or those that do not are silent.
    fn is_settled(&self) -> bool {
        self.reached + self.silent >= self.servers
    }
}

/// Knows the servers that share a store.
pub trait ReplicaStore: Changes {
    /// Notes that a server is there, and knows all changes up to `reached`. Unless it says so again, it counts for
    /// `remembers` more: the longest that it answers from what it remembers without having reached the store. Those whose
    /// time is over are forgotten, and so are changes that nobody can be interested in any more.
    fn attend(
        &self,
        server: &str,
        reached: Version,
        remembers: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Notes that a server is no more.
    fn leave(&self, server: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// How far the change of this version has come.
    fn spread(&self, version: Version) -> impl Future<Output = Result<Spread, StoreError>> + Send;

    /// How far all has come that was changed until now, once it is everywhere, or cannot get any further, or after
    /// `patience`.
    fn spread_now(&self, patience: Duration) -> impl Future<Output = Result<Spread, StoreError>> + Send {
        async move {
            let end = Instant::now() + patience;
            let version = self.version().await?;
            loop {
                let spread = self.spread(version).await?;
                if spread.is_settled() || Instant::now() >= end {
                    return Ok(spread);
                }
                sleep(LOOK_PAUSE).await;
            }
        }
    }
}
