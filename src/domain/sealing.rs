//! Sealing: what has to be read back is kept under an AEAD, so that the store alone gives nothing away.

use super::SealingKeyId;

/// A secret as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// The key that opens it.
    pub key: SealingKeyId,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}
