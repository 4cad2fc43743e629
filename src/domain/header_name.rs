//! Names of HTTP header fields, and which of them an application may take for one another.

use std::{fmt, str::FromStr};

/// A field name in lower case, as HTTP/2 has it: a token of RFC 9110, section 5.6.2, of at most 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HeaderName(Box<str>);

/// The text is no name of a header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 64 letters, digits and `!#$%&'*+-.^_`|~`")]
pub struct HeaderNameError;

impl HeaderName {
    /// A name that the program itself chooses, in lower case.
    #[must_use]
    pub fn from_static(name: &'static str) -> Self {
        debug_assert!(name.parse().as_ref() == Ok(&Self(name.into())), "{name:?} is no header name");
        Self(name.into())
    }

    /// The name as text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HeaderName {
    type Err = HeaderNameError;

    fn from_str(text: &str) -> Result<Self, HeaderNameError> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(HeaderNameError)
        }
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an application might read a byte of a name as: CGI and its heirs disregard case, and turn `-`, and some of
/// them whatever is no letter and no digit, into `_`.
#[must_use]
pub fn fold_name(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

/// Whether an application might read `one` as `two`.
#[must_use]
pub fn folds_to(one: &str, two: &str) -> bool {
    one.len() == two.len() && one.bytes().map(fold_name).eq(two.bytes().map(fold_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_no_letter_and_no_digit_folds_to_the_hyphen() {
        for forged in
            ["x-principal-id", "X_Principal_Id", "x.principal.id", "x-principal_ID", "x~principal!id"]
        {
            assert!(folds_to(forged, "x-principal-id"), "{forged}");
        }
        for other in ["x-principal-idx", "x-principal", "x0principal-id", ""] {
            assert!(!folds_to(other, "x-principal-id"), "{other}");
        }
    }

    #[test]
    fn a_name_is_a_token() {
        assert_eq!(
            "X-Api-Key".parse::<HeaderName>().map(|name| name.to_string()),
            Ok("x-api-key".to_owned())
        );
        for bad in ["", "a b", ":path", "ä", "a\n", &"x".repeat(65)] {
            assert_eq!(bad.parse::<HeaderName>(), Err(HeaderNameError), "{bad:?}");
        }
    }
}
