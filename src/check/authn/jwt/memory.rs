//! The tokens that were verified, so that each is verified once.
//!
//! One memory belongs to one policy and goes with it: what was verified under another configuration is verified
//! again. What can change while a token is remembered is judged by whoever recalls it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use moka::{Expiry, sync::Cache};

use crate::domain::{CredentialHash, Timestamp};

use super::Verified;

/// What all entries together may occupy, in bytes.
const CAPACITY_BYTES: u64 = 32 * 1024 * 1024;
/// What an entry occupies beside its texts: the token's subject, the hash, and moka's own bookkeeping.
const ENTRY_BYTES: usize = size_of::<Verified>() + 400;
/// What a short text of its own occupies beside its bytes.
const TEXT_BYTES: usize = 32;

/// A rule for tokens: the API's place among the APIs, and the rule's among the API's credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RuleId {
    pub(super) api: usize,
    pub(super) rule: usize,
}

/// Verified tokens, by the rule that verified them and the hash of their whole text.
#[derive(Debug)]
pub(super) struct Memory(Cache<(RuleId, CredentialHash), Remembered>);

#[derive(Debug, Clone)]
struct Remembered {
    token: Arc<Verified>,
    /// For how long it was still valid when it was verified.
    left: Duration,
}

impl Memory {
    pub(super) fn new() -> Self {
        let weigh = |_: &_, remembered: &Remembered| bytes(&remembered.token);
        Self(Cache::builder().max_capacity(CAPACITY_BYTES).weigher(weigh).expire_after(WithTheToken).build())
    }

    /// The token, if this rule verified it.
    pub(super) fn recall(&self, rule: RuleId, hash: CredentialHash) -> Option<Arc<Verified>> {
        self.0.get(&(rule, hash)).map(|remembered| remembered.token)
    }

    /// Remembers a token that this rule has verified `now`.
    pub(super) fn remember(&self, rule: RuleId, hash: CredentialHash, token: Arc<Verified>, now: Timestamp) {
        let left = Duration::try_from(token.terms.expires.duration_since(now)).unwrap_or_default();
        self.0.insert((rule, hash), Remembered { token, left });
    }
}

/// Forgets a token when it expires. Whether it has expired is not judged by this: it only makes room.
struct WithTheToken;

impl Expiry<(RuleId, CredentialHash), Remembered> for WithTheToken {
    fn expire_after_create(
        &self,
        _: &(RuleId, CredentialHash),
        remembered: &Remembered,
        _: Instant,
    ) -> Option<Duration> {
        Some(remembered.left)
    }
}

/// What a token occupies in memory, roughly and never less.
fn bytes(token: &Verified) -> u32 {
    let subject = &token.subject;
    let text = |text: &str| TEXT_BYTES + text.len();
    let scopes =
        |scopes: &crate::domain::ScopeSet| -> usize { scopes.iter().map(|scope| text(scope.as_str())).sum() };
    let memberships = subject.memberships.iter().flat_map(|memberships| memberships.iter());
    let memberships: usize =
        memberships.map(|one| 2 * TEXT_BYTES + text(one.organization.as_str()) + scopes(&one.scopes)).sum();
    let headers: usize = subject.headers.iter().map(|(name, value)| text(name.as_str()) + text(value)).sum();
    let audiences: usize = token.terms.audiences.iter().map(|audience| text(audience)).sum();
    let single = text(subject.user.as_str()) + token.key_id.as_deref().map_or(0, text);
    let all = ENTRY_BYTES + single + scopes(&subject.scopes) + memberships + headers + audiences;
    u32::try_from(all).unwrap_or(u32::MAX)
}
