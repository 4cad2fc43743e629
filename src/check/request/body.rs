//! The body of a request, and whether all of it is there.

use super::{Headers, Http};

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

pub(super) fn read<'r>(http: &Http<'r>, headers: Headers<'r>) -> Body<'r> {
    let [text, raw] = http.body;
    let bytes = if raw.is_empty() { text } else { raw };
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
fn announced(http: &Http<'_>, headers: Headers<'_>) -> bool {
    if headers.has("transfer-encoding") {
        return true;
    }
    let mut lengths = headers.values("content-length").peekable();
    if lengths.peek().is_some() {
        return lengths.any(|length| length != b"0");
    }
    let has_none = matches!(http.method, b"GET" | b"HEAD" | b"DELETE" | b"OPTIONS" | b"CONNECT" | b"TRACE");
    !has_none
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::request::Header;

    fn of(headers: &[(&'static str, &'static str)], edit: impl FnOnce(&mut Http<'_>)) -> String {
        let headers = headers.iter().map(|(name, value)| Header { name, value: value.as_bytes() });
        let mut http = Http { method: b"POST", headers: headers.collect(), ..Http::default() };
        edit(&mut http);
        format!("{:?}", read(&http, Headers(&http.headers)))
    }

    #[test]
    fn a_body_is_whole_only_if_envoy_says_so_or_none_is_announced() {
        let text = |http: &mut Http<'_>| http.body = [b"12", b""];
        let raw = |http: &mut Http<'_>| http.body = [b"", &[1, 2, 3]];
        let method = |method: &'static str| move |http: &mut Http<'_>| http.method = method.as_bytes();
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
