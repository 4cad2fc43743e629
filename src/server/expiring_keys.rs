//! Counting, beside the Checks, the keys that expire soon.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use metrics::{Gauge, describe_gauge, gauge};

use crate::{
    config::{Api, Config},
    domain::{ApiName, Clock, CredentialStatus, Timestamp},
    store::{KeyFilter, KeyStore},
};

use super::chore::Chore;

/// Tells how many active keys of an API expire soon.
const EXPIRING: &str = "doorward_keys_expiring";
/// How often they are counted.
const EVERY: Duration = Duration::from_mins(1);

/// Counts the active keys of each API that expire within the time that its `expiry_warning` calls soon. Of an API without one
/// there is no number.
pub(super) struct ExpiringKeys<S> {
    store: S,
    config: Arc<ArcSwap<Config>>,
    clock: Arc<dyn Clock>,
    gauges: BTreeMap<ApiName, Gauge>,
}

impl<S: KeyStore> ExpiringKeys<S> {
    /// Counts those in `store`, by the configuration that is in force at the time.
    pub(super) fn new(store: S, config: Arc<ArcSwap<Config>>, clock: Arc<dyn Clock>) -> Self {
        describe_gauge!(EXPIRING, "Active keys that expire within the time of the API's expiry_warning.");
        Self { store, config, clock, gauges: BTreeMap::new() }
    }

    /// How many active keys of this API expire soon; `None` if it does not say how soon that is.
    async fn count(&self, api: &Api) -> Result<Option<u64>, String> {
        let Some(warning) = &api.expiry_warning else { return Ok(None) };
        let now = self.clock.now();
        let filter = KeyFilter {
            apis: Some(vec![api.name.clone()]),
            status: Some((CredentialStatus::Active, now)),
            expires_before: Some(now.checked_add(warning.within).unwrap_or(Timestamp::MAX)),
            ..KeyFilter::default()
        };
        self.store.count(&filter).await.map(Some).map_err(|error| error.to_string())
    }
}

impl<S: KeyStore> Chore for ExpiringKeys<S> {
    fn name(&self) -> &'static str {
        "counting the keys that expire soon"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn attempt(&mut self) -> Result<(), String> {
        let config = self.config.load_full();
        let mut counts = BTreeMap::new();
        for api in &config.apis {
            if let Some(count) = self.count(api).await? {
                counts.insert(api.name.clone(), count);
            }
        }
        // A gauge cannot be taken back: of an API that no longer says how soon is soon, it has no number.
        let over = self.gauges.iter().filter(|(api, _)| !counts.contains_key(*api));
        over.for_each(|(_, gauge)| gauge.set(f64::NAN));
        for (api, count) in counts {
            let made = |api: &ApiName| gauge!(EXPIRING, "api" => api.to_string());
            let gauge = self.gauges.entry(api).or_insert_with_key(made);
            gauge.set(u32::try_from(count).unwrap_or(u32::MAX));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use metrics_exporter_prometheus::PrometheusBuilder;

    use crate::{
        domain::{Author, KeyRecord, ManualClock},
        store::{SqliteStore, fixture::record},
    };

    use super::*;

    const WARNING: &str = "expiry_warning: { within: 10h, header: x-expires }";

    /// `payments` and `games`, each with what it says of keys that expire soon.
    fn config(payments: &str, games: &str) -> Config {
        let api = |name: &str, more: &str| {
            format!(
                "  - name: {name}\n    hosts: [{name}.test]\n    {more}\n    routes: [{{ match: /** }}]\n    credentials: [{{ api_key: {{ prefix: sk_, from: [{{ header: {{ name: x-key }} }}] }} }}]\n"
            )
        };
        let text = format!("apis:\n{}{}", api("payments", payments), api("games", games));
        let loaded = Config::parse(&text, Path::new("doorward.yaml"), &[]);
        loaded.unwrap_or_else(|errors| panic!("{errors}")).config
    }

    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).expect("a moment")
    }

    #[tokio::test]
    async fn active_keys_that_expire_soon_are_counted_where_an_api_says_how_soon_that_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("keys.db"), SqliteStore::PATIENCE).await;
        let store = store.expect("a store");
        let expires = |number, at| KeyRecord { expires: Some(hour(at)), ..record(number) };
        let keys = [
            record(1),
            expires(2, 10),
            expires(3, 11),
            KeyRecord { revoked: Some(hour(0)), ..expires(4, 5) },
            KeyRecord { apis: vec!["games".parse().expect("a name")], ..expires(5, 5) },
            expires(6, 1),
        ];
        store.insert(&keys, &Author::on_the_store(0)).await.expect("inserted");
        let clock = Arc::new(ManualClock::at(hour(0)));
        let in_force = Arc::new(ArcSwap::from_pointee(config(WARNING, "")));
        let recorder = PrometheusBuilder::new().build_recorder();
        let _guard = metrics::set_default_local_recorder(&recorder);
        let mut counting = ExpiringKeys::new(store.clone(), Arc::clone(&in_force), clock.clone());
        let mut told = async || {
            let outcome = counting.attempt().await;
            let page = recorder.handle().render();
            let mut lines: Vec<String> =
                page.lines().filter(|line| line.starts_with(EXPIRING)).map(str::to_owned).collect();
            lines.sort_unstable();
            (outcome.is_ok(), lines)
        };
        let line = |api: &str, count: &str| format!("{EXPIRING}{{api=\"{api}\"}} {count}");
        assert_eq!(told().await, (true, vec![line("payments", "2")]));
        clock.set(hour(1));
        assert_eq!(told().await, (true, vec![line("payments", "2")]), "one is over, and another begins");
        in_force.store(Arc::new(config("", WARNING)));
        assert_eq!(told().await, (true, vec![line("games", "1"), line("payments", "NaN")]));
        in_force.store(Arc::new(config(WARNING, WARNING)));
        assert_eq!(told().await, (true, vec![line("games", "1"), line("payments", "2")]));
        store.close().await;
        clock.set(hour(20));
        assert_eq!(told().await, (false, vec![line("games", "1"), line("payments", "2")]), "as last known");
    }
}
