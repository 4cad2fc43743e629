//! Token and key → what is proven by them.

use std::sync::Arc;

use crate::{
    check::authn::{
        TokenSubject,
        jwks::{Fingerprint, Key, KeySet},
    },
    config::{Algorithm, JwtCredential},
    domain::Timestamp,
};

use super::{
    fault::{ClaimFault, KeyFault, TokenFault},
    gate::Token,
    subject,
    terms::{self, Terms},
};

/// A token whose signature was verified and whose claims were good: whom it proves, and what has to be judged again
/// whenever it is presented.
#[derive(Debug)]
pub struct Verified {
    /// Whom it proves.
    pub subject: Arc<TokenSubject>,
    pub(super) terms: Terms,
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<Box<str>>,
    pub(super) key: Fingerprint,
}

/// Verifies a token with these keys, by this rule and at this time.
///
/// # Errors
///
/// The first thing that is wrong with it: form, key, signature, claims.
pub fn verify(
    text: &str,
    keys: &KeySet,
    rule: &JwtCredential,
    now: Timestamp,
) -> Result<Verified, TokenFault> {
    let token = Token::read(text)?;
    judge_algorithm(&token, rule).map_err(TokenFault::Key)?;
    let key = keys.find(token.key_id.as_deref(), token.algorithm).map_err(TokenFault::Key)?;
    prove(&token, key, rule, now)
}

/// Whether the rule accepts the algorithm.
pub(super) fn judge_algorithm(token: &Token<'_>, rule: &JwtCredential) -> Result<(), KeyFault> {
    if rule.algorithms.contains(&token.algorithm) {
        Ok(())
    } else {
        Err(KeyFault::AlgorithmRefused(token.algorithm))
    }
}

/// Verifies the signature by the key, and then what the token says.
pub(super) fn prove(
    token: &Token<'_>,
    key: &Key,
    rule: &JwtCredential,
    now: Timestamp,
) -> Result<Verified, TokenFault> {
    if !key.verifies(token.algorithm, token.signed, &token.signature) {
        return Err(TokenFault::Signature);
    }
    let (terms, subject) = believe(token, rule, now).map_err(TokenFault::Claims)?;
    Ok(Verified {
        subject: Arc::new(subject),
        terms,
        algorithm: token.algorithm,
        key_id: token.key_id.as_deref().map(Box::from),
        key: key.fingerprint(),
    })
}

fn believe(
    token: &Token<'_>,
    rule: &JwtCredential,
    now: Timestamp,
) -> Result<(Terms, TokenSubject), ClaimFault> {
    let claims = token.claims()?;
    if terms::issuer(claims)? != rule.issuer {
        return Err(ClaimFault::Issuer);
    }
    let terms = Terms::read(claims)?;
    terms.judge(rule, now)?;
    Ok((terms, subject::of(claims, rule)?))
}
