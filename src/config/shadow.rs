//! `shadow`: deciding without enforcing, for a time.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{Timestamp, parse_moment};

use super::text::{Format, Text};

/// Until when refusals are recorded but not enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shadow {
    /// From this moment on they are enforced.
    pub until: Timestamp,
}

/// Refusals are counted and shown in metadata and audit lines, but the request goes on as it came, without
/// principal headers. For moving a live product over.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Shadow")]
pub(super) struct RawShadow {
    /// From this moment on refusals are enforced: a date such as 2030-12-31 (its beginning in UTC), or a date and
    /// time such as 2030-12-31T23:59:59Z.
    until: Text<Moment>,
}

impl RawShadow {
    pub(super) fn check(&self) -> Shadow {
        Shadow { until: self.until.value.0 }
    }
}

/// A moment as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(pub(super) Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Format for Moment {
    const NAME: &'static str = "moment";
    const WHAT: &'static str = "a date such as 2030-12-31";

    fn read(text: &str) -> Result<Self, String> {
        parse_moment(text).map(Self).map_err(str::to_owned)
    }
}
