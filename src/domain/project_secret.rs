//! The secrets with which projects sign their requests.

use std::sync::Arc;

use rand::CryptoRng;
use secrecy::{ExposeSecret, SecretString};

use super::{
    ApiName, CredentialStatus, OrganizationId, ProjectId, SealedSecret, SecretId, SecretOwner, Timestamp,
    api_key::random_base62,
};

/// Characters of a secret that is made here: 256 bits.
const RANDOM_LEN: usize = 43;
/// The shortest secret that is taken over, in bytes.
const SECRET_BYTES_MIN: usize = 16;
/// The longest secret that is taken over, in bytes.
const SECRET_BYTES_MAX: usize = 1024;

/// A secret in clear: its text, byte for byte, is the key of the HMAC. `Debug` shows nothing of it, and its memory
/// is zeroed.
#[derive(Debug, Clone)]
pub struct PlainSecret(SecretString);

/// The text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a text of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes without control characters")]
pub struct PlainSecretError;

impl PlainSecret {
    /// Makes a new secret: 43 characters of base62.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut secret = String::with_capacity(RANDOM_LEN);
        secret.extend(random_base62(RANDOM_LEN, rng));
        Self(secret.into())
    }

    /// Takes over a secret that was made elsewhere.
    ///
    /// # Errors
    ///
    /// [`PlainSecretError`] if it is too short, too long, or holds a control character.
    pub fn from_elsewhere(secret: SecretString) -> Result<Self, PlainSecretError> {
        let text = secret.expose_secret();
        let fits = (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&text.len());
        if fits && !text.chars().any(char::is_control) { Ok(Self(secret)) } else { Err(PlainSecretError) }
    }

    /// The secret in clear.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// What the store knows of one secret of a project. It can be read back, so it is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRecord {
    /// Its id.
    pub id: SecretId,
    /// The API that it serves; to every other API it is unknown.
    pub api: ApiName,
    /// The organization that owns the project.
    pub organization: OrganizationId,
    /// The project that signs with it.
    pub project: ProjectId,
    /// The secret, sealed.
    pub sealed: SealedSecret,
    /// When it was created.
    pub created: Timestamp,
    /// From when on it proves nothing.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// The secret that it replaces.
    pub rotated_from: Option<SecretId>,
}

impl SecretRecord {
    /// What it is sealed for.
    #[must_use]
    pub fn owner(&self) -> SecretOwner<'_> {
        SecretOwner { api: &self.api, project: &self.project, id: &self.id }
    }

    /// Whether it is good at `now`. One that is both revoked and expired counts as revoked.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> CredentialStatus {
        CredentialStatus::at(now, self.expires, self.revoked)
    }
}

/// The secrets of one project for one API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSecrets {
    /// All of them, the youngest first, those that have ended included.
    pub secrets: Arc<[SecretRecord]>,
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn a_new_secret_has_256_bits_and_could_be_taken_over() {
        let secret = PlainSecret::generate(&mut StdRng::seed_from_u64(1));
        assert!(62_f64.log2() * f64::from(u32::try_from(secret.expose().len()).expect("short")) >= 256.0);
        assert!(secret.expose().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(PlainSecret::from_elsewhere(secret.expose().into()).is_ok());
        assert!(!format!("{secret:?}").contains(secret.expose()));
    }

    #[test]
    fn a_secret_from_elsewhere_has_16_bytes_at_least() {
        for (text, is_good) in [
            ("0123456789abcdef".to_owned(), true),
            ("ä".repeat(8), true),
            ("x".repeat(1024), true),
            ("0123456789abcde".to_owned(), false),
            ("x".repeat(1025), false),
            ("0123456789abcdef\n".to_owned(), false),
        ] {
            assert_eq!(PlainSecret::from_elsewhere(text.as_str().into()).is_ok(), is_good, "{text:?}");
        }
    }
}
