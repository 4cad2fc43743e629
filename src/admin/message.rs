//! What the messages of the admin API have in common, and how they are written as JSON: enumerations are their
//! codes (`api_key`, `active`), times are RFC 3339, and what is absent is left out.

use serde::{Serialize, Serializer};

use crate::domain::Timestamp;

/// A moment as messages hold it.
pub(super) fn wire(moment: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: moment.as_second(), nanos: moment.subsec_nanosecond() }
}

/// The code of an enumeration's value: its name without the prefix that all of them have.
pub(super) fn code(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_ascii_lowercase()
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference")]
pub(crate) fn time<S: Serializer>(
    moment: &Option<prost_types::Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let moment = moment.map(|moment| Timestamp::new(moment.seconds, moment.nanos));
    moment.transpose().map_err(serde::ser::Error::custom)?.serialize(serializer)
}
