//! Following the files: configuration and certificates take effect when they change, or on SIGHUP. A change is
//! taken whole or refused whole, and what was in force stays.

use std::{os::unix::fs::MetadataExt, path::PathBuf, sync::Arc, time::Duration};

use metrics::{counter, describe_counter};
use tokio::{signal::unix::Signal, task::block_in_place};
use tracing::{error, info, warn};

use crate::{
    check::Checker,
    config::{CheckListener, Config, ConfigErrors},
    store::Lookups,
};

use super::tls::{self, Certificates, TlsError};

/// How often the files are looked at. Kubernetes swaps symbolic links, which no file watcher sees reliably.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Counts reloads by what (`config`, `certificates`) and result (`ok`, `refused`).
const RELOADS: &str = "doorward_reloads_total";

/// Where the configuration comes from.
#[derive(Debug, Clone)]
pub struct ConfigSource {
    /// The file.
    pub path: PathBuf,
    /// The environment, whose `DOORWARD_…` variables override it.
    pub env: Vec<(String, String)>,
}

impl ConfigSource {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<Config, ConfigErrors> {
        Config::load(&self.path, &self.env).map(|loaded| loaded.config)
    }
}

/// Tells one state of some files from another without reading them.
#[derive(Debug, PartialEq, Eq)]
struct Fingerprint(Vec<Option<FileState>>);

/// What changes of a file when it is replaced or written to.
#[derive(Debug, PartialEq, Eq)]
struct FileState {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    size: u64,
}

impl Fingerprint {
    fn of<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let state = |path: &PathBuf| {
            let metadata = std::fs::metadata(path).ok()?;
            Some(FileState {
                device: metadata.dev(),
                inode: metadata.ino(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                size: metadata.size(),
            })
        };
        Self(files.into_iter().map(state).collect())
    }
}

/// The files that are followed, as they were when they were read.
#[derive(Debug)]
pub(super) struct Files {
    config: Fingerprint,
    certificates: Fingerprint,
}

impl Files {
    /// Looks at the configuration. To be called before it is read, so that a change in between is not missed.
    pub(super) fn new(source: &ConfigSource) -> Self {
        Self { config: Fingerprint::of([&source.path]), certificates: Fingerprint::of([]) }
    }

    /// Looks at the certificates of these listeners, and then reads them.
    ///
    /// # Errors
    ///
    /// The first that cannot be used.
    pub(super) fn with_certificates(
        self,
        listeners: &[CheckListener],
    ) -> Result<(Self, Certificates), TlsError> {
        let files = listeners.iter().flat_map(|listener| tls::files(&listener.transport));
        let seen = Fingerprint::of(files);
        Ok((Self { certificates: seen, ..self }, Certificates::load(listeners)?))
    }
}

/// Follows the files for ever.
pub(super) async fn follow<S: Lookups>(
    source: ConfigSource,
    mut seen: Files,
    mut current: Config,
    checker: Arc<Checker<S>>,
    certificates: Certificates,
    mut hangup: Signal,
) {
    describe_counter!(RELOADS, "Reloads of changed files, by what was read and whether it was taken.");
    loop {
        let told = tokio::select! {
            () = tokio::time::sleep(LOOK_INTERVAL) => false,
            _ = hangup.recv() => true,
        };
        let config = Fingerprint::of([&source.path]);
        if told || config != seen.config {
            seen.config = config;
            // Reading and checking thousands of routes takes its time; Checks go on meanwhile.
            block_in_place(|| reload_config(&source, &mut current, &checker));
        }
        let uses_certificates = certificates.files().next().is_some();
        let now = Fingerprint::of(certificates.files());
        if uses_certificates && (told || now != seen.certificates) {
            seen.certificates = now;
            block_in_place(|| reload_certificates(&certificates));
        }
    }
}

fn reload_config<S: Lookups>(source: &ConfigSource, current: &mut Config, checker: &Checker<S>) {
    match source.load() {
        Ok(config) => {
            let waiting = needs_restart(current, &config);
            if !waiting.is_empty() {
                warn!(sections = waiting.join(", "), "these sections take effect after a restart only");
            }
            checker.reload(&config);
            *current = Config { apis: config.apis, outage: config.outage, ..current.clone() };
            counter!(RELOADS, "what" => "config", "result" => "ok").increment(1);
            info!(file = %source.path.display(), apis = current.apis.len(), "the configuration was reloaded");
        }
        Err(errors) => {
            counter!(RELOADS, "what" => "config", "result" => "refused").increment(1);
            error!(file = %source.path.display(), %errors, "the changed configuration is refused, the old one stays");
        }
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
