//! A JWK set (RFC 7517, section 5), judged as a whole.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    check::authn::{jwt::KeyFault, strict_json},
    config::Algorithm,
};

use super::{Key, Unusable};

/// The longest set, in bytes.
pub const SET_BYTES_MAX: usize = 512 * 1024;
/// The most keys in a set.
const KEYS_MAX: usize = 256;

/// The keys of an issuer that can be used: one at least.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Arc<Key>>,
    skipped: usize,
}

/// Why a set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetFault {
    /// It is too long.
    #[error("found more than {SET_BYTES_MAX} bytes")]
    Length,
    /// It is no JWK set.
    #[error("expected a JSON object with the list `keys` that has each member once")]
    Form,
    /// It has too many keys.
    #[error("found {0} keys, expected at most {KEYS_MAX}")]
    Count(usize),
    /// No key can be used.
    #[error("found no key that can be used{}", because(*.0))]
    Empty(Option<Unusable>),
    /// Two keys for the same algorithm have the same id, or a broken key has that of a good one.
    #[error("found two keys with the same `kid`")]
    Ambiguous,
    /// It has shared secrets beside public keys: one could be taken for the other.
    #[error("found shared secrets beside public keys")]
    Mixed,
}

fn because(first: Option<Unusable>) -> String {
    first.map(|first| format!("; of the first, {first}")).unwrap_or_default()
}

impl KeySet {
    /// Reads a set that is published, and in which therefore no secret can be.
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    pub fn published(json: &[u8]) -> Result<Self, SetFault> {
        Self::read(json, |key| if key.is_secret() { Err(Unusable::Published) } else { Ok(key) })
    }

    /// Reads a set of one's own, in which secrets may be.
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    pub fn own(json: &[u8]) -> Result<Self, SetFault> {
        Self::read(json, Ok)
    }

    /// The set of one shared secret, which has no id. One that is too short for every algorithm is for none.
    #[must_use]
    pub fn of_secret(secret: &str) -> Self {
        Self { keys: vec![Arc::new(Key::of_secret(secret))], skipped: 0 }
    }

    fn read(json: &[u8], admit: impl Fn(Key) -> Result<Key, Unusable>) -> Result<Self, SetFault> {
        if json.len() > SET_BYTES_MAX {
            return Err(SetFault::Length);
        }
        let set = strict_json::object(json).ok_or(SetFault::Form)?;
        let listed = set.get("keys").and_then(Value::as_array).ok_or(SetFault::Form)?;
        if listed.len() > KEYS_MAX {
            return Err(SetFault::Count(listed.len()));
        }
        let (mut keys, mut broken): (Vec<Arc<Key>>, Vec<_>) = (Vec::new(), Vec::new());
        for jwk in listed {
            match Key::of_jwk(jwk).and_then(&admit) {
                Ok(key) => keys.push(Arc::new(key)),
                Err(fault) => broken.push((fault, jwk.get("kid").and_then(Value::as_str))),
            }
        }
        if keys.is_empty() {
            return Err(SetFault::Empty(broken.first().map(|(fault, _)| *fault)));
        }
        for (index, key) in keys.iter().enumerate() {
            let Some(id) = &key.id else { continue };
            let mut earlier = keys.iter().take(index);
            // What is for another purpose, or of a type that nobody asks for, takes no name away.
            let mut rivals = broken
                .iter()
                .filter(|(fault, _)| !matches!(fault, Unusable::Purpose | Unusable::Type))
                .filter_map(|(_, id)| *id);
            if earlier.any(|other| other.id == key.id && other.competes_with(key))
                || rivals.any(|rival| rival == id)
            {
                return Err(SetFault::Ambiguous);
            }
        }
        let secrets = keys.iter().filter(|key| key.is_secret()).count();
        if secrets > 0 && secrets < keys.len() {
            return Err(SetFault::Mixed);
        }
        let skipped = listed.len() - keys.len();
        Ok(Self { keys, skipped })
    }

    /// How many keys there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// How many keys of the set cannot be used.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Whether both have the same keys, in the same order.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.keys.len() == other.keys.len()
            && self.keys.iter().zip(&other.keys).all(|(one, two)| one.is_same(two))
    }

    /// The key with this id, which has to be for this algorithm; without an id, the only key for it.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<&Arc<Key>, KeyFault> {
        let mut fitting = self.keys.iter().filter(|key| key.is_for(algorithm));
        let Some(id) = id else {
            return match (fitting.next(), fitting.next()) {
                (Some(only), None) => Ok(only),
                _ => Err(KeyFault::Unnamed(algorithm)),
            };
        };
        let has_id = |key: &&Arc<Key>| key.id.as_deref() == Some(id);
        match fitting.find(has_id) {
            Some(key) => Ok(key),
            None if self.keys.iter().any(|key| has_id(&key)) => Err(KeyFault::AlgorithmOfAnother(algorithm)),
            None => Err(KeyFault::Unknown),
        }
    }
}
