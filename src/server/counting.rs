//! Where a process counts, as the configuration says.

use std::{sync::Arc, time::Duration};

use tracing::warn;

use crate::{
    check::Checker,
    config::CounterLocation,
    counters::{Memory, Meter, Redis},
    domain::Clock,
    store::Lookups,
};

/// How long giving back what is held may take when the server ends.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// What a process counts with.
pub(super) struct Counting {
    meter: Arc<Meter>,
    /// The servers that it shares with others.
    redis: Option<Arc<Redis>>,
}

impl Counting {
    /// Begins to count; `replica` is a number that no other replica has. Shared counters are waited for shortly: if they
    /// do not answer, Checks go on without them until they do.
    pub(super) async fn begin(location: &CounterLocation, clock: Arc<dyn Clock>, replica: u64) -> Self {
        let memory = Memory::new(clock);
        match location {
            CounterLocation::Memory => Self { meter: Arc::new(Meter::in_memory(memory)), redis: None },
            CounterLocation::Redis(config) => {
                let redis = Redis::connect(config, replica);
                redis.first_attempt().await;
                let meter = Meter::in_redis(Arc::clone(&redis), config.lease, replica, memory);
                Self { meter: Arc::new(meter), redis: Some(redis) }
            }
        }
    }

    /// A checker that counts so, and shares which signatures were used.
    pub(super) fn equip<S: Lookups>(&self, checker: Checker<S>) -> Checker<S> {
        let checker = checker.with_meter(Arc::clone(&self.meter));
        match &self.redis {
            Some(redis) => checker.with_shared_replays(Arc::clone(redis)),
            None => checker,
        }
    }

    /// Gives back what is held for later use. No Check is to be answered afterwards.
    pub(super) async fn end(&self) {
        if tokio::time::timeout(CLOSE_TIME, self.meter.close()).await.is_err() {
            warn!(
                after_s = CLOSE_TIME.as_secs(),
                "what was leased of shared counters could not be given back in time"
            );
        }
    }
}
