//! What is done again and again, beside the Checks.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

/// Something that is done every so often and may fail.
pub(super) trait Chore: Send + 'static {
    /// What is done, as the log calls it.
    fn name(&self) -> &'static str;

    /// How often.
    fn every(&self) -> Duration;

    /// Does it once; the error is for the operator.
    fn attempt(&mut self) -> impl Future<Output = Result<(), String>> + Send;
}

/// Does it every so often, for ever. When it begins to fail and when it succeeds again is logged.
pub(super) async fn keep_at(mut chore: impl Chore) {
    let (chore_name, mut failing) = (chore.name(), false);
    let mut ticks = interval(chore.every());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match chore.attempt().await {
            Ok(()) if failing => {
                info!("{chore_name} succeeds again");
                failing = false;
            }
            Err(error) if !failing => {
                error!(error, "{chore_name} fails: it is tried again");
                failing = true;
            }
            Ok(()) | Err(_) => {}
        }
    }
}
