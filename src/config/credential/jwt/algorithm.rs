//! How tokens are signed (RFC 7518, section 3.1; RFC 8037, section 3.1).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a token is signed. There is no `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// HMAC with SHA-256, by a shared secret of 32 bytes at least.
    HS256,
    /// HMAC with SHA-384, by a shared secret of 48 bytes at least.
    HS384,
    /// HMAC with SHA-512, by a shared secret of 64 bytes at least.
    HS512,
    /// RSA in the older form (RSASSA-PKCS1-v1_5) with SHA-256.
    RS256,
    /// RSA in the older form with SHA-384.
    RS384,
    /// RSA in the older form with SHA-512.
    RS512,
    /// RSA in the newer form (RSASSA-PSS) with SHA-256.
    PS256,
    /// RSA in the newer form with SHA-384.
    PS384,
    /// RSA in the newer form with SHA-512.
    PS512,
    /// ECDSA on the curve P-256 with SHA-256.
    ES256,
    /// ECDSA on the curve P-384 with SHA-384.
    ES384,
    /// `EdDSA` on the curve Ed25519.
    EdDSA,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// Its name in tokens and key sets.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// The algorithm of this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// How long a shared secret has to be for it, in bytes (RFC 7518, section 3.2); `None` if it has a public key.
    #[must_use]
    pub fn secret_bytes_min(self) -> Option<usize> {
        match self {
            Self::HS256 => Some(32),
            Self::HS384 => Some(48),
            Self::HS512 => Some(64),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_the_name_that_the_configuration_knows() {
        for algorithm in Algorithm::ALL {
            assert_eq!(serde_json::to_value(algorithm).expect("JSON"), algorithm.as_str());
            assert_eq!(Algorithm::named(algorithm.as_str()), Some(algorithm));
        }
        for unknown in ["none", "NONE", "hs256", "ES512", ""] {
            assert_eq!(Algorithm::named(unknown), None, "{unknown}");
        }
    }
}
