//! What the cache tells the operator about itself.

use std::fmt;

use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

use crate::store::RecordKind;

const LOOKUPS: &str = "doorward_store_cache_lookups_total";
const LOAD_SECONDS: &str = "doorward_store_load_seconds";
const ERRORS: &str = "doorward_store_errors_total";

/// The handles for one kind of records, resolved once.
pub(super) struct Meters {
    pub(super) hits: Counter,
    pub(super) negative_hits: Counter,
    pub(super) misses: Counter,
    pub(super) graces: Counter,
    pub(super) load_seconds: Histogram,
}

impl Meters {
    pub(super) fn new(kind: RecordKind) -> Self {
        describe_counter!(
            LOOKUPS,
            "Look-ups of records: remembered, remembered as unknown, or asked of the store; and of the last, those that were \
             answered by what had ended already, since the store did not answer."
        );
        describe_histogram!(LOAD_SECONDS, Unit::Seconds, "The time that the store took to look up a record.");
        let lookups = |result| counter!(LOOKUPS, "kind" => kind.code(), "result" => result);
        Self {
            hits: lookups("hit"),
            negative_hits: lookups("negative_hit"),
            misses: lookups("miss"),
            graces: lookups("grace"),
            load_seconds: histogram!(LOAD_SECONDS, "kind" => kind.code()),
        }
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meters")
    }
}

/// Counts what the store could not do.
pub(super) struct Errors(Counter);

impl Errors {
    pub(super) fn new() -> Self {
        describe_counter!(
            ERRORS,
            "What the store could not do: look-ups, polls and notes of uses that failed."
        );
        Self(counter!(ERRORS))
    }

    pub(super) fn count(&self) {
        self.0.increment(1);
    }
}

impl fmt::Debug for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Errors")
    }
}
