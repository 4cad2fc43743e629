//! Tells what a credential is, on the store of the configuration.

use std::sync::Arc;

use crate::{
    admin::{
        api::{Fault, Inspects},
        proto::VerifiedCredential,
    },
    check::{Checker, Policy},
    cli::check::KEYS_PATIENCE,
    config::Config,
    domain::{ApiName, Clock},
    store::{CachedStore, SqlStore},
};

/// Asks those who answer Checks, who are called only when something is to be told.
pub(in crate::cli) struct Inspector {
    store: SqlStore,
    config: Config,
    clock: Arc<dyn Clock>,
}

impl Inspector {
    pub(super) fn new(store: SqlStore, config: Config, clock: Arc<dyn Clock>) -> Self {
        Self { store, config, clock }
    }
}

impl Inspects for Inspector {
    async fn inspect(&self, api: &ApiName, credential: &str) -> Result<VerifiedCredential, Fault> {
        let cached = CachedStore::new(self.store.clone(), self.config.cache, SqlStore::PATIENCE);
        let policy = Policy::new(&Config { budget: KEYS_PATIENCE, ..self.config.clone() });
        let checker = Checker::new(policy, cached, Arc::clone(&self.clock)).only_looking();
        Inspects::inspect(&Arc::new(checker), api, credential).await
    }
}
