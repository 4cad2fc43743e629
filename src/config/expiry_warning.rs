//! `expiry_warning`: telling whoever uses a key that it ends soon.

use std::{ops::RangeInclusive, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::HeaderName;

use super::{duration::Span, place::Place, problem::Report, reserved_headers, text::Text};

/// From an hour to a year, in milliseconds.
const WITHIN_MS: RangeInclusive<u64> = 3_600_000..=366 * 86_400_000;

/// A header of the responses to whoever uses a key that ends soon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiryWarning {
    /// How long before its end a key ends soon.
    pub within: Duration,
    /// The header, whose value is the end.
    pub header: HeaderName,
}

/// A header of the responses to whoever uses a key that ends soon. Its value is the end (RFC 3339).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ExpiryWarning")]
pub(super) struct RawExpiryWarning {
    /// How long before its end a key ends soon, such as `14d`: from an hour to a year.
    within: Text<Span>,
    /// The header.
    header: Text<HeaderName>,
}

impl RawExpiryWarning {
    pub(super) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> ExpiryWarning {
        let header = &self.header.value;
        if let Some(fault) = reserved_headers::fault(header) {
            report.add(&at.field("header"), format!("found `{header}`, {fault}"));
        }
        let within = self.within.within(WITHIN_MS, &at.field("within"), report);
        ExpiryWarning { within, header: header.clone() }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{api, check};

    #[test]
    fn a_warning_has_a_time_and_a_header_of_its_own() {
        let with = |warning: &str| check(&api(&[&format!("expiry_warning: {warning}")]), &[]);
        with("{ within: 14d, header: x-key-expires }");
        check(
            &api(&["expiry_warning: { within: 1s, header: content-length }"]),
            &[
                "6:31 apis[0].expiry_warning.within: found 1s, expected from 1h to 1year 18h",
                "6:43 apis[0].expiry_warning.header: found `content-length`, expected a header that does not steer",
            ],
        );
    }
}
