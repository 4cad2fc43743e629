//! Signing with the private halves of JWKs.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
        RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaPublicKeyComponents,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// The private half of a pair, or a shared secret.
pub(crate) enum PrivateKey {
    Rsa(rsa::KeyPair),
    Curve(EcdsaKeyPair),
    Secret(Vec<u8>),
}

impl PrivateKey {
    /// Reads it; `None` if it is none that can be signed with.
    pub(crate) fn of_jwk(jwk: &Value) -> Option<Self> {
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str()?).ok();
        match jwk["kty"].as_str()? {
            "RSA" => {
                let components = rsa::KeyPairComponents {
                    public_key: RsaPublicKeyComponents { n: bytes("n")?, e: bytes("e")? },
                    d: bytes("d")?,
                    p: bytes("p")?,
                    q: bytes("q")?,
                    dP: bytes("dp")?,
                    dQ: bytes("dq")?,
                    qInv: bytes("qi")?,
                };
                rsa::KeyPair::from_components(&components).ok().map(Self::Rsa)
            }
            "EC" => {
                let point = [vec![4], bytes("x")?, bytes("y")?].concat();
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    &bytes("d")?,
                    &point,
                );
                pair.ok().map(Self::Curve)
            }
            "oct" => bytes("k").map(Self::Secret),
            _ => None,
        }
    }

    /// The signature of a message by the algorithm of this name.
    pub(crate) fn sign(&self, algorithm: &str, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match algorithm {
                    "RS256" => &RSA_PKCS1_SHA256,
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => return None,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), message, &mut signature).ok()?;
                Some(signature)
            }
            Self::Curve(pair) if algorithm == "ES256" => {
                Some(pair.sign(&SystemRandom::new(), message).ok()?.as_ref().to_vec())
            }
            Self::Curve(_) => None,
            Self::Secret(secret) => {
                let hash = match algorithm {
                    "HS256" => hmac::HMAC_SHA256,
                    "HS384" => hmac::HMAC_SHA384,
                    "HS512" => hmac::HMAC_SHA512,
                    _ => return None,
                };
                Some(hmac::sign(&hmac::Key::new(hash, secret), message).as_ref().to_vec())
            }
        }
    }
}
