//! Names of administrators, and of certificates.

use crate::config::text::Format;

/// The longest name of an administrator, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// The longest name of a certificate, in bytes.
const CERTIFICATE_BYTES_MAX: usize = 2048;

/// The name of an administrator. It has no space in it, so that none looks like a user of a Unix socket (`uid 0`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct AdministratorName(pub(in crate::config) String);

impl Format for AdministratorName {
    const NAME: &'static str = "administrator-name";
    const WHAT: &'static str = "a name such as `ada` or `deploy-bot`";

    fn read(text: &str) -> Result<Self, String> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@+".contains(&byte);
        if (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("expected 1 to {NAME_BYTES_MAX} letters, digits, `-`, `_`, `.`, `@` and `+`"))
        }
    }
}

/// A subject alternative name of a certificate: a name of the DNS in lower case, or a URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct CertificateName(pub(in crate::config) String);

impl Format for CertificateName {
    const NAME: &'static str = "certificate-name";
    const WHAT: &'static str = "a name such as `ci.example.com` or `spiffe://example.com/ci`";

    fn read(text: &str) -> Result<Self, String> {
        let expected = "expected a name such as `ci.example.com` or a URI such as `spiffe://example.com/ci`";
        let is_short = (1..=CERTIFICATE_BYTES_MAX).contains(&text.len());
        let is_uri = text.contains("://") && text.bytes().all(|byte| byte.is_ascii_graphic());
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        match (is_short && is_uri, is_short && text.bytes().all(legal)) {
            (true, _) => Ok(Self(text.to_owned())),
            (_, true) => Ok(Self(text.to_ascii_lowercase())),
            _ => Err(expected.to_owned()),
        }
    }
}
