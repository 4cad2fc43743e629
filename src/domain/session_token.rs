//! The tokens of sessions. They have the form of API keys, under a prefix of their own, so that a mistyped or
//! invented one is refused without a look-up.

use rand::CryptoRng;
use secrecy::{ExposeSecret, SecretString};

use super::{
    CredentialHash,
    api_key::{generate, is_well_formed},
};

/// How every token begins, whichever API it serves.
const PREFIX: &str = "dws_";

/// A new token in clear, for whoever asked for the session. `Debug` shows nothing of it, and its memory is zeroed.
#[derive(Debug)]
pub struct SessionToken(SecretString);

impl SessionToken {
    /// Makes a new token.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(generate(PREFIX, rng))
    }

    /// The token in clear.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is stored of this token.
    #[must_use]
    pub fn hash(&self) -> CredentialHash {
        CredentialHash::of(self.expose())
    }
}

/// Whether `token` is the prefix of tokens, 32 characters of base62, and their checksum.
#[must_use]
pub fn is_well_formed_session_token(token: &str) -> bool {
    is_well_formed(token, PREFIX)
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn a_token_is_well_formed_and_shows_nothing_of_itself() {
        let token = SessionToken::generate(&mut StdRng::seed_from_u64(1));
        let text = token.expose();
        assert!(is_well_formed_session_token(text) && text.starts_with("dws_"));
        assert!(!format!("{token:?}").contains("dws_"));
        let changed = text.replacen(text.chars().nth(10).expect("it is longer"), "-", 1);
        assert!(!is_well_formed_session_token(&changed));
        assert!(!is_well_formed_session_token(text.trim_start_matches("dws_")));
    }
}
