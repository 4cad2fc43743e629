//! Collecting metrics: counters and histograms in cells of each thread, gauges and the rest by the exporter.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SetRecorderError, SharedString,
    Unit,
};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::{
    cells::{Number, Numbers},
    histogram::Histograms,
};

/// What was measured, to be read.
#[derive(Clone)]
pub struct Metrics {
    exporter: PrometheusHandle,
    collected: Arc<Collected>,
}

/// Shows nothing of it: that is for [`Metrics::render`].
impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// What takes measurements.
pub(super) struct Collector {
    exporter: PrometheusRecorder,
    collected: Arc<Collected>,
}

#[derive(Default)]
struct Collected {
    counters: Mutex<Counters>,
    histograms: Mutex<Histograms>,
}

#[derive(Default)]
struct Counters {
    numbers: Numbers,
    by_key: HashMap<Key, Arc<Counted>>,
}

/// A counter, and the exporter's, which is raised to it when it is read.
struct Counted {
    number: Number,
    exported: Counter,
}

impl CounterFn for Counted {
    fn increment(&self, value: u64) {
        self.number.add(value);
    }

    fn absolute(&self, value: u64) {
        self.exported.absolute(value);
    }
}

impl Collector {
    /// A collector, and what reads it.
    pub(super) fn new() -> (Self, Metrics) {
        let (exporter, collected) = (PrometheusBuilder::new().build_recorder(), Arc::default());
        let metrics = Metrics { exporter: exporter.handle(), collected: Arc::clone(&collected) };
        (Self { exporter, collected }, metrics)
    }

    /// Has it collect all metrics of this process.
    pub(super) fn install(self) -> Result<(), BuildError> {
        let installed = metrics::set_global_recorder(self);
        installed.map_err(|SetRecorderError(other)| SetRecorderError(other.exporter).into())
    }
}

impl Metrics {
    /// All metrics in the text format of Prometheus; whatever was counted before is in them.
    #[must_use]
    pub fn render(&self) -> String {
        for counted in lock(&self.collected.counters).by_key.values() {
            counted.exported.absolute(counted.number.sum());
        }
        let mut page = self.exporter.render();
        lock(&self.collected.histograms).render(&mut page);
        page
    }
}

impl Recorder for Collector {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.exporter.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.exporter.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
        lock(&self.collected.histograms).describe(key.as_str(), description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        let Counters { numbers, by_key } = &mut *lock(&self.collected.counters);
        let made = || {
            let exported = self.exporter.register_counter(key, metadata);
            Arc::new(Counted { number: numbers.next(), exported })
        };
        Counter::from_arc(Arc::clone(by_key.entry(key.to_retained()).or_insert_with(made)))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.exporter.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(lock(&self.collected.histograms).of(key))
    }
}

/// Whatever panicked while it held the lock left the value whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use metrics::{counter, describe_counter, describe_histogram, gauge, histogram};

    use super::*;

    #[test]
    fn what_was_measured_is_told_in_the_exporters_words() {
        let (collector, metrics) = Collector::new();
        metrics::with_local_recorder(&collector, || {
            describe_counter!("asked_total", "Questions.");
            let asked = |api: &'static str| counter!("asked_total", "api" => api);
            asked("shop").increment(2);
            asked("shop").increment(3);
            counter!("other_total").increment(1);
            gauge!("open").set(7);
            describe_histogram!("took_seconds", Unit::Seconds, "How long it took.");
            let took = histogram!("took_seconds", "api" => "a \"shop\"");
            for seconds in [0.000_01, 0.000_02, 0.05, 1.5] {
                took.record(seconds);
            }
            histogram!("bare_seconds").record(0.3);
        });
        let page = metrics.render();
        let lines = [
            "# HELP asked_total Questions.\n# TYPE asked_total counter\nasked_total{api=\"shop\"} 5\n",
            "other_total 1\n",
            "open 7\n",
            "# HELP took_seconds How long it took.\n# TYPE took_seconds histogram\n",
            "took_seconds_bucket{api=\"a \\\"shop\\\"\",le=\"0.00001\"} 1\n",
            "took_seconds_bucket{api=\"a \\\"shop\\\"\",le=\"0.000025\"} 2\n",
            "took_seconds_bucket{api=\"a \\\"shop\\\"\",le=\"0.025\"} 2\n",
            "took_seconds_bucket{api=\"a \\\"shop\\\"\",le=\"0.1\"} 3\n",
            "took_seconds_bucket{api=\"a \\\"shop\\\"\",le=\"0.25\"} 3\n",
            "took_seconds_bucket{api=\"a \\\"shop\\\"\",le=\"+Inf\"} 4\n",
            "took_seconds_sum{api=\"a \\\"shop\\\"\"} 1.55003\n",
            "took_seconds_count{api=\"a \\\"shop\\\"\"} 4\n",
            "bare_seconds_bucket{le=\"0.25\"} 0\nbare_seconds_bucket{le=\"+Inf\"} 1\n",
            "bare_seconds_sum 0.3\nbare_seconds_count 1\n",
        ];
        for line in lines {
            assert!(page.contains(line), "{line} is not in:\n{page}");
        }
        // The exporter tells its metrics in any order.
        let sorted = |page: &str| {
            let mut lines: Vec<String> = page.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(sorted(&metrics.render()), sorted(&page), "nothing is counted twice");
    }
}
