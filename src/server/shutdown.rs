//! The end of a process, in the order that drops no Check: not ready, wait until every prober has seen it,
//! GOAWAY, finish what is running, and at the deadline cut off what is left.

use std::time::Duration;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    task::{JoinError, JoinHandle, JoinSet},
};
use tracing::{info, warn};

use super::{ServeError, health::Health};

/// The signals that a server heeds. They are waited for from the moment that this exists: before, each of them
/// would kill the process.
pub(super) struct Signals {
    /// To end.
    pub(super) end: EndSignals,
    /// To read the files again.
    pub(super) hangup: Signal,
}

/// SIGTERM and SIGINT.
pub(super) struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, ServeError> {
        let wait_for = |kind| signal(kind).map_err(ServeError::Signals);
        let end = EndSignals {
            terminate: wait_for(SignalKind::terminate())?,
            interrupt: wait_for(SignalKind::interrupt())?,
        };
        Ok(Self { end, hangup: wait_for(SignalKind::hangup())? })
    }
}

impl EndSignals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits for SIGTERM or SIGINT and ends `serving` in order. A second signal skips the wait for the probers. Should
/// `serving` or one of the tasks `beside` it end before, that is an error: without them a server would go on with
/// keys that are revoked, or not at all.
pub(super) async fn run(
    mut health: Health,
    mut signals: EndSignals,
    ending: watch::Sender<()>,
    mut serving: JoinHandle<Result<(), ServeError>>,
    beside: &mut JoinSet<()>,
    drain: Duration,
    deadline: Duration,
) -> Result<(), ServeError> {
    tokio::select! {
        () = signals.next() => {}
        failed = &mut serving => return flatten(failed),
        Some(ended) = beside.join_next() => {
            return Err(ServeError::Failed(format!("a task ended before its time: {ended:?}").into()));
        }
    }
    info!(drain_s = drain.as_secs_f64(), "ending: not ready any more");
    health.set_ready(false).await;
    tokio::select! {
        () = tokio::time::sleep(drain) => {}
        () = signals.next() => info!("ending: told twice, so without waiting for probes"),
    }
    health.end().await;
    // Nobody listens any more only if the server has ended by itself.
    let _ = ending.send(());
    if let Ok(outcome) = tokio::time::timeout(deadline, &mut serving).await {
        info!("ended: nothing was left running");
        return flatten(outcome);
    }
    warn!(deadline_s = deadline.as_secs_f64(), "ended: what was still running at the deadline is cut off");
    serving.abort();
    Ok(())
}

fn flatten(outcome: Result<Result<(), ServeError>, JoinError>) -> Result<(), ServeError> {
    outcome.map_err(|error| ServeError::Failed(error.into()))?
}
