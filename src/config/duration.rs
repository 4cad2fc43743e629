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
            let message =
                format!("found {}, expected from {} to {}", self.as_written(), Span(least), Span(most));
            report.add(at, message);
        }
        self.value.0
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{api, check};

    #[test]
    fn every_duration_has_bounds() {
        let cases = [
            ("budget: 0s", "6:9 budget: found 0s, expected from 1ms to 1m"),
            ("budget: 61s", "6:9 budget: found 61s, expected from 1ms to 1m"),
            ("cache: { positive: 0s }", "6:20 cache.positive: found 0s, expected from 1ms to 1h"),
            ("cache: { negative: 2h }", "6:20 cache.negative: found 2h, expected from 1ms to 1h"),
            ("shutdown: { drain: 11m }", "6:20 shutdown.drain: found 11m, expected from 0s to 10m"),
            ("shutdown: { deadline: 1day }", "6:23 shutdown.deadline: found 1day, expected from 0s to 10m"),
            ("budget: fast", "6:9 budget: found \"fast\", expected a duration with its unit"),
            ("budget: -1s", "6:9 budget: found \"-1s\", expected a duration with its unit"),
            ("budget: 150", "6:9 budget: found the number 150, expected a duration with its unit"),
        ];
        for (section, expected) in cases {
            check(&(api(&[]) + section), &[expected]);
        }
    }
}
