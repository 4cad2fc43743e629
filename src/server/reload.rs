//! Following the files: configuration and certificates take effect when they change, or on SIGHUP. A change is
//! taken whole or refused whole, a fragment's alone, and what was in force stays.

use std::{path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use tokio::{signal::unix::Signal, task::block_in_place};
use tracing::{error, info, warn};

use crate::{
    check::Checker,
    config::{Config, ConfigErrors, Fingerprint, Fragments, Listen, Loaded, Transport},
    store::Lookups,
};

use super::{
    admin::Access,
    tls::{self, Certificates, TlsError},
};

/// How often the files are looked at. Kubernetes swaps symbolic links, which no file watcher sees reliably.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Counts reloads by what (`config`, `fragment`, `document`, `certificates`) and result (`ok`, `refused`).
pub(super) const RELOADS: &str = "doorward_reloads_total";
/// Tells how many fragments are refused.
const FRAGMENTS_REFUSED: &str = "doorward_fragments_refused";

/// Where the configuration comes from.
#[derive(Debug, Clone)]
pub struct ConfigSource {
    /// The file.
    pub path: PathBuf,
    /// The environment, whose `DOORWARD_…` variables override it.
    pub env: Vec<(String, String)>,
}

impl ConfigSource {
    /// Reads and checks the configuration. Fragments that turned bad keep what they have in `last_good`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, if it is more than some fragments.
    pub fn load(&self, last_good: &Fragments) -> Result<Loaded, ConfigErrors> {
        Config::load(&self.path, &self.env, last_good)
    }
}

/// What depends on the configuration in force.
pub(super) struct Depending<S> {
    /// What answers Checks.
    pub(super) checker: Arc<Checker<S>>,
    /// What lets administrators in.
    pub(super) access: Arc<Access>,
    /// What administrators see of it.
    pub(super) config: Arc<ArcSwap<Config>>,
}

impl<S: Lookups> Depending<S> {
    fn reload(&self, config: &Config) {
        self.checker.reload(config);
        self.access.reload(config);
        self.config.store(Arc::new(config.clone()));
    }
}

/// The certificates of all listeners, and the state of their files before they were read.
///
/// # Errors
///
/// The first that cannot be used.
pub(super) fn read_certificates(listen: &Listen) -> Result<(Fingerprint, Certificates), TlsError> {
    let check = listen.check.iter().map(|listener| &listener.transport);
    let transports: Vec<&Transport> =
        check.chain(listen.admin.as_ref().map(|listener| &listener.transport)).collect();
    let files = transports.iter().flat_map(|transport| tls::files(transport));
    let seen = Fingerprint::of(files.map(PathBuf::as_path));
    Ok((seen, Certificates::load(transports)?))
}

/// Says what the metrics of reloads count, counts the fragments that were read at start, and logs what is risky.
pub(super) fn begin(loaded: &Loaded) {
    describe_counter!(RELOADS, "Reloads of changed files, by what was read and whether it was taken.");
    describe_gauge!(FRAGMENTS_REFUSED, "Fragments of the configuration that are refused.");
    report_fragments(loaded);
    warn_of_risks(loaded);
}

/// Follows the files for ever: those of `current`, the configuration in force, and those of the certificates, which
/// were read when they were as `seen`.
pub(super) async fn follow<S: Lookups>(
    source: ConfigSource,
    mut current: Loaded,
    depending: Depending<S>,
    (mut seen, certificates): (Fingerprint, Certificates),
    mut hangup: Signal,
) {
    loop {
        let told = tokio::select! {
            () = tokio::time::sleep(LOOK_INTERVAL) => false,
            _ = hangup.recv() => true,
        };
        // Looking at a thousand files, or checking as many routes, takes its time; Checks go on meanwhile.
        block_in_place(|| {
            let now = current.files_now();
            if told || now != current.files {
                current.files = now;
                reload_config(&source, &mut current, &depending);
            }
            let uses_certificates = certificates.files().next().is_some();
            let now = Fingerprint::of(certificates.files().map(PathBuf::as_path));
            if uses_certificates && (told || now != seen) {
                seen = now;
                reload_certificates(&certificates);
            }
        });
    }
}

fn reload_config<S: Lookups>(source: &ConfigSource, current: &mut Loaded, depending: &Depending<S>) {
    let file = source.path.display();
    match source.load(&current.fragments) {
        Ok(loaded) => {
            let waiting = needs_restart(&current.config, &loaded.config);
            if !waiting.is_empty() {
                warn!(sections = waiting.join(", "), "these sections take effect after a restart only");
            }
            depending.reload(&loaded.config);
            report_fragments(&loaded);
            warn_of_risks(&loaded);
            let at_start = std::mem::replace(current, loaded).config;
            let new = &mut current.config;
            (new.listen, new.store, new.cache) = (at_start.listen, at_start.store, at_start.cache);
            (new.budget, new.shutdown) = (at_start.budget, at_start.shutdown);
            new.counters = at_start.counters;
            counter!(RELOADS, "what" => "config", "result" => "ok").increment(1);
            info!(%file, apis = current.config.apis.len(), "the configuration was reloaded");
        }
        Err(errors) => {
            current.files.extend(errors.files().clone());
            counter!(RELOADS, "what" => "config", "result" => "refused").increment(1);
            error!(%file, %errors, "the changed configuration is refused, the old one stays");
        }
    }
}

/// Counts the fragments that were read, and logs what is wrong with those that are refused.
fn report_fragments(loaded: &Loaded) {
    let count = |result, number: usize| {
        counter!(RELOADS, "what" => "fragment", "result" => result).increment(number as u64);
    };
    count("ok", loaded.taken);
    count("refused", loaded.refused.len());
    gauge!(FRAGMENTS_REFUSED).set(u32::try_from(loaded.refused.len()).unwrap_or(u32::MAX));
    for fragment in &loaded.refused {
        let (file, errors) = (fragment.file.display(), &fragment.errors);
        if fragment.is_kept {
            error!(%file, %errors, "a fragment is refused, its last good version stays");
        } else {
            error!(%file, %errors, "a fragment is refused, the hosts granted to it are unavailable");
        }
    }
}

/// Logs what is risky in the configuration.
fn warn_of_risks(loaded: &Loaded) {
    for warning in loaded.warnings.lines() {
        warn!("{warning}");
    }
}

/// The sections that differ and are read at start only.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let differs = [
        ("listen", old.listen != new.listen),
        ("store", old.store != new.store),
        ("cache", old.cache != new.cache),
        ("budget", old.budget != new.budget),
        ("shutdown", old.shutdown != new.shutdown),
        ("counters", !old.counters.is_same(&new.counters)),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(section, _)| section).collect()
}

