//! What the cache tells the operator about itself.

use std::fmt;

use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

const LOOKUPS: &str = "doorward_key_cache_lookups_total";
const LOAD_SECONDS: &str = "doorward_store_load_seconds";
const ERRORS: &str = "doorward_store_errors_total";

/// The handles, resolved once.
pub(super) struct Meters {
    pub(super) hits: Counter,
    pub(super) negative_hits: Counter,
    pub(super) misses: Counter,
    pub(super) load_seconds: Histogram,
    pub(super) errors: Counter,
}

impl Meters {
    pub(super) fn new() -> Self {
        describe_counter!(
            LOOKUPS,
            "Look-ups of keys: remembered, remembered as unknown, or asked of the store."
        );
        describe_histogram!(LOAD_SECONDS, Unit::Seconds, "The time that the store took to look up a key.");
        describe_counter!(ERRORS, "What the store could not do: look-ups and polls that failed.");
        Self {
            hits: counter!(LOOKUPS, "result" => "hit"),
            negative_hits: counter!(LOOKUPS, "result" => "negative_hit"),
            misses: counter!(LOOKUPS, "result" => "miss"),
            load_seconds: histogram!(LOAD_SECONDS),
            errors: counter!(ERRORS),
        }
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meters")
    }
}
