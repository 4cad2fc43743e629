//! What was measured.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::requests::Answer;

/// What was measured.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) seconds: f64,
    pub(crate) allowed: u64,
    pub(crate) refused: u64,
    pub(crate) failed: u64,
    /// How many requests were not answered in the end.
    pub(crate) unanswered: usize,
    /// In nanoseconds.
    latency: Histogram<u64>,
    /// What the watched processes took, in their order.
    pub(crate) cpu: Vec<Duration>,
    /// What this process took.
    pub(crate) own_cpu: Duration,
    /// What the first failed answer was.
    pub(crate) complaint: Option<String>,
}

#[expect(clippy::cast_precision_loss, reason = "figures are rounded")]
impl Outcome {
    pub(super) fn new() -> Self {
        Self {
            seconds: 0.0,
            allowed: 0,
            refused: 0,
            failed: 0,
            unanswered: 0,
            latency: Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds of a histogram"),
            cpu: Vec::new(),
            own_cpu: Duration::ZERO,
            complaint: None,
        }
    }

    pub(crate) fn answered(&self) -> u64 {
        self.allowed + self.refused + self.failed
    }

    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered() as f64 / self.seconds
    }

    /// Microseconds of CPU for each answer, of the watched process with this number.
    pub(crate) fn cpu_us(&self, process: usize) -> f64 {
        self.cpu[process].as_secs_f64() * 1e6 / self.answered().max(1) as f64
    }

    /// The same of this process.
    pub(crate) fn own_cpu_us(&self) -> f64 {
        self.own_cpu.as_secs_f64() * 1e6 / self.answered().max(1) as f64
    }

    /// The latency in microseconds below which this share of all requests stayed.
    pub(crate) fn latency_us(&self, share: f64) -> f64 {
        self.latency.value_at_quantile(share) as f64 / 1e3
    }

    pub(super) fn count(&mut self, answer: Answer, latency: Duration) {
        match answer {
            Answer::Allowed => self.allowed += 1,
            Answer::Refused => self.refused += 1,
            Answer::Failed => self.failed += 1,
        }
        self.latency.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }
}
