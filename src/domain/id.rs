//! Identifiers: each kind is a type, so that one cannot stand in for another.
//!
//! An identifier becomes the value of a header on the way to the upstream, so it must fit
//! [`HEADER_VALUE_BYTES_MAX`] bytes once percent-encoded.

use std::{fmt, str::FromStr, sync::Arc};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rand::CryptoRng;

use super::api_key::random_base62;

/// The longest value of a principal header, in bytes, after percent-encoding.
pub const HEADER_VALUE_BYTES_MAX: usize = 256;

/// What is percent-encoded in a header value (RFC 3986, section 2.1): everything that is not visible ASCII, and
/// `%` itself, so that decoding gives back the original.
pub const HEADER_VALUE_ESCAPES: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// It is empty.
    #[error("expected one character at least")]
    Empty,
    /// It is too long for the value of a header.
    #[error("expected at most {HEADER_VALUE_BYTES_MAX} bytes once percent-encoded, not {found}")]
    TooLong {
        /// The length in bytes after percent-encoding.
        found: usize,
    },
    /// It holds a control character.
    #[error("expected no control character")]
    Control,
    /// It is no lower-case label, as names in configuration and metrics are.
    #[error("expected lower-case letters, digits and inner hyphens, at most 63 of them")]
    NotAName,
}

fn free_text(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.chars().any(char::is_control) {
        return Err(IdError::Control);
    }
    let found: usize = utf8_percent_encode(text, HEADER_VALUE_ESCAPES).map(str::len).sum();
    if found > HEADER_VALUE_BYTES_MAX {
        return Err(IdError::TooLong { found });
    }
    Ok(())
}

/// The form of a DNS label (RFC 1123, section 2.1), lower case.
fn label(text: &str) -> Result<(), IdError> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good = (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if good { Ok(()) } else { Err(IdError::NotAName) }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                $check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

identifier!(
    /// The name of an API: a product guarded. A lower-case label, since it is a metrics label as well.
    ApiName,
    label
);
identifier!(
    /// The name of a plan: a lower-case label.
    PlanName,
    label
);
identifier!(
    /// An environment of a product, such as `live` or `test`: a lower-case label.
    Environment,
    label
);
identifier!(
    /// The id of an API key (never the key).
    KeyId,
    free_text
);
identifier!(
    /// The id of an organization.
    OrganizationId,
    free_text
);
identifier!(
    /// The id of a project.
    ProjectId,
    free_text
);

identifier!(
    /// The id of a person, as the product knows them.
    UserId,
    free_text
);
identifier!(
    /// The id of a project's signing secret (never the secret).
    SecretId,
    free_text
);
identifier!(
    /// The id of a session (never its token).
    SessionId,
    free_text
);
identifier!(
    /// The name of a key under which secrets are sealed: a lower-case label.
    SealingKeyId,
    label
);

/// Characters of the random part of an id that is made here: 119 bits, so that no two are alike.
const ID_RANDOM_LEN: usize = 20;

macro_rules! generated {
    ($name:ident, $prefix:literal) => {
        impl $name {
            #[doc = concat!("Makes a new id: `", $prefix, "` and 20 characters of base62.")]
            #[must_use]
            pub fn generate(rng: &mut impl CryptoRng) -> Self {
                let random: String = random_base62(ID_RANDOM_LEN, rng).collect();
                Self(format!(concat!($prefix, "{}"), random).into())
            }
        }
    };
}

generated!(KeyId, "key_");
generated!(SecretId, "secret_");
generated!(SessionId, "session_");

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn a_new_id_is_an_id() {
        let id = KeyId::generate(&mut StdRng::seed_from_u64(1));
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert_eq!(id.as_str().len(), "key_4fXq0TzLm2Ab9RkVw1Yc".len());
    }

    #[test]
    fn a_name_is_a_lower_case_label() {
        for good in ["a", "acme-api", "v2", &"a".repeat(63)] {
            assert!(good.parse::<ApiName>().is_ok(), "{good}");
        }
        for bad in ["", "A", "-a", "a-", "a_b", "a b", "ä", &"a".repeat(64)] {
            assert_eq!(bad.parse::<ApiName>(), Err(IdError::NotAName), "{bad}");
        }
    }

    #[test]
    fn an_id_fits_a_header_value_once_encoded() {
        assert!("x".repeat(256).parse::<OrganizationId>().is_ok());
        assert_eq!("x".repeat(257).parse::<OrganizationId>(), Err(IdError::TooLong { found: 257 }));
        assert_eq!("ü".repeat(43).parse::<OrganizationId>(), Err(IdError::TooLong { found: 258 }));
        assert_eq!("a\r\nb".parse::<OrganizationId>(), Err(IdError::Control));
        assert_eq!("".parse::<OrganizationId>(), Err(IdError::Empty));
    }
}
