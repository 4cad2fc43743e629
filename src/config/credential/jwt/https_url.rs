//! Addresses of what is fetched.

use url::Url;

use crate::config::text::Format;

/// The longest address, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// An address with the scheme `https`, without user, password and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct HttpsUrl(Url);

impl HttpsUrl {
    /// The address.
    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

impl Format for HttpsUrl {
    const NAME: &'static str = "https-url";
    const WHAT: &'static str = "an address such as `https://login.example.com/jwks.json`";
    // A password may stand in it.
    const IS_SECRET: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        let expected = || format!("expected {}", Self::WHAT);
        if text.len() > URL_BYTES_MAX {
            return Err(format!("expected {URL_BYTES_MAX} bytes at most"));
        }
        let url = Url::parse(text).map_err(|_| expected())?;
        if url.scheme() != "https" || url.host().is_none() {
            return Err(expected());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("expected an address without user and password".to_owned());
        }
        if url.fragment().is_some() {
            return Err("expected an address without `#`".to_owned());
        }
        Ok(Self(url))
    }
}
