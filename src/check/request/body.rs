//! The body of a request, and whether all of it is there.

use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;

use super::Headers;

/// Envoy says by this header whether the body that it buffered was cut off. Where it buffered none, the header is
/// not there, and a client's own never is.
const PARTIAL: &str = "x-envoy-auth-partial-body";

/// The body of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Body<'r> {
    /// All of it; empty where there is none.
    Whole(&'r [u8]),
    /// Envoy sent its beginning only: `max_request_bytes` is too small for it.
    CutOff,
    /// Envoy sent nothing of it, or did not say that there is none: `with_request_body` is not set on the filter, or
    /// switched off for the route.
    Withheld,
}

/// Shows how long it is: it is the client's own.
impl std::fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Self::CutOff => f.write_str("CutOff"),
            Self::Withheld => f.write_str("Withheld"),
        }
    }
}

pub(super) fn read<'r>(http: &'r HttpRequest, headers: &Headers<'r>) -> Body<'r> {
    let bytes = if http.raw_body.is_empty() { http.body.as_bytes() } else { &http.raw_body };
    match headers.values(PARTIAL).next() {
        Some(b"false") => Body::Whole(bytes),
        Some(_) => Body::CutOff,
        None if !bytes.is_empty() => Body::CutOff,
        None if announced(http, headers) => Body::Withheld,
        None => Body::Whole(&[]),
    }
}

/// Whether a body can come that Envoy did not buffer. Where it buffers, it says so by its header unless the request
/// ends with its headers; where it does not, nothing in the Check tells a request that ends so from one whose body
/// follows: neither does HTTP/2 announce a body, nor does Envoy show `transfer-encoding`. So a request without a
/// length is taken to have a body, unless its method is one for which HTTP defines none (RFC 9110, section 9.3).
fn announced(http: &HttpRequest, headers: &Headers<'_>) -> bool {
    if headers.has("transfer-encoding") {
        return true;
    }
    let mut lengths = headers.values("content-length").peekable();
    if lengths.peek().is_some() {
        return lengths.any(|length| length != b"0");
    }
    let has_none =
        matches!(http.method.as_str(), "GET" | "HEAD" | "DELETE" | "OPTIONS" | "CONNECT" | "TRACE");
    !has_none
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn of(headers: &[(&str, &str)], edit: impl FnOnce(&mut HttpRequest)) -> String {
        let headers: HashMap<String, String> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut http = HttpRequest { method: "POST".into(), headers, ..Default::default() };
        edit(&mut http);
        format!("{:?}", read(&http, &Headers { joined: &http.headers, raw: &[] }))
    }

    #[test]
    fn a_body_is_whole_only_if_envoy_says_so_or_none_is_announced() {
        let text = |http: &mut HttpRequest| http.body = "12".into();
        let raw = |http: &mut HttpRequest| http.raw_body = vec![1, 2, 3];
        let method = |method: &'static str| move |http: &mut HttpRequest| http.method = method.into();
        assert_eq!(of(&[(PARTIAL, "false"), ("content-length", "2")], text), "Whole(2 bytes)");
        assert_eq!(of(&[(PARTIAL, "false")], raw), "Whole(3 bytes)");
        assert_eq!(of(&[(PARTIAL, "true"), ("content-length", "9")], raw), "CutOff");
        assert_eq!(of(&[], raw), "CutOff");
        assert_eq!(of(&[("content-length", "2")], |_| ()), "Withheld");
        assert_eq!(of(&[("transfer-encoding", "chunked")], |_| ()), "Withheld");
        assert_eq!(of(&[(PARTIAL, "false")], |_| ()), "Whole(0 bytes)");
        assert_eq!(of(&[("content-length", "0")], |_| ()), "Whole(0 bytes)");
        for name in ["POST", "PUT", "PATCH", "QUERY", "PURGE"] {
            assert_eq!(of(&[], method(name)), "Withheld", "{name}");
        }
        for name in ["GET", "HEAD", "DELETE", "OPTIONS", "CONNECT", "TRACE"] {
            assert_eq!(of(&[], method(name)), "Whole(0 bytes)", "{name}");
            assert_eq!(of(&[("content-length", "2")], method(name)), "Withheld", "{name}");
            assert_eq!(of(&[("transfer-encoding", "chunked")], method(name)), "Withheld", "{name}");
        }
    }
}
