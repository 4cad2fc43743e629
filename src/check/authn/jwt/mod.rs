//! Verification of tokens (RFC 7519): form, issuer, key, signature, claims, in this order.
//!
//! A token is read once by the gate, whose reading is the only one: the signature is verified over the very bytes
//! that were read, by a key that says itself for which algorithm it is.

mod claims;
mod fault;
mod gate;
mod memory;
mod subject;
mod terms;
#[cfg(test)]
mod tests;
mod verified;

use std::{collections::HashMap, sync::Arc};

use tokio::time::Instant;

use crate::{
    check::{refusal::Refusal, route::GuardedApi},
    config::{Api, CredentialRule},
    domain::{CredentialHash, Timestamp},
};

use super::{
    PresentedToken, Principal, invalid,
    jwks::{IssuerKeys, Issuers, NoKey},
};

use self::{
    gate::Token,
    memory::{Memory, RuleId},
};

pub use claims::{Unproven, proven_claims};
pub use fault::{ClaimFault, FormFault, KeyFault, Part, TokenFault};
pub use verified::{Verified, verify};

pub(super) use gate::TOKEN_BYTES_MAX;

/// What tokens are verified with under one policy, and those that were.
#[derive(Debug)]
pub struct Tokens {
    keys: HashMap<RuleId, IssuerKeys>,
    memory: Memory,
}

impl Tokens {
    /// Makes the rules of these APIs ready, with the keys that `issuers` know or begin to fetch.
    #[must_use]
    pub fn new(apis: &[Api], issuers: &Issuers) -> Self {
        let mut keys = HashMap::new();
        for (api, config) in apis.iter().enumerate() {
            for (rule, credential) in config.credentials.iter().enumerate() {
                if let CredentialRule::Jwt(jwt) = credential {
                    keys.insert(RuleId { api, rule }, issuers.keys_of(jwt));
                }
            }
        }
        Self { keys, memory: Memory::new() }
    }

    /// The token, if this rule verified it and the key that did is in force still.
    fn recall(&self, rule: RuleId, hash: CredentialHash) -> Option<Arc<Verified>> {
        let token = self.memory.recall(rule, hash)?;
        let key = self.keys.get(&rule)?.find_now(token.key_id.as_deref(), token.algorithm)?;
        (key.fingerprint() == token.key).then_some(token)
    }
}

/// Proves a token. What a remembered one says of time and audience is judged anew; any other is verified, with keys
/// that are waited for until the deadline; without a deadline it is not good.
pub(super) async fn verify_presented(
    presented: &PresentedToken<'_>,
    api: &GuardedApi,
    tokens: &Tokens,
    now: Timestamp,
    deadline: Option<Instant>,
) -> Result<Principal, Refusal> {
    let hash = CredentialHash::of(presented.text);
    for (rule, jwt) in presented.rules(api) {
        if let Some(token) = tokens.recall(RuleId { api: api.index, rule }, hash) {
            token.terms.judge(jwt, now).map_err(TokenFault::Claims)?;
            return Ok(Principal::of_token(Arc::clone(&token.subject)));
        }
    }
    let deadline = deadline.ok_or_else(|| invalid("the token is not remembered"))?;
    // A signature takes up to 0.15 ms to verify. What asks for it ends here for now, if it is run where a request
    // arrives: nobody else on the connection waits for it.
    tokio::task::yield_now().await;
    let token = Token::read(presented.text)?;
    // Nobody vouches for the issuer yet: it chooses the rule, by which it is verified.
    let claimed = token.claims().and_then(terms::issuer).map_err(TokenFault::Claims)?;
    let mut rules = presented.rules(api);
    let (rule, jwt) = rules.find(|(_, jwt)| jwt.issuer == claimed).ok_or(TokenFault::Issuer)?;
    verified::judge_algorithm(&token, jwt).map_err(TokenFault::Key)?;
    let rule = RuleId { api: api.index, rule };
    let unavailable =
        |cause: &str| Refusal::unavailable(format!("the keys of {} are not known: {cause}", jwt.issuer));
    let keys = tokens.keys.get(&rule).ok_or_else(|| unavailable("nobody fetches them"))?;
    let key = keys.find(token.key_id.as_deref(), token.algorithm, deadline).await;
    let key = key.map_err(|none| match none {
        NoKey::Fault(fault) => TokenFault::Key(fault).into(),
        NoKey::Outage(cause) => unavailable(&cause),
    })?;
    let verified = Arc::new(verified::prove(&token, &key, jwt, now)?);
    tokens.memory.remember(rule, hash, Arc::clone(&verified));
    Ok(Principal::of_token(Arc::clone(&verified.subject)))
}

impl From<TokenFault> for Refusal {
    fn from(fault: TokenFault) -> Self {
        invalid(fault.to_string())
    }
}
