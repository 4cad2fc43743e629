//! An issuer of tokens by RS256.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{generator::requests::Values, site::unsigned_token};

pub(crate) struct Issuer(KeyPair);

impl Issuer {
    pub(crate) fn new() -> Self {
        Self(KeyPair::generate(KeySize::Rsa2048).expect("a key"))
    }

    /// Its public key, as a set.
    pub(crate) fn jwks(&self) -> Value {
        let (modulus, exponent) = parts(self.0.public_key().as_ref());
        let [n, e] = [modulus, exponent].map(|number| URL_SAFE_NO_PAD.encode(number));
        json!({ "keys": [{ "kty": "RSA", "alg": "RS256", "kid": "1", "n": n, "e": e }] })
    }

    /// So many tokens.
    pub(crate) fn tokens(&self, count: usize) -> Values {
        Values::new((0..count).map(|number| self.token(number)))
    }

    fn token(&self, number: usize) -> String {
        let signed = unsigned_token("RS256", number);
        let mut signature = vec![0; self.0.public_modulus_len()];
        let done = self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature);
        done.expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Modulus and exponent of a public key as PKCS #1 encodes it: a sequence of two integers.
fn parts(encoded: &[u8]) -> (&[u8], &[u8]) {
    let (sequence, _) = element(encoded);
    let (modulus, rest) = element(sequence);
    let (exponent, _) = element(rest);
    // A leading zero says that the number is positive.
    (modulus.strip_prefix(&[0]).unwrap_or(modulus), exponent)
}

/// The content of the first element of DER, and what follows it.
fn element(encoded: &[u8]) -> (&[u8], &[u8]) {
    let (head, length) = match usize::from(encoded[1]) {
        short @ ..0x80 => (2, short),
        long => {
            let bytes = &encoded[2..2 + (long & 0x7f)];
            (2 + bytes.len(), bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
        }
    };
    encoded[head..].split_at(length)
}
