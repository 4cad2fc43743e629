//! Where the methods of the admin API are answered: what they need for it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use prost::Message;
use rand::{SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};
use tracing::warn;

use crate::{
    admin::{Keys, Organizations, Secrets, Sessions},
    config::Config,
    domain::{Administrator, Author, Clock, Request, Timestamp},
    store::{
        AuditStore, KeyStore, MemberStore, OrganizationStore, ProjectStore, ReplicaStore, SecretStore,
        SessionStore, Spread, UsageStore,
    },
};

use super::{Fault, Method, Spreads};

/// How long it is waited until a change is in force everywhere: as long as that may take.
const SPREAD_PATIENCE: Duration = Duration::from_secs(1);

/// All that the admin API asks of a store.
pub trait Stores:
    KeyStore
    + UsageStore
    + OrganizationStore
    + ProjectStore
    + MemberStore
    + SecretStore
    + SessionStore
    + AuditStore
    + ReplicaStore
{
}

impl<S> Stores for S where
    S: KeyStore
        + UsageStore
        + OrganizationStore
        + ProjectStore
        + MemberStore
        + SecretStore
        + SessionStore
        + AuditStore
        + ReplicaStore
{
}

/// Answers the methods of the admin API on one store.
#[derive(Debug)]
pub struct Desk<S, I> {
    pub(super) store: S,
    pub(super) inspector: I,
    config: Arc<ArcSwap<Config>>,
    clock: Arc<dyn Clock>,
    random: Mutex<StdRng>,
}

impl<S: Stores, I> Desk<S, I> {
    /// Answers on `store`, under the configuration that is in force at the time.
    pub fn new(
        store: S,
        inspector: I,
        config: Arc<ArcSwap<Config>>,
        clock: Arc<dyn Clock>,
        random: StdRng,
    ) -> Self {
        Self { store, inspector, config, clock, random: Mutex::new(random) }
    }

    /// What it answers on.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Randomness for one answer.
    pub fn random(&self) -> StdRng {
        // Whoever panicked with the lock had drawn whole numbers.
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        StdRng::from_rng(&mut *random)
    }

    pub(super) fn keys<'a>(&'a self, config: &'a Config) -> Keys<'a, S> {
        Keys::new(&self.store, &config.apis, &config.plans, &*self.clock)
    }

    /// Manages secrets.
    pub fn secrets<'a>(&'a self, config: &'a Config) -> Secrets<'a, S> {
        Secrets::new(&self.store, &config.apis, config.sealing.as_ref(), &*self.clock)
    }

    /// Manages sessions.
    pub fn sessions<'a>(&'a self, config: &'a Config) -> Sessions<'a, S> {
        Sessions::new(&self.store, &config.apis, &*self.clock)
    }

    pub(super) fn organizations<'a>(&'a self, config: &'a Config) -> Organizations<'a, S> {
        Organizations::new(&self.store, &config.apis, &config.plans, &*self.clock)
    }
}

impl<S: Stores, I: Send + Sync> Spreads for Desk<S, I> {
    async fn spread(&self) -> Option<Spread> {
        let spread = self.store.spread_now(SPREAD_PATIENCE).await;
        spread.inspect_err(|error| warn!(%error, "how far a change has come cannot be found out")).ok()
    }
}

/// Who asks for a change.
pub(super) fn author(by: &Administrator) -> Author {
    Author { name: by.name.clone(), role: by.role, from: by.from.clone(), request: None }
}

/// The same, of a request that may be asked again under its idempotency key.
///
/// # Errors
///
/// The key is none.
pub(super) fn author_of<M: Method>(
    by: &Administrator,
    request_id: &str,
    request: &M::Request,
) -> Result<Author, Fault> {
    if request_id.is_empty() {
        return Ok(author(by));
    }
    let mut digest = Sha256::new();
    digest.update(M::ABOUT.grpc_path());
    digest.update(request.encode_to_vec());
    let request = Request::new(request_id.to_owned(), digest.finalize().into());
    let request = request.map_err(|error| Fault::field("request_id", error.to_string()))?;
    Ok(Author { request: Some(request), ..author(by) })
}
