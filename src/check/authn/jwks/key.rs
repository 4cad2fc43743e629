//! One key: judged when it comes in, so that what is in a set can be used without a second thought.

use std::fmt;

use aws_lc_rs::{
    hmac,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
        RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
        RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
        RsaPublicKeyComponents, VerificationAlgorithm,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretSlice};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::config::Algorithm;

use super::roca;

/// The sizes of RSA keys, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A key that verifies tokens.
pub struct Key {
    /// Its name in the set (`kid`).
    pub id: Option<String>,
    /// What it is for.
    algorithms: Vec<Algorithm>,
    material: Material,
    fingerprint: Fingerprint,
}

/// Tells one key from another, whatever they are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

enum Material {
    /// The public half of a pair on a curve.
    Curve(ParsedPublicKey),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    Secret(SecretSlice<u8>),
}

/// Nothing of the key: it may be a secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

/// Why a key of a set cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is no JSON object, or a member has another type than RFC 7517 says.
    #[error("a member is missing or has another type")]
    Form,
    /// Its `kty` or `crv` is none that is understood.
    #[error("its type or curve is not understood")]
    Type,
    /// It is for something else than signatures (`use`, `key_ops`).
    #[error("it is not for verifying signatures")]
    Purpose,
    /// Its `alg` is unknown, or for keys of another type or length.
    #[error("its `alg` is not for keys of its type and length")]
    Algorithm,
    /// It is a private key, and so no longer private.
    #[error("it is a private key")]
    Private,
    /// It is a shared secret in a set that is published.
    #[error("it is a shared secret, which is none once it is published")]
    Published,
    /// Its size is out of bounds, its exponent no good, or its point not on the curve.
    #[error("its numbers are out of bounds")]
    Numbers,
    /// It bears the marks of a broken generator.
    #[error("it was made by a broken generator (CVE-2017-15361)")]
    Marked,
}

impl Key {
    /// Judges a JWK (RFC 7517, section 4).
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    pub(super) fn of_jwk(jwk: &Value) -> Result<Self, Unusable> {
        let jwk = jwk.as_object().ok_or(Unusable::Form)?;
        judge_purpose(jwk)?;
        let id = optional(jwk, "kid")?.map(str::to_owned);
        let (fitting, material) = match needed(jwk, "kty")? {
            "RSA" => rsa(jwk)?,
            "EC" => match needed(jwk, "crv")? {
                "P-256" => (vec![Algorithm::ES256], point(jwk, &ECDSA_P256_SHA256_FIXED, 32)?),
                "P-384" => (vec![Algorithm::ES384], point(jwk, &ECDSA_P384_SHA384_FIXED, 48)?),
                _ => return Err(Unusable::Type),
            },
            "OKP" => match needed(jwk, "crv")? {
                "Ed25519" => (vec![Algorithm::EdDSA], edwards(jwk)?),
                _ => return Err(Unusable::Type),
            },
            "oct" => secret(bytes(jwk, "k")?),
            _ => return Err(Unusable::Type),
        };
        let gives_away = ["d", "p", "q", "dp", "dq", "qi", "oth"];
        if !matches!(material, Material::Secret(_)) && gives_away.iter().any(|name| jwk.contains_key(*name)) {
            return Err(Unusable::Private);
        }
        if fitting.is_empty() {
            return Err(Unusable::Numbers);
        }
        let algorithms = match optional(jwk, "alg")? {
            None => fitting,
            Some(name) => {
                let named = Algorithm::named(name).filter(|named| fitting.contains(named));
                vec![named.ok_or(Unusable::Algorithm)?]
            }
        };
        Ok(Self::new(id, algorithms, material))
    }

    /// A shared secret, for all algorithms for which it is long enough.
    pub(super) fn of_secret(text: &str) -> Self {
        let (fitting, material) = secret(text.as_bytes().to_vec());
        Self::new(None, fitting, material)
    }

    fn new(id: Option<String>, algorithms: Vec<Algorithm>, material: Material) -> Self {
        let hash = Sha256::new();
        let hash = match &material {
            Material::Curve(key) => hash.chain_update("curve").chain_update(key.as_ref()),
            Material::Rsa(RsaPublicKeyComponents { n, e }) => {
                hash.chain_update("RSA").chain_update(n.len().to_be_bytes()).chain_update(n).chain_update(e)
            }
            Material::Secret(secret) => hash.chain_update("secret").chain_update(secret.expose_secret()),
        };
        let fingerprint = Fingerprint(hash.finalize().into());
        Self { id, algorithms, material, fingerprint }
    }

    /// Whether it is for this algorithm.
    #[must_use]
    pub fn is_for(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether both are for one and the same algorithm.
    pub(super) fn competes_with(&self, other: &Self) -> bool {
        self.algorithms.iter().any(|algorithm| other.is_for(*algorithm))
    }

    /// Whether both are the same key under the same name and for the same algorithms.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.id, &self.algorithms, self.fingerprint) == (&other.id, &other.algorithms, other.fingerprint)
    }

