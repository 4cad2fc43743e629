//! Installing logs and metrics. What is logged and counted stands where it happens.

mod lines;

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use self::lines::Lines;

pub use lines::LinesGuard;

/// The upper bounds of duration histograms, in seconds: from a cache hit to beyond Envoy's own timeout.
const SECONDS_BUCKETS: [f64; 13] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25,
];

/// How often histograms are folded.
const UPKEEP: Duration = Duration::from_secs(5);

/// Sends logs to standard error, a JSON object a line. `RUST_LOG` chooses what is logged; without it, `info` and
/// above.
///
/// Lines are written by a thread of their own, so that a slow reader never holds up a Check; should 16 MiB of
/// them wait, further ones are dropped. Those that wait are written when the guard is dropped.
pub fn install_logs() -> LinesGuard {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .from_env_lossy();
    let (writer, guard) = Lines::to(std::io::stderr());
    tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter).with_writer(writer).init();
    guard
}

/// Collects metrics, to be rendered in the text format of Prometheus.
///
/// # Errors
///
/// If metrics are collected by something else in this process already.
pub fn install_metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)?
        .install_recorder()
}

/// Folds histograms now and then, for ever, so that they do not grow while nobody reads them.
pub async fn keep_up(metrics: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        metrics.run_upkeep();
    }
}
