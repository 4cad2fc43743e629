//! `hosts[]`: the name under which an API is reached.

use super::text::Format;

/// A host in lower case, without port or final dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host(pub(super) String);

impl Format for Host {
    const NAME: &'static str = "host";
    const WHAT: &'static str = "a host such as `api.example.com`";

    fn read(text: &str) -> Result<Self, String> {
        let host = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(legal);
        if host.len() <= 253 && host.split('.').all(is_label) {
            Ok(Self(host))
        } else {
            Err("expected a host such as `api.example.com`, in ASCII, without scheme, port, path and wildcard".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_bare_name() {
        let cases = [
            ("api.example.com", Some("api.example.com")),
            ("API.Example.com.", Some("api.example.com")),
            ("localhost", Some("localhost")),
            ("my_service.default", Some("my_service.default")),
            ("10.0.0.1", Some("10.0.0.1")),
            ("", None),
            (".", None),
            ("a..b", None),
            ("https://a.test", None),
            ("a.test:443", None),
            ("a.test/v1", None),
            ("*.a.test", None),
            ("bücher.test", None),
            ("a b", None),
        ];
        for (text, host) in cases {
            assert_eq!(Host::read(text).ok(), host.map(|host| Host(host.to_owned())), "{text}");
        }
    }
}