    /// Whether it is a shared secret.
    pub(super) fn is_secret(&self) -> bool {
        matches!(self.material, Material::Secret(_))
    }

    /// What tells it from others.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether `signature` is what this key makes of `message` by this algorithm. Secrets are compared in constant
    /// time.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.is_for(algorithm) {
            return false;
        }
        let verified = match &self.material {
            // It was read for the one algorithm that its curve has.
            Material::Curve(key) => key.verify_sig(message, signature),
            Material::Rsa(key) => match rsa_parameters(algorithm) {
                Some(parameters) => key.verify(parameters, message, signature),
                None => return false,
            },
            Material::Secret(secret) => match hmac_algorithm(algorithm) {
                Some(hash) => hmac::verify(&hmac::Key::new(hash, secret.expose_secret()), message, signature),
                None => return false,
            },
        };
        verified.is_ok()
    }
}

/// A member that may be missing and otherwise is text.
fn optional<'j>(jwk: &'j Map<String, Value>, name: &str) -> Result<Option<&'j str>, Unusable> {
    jwk.get(name).map(|value| value.as_str().ok_or(Unusable::Form)).transpose()
}

fn needed<'j>(jwk: &'j Map<String, Value>, name: &str) -> Result<&'j str, Unusable> {
    optional(jwk, name)?.ok_or(Unusable::Form)
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Unusable> {
    URL_SAFE_NO_PAD.decode(needed(jwk, name)?).map_err(|_| Unusable::Form)
}

/// What the key may be used for (RFC 7517, sections 4.2 and 4.3).
fn judge_purpose(jwk: &Map<String, Value>) -> Result<(), Unusable> {
    let for_signatures = optional(jwk, "use")?.is_none_or(|purpose| purpose == "sig");
    let verifies = match jwk.get("key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|operation| operation == "verify"),
        Some(_) => return Err(Unusable::Form),
    };
    if for_signatures && verifies { Ok(()) } else { Err(Unusable::Purpose) }
}

fn rsa(jwk: &Map<String, Value>) -> Result<(Vec<Algorithm>, Material), Unusable> {
    let [n, e] = [bytes(jwk, "n")?, bytes(jwk, "e")?].map(without_leading_zeros);
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    let exponent =
        e.iter().fold(0_u64, |number, byte| number.saturating_mul(256).saturating_add((*byte).into()));
    // 1 would make a signature of any message its own hash; what is very large takes long and is never needed.
    if !RSA_BITS.contains(&bits) || !is_odd(&n) || !is_odd(&e) || !(3..=u32::MAX.into()).contains(&exponent) {
        return Err(Unusable::Numbers);
    }
    if roca::is_marked(&n) {
        return Err(Unusable::Marked);
    }
    let fitting = Algorithm::ALL.into_iter().filter(|algorithm| rsa_parameters(*algorithm).is_some());
    Ok((fitting.collect(), Material::Rsa(RsaPublicKeyComponents { n, e })))
}

/// Some libraries write a zero before a number whose first bit is set.
fn without_leading_zeros(number: Vec<u8>) -> Vec<u8> {
    number.into_iter().skip_while(|byte| *byte == 0).collect()
}

/// A point on a curve, in the uncompressed form of SEC 1, section 2.3.3.
fn point(
    jwk: &Map<String, Value>,
    curve: &'static dyn VerificationAlgorithm,
    coordinate_bytes: usize,
) -> Result<Material, Unusable> {
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != coordinate_bytes || y.len() != coordinate_bytes {
        return Err(Unusable::Numbers);
    }
    let key = ParsedPublicKey::new(curve, [&[4], x.as_slice(), &y].concat());
    key.map(Material::Curve).map_err(|_| Unusable::Numbers)
}

fn edwards(jwk: &Map<String, Value>) -> Result<Material, Unusable> {
    let x = bytes(jwk, "x")?;
    if x.len() != 32 {
        return Err(Unusable::Numbers);
    }
    ParsedPublicKey::new(&ED25519, x).map(Material::Curve).map_err(|_| Unusable::Numbers)
}

fn secret(secret: Vec<u8>) -> (Vec<Algorithm>, Material) {
    let is_long_enough =
        |algorithm: &Algorithm| algorithm.secret_bytes_min().is_some_and(|least| secret.len() >= least);
    let fitting = Algorithm::ALL.into_iter().filter(is_long_enough).collect();
    (fitting, Material::Secret(secret.into()))
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn hmac_algorithm(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    Some(match algorithm {
        Algorithm::HS256 => hmac::HMAC_SHA256,
        Algorithm::HS384 => hmac::HMAC_SHA384,
        Algorithm::HS512 => hmac::HMAC_SHA512,
        _ => return None,
    })
}
