//! Installing logs and metrics, and how lines are written and numbers kept. What is logged and counted stands where it
//! happens.

mod cells;
mod histogram;
mod json_line;
mod lines;
mod recorder;
#[cfg(test)]
mod written;

use metrics_exporter_prometheus::BuildError;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use self::{lines::Lines, recorder::Collector};

pub use json_line::JsonLines;
pub use lines::LinesGuard;
pub use recorder::Metrics;

/// Sends logs to standard error, a JSON object a line. `RUST_LOG` chooses what is logged; without it, `info` and
/// above.
///
/// Lines are written by a thread of their own, so that a slow reader never holds up a Check; should 16 MiB of
/// them wait, further ones are dropped. Those that wait are written when the guard is dropped.
pub fn install_logs() -> LinesGuard {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .from_env_lossy();
    let (lines, guard) = Lines::to(std::io::stderr());
    let log = JsonLines::put_by(move |line: &str| lines.put(line));
    tracing_subscriber::registry().with(filter).with(log).init();
    guard
}

/// Collects metrics, to be rendered in the text format of Prometheus.
///
/// # Errors
///
/// If metrics are collected by something else in this process already.
pub fn install_metrics() -> Result<Metrics, BuildError> {
    let (collector, metrics) = Collector::new();
    collector.install()?;
    Ok(metrics)
}
