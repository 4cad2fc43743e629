//! The tokens that were verified, so that each is verified once.
//!
//! One memory belongs to one policy and goes with it: what was verified under another configuration is verified
//! again. What can change while a token is remembered is judged by whoever recalls it.

use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};

use crate::domain::CredentialHash;

use super::Verified;

/// What all entries together may occupy, in bytes.
const CAPACITY_BYTES: u64 = 32 * 1024 * 1024;
/// What an entry occupies beside its texts: the token's subject, the hash, and the cache's own bookkeeping.
const ENTRY_BYTES: usize = size_of::<Verified>() + 150;
/// What a short text of its own occupies beside its bytes.
const TEXT_BYTES: usize = 32;

/// A rule for tokens: the API's place among the APIs, and the rule's among the API's credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RuleId {
    pub(super) api: usize,
    pub(super) rule: usize,
}

/// Verified tokens, by the rule that verified them and the hash of their whole text. One that has expired stays until it
/// is pushed out: whether it has is judged by whoever recalls it.
#[derive(Debug)]
pub(super) struct Memory(Cache<(RuleId, CredentialHash), Arc<Verified>, Weigher>);

/// Weighs a token by what it occupies.
#[derive(Debug, Clone)]
struct Weigher;

impl Weighter<(RuleId, CredentialHash), Arc<Verified>> for Weigher {
    fn weight(&self, _: &(RuleId, CredentialHash), token: &Arc<Verified>) -> u64 {
        bytes(token)
    }
}

impl Memory {
    pub(super) fn new() -> Self {
        let entries = usize::try_from(CAPACITY_BYTES).unwrap_or(usize::MAX) / ENTRY_BYTES;
        Self(Cache::with_weighter(entries, CAPACITY_BYTES, Weigher))
    }

    /// The token, if this rule verified it.
    pub(super) fn recall(&self, rule: RuleId, hash: CredentialHash) -> Option<Arc<Verified>> {
        self.0.get(&(rule, hash))
    }

    /// Remembers a token that this rule has verified.
    pub(super) fn remember(&self, rule: RuleId, hash: CredentialHash, token: Arc<Verified>) {
        self.0.insert((rule, hash), token);
    }
}

/// What a token occupies in memory, roughly and never less.
fn bytes(token: &Verified) -> u64 {
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
    all as u64
}
