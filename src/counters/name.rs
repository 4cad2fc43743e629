//! What counters are called.

use std::{fmt, net::IpAddr, str};

use ipnet::IpNet;
use smallvec::SmallVec;

/// Stands before an address in a key. No text holds this byte, so that no subject is taken for an address.
const ADDRESS: u8 = 0xff;

/// The name of a counter. The same at every replica.
///
/// Every Check makes one for each of its rules. That allocates nothing up to 64 bytes, which names usually have, and an address is
/// not spelled out but where somebody reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterName {
    /// API, rule and subject, with `/` between them.
    key: SmallVec<[u8; 64]>,
    /// The subject, if it is a client's address.
    address: Option<IpNet>,
}

impl CounterName {
    /// The counter of `subject` under a rule of an API. No two different triples have the same name, provided
    /// that API and rule hold no `/`.
    #[must_use]
    pub fn new(api: &str, rule: &str, subject: &str) -> Self {
        Self { key: key([api, "/", rule, "/", subject]), address: None }
    }

    /// The same, of a subject that is told from others of another kind: `kind:id`.
    #[must_use]
    pub fn of_kind(api: &str, rule: &str, kind: &str, id: &str) -> Self {
        Self { key: key([api, "/", rule, "/", kind, ":", id]), address: None }
    }

    /// The counter of a client's address. Anybody can have as many of them as they have addresses, so that they never take
    /// the place of other counters.
    #[must_use]
    pub fn of_address(api: &str, rule: &str, address: IpNet) -> Self {
        let mut key = key([api, "/", rule, "/"]);
        key.extend([ADDRESS, address.prefix_len()]);
        match address.addr() {
            IpAddr::V4(address) => key.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => key.extend_from_slice(&address.octets()),
        }
        Self { key, address: Some(address) }
    }

    /// What tells it from every other name.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Whether it is the counter of a client's address.
    pub(super) fn is_of_address(&self) -> bool {
        self.address.is_some()
    }
}

fn key<const N: usize>(parts: [&str; N]) -> SmallVec<[u8; 64]> {
    let mut key = SmallVec::new();
    for part in parts {
        key.extend_from_slice(part.as_bytes());
    }
    key
}

/// The name as text.
impl fmt::Display for CounterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.key.split(|byte| *byte == ADDRESS).next().and_then(|text| str::from_utf8(text).ok());
        f.write_str(text.unwrap_or_default())?;
        self.address.map_or(Ok(()), |address| write!(f, "{address}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_api_rule_and_subject() {
        let network = |text: &str| text.parse::<IpNet>().expect("a network");
        let long = "x".repeat(100);
        for (name, text) in [
            (CounterName::new("shop", "organization", "acme"), "shop/organization/acme".to_owned()),
            (CounterName::new("shop", "0", &long), format!("shop/0/{long}")),
            (CounterName::of_kind("shop", "credential", "key", "k1"), "shop/credential/key:k1".to_owned()),
            (CounterName::of_address("a", "b", network("203.0.113.7/32")), "a/b/203.0.113.7/32".to_owned()),
            (CounterName::of_address("a", "b", network("255.255.0.0/16")), "a/b/255.255.0.0/16".to_owned()),
            (CounterName::of_address("a", "b", network("ffff:1::/64")), "a/b/ffff:1::/64".to_owned()),
        ] {
            assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn networks_of_different_length_have_different_names() {
        let key = |text: &str| CounterName::of_address("a", "b", text.parse().expect("a network"));
        assert_ne!(key("10.0.0.0/8").key(), key("10.0.0.0/9").key());
        assert_ne!(key("10.0.0.0/8").key(), key("a00::/8").key());
    }
}
