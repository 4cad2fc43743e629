//! Writing to the store, beside the Checks, what they took note of.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::timeout};
use tracing::warn;

use crate::{
    check::Checker,
    store::{Lookups, SessionStore, UsageStore},
};

use super::chore::{Chore, keep_at};

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

/// Writes the notes that a checker took.
struct Writing<S> {
    notes: Notes,
    checker: Arc<Checker<S>>,
}

impl<S: Lookups + SessionStore + UsageStore> Chore for Writing<S> {
    fn name(&self) -> &'static str {
        match self.notes {
            Notes::Sessions => "writing the uses of sessions",
            Notes::Keys => "writing the uses of keys",
        }
    }

    /// What one server sees, the others know about as much later. No answer depends on the uses of keys.
    fn every(&self) -> Duration {
        match self.notes {
            Notes::Sessions => Duration::from_secs(1),
            Notes::Keys => Duration::from_secs(5),
        }
    }

    async fn attempt(&mut self) -> Result<(), String> {
        let written = match self.notes {
            Notes::Sessions => self.checker.write_touches().await,
            Notes::Keys => self.checker.write_uses().await,
        };
        written.map_err(|error| error.to_string())
    }
}

/// Begins to write what the Checks take notes of, for ever.
pub(super) fn begin<S>(beside: &mut JoinSet<()>, checker: &Arc<Checker<S>>)
where
    S: Lookups + SessionStore + UsageStore,
{
    for notes in [Notes::Sessions, Notes::Keys] {
        beside.spawn(keep_at(Writing { notes, checker: Arc::clone(checker) }));
    }
}

/// Writes the last notes.
pub(super) async fn end<S: Lookups + SessionStore + UsageStore>(checker: &Arc<Checker<S>>) {
    let write_last = async |notes| {
        let mut writing = Writing { notes, checker: Arc::clone(checker) };
        let problem = match timeout(LAST_TIME, writing.attempt()).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => format!("not within {} s", LAST_TIME.as_secs()),
        };
        warn!(problem, "{} failed at the end: the last of them are lost", writing.name());
    };
    tokio::join!(write_last(Notes::Sessions), write_last(Notes::Keys));
}
