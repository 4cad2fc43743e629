//! What counters in Redis tell the operator about themselves.

use std::fmt;

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};
use tokio::time::Instant;

const TRIPS: &str = "doorward_counters_trips_total";
const SECONDS: &str = "doorward_counters_seconds";
const OPEN: &str = "doorward_counters_breakers_open";
const REPLICAS: &str = "doorward_counters_replicas";

/// What a trip is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Take,
    GiveBack,
    Once,
    Replicas,
}

/// What became of a trip, as it is counted.
struct Trips {
    well: Counter,
    failed: Counter,
    not_tried: Counter,
    seconds: Histogram,
}

impl Trips {
    fn new(kind: &'static str) -> Self {
        let trips = |result| counter!(TRIPS, "kind" => kind, "result" => result);
        Self {
            well: trips("ok"),
            failed: trips("failed"),
            not_tried: trips("not_tried"),
            seconds: histogram!(SECONDS, "kind" => kind),
        }
    }
}

/// The handles, resolved once.
pub(super) struct Meters {
    takes: Trips,
    returns: Trips,
    onces: Trips,
    notes: Trips,
    open: Gauge,
    replicas: Gauge,
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meters")
    }
}

impl Meters {
    pub(super) fn new() -> Self {
        describe_counter!(
            TRIPS,
            "Trips to shared counters, by what for and by result; not tried while a breaker is open."
        );
        describe_histogram!(SECONDS, Unit::Seconds, "How long trips to shared counters took.");
        describe_gauge!(OPEN, "Servers of shared counters that are not asked, since they failed.");
        describe_gauge!(REPLICAS, "Replicas that share the counters, as last known.");
        Self {
            takes: Trips::new("take"),
            returns: Trips::new("give_back"),
            onces: Trips::new("once"),
            notes: Trips::new("replicas"),
            open: gauge!(OPEN),
            replicas: gauge!(REPLICAS),
        }
    }

    /// Begins to time a trip.
    pub(super) fn begin(&self, kind: Kind) -> Timing<'_> {
        let trips = match kind {
            Kind::Take => &self.takes,
            Kind::GiveBack => &self.returns,
            Kind::Once => &self.onces,
            Kind::Replicas => &self.notes,
        };
        Timing { trips, began: Instant::now(), result: Result::Failed }
    }

    /// Shows how many servers are not asked.
    pub(super) fn set_open(&self, servers: usize) {
        self.open.set(u32::try_from(servers).unwrap_or(u32::MAX));
    }

    /// Shows how many replicas there are.
    pub(super) fn set_replicas(&self, replicas: u32) {
        self.replicas.set(replicas);
    }
}

enum Result {
    Well,
    Failed,
    NotTried,
}

/// Times a trip until it is dropped. Nothing else said, it failed: that is what happened to one that is abandoned.
pub(super) struct Timing<'m> {
    trips: &'m Trips,
    began: Instant,
    result: Result,
}

impl Timing<'_> {
    /// All of it was answered.
    pub(super) fn is_well(&mut self) {
        self.result = Result::Well;
    }

    /// A breaker was open.
    pub(super) fn is_not_tried(&mut self) {
        self.result = Result::NotTried;
    }
}

impl Drop for Timing<'_> {
    fn drop(&mut self) {
        match self.result {
            Result::Well => self.trips.well.increment(1),
            Result::Failed => self.trips.failed.increment(1),
            Result::NotTried => return self.trips.not_tried.increment(1),
        }
        self.trips.seconds.record(self.began.elapsed());
    }
}
