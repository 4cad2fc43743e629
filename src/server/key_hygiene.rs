//! Counting, beside the Checks, the keys that it is time to look after.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use metrics::{Gauge, describe_gauge, gauge};

use crate::{
    config::{Api, Config},
    domain::{ApiName, Clock, CredentialStatus, KeyRecord, Timestamp},
    store::{KeyFilter, KeyStore},
};

use super::chore::Chore;

/// Tells how many active keys of an API expire soon.
const EXPIRING: &str = "doorward_keys_expiring";
/// Tells how many active keys of an API are past their age.
const OLD: &str = "doorward_keys_old";
/// Tells how many active keys of an API nobody uses.
const UNUSED: &str = "doorward_keys_unused";
/// How often they are counted: the store reads all its keys for each number.
const EVERY: Duration = Duration::from_mins(5);

/// Counts the active keys of each API that are of [`KeyRecord::OLD`], that nobody used for as long, and that expire within
/// the time that the API's `expiry_warning` calls soon; of an API without one there is no such number.
pub(super) struct KeyHygiene<S> {
    store: S,
    config: Arc<ArcSwap<Config>>,
    clock: Arc<dyn Clock>,
    gauges: BTreeMap<(&'static str, ApiName), Gauge>,
}

impl<S: KeyStore> KeyHygiene<S> {
    /// Counts those in `store`, by the configuration that is in force at the time.
    pub(super) fn new(store: S, config: Arc<ArcSwap<Config>>, clock: Arc<dyn Clock>) -> Self {
        describe_gauge!(EXPIRING, "Active keys that expire within the time of the API's expiry_warning.");
        describe_gauge!(OLD, "Active keys that were made 90 days ago or earlier.");
        describe_gauge!(UNUSED, "Active keys that were made 90 days ago or earlier and not used since then.");
        Self { store, config, clock, gauges: BTreeMap::new() }
    }

    /// What is counted of the keys of this API.
    fn filters(&self, api: &Api) -> Vec<(&'static str, KeyFilter)> {
        let now = self.clock.now();
        let active = KeyFilter {
            apis: Some(vec![api.name.clone()]),
            status: Some((CredentialStatus::Active, now)),
            ..KeyFilter::default()
        };
        let past = Some(now.checked_sub(KeyRecord::OLD).unwrap_or(Timestamp::MIN));
        let mut filters = vec![
            (OLD, KeyFilter { made_before: past, ..active.clone() }),
            (UNUSED, KeyFilter { unused_since: past, ..active.clone() }),
        ];
        if let Some(warning) = &api.expiry_warning {
            let soon = Some(now.checked_add(warning.within).unwrap_or(Timestamp::MAX));
            filters.push((EXPIRING, KeyFilter { expires_before: soon, ..active }));
        }
        filters
    }
}

impl<S: KeyStore> Chore for KeyHygiene<S> {
    fn name(&self) -> &'static str {
        "counting the keys that it is time to look after"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn attempt(&mut self) -> Result<(), String> {
        let config = self.config.load_full();
        let mut counts = BTreeMap::new();
        for api in &config.apis {
            for (name, filter) in self.filters(api) {
                let count = self.store.count(&filter).await.map_err(|error| error.to_string())?;
                counts.insert((name, api.name.clone()), count);
            }
        }
        // A gauge cannot be taken back: what is no longer counted has no number.
        let over = self.gauges.iter().filter(|(counted, _)| !counts.contains_key(*counted));
        over.for_each(|(_, gauge)| gauge.set(f64::NAN));
        for (counted, count) in counts {
            let made = |(name, api): &(&'static str, ApiName)| gauge!(*name, "api" => api.to_string());
            let gauge = self.gauges.entry(counted).or_insert_with_key(made);
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
        domain::{Author, KeyUsage, ManualClock},
        store::{SqlStore, UsageStore, fixture::record},
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
        let store = SqlStore::open_file(&folder.path().join("keys.db"), SqlStore::PATIENCE).await;
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
        let mut counting = KeyHygiene::new(store.clone(), Arc::clone(&in_force), clock.clone());
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

    #[tokio::test]
    async fn active_keys_that_are_old_or_that_nobody_uses_are_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqlStore::open_file(&folder.path().join("keys.db"), SqlStore::PATIENCE).await;
        let store = store.expect("a store");
        let made = |number, at| KeyRecord { created: hour(at), ..record(number) };
        let keys = [made(1, 0), made(2, 0), made(3, 1), KeyRecord { revoked: Some(hour(0)), ..made(4, 0) }];
        store.insert(&keys, &Author::on_the_store(0)).await.expect("inserted");
        let used = [(record(1).id, KeyUsage { uses: 1, used: hour(5) })];
        store.add_uses(&used).await.expect("added");
        let clock = Arc::new(ManualClock::at(hour(90 * 24 - 1)));
        let in_force = Arc::new(ArcSwap::from_pointee(config("", "")));
        let recorder = PrometheusBuilder::new().build_recorder();
        let _guard = metrics::set_default_local_recorder(&recorder);
        let mut counting = KeyHygiene::new(store, in_force, clock.clone());
        for (at, old, unused) in
            [(90 * 24 - 1, 0, 0), (90 * 24, 2, 1), (90 * 24 + 1, 3, 2), (90 * 24 + 5, 3, 3)]
        {
            clock.set(hour(at));
            counting.attempt().await.expect("counted");
            let page = recorder.handle().render();
            for (name, count) in [(OLD, old), (UNUSED, unused)] {
                assert!(
                    page.contains(&format!("\n{name}{{api=\"payments\"}} {count}\n")),
                    "{name} {at}: {page}"
                );
            }
        }
    }
}