fn reload_certificates(certificates: &Certificates) {
    match certificates.reload() {
        Ok(()) => {
            counter!(RELOADS, "what" => "certificates", "result" => "ok").increment(1);
            info!("the certificates were reloaded");
        }
        Err(error) => {
            counter!(RELOADS, "what" => "certificates", "result" => "refused").increment(1);
            error!(%error, "a changed certificate is refused, the old one stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_at_start_waits_for_a_restart_and_limits_do_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("doorward.yaml");
        let load = |password: &str, sections: &str| {
            std::fs::write(folder.path().join("password"), password).expect("a file");
            let text = format!(
                "apis: [{{ name: one, hosts: [a.test], client_address: peer, routes: [{{ match: /, public: true }}], \
                 limits: {{ by: client_address, plan: free }} }}]\n{sections}\n"
            );
            std::fs::write(&file, text).expect("a file");
            Config::load(&file, &[], &Fragments::default()).unwrap_or_else(|errors| panic!("{errors}"))
        };
        let plans = "plans: { free: [1/day] }";
        let base = format!("{plans}\ncounters: {{ url: 'redis://a', password: {{ file: password }} }}");
        let old = load("one", &base);
        let cases = [
            ("one", base.clone(), &[][..]),
            ("one", base.replace("1/day", "2/day"), &[]),
            ("two", base.clone(), &["counters"]),
            ("one", base.replace("redis://a", "redis://b"), &["counters"]),
            ("one", plans.to_owned(), &["counters"]),
            ("one", format!("{base}\nbudget: 100ms"), &["budget"]),
        ];
        for (password, sections, expected) in cases {
            let new = load(password, &sections);
            assert_eq!(needs_restart(&old.config, &new.config), expected, "{password} {sections}");
        }
        load("three", &base);
        assert!(old.files_now() != old.files, "a changed password is a changed configuration");
    }
}
