//! The form of an API key: `<prefix><random><checksum>`.
//!
//! - The prefix names product and environment (`sk_live_`).
//! - The random part is 32 characters of base62, which is 190.5 bits.
//! - The checksum is the CRC-32 (ISO-HDLC, as in zip and PNG) of everything before it, as 6 characters of
//!   base62, most significant first. So a mistyped or invented key is refused without a look-up, and a
//!   secret scanner can tell a leaked key from a look-alike.
//!
//! Base62 is `0-9A-Za-z`, in this order. At rest there are only the SHA-256 of the whole key and a hint.

use std::{fmt, str::FromStr};

use rand::{CryptoRng, RngExt};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Characters of the random part.
const RANDOM_LEN: usize = 32;
/// Characters of the checksum.
const CHECKSUM_LEN: usize = 6;
/// Characters of the random part that a hint shows.
const HINT_LEN: usize = 4;
/// The longest key that is looked at, in bytes. Ours are shorter; those made elsewhere may not be.
const KEY_BYTES_MAX: usize = 256;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How the keys of a product and environment begin: 1 to 32 letters, digits, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyPrefix(String);

/// The text cannot be a key's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 32 letters, digits, `_` and `-`")]
pub struct PrefixError;

impl KeyPrefix {
    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyPrefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PrefixError)
        }
    }
}

/// A new key in clear, for whoever asked for it. `Debug` shows nothing of it, and its memory is zeroed.
#[derive(Debug)]
pub struct PlainKey(SecretString);

impl PlainKey {
    /// Makes a new key.
    #[must_use]
    pub fn generate(prefix: &KeyPrefix, rng: &mut impl CryptoRng) -> Self {
        Self(generate(&prefix.0, rng))
    }

    /// The key in clear.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The hint under which lists show this key.
    #[must_use]
    pub fn hint(&self, prefix: &KeyPrefix) -> KeyHint {
        let shown: String = self.expose().chars().take(prefix.0.len() + HINT_LEN).collect();
        KeyHint(format!("{shown}..."))
    }

    /// What is stored of this key.
    #[must_use]
    pub fn hash(&self) -> CredentialHash {
        CredentialHash::of(self.expose())
    }
}

/// Whether `key` is `prefix`, 32 characters of base62, and their checksum.
#[must_use]
pub fn is_well_formed_key(key: &str, prefix: &KeyPrefix) -> bool {
    is_well_formed(key, &prefix.0)
}

/// Whether `text` could be a key of any prefix, or a session's token: it ends with a checksum of all before that. Of
/// other texts one in 62⁶ does.
#[must_use]
pub fn is_credential_in_clear(text: &str) -> bool {
    let prefix = text.len().checked_sub(RANDOM_LEN + CHECKSUM_LEN).and_then(|at| text.get(..at));
    prefix.is_some_and(|prefix| is_well_formed(text, prefix))
}

/// A new credential of this form.
pub(super) fn generate(prefix: &str, rng: &mut impl CryptoRng) -> SecretString {
    let mut text = String::with_capacity(prefix.len() + RANDOM_LEN + CHECKSUM_LEN);
    text.push_str(prefix);
    text.extend(random_base62(RANDOM_LEN, rng));
    let checksum = checksum(&text);
    text.extend(checksum);
    text.into()
}

/// Whether `text` has this form.
pub(super) fn is_well_formed(text: &str, prefix: &str) -> bool {
    let Some(rest) = text.strip_prefix(prefix) else {
        return false;
    };
    if rest.len() != RANDOM_LEN + CHECKSUM_LEN || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return false;
    }
    let (body, presented) = text.split_at(text.len() - CHECKSUM_LEN);
    presented.chars().eq(checksum(body))
}

/// Whether `key` could be a key made anywhere: a `token68` of RFC 9110, section 11.2, of at most 256 bytes.
#[must_use]
pub fn is_plausible_key(key: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(legal)
}

fn checksum(body: &str) -> [char; CHECKSUM_LEN] {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = ['0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = base62_digit(rest % 62);
        rest /= 62;
    }
    digits
}

#[expect(clippy::indexing_slicing, reason = "the remainder by 62 is an index into 62 digits")]
fn base62_digit(value: u32) -> char {
    char::from(BASE62[value as usize % 62])
}

/// So many random characters of base62.
pub(super) fn random_base62(length: usize, rng: &mut impl CryptoRng) -> impl Iterator<Item = char> {
    (0..length).map(|_| base62_digit(rng.random_range(0..62)))
}

/// The SHA-256 of a whole key or session token: what is stored, looked up and cached.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CredentialHash([u8; 32]);

