//! Keys of a test's own.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::KeySet;

/// A pair of keys for `ES256`.
pub(in crate::check::authn) struct Signer(EcdsaKeyPair);

impl Signer {
    pub(in crate::check::authn) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a pair"))
    }

    /// Its public half, with this id.
    pub(in crate::check::authn) fn jwk(&self, id: &str) -> Value {
        let point = self.0.public_key().as_ref();
        let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "alg": "ES256",
            "x": coordinate(&point[1..33]), "y": coordinate(&point[33..]),
        })
    }

    /// A token with these claims.
    pub(in crate::check::authn) fn token(&self, id: &str, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&json!({ "alg": "ES256", "kid": id })), encode(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A set of new keys with these ids.
pub(in crate::check::authn) fn set(ids: &[&str]) -> KeySet {
    let keys: Vec<Value> = ids.iter().map(|id| Signer::new().jwk(id)).collect();
    KeySet::published(json!({ "keys": keys }).to_string().as_bytes()).expect("a set")
}
