//! Wiring: configuration → store, checker, listeners; and how a process begins, reloads and ends.

pub mod admin;
mod answer;
mod attendance;
mod behind;
mod chore;
mod connection;
mod counting;
mod documents;
mod health;
mod inline;
mod key_hygiene;
mod listener;
mod probe;
mod reload;
mod service;
mod shutdown;
mod tls;

use std::{
    error::Error,
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use rand::{CryptoRng, RngExt, SeedableRng, rngs::StdRng};
use tokio::{sync::watch, task::JoinSet};
use tracing::info;

use crate::{
    admin::api::Desk,
    check::{Checker, Policy},
    config::{Config, ConfigErrors, Fragments, Shutdown},
    domain::SystemClock,
    store::{CachedStore, SqlStore, StoreError},
    telemetry,
};

use self::{
    admin::{Access, Listener},
    attendance::Attendance,
    counting::Counting,
    health::Health,
    key_hygiene::KeyHygiene,
    shutdown::Signals,
};

pub use probe::{Probed, probe_admin, probe_check, probe_telemetry};
pub use reload::ConfigSource;
pub use tls::{CertificateEnd, TlsError, certificate_ends};

/// How often the change table is read: well within the second after which what was revoked or ended is refused.
const CHANGES_POLL: Duration = Duration::from_millis(250);
/// How long the first keys of issuers are waited for.
const KEYS_PATIENCE: Duration = Duration::from_secs(5);

/// Why serving could not begin, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration is no good.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}. {}", advice(error, field))]
    Listen {
        /// The address.
        address: String,
        /// Where it stands in the configuration.
        field: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// The certificate or key of a listener cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Metrics cannot be collected.
    #[error("metrics cannot be collected: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// Signals cannot be waited for.
    #[error("signals cannot be waited for: {0}")]
    Signals(#[source] io::Error),
    /// The server failed while it ran.
    #[error("the server failed: {0}")]
    Failed(Box<dyn Error + Send + Sync>),
}

/// What to do about an address that cannot be listened on.
fn advice(error: &io::Error, field: &str) -> String {
    let remedy = match error.kind() {
        ErrorKind::AddrInUse => "Something else listens there: end it",
        ErrorKind::NotFound => "Create the folder",
        ErrorKind::PermissionDenied => "Run it with the right to do so",
        _ => "Name an address of this machine",
    };
    format!("{remedy}, or choose another in `{field}`")
}

/// Serves until it is told to end by SIGTERM or SIGINT. Of `rng` it draws what tells it from other replicas.
///
/// # Errors
///
/// Whatever keeps it from beginning. Once it is ready only a broken server ends it.
pub async fn serve(source: ConfigSource, rng: &mut impl CryptoRng) -> Result<(), ServeError> {
    let signals = Signals::new()?;
    let loaded = source.load(&Fragments::default())?;
    let config = &loaded.config;
    let metrics = telemetry::install_metrics()?;
    reload::begin(&loaded);
    let store = SqlStore::open(&config.store, SqlStore::PATIENCE).await?;
    documents::begin(&store);
    let cached = CachedStore::new(store.clone(), config.cache, config.budget);
    let clock = Arc::new(SystemClock);
    let name = format!("{:016x}", rng.random::<u64>());
    let remembers = (config.cache.positive + config.cache.grace).max(config.cache.negative);
    let mut attendance = Attendance::new(store.clone(), name.clone(), cached.reached(), remembers);
    attendance.begin().await;
    let counting = Counting::begin(&config.counters, clock.clone(), rng.random()).await;
    let checker = Checker::new(Policy::new(config), cached.clone(), clock.clone());
    let checker = Arc::new(counting.equip(checker));

    let (ending, ended) = watch::channel(());
    let certificates = reload::read_certificates(&config.listen)?;
    let connections = listener::listen(&config.listen.check, &certificates.1, &ended).await?;
    let health = Health::new();
    let access = Arc::new(Access::new(config, clock.clone()));
    let admin = match &config.listen.admin {
        Some(listener) => Some(Listener::bind(listener, &certificates.1, Arc::clone(&access)).await?),
        None => None,
    };
    let in_force = Arc::new(ArcSwap::from_pointee(config.clone()));
    let random = StdRng::from_rng(rng);
    let hygiene = KeyHygiene::new(store.clone(), Arc::clone(&in_force), clock.clone());
    let desk = Desk::new(store.clone(), Arc::clone(&checker), Arc::clone(&in_force), clock, random);
    let services = admin::services(health.service(), admin::Routes::new(desk))?;
    // None of these ends by itself.
    let mut beside = JoinSet::new();
    if let Some(address) = config.listen.telemetry {
        beside.spawn(health::serve(address, health.clone(), metrics).await?);
    }
    beside.spawn(async move { cached.follow(CHANGES_POLL).await });
    beside.spawn(attendance.keep());
    if store.documents_read().is_some() {
        beside.spawn(documents::follow(store.clone()));
    }
    behind::begin(&mut beside, &checker);
    beside.spawn(chore::keep_at(hygiene));
    let check = service::serve(Arc::clone(&checker), health.clone(), connections, ended.clone());
    let serving = tokio::spawn(async move {
        let admin = async {
            if let Some(admin) = admin {
                admin.serve(services, ended).await;
            }
            Ok(())
        };
        tokio::try_join!(check, admin).map(|_| ())
    });
    let Shutdown { drain, deadline } = config.shutdown;
    let policy = checker.policy();
    // Without keys every token of an issuer would be turned away. Should they not come, what else there is goes on.
    let _ = tokio::time::timeout(KEYS_PATIENCE, async {
        tokio::join!(policy.first_fetches(), access.first_fetches())
    })
    .await;
    health.set_ready(true).await;
    announce(config);
    let depending = reload::Depending { checker: Arc::clone(&checker), access, config: in_force };
    beside.spawn(reload::follow(source, loaded, depending, certificates, signals.hangup));
    let ended = shutdown::run(health, signals.end, ending, serving, &mut beside, drain, deadline).await;
    // What a task had taken to write it is there again once the task is gone.
    beside.shutdown().await;
    behind::end(&checker).await;
    attendance::end(&store, &name).await;
    counting.end().await;
    ended
}

fn announce(config: &Config) {
    let check: Vec<String> =
        config.listen.check.iter().map(|listener| listener.address.to_string()).collect();
    info!(
        version = env!("CARGO_PKG_VERSION"),
        check = check.join(" "),
        telemetry = config.listen.telemetry.map(tracing::field::display),
        admin = config.listen.admin.as_ref().map(|listener| tracing::field::display(&listener.address)),
        apis = config.apis.len(),
        "ready"
    );
}
