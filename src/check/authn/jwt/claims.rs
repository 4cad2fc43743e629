//! Token and keys → what the token says, proven. For whoever makes of it something else than a principal.

use serde_json::Value;
use tokio::time::Instant;

use crate::{
    check::authn::jwks::{IssuerKeys, NoKey},
    config::JwtCredential,
    domain::Timestamp,
};

use super::{
    fault::TokenFault,
    gate::Token,
    terms::{self, Terms},
    verified,
};

/// Why what a token says is not proven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// The token's doing.
    #[error(transparent)]
    Fault(#[from] TokenFault),
    /// Ours, or the issuer's: it cannot be known for now.
    #[error("the keys of {issuer} are not known: {cause}")]
    Outage {
        /// The issuer.
        issuer: String,
        /// Why.
        cause: String,
    },
}

/// What a token of one of these issuers says, and the place of that issuer among them. Keys are waited for until
/// `deadline`.
///
/// # Errors
///
/// The first thing that is wrong with it, in the order of verification; or its keys are not known.
pub async fn proven_claims(
    text: &str,
    issuers: &[(JwtCredential, IssuerKeys)],
    now: Timestamp,
    deadline: Instant,
) -> Result<(usize, Value), Unproven> {
    let token = Token::read(text)?;
    let claims = token.claims().map_err(TokenFault::Claims)?;
    // Nobody vouches for the issuer yet: it chooses the rule, by which the token is verified.
    let claimed = terms::issuer(claims).map_err(TokenFault::Claims)?;
    let mut issuers = issuers.iter().enumerate();
    let (at, (rule, keys)) =
        issuers.find(|(_, (rule, _))| rule.issuer == claimed).ok_or(TokenFault::Issuer)?;
    verified::judge_algorithm(&token, rule).map_err(TokenFault::Key)?;
    let key =
        keys.find(token.key_id.as_deref(), token.algorithm, deadline).await.map_err(|none| match none {
            NoKey::Fault(fault) => Unproven::Fault(TokenFault::Key(fault)),
            NoKey::Outage(cause) => {
                Unproven::Outage { issuer: rule.issuer.clone(), cause: cause.to_string() }
            }
        })?;
    if !key.verifies(token.algorithm, token.signed, &token.signature) {
        return Err(TokenFault::Signature.into());
    }
    Terms::read(claims).and_then(|terms| terms.judge(rule, now)).map_err(TokenFault::Claims)?;
    Ok((at, claims.clone()))
}
