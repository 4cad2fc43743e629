//! Sealing: what has to be read back is kept under an AEAD, so that the store alone gives nothing away.
//!
//! The AEAD is AES-256-GCM-SIV (RFC 8452) under a random nonce: should two nonces ever be alike, they give away
//! only whether the secrets are alike, too. What a secret belongs to is its associated data, so that a sealed
//! secret that was put in another's place opens nothing.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use rand::CryptoRng;
use secrecy::{SecretSlice, zeroize::Zeroizing};

use super::{ApiName, ProjectId, SealingKeyId, SecretId};

/// The length of a key, in bytes.
const KEY_BYTES: usize = 32;

/// About as much as a sealed secret and its associated data have, in bytes.
const NOTHING_BYTES: usize = 80;

/// What the associated data begin with: data sealed for another purpose open nothing here.
const PURPOSE: &str = "doorward project secret 1";

/// A secret as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// The key that opens it.
    pub key: SealingKeyId,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

/// What a sealed secret belongs to. Under any other it cannot be opened.
#[derive(Debug, Clone, Copy)]
pub struct SecretOwner<'a> {
    /// The API that it serves.
    pub api: &'a ApiName,
    /// The project that signs with it.
    pub project: &'a ProjectId,
    /// Its own id.
    pub id: &'a SecretId,
}

impl SecretOwner<'_> {
    /// Each text with its length before it, so that no two owners have the same data.
    fn associated_data(&self) -> Vec<u8> {
        let texts = [PURPOSE, self.api.as_str(), self.project.as_str(), self.id.as_str()];
        let with_length = |text: &str| [&(text.len() as u64).to_be_bytes(), text.as_bytes()].concat();
        texts.map(with_length).concat()
    }
}

/// A key under which secrets are sealed. `Debug` shows nothing of it, and its memory is zeroed.
pub struct SealingKey(LessSafeKey);

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey([REDACTED])")
    }
}

/// The text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 bytes, as 64 hexadecimal digits or in base64")]
pub struct SealingKeyError;

impl FromStr for SealingKey {
    type Err = SealingKeyError;

    fn from_str(text: &str) -> Result<Self, SealingKeyError> {
        let bytes =
            if text.len() == 2 * KEY_BYTES { hex::decode(text).ok() } else { STANDARD.decode(text).ok() };
        let bytes = Zeroizing::new(bytes.ok_or(SealingKeyError)?);
        let key = UnboundKey::new(&AES_256_GCM_SIV, &bytes).map_err(|_| SealingKeyError)?;
        Ok(Self(LessSafeKey::new(key)))
    }
}

/// The keys under which secrets are sealed. Clones share them.
#[derive(Debug, Clone)]
pub struct SealingKeys(Arc<Ring>);

#[derive(Debug)]
struct Ring {
    current: SealingKeyId,
    keys: BTreeMap<SealingKeyId, SealingKey>,
}

/// The secret cannot be sealed: a mistake of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret cannot be sealed")]
pub struct SealError;

/// Why a secret cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The key that it is sealed under is not among those configured.
    #[error("its sealing key `{0}` is not configured")]
    NoKey(SealingKeyId),
    /// It was sealed under a key of another content, for another owner, or was changed since.
    #[error("its sealing key `{0}` does not open it")]
    Damaged(SealingKeyId),
}

impl SealingKeys {
    /// Keys by their ids; `None` unless the `current` one, under which secrets are sealed from now on, is among
    /// them.
    #[must_use]
    pub fn new(current: SealingKeyId, keys: BTreeMap<SealingKeyId, SealingKey>) -> Option<Self> {
        keys.contains_key(&current).then(|| Self(Arc::new(Ring { current, keys })))
    }

    /// The id of the key under which secrets are sealed.
    #[must_use]
    pub fn current(&self) -> &SealingKeyId {
        &self.0.current
    }

    /// Seals a secret of this owner under the current key.
    ///
    /// # Errors
    ///
    /// [`SealError`] if it is longer than the cipher can take.
    pub fn seal(
        &self,
        secret: &[u8],
        owner: SecretOwner<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<SealedSecret, SealError> {
        let key = self.0.keys.get(&self.0.current).ok_or(SealError)?;
        let mut nonce = [0; NONCE_LEN];
        rng.fill_bytes(&mut nonce);
        // The secret in clear must not outlive this, nor be left behind by a buffer that grows.
        let mut bytes = Vec::with_capacity(NONCE_LEN + secret.len() + AES_256_GCM_SIV.tag_len());
        bytes.extend(nonce);
        bytes.extend(secret);
        let mut bytes = Zeroizing::new(bytes);
        let in_place = bytes.get_mut(NONCE_LEN..).ok_or(SealError)?;
        let aad = Aad::from(owner.associated_data());
        let tag = key.0.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, in_place);
        bytes.extend(tag.map_err(|_| SealError)?.as_ref());
        Ok(SealedSecret { key: self.0.current.clone(), bytes: std::mem::take(&mut *bytes) })
    }

    /// Opens a secret of this owner.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; which of the reasons for [`OpenError::Damaged`] it is cannot be told.
    pub fn open(&self, sealed: &SealedSecret, owner: SecretOwner<'_>) -> Result<SecretSlice<u8>, OpenError> {
        let key = self.0.keys.get(&sealed.key).ok_or_else(|| OpenError::NoKey(sealed.key.clone()))?;
        key.open(&sealed.bytes, &owner.associated_data())
            .ok_or_else(|| OpenError::Damaged(sealed.key.clone()))
    }

