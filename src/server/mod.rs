//! Wiring: configuration → store, checker, listeners; and how a process begins, reloads and ends.

mod connection;
mod listener;
mod reload;
mod service;
mod shutdown;
mod telemetry;
mod tls;

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use crate::{
    check::{Checker, Policy},
    config::{Config, ConfigErrors, StoreLocation},
    domain::SystemClock,
    store::{CachedKeys, SqliteStore, StoreError},
};

use self::telemetry::Health;

pub use reload::ConfigSource;

/// How often the change table is read: well within the second after which a revoked key is refused.
const CHANGES_POLL: Duration = Duration::from_millis(250);

/// Why serving could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration is no good.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address cannot be listened on.
    #[error(
        "cannot listen on {address}: {error}. Is something else listening there? Choose another in `{field}`"
    )]
    Listen {
        /// The address.
        address: String,
        /// Where it stands in the configuration.
        field: &'static str,
        /// What the system says.
        error: std::io::Error,
    },
    /// The certificate or key of a listener cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// Metrics cannot be collected.
    #[error("cannot collect metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// A signal cannot be waited for, or a server failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Serves until it is told to end by SIGTERM or SIGINT.
///
/// # Errors
///
/// Whatever keeps it from beginning. Once it is ready only a broken listener ends it.
pub async fn serve(source: ConfigSource) -> Result<(), ServeError> {
    let config = source.load()?;
    let metrics = crate::telemetry::install_metrics()?;
    let StoreLocation::Sqlite(path) = &config.store;
    let store = SqliteStore::open(path, SqliteStore::PATIENCE).await?;
    let keys = CachedKeys::new(store, config.cache, config.budget);
    let checker = Arc::new(Checker::new(
        Policy::new(&config),
        keys.clone(),
        Arc::new(SystemClock),
    ));

    let (ending, ended) = watch::channel(());
    let mut tasks = vec![keys_follower(keys)];
    let certificates = tls::Certificates::load(&config.listen.check)?;
    let connections = listener::listen(&config.listen.check, &certificates, &ended).await?;
    let health = Health::new();
    if let Some(address) = config.listen.telemetry {
        tasks.push(telemetry::serve(address, health.clone(), metrics).await?);
    }
    let (drain, deadline) = (config.shutdown.drain, config.shutdown.deadline);
    let check = tokio::spawn(service::serve(
        Arc::clone(&checker),
        health.clone(),
        connections,
        ended,
    ));
    announce(&config);
    tasks.push(AbortOnDropHandle::new(tokio::spawn(reload::follow(
        source,
        config,
        checker,
        certificates,
    ))));
    health.ready(true).await;
    shutdown::run(&health, ending, check, drain, deadline).await
}

fn announce(config: &Config) {
    let check: Vec<String> = config
        .listen
        .check
        .iter()
        .map(|listener| listener.address.to_string())
        .collect();
    info!(
        version = env!("CARGO_PKG_VERSION"),
        check = check.join(" "),
        telemetry = config.listen.telemetry.map(tracing::field::display),
        apis = config.apis.len(),
        "ready"
    );
}

fn keys_follower(keys: CachedKeys<SqliteStore>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move { keys.follow(CHANGES_POLL).await }))
}
