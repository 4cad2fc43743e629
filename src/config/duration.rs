//! Durations as people write them: `150ms`, `60s`, `5m`.

use std::{fmt, ops::RangeInclusive, time::Duration};

use super::{
    place::Place,
    problem::Report,
    text::{Format, Text},
};

/// A duration that is shown as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(Duration);

impl Format for Span {
    const NAME: &'static str = "duration-text";
    const WHAT: &'static str = "a duration with its unit, such as `150ms` or `60s`";

    fn read(text: &str) -> Result<Self, String> {
        let expected = |_| format!("expected {}", Self::WHAT);
        humantime::parse_duration(text).map(Self).map_err(expected)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl Text<Span> {
    /// A default, in milliseconds.
    pub(super) fn of_ms(milliseconds: u64) -> Self {
        Self::from(Span(Duration::from_millis(milliseconds)))
    }

    /// The duration, which must lie within `bounds`, in milliseconds.
    pub(super) fn within(
        &self,
        bounds: RangeInclusive<u64>,
        at: &Place<'_>,
        report: &mut Report<'_>,
    ) -> Duration {
        let [least, most] = [bounds.start(), bounds.end()].map(|bound| Duration::from_millis(*bound));
        if self.value.0 < least || self.value.0 > most {
            let message = format!(
                "found {}, expected from {} to {}",
                self.as_written(),
                Span(least),
                Span(most)
            );
            report.add(at, message);
        }
        self.value.0
    }
}
