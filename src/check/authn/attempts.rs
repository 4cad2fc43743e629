//! Failed attempts: how many bad credentials may come from one client address.
//!
//! An attempt is counted once it has failed, so that an honest request costs nothing. An address for which there was
//! no room is remembered in this process until there is some. Until then a credential from there is proven by what
//! is remembered alone, and nothing is looked up or verified anew: a key or a session of which the cache has a good
//! record, a token that was verified before, and a signature that is right under secrets that the cache has
//! are known to be good and pass; everything else is refused, whatever it is.
//!
//! So the bad credentials from one address that are looked up in a window are the limit, and for each replica those
//! that were on their way when it was told that there is no more room: one at least.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use ipnet::IpNet;
use metrics::{Counter, counter, describe_counter};
use moka::{policy::EvictionPolicy, sync::Cache};
use tokio::time::Instant;

use crate::{
    check::{refusal::Refusal, request::InboundRequest, route::GuardedApi},
    config::{Api, WithoutCounters},
    counters::{Answer, Bound, CounterName, Meter, Nearest, Take},
    domain::{ApiName, DenialReason, Timestamp, WindowKind},
};

/// Counts failed attempts by API, and those that were refused for them.
const ATTEMPTS: &str = "doorward_attempts_total";
/// The name of the rule among the counters.
const RULE: &str = "attempts";
/// The most addresses that are remembered; they occupy some 20 MB. Whoever is forgotten is looked up once more.
const REFUSED_MAX: u64 = 65_536;

/// How long an address has to wait whose attempt could not be counted.
const UNCOUNTED_WAIT: Duration = Duration::from_secs(1);

/// The limits of every API.
#[derive(Debug)]
pub struct AttemptLimits {
    /// In the order of the APIs.
    by_api: Vec<Option<AttemptLimit>>,
}

#[derive(Debug)]
struct AttemptLimit {
    bounds: Arc<[Bound]>,
    counted: Counter,
    refused: Counter,
}

impl AttemptLimits {
    /// Makes the limits of these APIs ready.
    #[must_use]
    pub fn new(apis: &[Api]) -> Self {
        describe_counter!(
            ATTEMPTS,
            "Bad credentials that were counted, and requests refused for them, by API."
        );
        let ready = |api: &Api| {
            let quotas = &api.limits.attempts;
            let counter = |decision: &'static str| counter!(ATTEMPTS, "api" => api.name.to_string(), "decision" => decision);
            (!quotas.is_empty()).then(|| AttemptLimit {
                bounds: quotas.iter().map(|quota| Bound::new(*quota, WindowKind::Sliding)).collect(),
                counted: counter("counted"),
                refused: counter("refused"),
            })
        };
        Self { by_api: apis.iter().map(ready).collect() }
    }
}

/// The addresses for which there was no room, by the API that was asked, with the moment at which there is some.
pub struct RefusedAddresses {
    until: Cache<(ApiName, IpNet), Timestamp>,
    /// The last of all these moments, in microseconds of Unix time: while nobody guesses it lies in the past, and no
    /// Check looks further.
    last_until_us: AtomicI64,
}

impl Default for RefusedAddresses {
    /// From none on. The new push out the old: otherwise a flood from many addresses could keep the next ones
    /// from being remembered.
    fn default() -> Self {
        let until = Cache::builder().max_capacity(REFUSED_MAX).eviction_policy(EvictionPolicy::lru()).build();
        Self { until, last_until_us: AtomicI64::new(i64::MIN) }
    }
}

impl RefusedAddresses {
    /// Until when an address has to wait, if that is not over yet.
    fn get(&self, api: &ApiName, network: IpNet, now: Timestamp) -> Option<Timestamp> {
        if self.last_until_us.load(Ordering::Acquire) < now.as_microsecond() {
            return None;
        }
        self.until.get(&(api.clone(), network))
    }

    fn insert(&self, api: &ApiName, network: IpNet, until: Timestamp) {
        self.until.insert((api.clone(), network), until);
        self.last_until_us.fetch_max(until.as_microsecond(), Ordering::Release);
    }
}

/// Shows how many there are.
impl fmt::Debug for RefusedAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefusedAddresses({})", self.until.entry_count())
    }
}

/// What one Check asks about failed attempts.
#[derive(Debug, Clone, Copy)]
pub struct Watch<'a> {
    /// The limits.
    pub limits: &'a AttemptLimits,
    /// Who was refused.
    pub refused: &'a RefusedAddresses,
    /// Where attempts are counted.
    pub meter: &'a Meter,
    /// What is done about them.
    pub mode: Watching,
}

/// What is done about a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watching {
    /// It is counted.
    Counts,
    /// It is told what would be, if it were counted.
    Looks,
    /// Nothing.
    Sleeps,
}

/// The presentation of a credential by somebody whose failed attempts are counted.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    watch: Watch<'a>,
    limit: &'a AttemptLimit,
    api: &'a ApiName,
    network: IpNet,
}

