//! Writing to the store, beside the Checks, what they took note of.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::{error, info, warn};

use crate::{
    check::Checker,
    store::{Lookups, SessionStore, StoreError, UsageStore},
};

/// How long writing the last notes may take when the server ends.
const LAST_TIME: Duration = Duration::from_secs(2);

/// What Checks take notes of.
#[derive(Debug, Clone, Copy)]
enum Notes {
    /// When sessions were used.
    Sessions,
    /// When keys were used, and how often.
    Keys,
}

impl Notes {
    fn what(self) -> &'static str {
        match self {
            Self::Sessions => "uses of sessions",
            Self::Keys => "uses of keys",
        }
    }

    /// How often they are written: what one server sees, the others know about as much later. Of uses of keys no answer
    /// depends.
    fn every(self) -> Duration {
        match self {
            Self::Sessions => Duration::from_secs(1),
            Self::Keys => Duration::from_secs(5),
        }
    }

    async fn write<S>(self, checker: &Checker<S>) -> Result<(), Arc<StoreError>>
    where
        S: Lookups + SessionStore + UsageStore,
    {
        match self {
            Self::Sessions => checker.write_touches().await,
            Self::Keys => checker.write_uses().await,
        }
    }

    /// Writes every so often, for ever. When the store begins to fail and when it is well again is logged.
    async fn keep_writing<S>(self, checker: Arc<Checker<S>>)
    where
        S: Lookups + SessionStore + UsageStore,
    {
        let what = self.what();
        let mut failing = false;
        let mut ticks = interval(self.every());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.write(&checker).await {
                Ok(()) if failing => {
                    info!("{what} can be written again");
                    failing = false;
                }
                Err(error) if !failing => {
                    error!(%error, "{what} cannot be written: they wait");
                    failing = true;
                }
                Ok(()) | Err(_) => {}
            }
        }
    }

    /// Writes those that were taken since they were last written.
    async fn write_last<S>(self, checker: &Checker<S>)
    where
        S: Lookups + SessionStore + UsageStore,
    {
        let problem = match timeout(LAST_TIME, self.write(checker)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("not within {} s", LAST_TIME.as_secs()),
        };
        warn!(problem, "the last {} could not be written", self.what());
    }
}

/// Begins to write what the Checks take notes of, for ever.
pub(super) fn begin<S>(beside: &mut JoinSet<()>, checker: &Arc<Checker<S>>)
where
    S: Lookups + SessionStore + UsageStore,
{
    for notes in [Notes::Sessions, Notes::Keys] {
        beside.spawn(notes.keep_writing(Arc::clone(checker)));
    }
}

/// Writes the last notes.
pub(super) async fn end<S: Lookups + SessionStore + UsageStore>(checker: &Checker<S>) {
    tokio::join!(Notes::Sessions.write_last(checker), Notes::Keys.write_last(checker));
}
