//! Why a token is no good. To the client all of it is `credential_invalid`; which it was goes to the audit line.

use std::fmt;

use crate::config::Algorithm;

/// Why a token is no good, in the order in which it is judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It is no token, or one that asks for more than is understood.
    #[error("the token is malformed: {0}")]
    Form(FormFault),
    /// No rule of the place where it stood is for its issuer.
    #[error("the token comes from no issuer that is accepted here")]
    Issuer,
    /// There is no key for it.
    #[error("the token has no key: {0}")]
    Key(KeyFault),
    /// The signature is not that of its key.
    #[error("the token's signature is wrong")]
    Signature,
    /// What it says proves nobody here and now.
    #[error("the token's claims are no good: {0}")]
    Claims(ClaimFault),
}

/// A part of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What says how it is signed.
    Header,
    /// What it says.
    Payload,
    /// What proves it.
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// What is wrong with the form of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormFault {
    /// It is too long.
    #[error("found more than 8 KiB")]
    Length,
    /// It is not in compact serialization.
    #[error("expected three parts with dots between")]
    Parts,
    /// A part is encoded otherwise.
    #[error("expected the {0} in base64url, without padding")]
    Encoding(Part),
    /// The header is no object, or one that can be read in two ways.
    #[error("expected the header to be a JSON object that has each member once")]
    Header,
    /// The header says something that is not understood, such as `crit`, `b64`, `zip`, `jku`, `jwk` or `x5u`.
    #[error("expected no member of the header but `alg`, `kid` and `typ`")]
    Member,
    /// A member of the header has another type.
    #[error("expected the header's `{0}` to be a string")]
    Type(&'static str),
    /// The token is for something else than access.
    #[error("expected the header's `typ` to be `JWT` or `at+jwt`")]
    Typ,
    /// The algorithm is unknown, or `none`.
    #[error("expected the header's `alg` to be the name of an algorithm that is known")]
    Algorithm,
}

/// Why there is no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// The rule does not accept the algorithm.
    #[error("`{0}` is not accepted")]
    AlgorithmRefused(Algorithm),
    /// The key that it names is for another algorithm.
    #[error("the key that it names is not for `{0}`")]
    AlgorithmOfAnother(Algorithm),
    /// No key has the id that it names.
    #[error("no key has the id that it names")]
    Unknown,
    /// It names no key, and not exactly one is for its algorithm.
    #[error("it names no key, and not exactly one is for `{0}`")]
    Unnamed(Algorithm),
}

/// What is wrong with the claims of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimFault {
    /// They are no object, or one that can be read in two ways.
    #[error("expected a JSON object that has each member once")]
    Object,
    /// A claim that is needed is missing, or has another type.
    #[error("expected `{claim}` to be {expected}")]
    Type {
        /// The claim.
        claim: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// It comes from another issuer.
    #[error("`iss` is another")]
    Issuer,
    /// It is for somebody else.
    #[error("`aud` names none of ours")]
    Audience,
    /// It is no longer valid.
    #[error("it is expired")]
    Expired,
    /// It is not valid yet.
    #[error("it is not valid yet")]
    NotYet,
    /// It was made in the future.
    #[error("it was made in the future")]
    Future,
    /// A claim cannot be what the configuration makes of it.
    #[error("found in `{claim}` what is no {what}: {expected}")]
    Value {
        /// The claim.
        claim: String,
        /// What it should have been.
        what: &'static str,
        /// What was expected of such a thing.
        expected: String,
    },
}