/// The text is no hash of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `sha256:` and 64 hexadecimal digits")]
pub struct HashError;

impl CredentialHash {
    /// The hash of a credential in clear.
    #[must_use]
    pub fn of(credential: &str) -> Self {
        Self(Sha256::digest(credential.as_bytes()).into())
    }

    /// The hash as it is stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A hash as it was stored.
    ///
    /// # Errors
    ///
    /// [`HashError`] if `bytes` are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HashError> {
        bytes.try_into().map(Self).map_err(|_| HashError)
    }
}

impl FromStr for CredentialHash {
    type Err = HashError;

    /// Reads `sha256:<hex>`.
    fn from_str(text: &str) -> Result<Self, HashError> {
        let digits = text.strip_prefix("sha256:").ok_or(HashError)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| HashError)?;
        Ok(Self(bytes))
    }
}

/// Shows the first four bytes only: enough to compare two lines of a log, too few to find the key by.
impl fmt::Debug for CredentialHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start: String = hex::encode(self.0).chars().take(8).collect();
        write!(f, "sha256:{start}…")
    }
}

/// What lists show of a key: its prefix and the first characters, such as `acme_sk_abc1...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHint(String);

/// The text is too long or holds something that cannot stand in a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected at most 48 visible ASCII characters")]
pub struct HintError;

impl KeyHint {
    /// The hint of a key of which only the prefix is known.
    #[must_use]
    pub fn of_prefix(prefix: &KeyPrefix) -> Self {
        Self(format!("{}...", prefix.0))
    }

    /// The hint of a key of which nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self("...".to_owned())
    }

    /// The hint as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyHint {
    type Err = HintError;

    fn from_str(text: &str) -> Result<Self, HintError> {
        if text.len() <= 48 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(HintError)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn prefix(text: &str) -> KeyPrefix {
        text.parse().expect("a prefix")
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        // The check value of CRC-32/ISO-HDLC: "123456789" → 0xCBF43926 = 3421780262.
        let digits: String = checksum("123456789").into_iter().collect();
        let value = digits.bytes().fold(0_u64, |value, digit| {
            value * 62 + BASE62.iter().position(|candidate| *candidate == digit).expect("base62") as u64
        });
        assert_eq!(value, 0xCBF4_3926);
    }

    #[test]
    fn debug_shows_no_key_and_no_whole_hash() {
        let key = PlainKey::generate(&prefix("sk_live_"), &mut StdRng::seed_from_u64(1));
        assert!(!format!("{key:?}").contains("sk_live_"));
        assert_eq!(format!("{:?}", key.hash()).chars().count(), "sha256:".len() + 8 + 1);
    }

    #[test]
    fn the_hint_is_the_prefix_and_four_characters() {
        let prefix = prefix("acme_sk_");
        let key = PlainKey::generate(&prefix, &mut StdRng::seed_from_u64(1));
        let hint = key.hint(&prefix);
        assert_eq!(hint.as_str().len(), "acme_sk_abc1...".len());
        assert!(key.expose().starts_with(hint.as_str().trim_end_matches('.')));
    }

    proptest! {
        #[test]
        fn every_key_made_is_well_formed_key(seed: u64, text in "[A-Za-z0-9_-]{1,32}") {
            let prefix = prefix(&text);
            let key = PlainKey::generate(&prefix, &mut StdRng::seed_from_u64(seed));
            prop_assert!(is_well_formed_key(key.expose(), &prefix));
            prop_assert!(is_plausible_key(key.expose()));
        }

        #[test]
        fn one_changed_character_breaks_the_checksum(seed: u64, at in 0_usize..46, to in "[A-Za-z0-9_]") {
            let prefix = prefix("sk_live_");
            let key = PlainKey::generate(&prefix, &mut StdRng::seed_from_u64(seed));
            let mut changed = key.expose().to_owned();
            changed.replace_range(at..=at, &to);
            prop_assert_eq!(is_well_formed_key(&changed, &prefix), changed == key.expose());
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            prop_assert!(!is_well_formed_key(&text, &prefix("sk_live_")));
            prop_assert!(!is_plausible_key(&text) || text.is_ascii());
            prop_assert!(text.parse::<CredentialHash>().is_err());
            prop_assert!(text.parse::<KeyHint>().is_err() || text.len() <= 48);
        }

        #[test]
        fn a_hash_survives_its_text(bytes: [u8; 32]) {
            let hash = CredentialHash::from_bytes(&bytes).expect("32 bytes");
            let text = format!("sha256:{}", hex::encode(hash.as_bytes()));
            prop_assert_eq!(text.parse::<CredentialHash>(), Ok(hash));
        }
    }
}
