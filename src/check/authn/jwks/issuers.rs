//! The keys of all issuers. Policies come and go; the keys of an issuer that both know stay what they are.

use std::{
    collections::HashMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use metrics::{describe_counter, describe_gauge};
use tokio::{task::spawn_blocking, time::Instant};

use crate::config::{Algorithm, JwtCredential, JwtKeys, KeyTiming, RemoteKeys};

use super::{
    Key, KeySet, NoKey, SET_BYTES_MAX, Source, fetch,
    source::{AGE, FETCHES},
};

/// When a file is looked at: every second, and what was read from it counts until something better can be read.
const FILE_TIMING: KeyTiming =
    KeyTiming { refresh: Duration::from_secs(1), refetch: Duration::from_secs(1), stale: Duration::MAX };

/// The sources of keys that are in use. Clones know the same ones.
#[derive(Debug, Clone, Default)]
pub struct Issuers(Arc<Mutex<HashMap<Origin, Weak<Source>>>>);

/// What makes one source another than the next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Origin {
    issuer: String,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    Jwks(RemoteKeys),
    Discovery(RemoteKeys),
    File(PathBuf),
}

/// The keys of one issuer.
#[derive(Debug)]
pub enum IssuerKeys {
    /// A shared secret.
    Secret(KeySet),
    /// Keys that are kept fresh.
    Kept(Arc<Source>),
}

impl IssuerKeys {
    /// The key with this id for this algorithm, waited for until `deadline`. A shared secret has no id.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        deadline: Instant,
    ) -> Result<Arc<Key>, NoKey> {
        match self {
            Self::Secret(set) => set.find(None, algorithm).map(Arc::clone).map_err(NoKey::Fault),
            Self::Kept(source) => source.find(id, algorithm, deadline).await,
        }
    }

    /// The key, if it is known without waiting.
    #[must_use]
    pub fn find_now(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<Key>> {
        match self {
            Self::Secret(set) => set.find(None, algorithm).ok().map(Arc::clone),
            Self::Kept(source) => source.find_now(id, algorithm),
        }
    }
}

impl Issuers {
    /// The keys for the tokens of a rule. A source that is in use already is shared; a new one begins to fetch at
    /// once, and ends when nobody uses it any more. Unless the keys are a secret, within a runtime of tokio only.
    #[must_use]
    pub fn keys_of(&self, rule: &JwtCredential) -> IssuerKeys {
        let place = match &rule.keys {
            JwtKeys::Secret(secret) => return IssuerKeys::Secret(KeySet::of_secret(secret.expose())),
            JwtKeys::Jwks(keys) => Place::Jwks(keys.clone()),
            JwtKeys::Discovery(keys) => Place::Discovery(keys.clone()),
            JwtKeys::File(path) => Place::File(path.clone()),
        };
        let origin = Origin { issuer: rule.issuer.clone(), place };
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sources.retain(|_, source| source.strong_count() > 0);
        if let Some(source) = sources.get(&origin).and_then(Weak::upgrade) {
            return IssuerKeys::Kept(source);
        }
        describe_counter!(FETCHES, "Fetches of an issuer's keys, by result.");
        describe_gauge!(AGE, "The age of an issuer's keys when they were last asked for, in seconds.");
        let source = Arc::new(open(origin.clone()));
        sources.insert(origin, Arc::downgrade(&source));
        IssuerKeys::Kept(source)
    }

    /// Waits until every source has been asked once, well or not.
    pub async fn first_fetches(&self) {
        let sources: Vec<Arc<Source>> = {
            let sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            sources.values().filter_map(Weak::upgrade).collect()
        };
        for source in sources {
            source.first_fetch().await;
        }
    }
}

fn open(Origin { issuer, place }: Origin) -> Source {
    let told = |error: fetch::FetchFault| -> Arc<str> { error.to_string().into() };
    match place {
        Place::Jwks(keys) => {
            let keys = Arc::new(keys);
            Source::new(issuer, keys.timing, move || {
                let keys = Arc::clone(&keys);
                async move { fetch::jwks(&keys).await.map(|fetched| Arc::new(fetched.set)).map_err(told) }
            })
        }
        Place::Discovery(keys) => {
            let keys = Arc::new((keys, issuer.clone()));
            Source::new(issuer, keys.0.timing, move || {
                let keys = Arc::clone(&keys);
                async move {
                    fetch::discovered(&keys.0, &keys.1)
                        .await
                        .map(|fetched| Arc::new(fetched.set))
                        .map_err(told)
                }
            })
        }
        Place::File(path) => {
            let path: Arc<Path> = path.into();
            Source::new(issuer, FILE_TIMING, move || {
                let path = Arc::clone(&path);
                async move {
                    let read = spawn_blocking(move || read(&path)).await;
                    read.unwrap_or_else(|error| Err(error.to_string())).map(Arc::new).map_err(Arc::from)
                }
            })
        }
    }
}

/// Reads a set from a file.
pub(super) fn read(path: &Path) -> Result<KeySet, String> {
    let mut json = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SET_BYTES_MAX as u64 + 1).read_to_end(&mut json))
        .map_err(|error| format!("the file cannot be read: {error}"))?;
    KeySet::own(&json).map_err(|fault| format!("the file's key set cannot be used: {fault}"))
}
