//! The end of a process, in the order that drops no Check: not ready, wait until every prober has seen it,
//! GOAWAY, finish what is running, and at the deadline cut off what is left.

use std::time::Duration;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    task::JoinHandle,
};
use tracing::{info, warn};

use super::{ServeError, telemetry::Health};

/// Waits for SIGTERM or SIGINT and ends `check` in order. A second signal skips the wait for the probers.
pub(super) async fn run(
    health: &Health,
    ending: watch::Sender<()>,
    mut check: JoinHandle<Result<(), ServeError>>,
    drain: Duration,
    deadline: Duration,
) -> Result<(), ServeError> {
    let mut signals = Signals::new()?;
    tokio::select! {
        () = signals.next() => {}
        failed = &mut check => return flatten(failed),
    }
    info!(drain_s = drain.as_secs_f64(), "ending: not ready any more");
    health.ready(false).await;
    tokio::select! {
        () = tokio::time::sleep(drain) => {}
        () = signals.next() => info!("ending: told twice, so without waiting for probes"),
    }
    // Nobody listens any more only if the server has ended by itself.
    let _ = ending.send(());
    if let Ok(outcome) = tokio::time::timeout(deadline, &mut check).await {
        info!("ended: nothing was left running");
        return flatten(outcome);
    }
    warn!(
        deadline_s = deadline.as_secs_f64(),
        "ended: what was still running at the deadline is cut off"
    );
    check.abort();
    Ok(())
}

fn flatten(outcome: Result<Result<(), ServeError>, tokio::task::JoinError>) -> Result<(), ServeError> {
    outcome.map_err(|error| ServeError::Io(std::io::Error::other(error)))?
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, ServeError> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
