//! `origins`: the web origins that may act with a cookie.

use super::text::Format;

/// A web origin as browsers send it (RFC 6454, section 6.2): scheme, host and port, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WebOrigin(String);

impl WebOrigin {
    /// The origin as text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Format for WebOrigin {
    const NAME: &'static str = "web-origin";
    const WHAT: &'static str = "an origin such as `https://app.example.com`";

    fn read(text: &str) -> Result<Self, String> {
        // Browsers leave a scheme's own port out, and write hosts in lower case and in Punycode.
        let is_own_form = url::Url::parse(text).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && !text.contains('*')
                && url.origin().ascii_serialization() == text
        });
        if is_own_form {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "expected {}, as browsers send it: without path and without the scheme's own port",
                Self::WHAT
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for good in [
            "https://app.example.com",
            "http://localhost:3000",
            "https://[::1]:8443",
            "https://xn--bcher-kva.test",
        ] {
            assert!(WebOrigin::read(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "app.example.com",
            "https://app.example.com/",
            "https://App.example.com",
            "https://a.test:443",
            "https://bücher.test",
            "null",
            "file:///a",
            "https://*.a.test",
        ] {
            assert!(WebOrigin::read(bad).is_err(), "{bad}");
        }
    }
}
