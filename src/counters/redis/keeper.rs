//! The task beside the Checks: it finds the servers, connects, connects again, and counts the replicas.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tracing::{info, warn};

use crate::config::RedisCounters;

use super::{
    discovery,
    exchange::{Exchange, Request},
    meters::Kind,
    script,
};

/// How often servers that fail are tried.
const PROBES_EVERY: Duration = Duration::from_millis(250);
/// How often a replica notes that it is alive.
const NOTES_EVERY: Duration = Duration::from_secs(1);
/// How long such a note counts.
const NOTES_COUNT_FOR: Duration = Duration::from_secs(5);
/// Where they stand.
const REPLICAS_KEY: &str = "doorward:replicas";
/// Of so many last counts of replicas the highest is taken: after an outage longer than a note counts, the first
/// replica to note itself finds nobody else.
const COUNTS: usize = 5;

/// What the task works on.
pub(super) struct Keeper {
    pub(super) config: RedisCounters,
    pub(super) exchange: Arc<Exchange>,
    /// This replica, as it notes itself; without it there is none to be noted.
    pub(super) replica: Option<String>,
    pub(super) replicas: Arc<AtomicU32>,
    pub(super) tried: watch::Sender<bool>,
}

impl Keeper {
    /// Runs for ever.
    pub(super) async fn keep(self) {
        let mut told = BTreeMap::new();
        let mut counts = VecDeque::new();
        let mut next_note = Instant::now();
        loop {
            let surveyed = Instant::now();
            let is_stale = self.exchange.is_stale.swap(false, Ordering::Relaxed);
            let mut faults = self.exchange.topology().faults();
            if is_stale || !faults.is_empty() {
                // Before the first try nothing has failed yet.
                if *self.tried.borrow() {
                    self.report(&mut told, faults);
                }
                let topology = discovery::survey(&self.config, &self.exchange).await;
                faults = topology.faults();
                self.exchange.set_topology(topology);
            }
            let is_sound = faults.is_empty();
            self.report(&mut told, faults);
            self.tried.send_replace(true);
            if Instant::now() >= next_note {
                next_note = Instant::now() + NOTES_EVERY;
                self.note(&mut counts).await;
            }
            let until = if is_sound { next_note } else { next_note.min(surveyed + PROBES_EVERY) };
            if timeout(until.saturating_duration_since(Instant::now()), self.exchange.attention.notified())
                .await
                .is_ok()
            {
                sleep_until(surveyed + PROBES_EVERY).await;
            }
        }
    }

    /// Tells the operator what changed.
    fn report(&self, told: &mut BTreeMap<String, String>, faults: Vec<(String, String)>) {
        self.exchange.meters().set_open(faults.len());
        let faults: BTreeMap<_, _> = faults.into_iter().collect();
        for (server, cause) in faults.iter().filter(|(server, _)| !told.contains_key(*server)) {
            warn!(server, cause, "shared counters are unavailable");
        }
        for (server, _) in told.iter().filter(|(server, _)| !faults.contains_key(*server)) {
            info!(server, "shared counters are available again");
        }
        *told = faults;
    }

    /// Notes that this replica is alive, and learns how many are.
    async fn note(&self, counts: &mut VecDeque<u32>) {
        let Some(replica) = &self.replica else { return };
        let command = script::replicas(REPLICAS_KEY, replica, NOTES_COUNT_FOR);
        let request = Request::new(REPLICAS_KEY, command, Some(&script::REPLICAS));
        // What failed shows elsewhere: in the metrics, and in the breaker.
        let Ok(answers) = self.exchange.send(Kind::Replicas, &[request]).await else { return };
        let count = answers.first().and_then(script::read_number).and_then(|count| u32::try_from(count).ok());
        counts.extend(count);
        if counts.len() > COUNTS {
            counts.pop_front();
        }
        let replicas = counts.iter().copied().max().unwrap_or(1).max(1);
        self.replicas.store(replicas, Ordering::Relaxed);
        self.exchange.meters().set_replicas(replicas);
    }
}