impl<'a> Watch<'a> {
    /// The attempt that a request makes; `None` if its API does not limit them.
    ///
    /// # Errors
    ///
    /// `request_malformed` if the client's address cannot be told.
    pub(super) fn attempt(
        self,
        request: &InboundRequest<'_>,
        api: &'a GuardedApi,
    ) -> Result<Option<Attempt<'a>>, Refusal> {
        let Some(limit) = self.limits.by_api.get(api.index).and_then(Option::as_ref) else {
            return Ok(None);
        };
        let Some(network) = request.client_network(api.config.client_address) else {
            let cause = "the client's address could not be told, and failed attempts are limited by it";
            return Err(Refusal::denied(DenialReason::RequestMalformed, cause));
        };
        Ok(Some(Attempt { watch: self, limit, api: &api.config.name, network }))
    }
}

impl Attempt<'_> {
    /// For how long whatever is not known to be good is refused, if there was no room for the address.
    pub(super) fn waits(&self, now: Timestamp) -> Option<Duration> {
        let until = self.watch.refused.get(self.api, self.network, now)?;
        Duration::try_from(until.duration_since(now)).ok().filter(|wait| !wait.is_zero())
    }

    /// Counts it, as it failed.
    ///
    /// # Errors
    ///
    /// `too_many_attempts` if there is no room for it.
    pub(super) async fn count(&self, now: Timestamp, deadline: Instant) -> Result<(), Refusal> {
        let cost = match self.watch.mode {
            Watching::Counts => 1,
            Watching::Looks => 0,
            Watching::Sleeps => return Ok(()),
        };
        let name = CounterName::of_address(self.api.as_str(), RULE, self.network);
        let take = Take { name: &name, bounds: &self.limit.bounds, cost };
        // Whoever has no room is refused by each replica alone when the shared counters are gone, whatever becomes of
        // requests then: there is no reason to let anybody guess.
        match self.watch.meter.take(&[take], WithoutCounters::Local, deadline).await {
            Ok(Answer::Refused { retry_after, .. }) => {
                self.keep_waiting(retry_after, now);
                Err(self.refuse_for(retry_after))
            }
            Ok(Answer::Admitted(_)) if cost > 0 => {
                self.limit.counted.increment(1);
                Ok(())
            }
            Ok(Answer::Admitted(Some(Nearest { room, .. }))) if room.remaining == 0 => {
                Err(self.refuse_for(room.reset_after))
            }
            // Nobody can count it, so that there could be any number of them: the next one has to wait.
            Err(_) if cost > 0 => {
                self.keep_waiting(UNCOUNTED_WAIT, now);
                Err(self.refuse_for(UNCOUNTED_WAIT))
            }
            Ok(Answer::Admitted(_)) | Err(_) => Ok(()),
        }
    }

    /// Remembers that there is no room for the address for so long.
    fn keep_waiting(&self, wait: Duration, now: Timestamp) {
        if let Ok(until) = now.checked_add(wait) {
            self.watch.refused.insert(self.api, self.network, until);
        }
    }

    /// The refusal of what failed, or is not known to be good.
    pub(super) fn refuse_for(&self, wait: Duration) -> Refusal {
        if self.watch.mode == Watching::Counts {
            self.limit.refused.increment(1);
        }
        let cause = format!("too many bad credentials came from {}", self.network);
        Refusal::denied_for(wait, DenialReason::TooManyAttempts, cause)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use ipnet::Ipv6Net;

    use super::*;
    use crate::{
        counters::{Memory, Order},
        domain::{Clock, ManualClock, Quota},
    };

    fn network(number: u128) -> IpNet {
        Ipv6Net::new(Ipv6Addr::from(number << 64), 64).expect("a network").into()
    }

    #[tokio::test]
    async fn an_address_whose_attempts_nobody_can_count_has_to_wait() {
        let clock = Arc::new(ManualClock::at("2030-01-01T00:00:00Z".parse().expect("a moment")));
        let quota: Quota = "1000/day".parse().expect("a quota");
        let bounds: Arc<[Bound]> = [Bound::new(quota, WindowKind::Sliding)].into();
        let memory = Memory::new(clock.clone());
        // Until every part of the memory is full, whichever the attempt belongs to.
        let (mut number, mut refused_in_a_row) = (1 << 40, 0);
        while refused_in_a_row < 2_000 {
            number += 1;
            let name = CounterName::of_address("shop", "client_address", network(number));
            let order = Order { name, bounds: Arc::clone(&bounds), cost: 1, want: 1, share: 1, lease: None };
            refused_in_a_row = if memory.take_one(&order).is_ok() { 0 } else { refused_in_a_row + 1 };
        }
        let meter = Meter::in_memory(memory);
        let (limits, refused) = (AttemptLimits { by_api: Vec::new() }, RefusedAddresses::default());
        let limit = AttemptLimit { bounds, counted: Counter::noop(), refused: Counter::noop() };
        let watch = Watch { limits: &limits, refused: &refused, meter: &meter, mode: Watching::Counts };
        let api: ApiName = "shop".parse().expect("a name");
        let attempt = Attempt { watch, limit: &limit, api: &api, network: network(1) };
        assert_eq!(attempt.waits(clock.now()), None, "nothing is known of it");
        let told = attempt.count(clock.now(), Instant::now()).await.expect_err("it cannot be counted");
        assert_eq!(told.retry_after, Some(UNCOUNTED_WAIT));
        assert_eq!(attempt.waits(clock.now()), Some(UNCOUNTED_WAIT), "the next one is not looked up");
        clock.advance(2);
        assert_eq!(attempt.waits(clock.now()), None, "and then it may try again");
    }
}
