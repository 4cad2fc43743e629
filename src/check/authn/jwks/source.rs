//! Where an issuer's keys come from, kept fresh by a task of its own: one fetch at a time, at start, at every
//! refresh, and when a token names a key that is not known.

use std::sync::Arc;

use metrics::{counter, gauge};
use tokio::{
    sync::watch,
    task::AbortHandle,
    time::{Instant, sleep_until, timeout_at},
};
use tracing::{info, warn};

use crate::{
    check::authn::jwt::KeyFault,
    config::{Algorithm, KeyTiming},
};

use super::{
    Key, KeySet,
    known::{Answer, Known},
};

/// Counts fetches of an issuer's keys by result (`ok`, `failed`).
pub(super) const FETCHES: &str = "doorward_jwks_fetches_total";
/// How old an issuer's keys were when they were last fetched or could not be, in seconds.
pub(super) const AGE: &str = "doorward_jwks_age_seconds";

/// The keys of an issuer, kept fresh as long as this exists.
#[derive(Debug)]
pub struct Source {
    known: watch::Receiver<Known>,
    /// The number of the fetch that somebody waits for.
    wanted: watch::Sender<u64>,
    timing: KeyTiming,
    keeper: AbortHandle,
}

/// Why there is no key for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoKey {
    /// The token's doing.
    Fault(KeyFault),
    /// Ours, or the issuer's: it cannot be known for now.
    Outage(Arc<str>),
}

impl Drop for Source {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Source {
    /// Begins to keep the keys of `issuer` fresh by `fetch`. Within a runtime of tokio only.
    pub(super) fn new<F>(issuer: String, timing: KeyTiming, fetch: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<Arc<KeySet>, Arc<str>>> + Send + 'static,
    {
        let (told, known) = watch::channel(Known::default());
        let (wanted, wishes) = watch::channel(0);
        let keeper = Keeper { issuer, timing, told, wishes };
        Self { known, wanted, timing, keeper: tokio::spawn(keeper.keep(fetch)).abort_handle() }
    }

    /// The key with this id for this algorithm. If only a fetch can tell, it is waited for until
    /// `deadline`; then an issuer that was well last time does not have it.
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
        loop {
            let number = match self.ask(id, algorithm) {
                Answer::Key(key) => return Ok(key),
                Answer::Fault(fault) => return Err(NoKey::Fault(fault)),
                Answer::Outage(cause) => return Err(NoKey::Outage(cause)),
                Answer::Fetch(number) => number,
            };
            self.wanted.send_if_modified(|wanted| {
                let is_new = *wanted < number;
                *wanted = number.max(*wanted);
                is_new
            });
            let mut known = self.known.clone();
            let ended = known.wait_for(|known| known.ended >= number);
            if !matches!(timeout_at(deadline, ended).await, Ok(Ok(_))) {
                let fault = self.known.borrow().fault_meanwhile(&self.timing, Instant::now());
                let outage = || NoKey::Outage("they did not come in time".into());
                return Err(fault.map_or_else(outage, NoKey::Fault));
            }
        }
    }

    /// The key, if it is known without a fetch.
    #[must_use]
    pub fn find_now(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<Key>> {
        match self.ask(id, algorithm) {
            Answer::Key(key) => Some(key),
            _ => None,
        }
    }

    fn ask(&self, id: Option<&str>, algorithm: Algorithm) -> Answer {
        self.known.borrow().find(id, algorithm, &self.timing, Instant::now())
    }

    /// Waits until the first fetch has ended, well or not.
    pub(super) async fn first_fetch(&self) {
        // The task ends with this only.
        let _ = self.known.clone().wait_for(|known| known.ended > 0).await;
    }
}

/// What runs beside the Checks.
struct Keeper {
    issuer: String,
    timing: KeyTiming,
    told: watch::Sender<Known>,
    wishes: watch::Receiver<u64>,
}

impl Keeper {
    async fn keep<F>(mut self, mut fetch: impl FnMut() -> F)
    where
        F: Future<Output = Result<Arc<KeySet>, Arc<str>>>,
    {
        loop {
            let fetched = fetch().await;
            self.note(fetched);
            let (ended, (earliest, latest)) = {
                let known = self.told.borrow();
                (known.ended, known.next(&self.timing, Instant::now()))
            };
            sleep_until(earliest).await;
            // Whoever only waited for the fetch that has just ended wants no other.
            let wish = self.wishes.wait_for(|wanted| *wanted > ended);
            let _ = timeout_at(latest, wish).await;
        }
    }

    fn note(&self, fetched: Result<Arc<KeySet>, Arc<str>>) {
        let now = Instant::now();
        let result = if fetched.is_ok() { "ok" } else { "failed" };
        counter!(FETCHES, "issuer" => self.issuer.clone(), "result" => result).increment(1);
        self.log(&fetched);
        self.told.send_modify(|known| known.note(fetched, now));
        if let Some(age_s) = self.told.borrow().age_s(now) {
            gauge!(AGE, "issuer" => self.issuer.clone()).set(age_s);
        }
    }

    /// Tells what is different from the fetch before.
    fn log(&self, fetched: &Result<Arc<KeySet>, Arc<str>>) {
        let known = self.told.borrow();
        let (held, failed) = known.state();
        match fetched {
            Err(cause) if failed != Some(cause) => {
                warn!(issuer = self.issuer, cause = &**cause, "the issuer's keys cannot be fetched");
            }
            Ok(set) if failed.is_some() || !held.is_some_and(|held| held.is_same(set)) => {
                info!(
                    issuer = self.issuer,
                    keys = set.count(),
                    skipped = set.skipped(),
                    "the issuer's keys are known"
                );
            }
            _ => {}
        }
    }
}
