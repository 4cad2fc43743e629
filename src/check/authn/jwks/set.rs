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

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use proptest::prelude::*;
    use serde_json::json;

    use crate::check::authn::jwks::fixture::Signer;

    use super::*;

    fn own(keys: &Value) -> Result<KeySet, SetFault> {
        KeySet::own(json!({ "keys": keys }).to_string().as_bytes())
    }

    /// Checks why a key cannot be used.
    fn check(jwk: &Value, expected: Option<Unusable>) {
        let found = own(&json!([jwk]));
        match expected {
            None => assert!(found.is_ok(), "{jwk}: {found:?}"),
            Some(fault) => assert_eq!(found.err(), Some(SetFault::Empty(Some(fault))), "{jwk}"),
        }
    }

    /// The key with other members; those that are `null` are taken out.
    fn with(jwk: &Value, members: &Value) -> Value {
        let mut jwk = jwk.clone();
        for (name, value) in members.as_object().expect("an object") {
            jwk[name] = value.clone();
        }
        jwk.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        jwk
    }

    /// An RSA key of so many bits: an odd number that bears no marks.
    fn rsa(bits: usize) -> Value {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] = 0xff >> (modulus.len() * 8 - bits);
        json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB" })
    }

    #[test]
    fn a_key_says_what_it_is_for() {
        let jwk = Signer::new().jwk("k");
        let cases = [
            (json!({}), None),
            (json!({ "use": null, "alg": null, "kid": null }), None),
            (json!({ "key_ops": ["verify"] }), None),
            (json!({ "key_ops": ["sign", "verify"], "use": null }), None),
            (json!({ "x5c": ["anything"], "more": 1 }), None),
            (json!({ "use": "enc" }), Some(Unusable::Purpose)),
            (json!({ "use": "SIG" }), Some(Unusable::Purpose)),
            (json!({ "key_ops": ["sign"] }), Some(Unusable::Purpose)),
            (json!({ "key_ops": [] }), Some(Unusable::Purpose)),
            (json!({ "key_ops": "verify" }), Some(Unusable::Form)),
            (json!({ "use": 1 }), Some(Unusable::Form)),
            (json!({ "kid": 1 }), Some(Unusable::Form)),
            (json!({ "kty": null }), Some(Unusable::Form)),
            (json!({ "kty": "ec" }), Some(Unusable::Type)),
            (json!({ "kty": "AKP" }), Some(Unusable::Type)),
            (json!({ "crv": "P-521" }), Some(Unusable::Type)),
            (json!({ "crv": "secp256k1" }), Some(Unusable::Type)),
            (json!({ "crv": "P-384" }), Some(Unusable::Numbers)),
            (json!({ "kty": "OKP" }), Some(Unusable::Type)),
            (json!({ "kty": "OKP", "crv": "X25519" }), Some(Unusable::Type)),
            (json!({ "kty": "OKP", "crv": "Ed25519" }), Some(Unusable::Algorithm)),
            (json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA" }), None),
            (json!({ "alg": "ES384" }), Some(Unusable::Algorithm)),
            (json!({ "alg": "RS256" }), Some(Unusable::Algorithm)),
            (json!({ "alg": "none" }), Some(Unusable::Algorithm)),
            (json!({ "d": "AAAA" }), Some(Unusable::Private)),
        ];
        for (members, expected) in cases {
            check(&with(&jwk, &members), expected);
        }
        check(&json!("k"), Some(Unusable::Form));
    }

    #[test]
    fn a_keys_numbers_lie_within_bounds() {
        let point = Signer::new().jwk("k");
        let swapped = json!({ "x": point["y"], "y": point["x"] });
        let zero = URL_SAFE_NO_PAD.encode([0; 32]);
        let longer = URL_SAFE_NO_PAD
            .encode([&[0], &*URL_SAFE_NO_PAD.decode(point["x"].as_str().expect("x")).expect("x")].concat());
        for (members, expected) in [
            (swapped, Unusable::Numbers),
            (json!({ "x": zero, "y": zero }), Unusable::Numbers),
            (json!({ "x": longer }), Unusable::Numbers),
            (json!({ "x": "" }), Unusable::Numbers),
            (json!({ "y": null }), Unusable::Form),
            (json!({ "x": "+/+/" }), Unusable::Form),
        ] {
            check(&with(&point, &members), Some(expected));
        }
        let (numbers, form) = (Some(Unusable::Numbers), Some(Unusable::Form));
        for (bits, expected) in
            [(2047, numbers), (2048, None), (2049, None), (8192, None), (8193, numbers), (8, numbers)]
        {
            check(&rsa(bits), expected);
        }
        for (members, expected) in [
            // Some libraries write a zero before it.
            (json!({ "n": URL_SAFE_NO_PAD.encode([&[0][..], &[0xff; 256]].concat()) }), None),
            (json!({ "n": URL_SAFE_NO_PAD.encode([&[0xff; 255][..], &[0xfe]].concat()) }), numbers),
            (json!({ "n": "" }), numbers),
            (json!({ "n": null }), form),
            (json!({ "e": "Aw" }), None),
            (json!({ "e": "AQ" }), numbers),
            (json!({ "e": "Ag" }), numbers),
            (json!({ "e": "" }), numbers),
            (json!({ "e": "AQABAQAB" }), numbers),
            (json!({ "e": "AQAB=" }), form),
        ] {
            check(&with(&rsa(2048), &members), expected);
        }
        let secret = |bytes: usize, alg: Value| {
            with(
                &json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(vec![7; bytes]) }),
                &json!({ "alg": alg }),
            )
        };
        let algorithm = Some(Unusable::Algorithm);
        for (bytes, alg, expected) in [
            (31, json!(null), numbers),
            (32, json!(null), None),
            (32, json!("HS256"), None),
            (47, json!("HS384"), algorithm),
            (48, json!("HS384"), None),
            (63, json!("HS512"), algorithm),
            (64, json!("HS512"), None),
            (64, json!("A256KW"), algorithm),
        ] {
            check(&secret(bytes, alg), expected);
        }
    }

    #[test]
    fn a_set_has_one_meaning_and_bounds() {
        let [one, two] = [Signer::new().jwk("one"), Signer::new().jwk("two")];
        let secret = json!({ "kty": "oct", "kid": "s", "k": "A".repeat(43) });
        let named = |jwk: &Value, id: &str| with(jwk, &json!({ "kid": id }));
        let many: Vec<Value> = (0..257).map(|number| named(&one, &number.to_string())).collect();
        let cases = [
            (json!([one, two]), None),
            (json!([one, with(&two, &json!({ "kid": null })), with(&one, &json!({ "kid": null }))]), None),
            (json!([one, named(&two, "one")]), Some(SetFault::Ambiguous)),
            (json!([one, one]), Some(SetFault::Ambiguous)),
            // Neither can be meant by the same token.
            (json!([one, named(&rsa(2048), "one")]), None),
            (json!([one, with(&two, &json!({ "kid": "one", "use": "enc" }))]), None),
            (json!([one, with(&two, &json!({ "kid": "one", "kty": "future" }))]), None),
            // A broken key takes the name of a good one away.
            (json!([one, with(&two, &json!({ "kid": "one", "x": null }))]), Some(SetFault::Ambiguous)),
            (json!([with(&two, &json!({ "x": null })), one, 7]), None),
            (json!([secret, one]), Some(SetFault::Mixed)),
            (json!([]), Some(SetFault::Empty(None))),
            (json!([{}]), Some(SetFault::Empty(Some(Unusable::Form)))),
            (json!(many), Some(SetFault::Count(257))),
            (json!({}), Some(SetFault::Form)),
        ];
        for (keys, expected) in cases {
            assert_eq!(own(&keys).err(), expected, "{keys}");
        }
        let skipping = own(&json!([with(&two, &json!({ "x": null })), one, 7])).expect("a set");
        assert_eq!((skipping.count(), skipping.skipped()), (1, 2));
        let padded = format!("{{\"keys\":[{one}]}}{}", " ".repeat(SET_BYTES_MAX));
        assert_eq!(KeySet::own(padded.as_bytes()).err(), Some(SetFault::Length));
    }

    #[test]
    fn a_published_set_has_no_secrets() {
        let (public, secret) = (Signer::new().jwk("k"), json!({ "kty": "oct", "k": "A".repeat(43) }));
        let published = |keys: Value| KeySet::published(json!({ "keys": keys }).to_string().as_bytes());
        assert_eq!(published(json!([secret])).err(), Some(SetFault::Empty(Some(Unusable::Published))));
        assert_eq!(published(json!([public, secret])).map(|set| (set.count(), set.skipped())), Ok((1, 1)));
    }

    #[test]
    fn a_key_is_found_by_its_id_or_if_it_is_the_only_one() {
        let set =
            own(&json!([Signer::new().jwk("one"), Signer::new().jwk("two"), rsa(2048)])).expect("a set");
        let find = |id, algorithm| set.find(id, algorithm).map(|key| key.id.clone());
        let (es256, rs256, ps512) = (Algorithm::ES256, Algorithm::RS256, Algorithm::PS512);
        assert_eq!(find(Some("two"), es256), Ok(Some("two".to_owned())));
        assert_eq!(find(Some("three"), es256), Err(KeyFault::Unknown));
        assert_eq!(find(Some("two"), rs256), Err(KeyFault::AlgorithmOfAnother(rs256)));
        assert_eq!(find(None, es256), Err(KeyFault::Unnamed(es256)));
        assert_eq!((find(None, rs256), find(None, ps512)), (Ok(None), Ok(None)));
        assert_eq!(find(None, Algorithm::HS256), Err(KeyFault::Unnamed(Algorithm::HS256)));
        // A key without an id is not meant by one.
        assert_eq!(find(Some(""), rs256), Err(KeyFault::Unknown));
    }

    #[test]
    fn no_key_shows_itself() {
        let secret = "hunter2".repeat(5);
        let written = URL_SAFE_NO_PAD.encode(&secret);
        let shown =
            format!("{:?}", own(&json!([{ "kty": "oct", "kid": "s", "k": written }])).expect("a set"));
        assert!(shown.contains("HS256") && !shown.contains(&secret) && !shown.contains(&written), "{shown}");
        let bytes = format!("{:?}", secret.as_bytes());
        assert!(!shown.contains(&bytes[1..20]), "{shown}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = KeySet::own(&bytes);
        }

        #[test]
        fn no_numbers_make_it_panic(kty in "(RSA|EC|OKP|oct)", crv in "(P-256|P-384|Ed25519)", n in "[A-Za-z0-9_-]{0,400}", x in "[A-Za-z0-9_-]{0,64}") {
            let _ = own(&json!([{ "kty": kty, "crv": crv, "n": n, "e": x, "x": x, "y": x, "k": n }]));
        }
    }
}
