//! Failed attempts: how many bad credentials may come from one address.
//!
//! An address from which too many came is not locked out: whoever shares it with a guesser could otherwise be kept
//! from their work by them. What is known to be good passes, which is found in memory and without asking anybody;
//! all else is refused and not looked at.

use std::{fmt, time::Duration};

use ipnet::IpNet;
use moka::{ops::compute::Op, policy::EvictionPolicy, sync::Cache};

use crate::domain::Timestamp;

use super::Refusal;

/// How many bad credentials may come from one address within [`WINDOW`].
const FAILED_MAX: u32 = 10;
/// From the first of them on.
const WINDOW: Duration = Duration::from_mins(1);
/// The most addresses that are remembered; they occupy some 5 MB. Whoever is forgotten begins anew.
const ADDRESSES_MAX: u64 = 16_384;

/// The addresses from which bad credentials came.
pub struct Attempts(Cache<IpNet, Failed>);

/// What failed from one address.
#[derive(Debug, Clone, Copy)]
struct Failed {
    count: u32,
    until: Timestamp,
}

impl Default for Attempts {
    /// From none on. The new push out the old: otherwise a flood from many addresses could keep the next ones from
    /// being remembered.
    fn default() -> Self {
        Self(Cache::builder().max_capacity(ADDRESSES_MAX).eviction_policy(EvictionPolicy::lru()).build())
    }
}

impl Attempts {
    /// Whether what is not known to be good may be looked at, if it comes from there.
    ///
    /// # Errors
    ///
    /// `too_many_attempts`.
    pub fn judge(&self, network: Option<IpNet>, now: Timestamp) -> Result<(), Refusal> {
        let failed = network.and_then(|network| self.0.get(&network));
        match failed.filter(|failed| failed.count >= FAILED_MAX && now < failed.until) {
            Some(failed) => {
                let wait = Duration::try_from(failed.until.duration_since(now)).unwrap_or(WINDOW);
                Err(Refusal::too_many_attempts(wait))
            }
            None => Ok(()),
        }
    }

    /// Counts a bad credential.
    pub fn count(&self, network: Option<IpNet>, now: Timestamp) {
        let (Some(network), Ok(until)) = (network, now.checked_add(WINDOW)) else {
            return;
        };
        self.0.entry(network).and_compute_with(|entry| {
            let failed = entry.map(moka::Entry::into_value).filter(|failed| now < failed.until);
            let failed = failed.unwrap_or(Failed { count: 0, until });
            Op::Put(Failed { count: failed.count.saturating_add(1), ..failed })
        });
    }
}

/// Shows how many there are.
impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attempts({})", self.0.entry_count())
    }
}