    /// Opens what is no secret: nothing comes out, after the time that opening a secret takes.
    pub fn open_nothing(&self) {
        if let Some(key) = self.0.keys.get(&self.0.current) {
            let opened = key.open(&[0; NOTHING_BYTES], &[0; NOTHING_BYTES]);
            debug_assert!(opened.is_none(), "nothing was sealed");
        }
    }
}

impl SealingKey {
    fn open(&self, sealed: &[u8], associated_data: &[u8]) -> Option<SecretSlice<u8>> {
        let (nonce, rest) = sealed.split_first_chunk()?;
        let mut bytes = Zeroizing::new(rest.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.0.open_in_place(nonce, Aad::from(associated_data), &mut bytes).ok()?;
        // A vector of exactly this length becomes the slice as it is: nothing is left behind.
        Some(opened.to_vec().into())
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};
    use secrecy::ExposeSecret;

    use super::*;

    fn keys(current: &str, keys: &[(&str, char)]) -> SealingKeys {
        let key = |(id, digit): &(&str, char)| {
            let text: String = std::iter::repeat_n(*digit, 64).collect();
            (id.parse().expect("an id"), text.parse().expect("a key"))
        };
        SealingKeys::new(current.parse().expect("an id"), keys.iter().map(key).collect()).expect("keys")
    }

    struct Owner(ApiName, ProjectId, SecretId);

    impl Owner {
        fn new(api: &str, project: &str, id: &str) -> Self {
            Self(api.parse().expect("a name"), project.parse().expect("an id"), id.parse().expect("an id"))
        }

        fn as_owner(&self) -> SecretOwner<'_> {
            SecretOwner { api: &self.0, project: &self.1, id: &self.2 }
        }
    }

    fn seal(keys: &SealingKeys, owner: &Owner) -> SealedSecret {
        keys.seal(b"a secret", owner.as_owner(), &mut StdRng::seed_from_u64(1)).expect("sealed")
    }

    #[test]
    fn a_sealed_secret_opens_for_its_owner_under_its_key_only() {
        let owner = Owner::new("payments", "apollo", "secret_1");
        let sealed = seal(&keys("k1", &[("k1", '1')]), &owner);
        assert_eq!(sealed.key.as_str(), "k1");
        assert_eq!(sealed.bytes.len(), 12 + "a secret".len() + 16);
        let rotated = keys("k2", &[("k1", '1'), ("k2", '2')]);
        let opened = rotated.open(&sealed, owner.as_owner()).expect("the old key is there still");
        assert_eq!(opened.expose_secret(), b"a secret");
        let cases = [
            (keys("k2", &[("k2", '2')]), OpenError::NoKey("k1".parse().expect("an id"))),
            (keys("k1", &[("k1", '2')]), OpenError::Damaged("k1".parse().expect("an id"))),
        ];
        for (keys, expected) in cases {
            assert_eq!(keys.open(&sealed, owner.as_owner()).expect_err("another key"), expected);
        }
    }

    #[test]
    fn a_secret_in_anothers_place_does_not_open() {
        let keys = keys("k1", &[("k1", '1')]);
        let sealed = seal(&keys, &Owner::new("payments", "apollo", "secret_1"));
        for other in [
            Owner::new("games", "apollo", "secret_1"),
            Owner::new("payments", "gemini", "secret_1"),
            Owner::new("payments", "apollo", "secret_2"),
            // The same letters, divided otherwise.
            Owner::new("payments", "apollosecret", "_1"),
            Owner::new("paymentsa", "pollo", "secret_1"),
        ] {
            assert!(keys.open(&sealed, other.as_owner()).is_err(), "{:?}", other.as_owner());
        }
    }

    #[test]
    fn a_change_of_any_byte_and_any_length_is_noticed() {
        let keys = keys("k1", &[("k1", '1')]);
        let owner = Owner::new("payments", "apollo", "secret_1");
        let sealed = seal(&keys, &owner);
        for at in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[at] ^= 1;
            assert!(keys.open(&changed, owner.as_owner()).is_err(), "byte {at}");
            changed.bytes.truncate(at);
            assert!(keys.open(&changed, owner.as_owner()).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn no_two_sealings_are_alike() {
        let keys = keys("k1", &[("k1", '1')]);
        let owner = Owner::new("payments", "apollo", "secret_1");
        let mut rng = StdRng::seed_from_u64(1);
        let [one, two] =
            [(); 2].map(|()| keys.seal(b"a secret", owner.as_owner(), &mut rng).expect("sealed"));
        assert_ne!(one, two);
    }

    /// Appendix C.2 of RFC 8452, the case with a plaintext of 8 bytes and no associated data.
    #[test]
    fn the_cipher_is_the_published_one() {
        let key: SealingKey =
            "0100000000000000000000000000000000000000000000000000000000000000".parse().expect("a key");
        let nonce = hex::decode("030000000000000000000000").expect("hex").try_into().expect("12 bytes");
        let mut bytes = hex::decode("0100000000000000").expect("hex");
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.0.seal_in_place_append_tag(nonce, Aad::empty(), &mut bytes).expect("sealed");
        assert_eq!(hex::encode(bytes), "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28");
    }

    #[test]
    fn a_key_is_32_bytes_in_hex_or_base64_and_never_shown() {
        let base64 = STANDARD.encode([7; 32]);
        for good in [&"0".repeat(64), &"aF".repeat(32), &base64] {
            let key: SealingKey = good.parse().expect("a key");
            assert_eq!(format!("{key:?}"), "SealingKey([REDACTED])");
        }
        let bad = [
            "",
            "secret",
            &"0".repeat(63),
            &"0".repeat(32),
            &"g".repeat(64),
            base64.trim_end_matches('='),
            &format!("{base64}\n"),
        ];
        for bad in bad {
            assert!(bad.parse::<SealingKey>().is_err(), "{bad:?}");
        }
    }
}
