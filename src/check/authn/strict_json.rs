//! JSON that has one meaning: what two parsers could read differently is refused.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// Reads an object (RFC 8259) in which no object has a member twice, at any depth. Nesting ends at 128 levels.
/// `None` if it is none.
pub(super) fn object(bytes: &[u8]) -> Option<Value> {
    match serde_json::from_slice(bytes) {
        Ok(Unique(value @ Value::Object(_))) => Some(value),
        _ => None,
    }
}

/// A value in which no object has a member twice.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            read.push(item);
        }
        Ok(Value::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some((name, Unique(value))) = members.next_entry::<String, _>()? {
            if read.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(read))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let text = r#"{ "a": [null, true, -1, 18446744073709551615, 1.5, "\u00fc"], "b": { "a": {} } }"#;
        let expected: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(object(text.as_bytes()), Some(expected));
    }

    #[test]
    fn what_could_be_read_differently_is_refused() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        let cases: [&[u8]; 14] = [
            b"",
            b"[]",
            b"\"a\"",
            b"{} {}",
            b"\xef\xbb\xbf{}",
            br#"{"a":1,"a":1}"#,
            br#"{"a":1,"\u0061":1}"#,
            br#"{"b":{"a":1,"a":2}}"#,
            br#"{"b":[{"a":1,"a":2}]}"#,
            br#"{"a":1,}"#,
            br#"{"a":"\ud800"}"#,
            b"{\"a\":\"\xff\"}",
            br#"{"a":1e999}"#,
            br#"{"a":NaN}"#,
        ];
        for text in cases {
            assert_eq!(object(text), None, "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(object(format!("{{\"a\":{deep}}}").as_bytes()), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = object(&bytes);
        }
    }
}
