//! Cookies (RFC 6265, section 4.2.1): `name=value` pairs with `; ` between, in one header or several.
//!
//! Envoy joins two headers of HTTP/1 with a comma, so a cookie that begins after a comma counts too: whoever
//! sends the same name twice, in whatever way, is refused.

use crate::check::{refusal::Refusal, request::InboundRequest};

use super::ambiguous;

/// The value of the cookie with this name, without the quotes that may stand around it.
pub(super) fn find<'r>(name: &str, request: &InboundRequest<'r>) -> Result<Option<&'r [u8]>, Refusal> {
    let mut found = None;
    for header in request.headers.values("cookie") {
        for pair in pairs(header) {
            let times = usize::from(is_named(pair, name)) + hidden(pair, name);
            if times > 1 || (times == 1 && found.is_some()) {
                return Err(ambiguous("the credential's cookie was sent twice"));
            }
            if times == 1 {
                found = Some(value(pair, name));
            }
        }
    }
    Ok(found)
}

/// The pairs of one header.
fn pairs(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    header.split(|byte| *byte == b';').map(<[u8]>::trim_ascii)
}

fn is_named(pair: &[u8], name: &str) -> bool {
    let own = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
    own.trim_ascii() == name.as_bytes()
}

/// How often the name stands in the pair after a comma.
fn hidden(pair: &[u8], name: &str) -> usize {
    pair.split(|byte| *byte == b',').skip(1).filter(|part| is_named(part.trim_ascii(), name)).count()
}

/// The value of a pair that has this name, at its beginning or after a comma.
fn value<'p>(pair: &'p [u8], name: &str) -> &'p [u8] {
    let part = if is_named(pair, name) {
        pair
    } else {
        let mut parts = pair.split(|byte| *byte == b',').skip(1);
        parts.find(|part| is_named(part.trim_ascii(), name)).unwrap_or_default()
    };
    let value = part.iter().position(|byte| *byte == b'=').and_then(|at| part.get(at + 1..));
    let value = value.unwrap_or_default().trim_ascii();
    value.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(value)
}

/// The `cookie` header without the cookies that have one of these names: `None` if there is nothing to cut, an
/// empty one if nothing is left. Cookies that are not UTF-8 are left out as well: Envoy takes no others from us.
#[must_use]
pub fn without_cookies(request: &InboundRequest<'_>, names: &[impl AsRef<str>]) -> Option<String> {
    let mut kept: Vec<&str> = Vec::new();
    let mut has_cut = false;
    for header in request.headers.values("cookie") {
        for pair in pairs(header) {
            if names.iter().map(AsRef::as_ref).any(|name| is_named(pair, name) || hidden(pair, name) > 0) {
                has_cut = true;
            } else if let Ok(text) = std::str::from_utf8(pair)
                && !text.is_empty()
            {
                kept.push(text);
            }
        }
    }
    has_cut.then(|| kept.join("; "))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use envoy_types::{
        ext_authz::v3::pb::{CheckRequest, HeaderValue},
        pb::envoy::{
            config::core::v3::HeaderMap,
            service::auth::v3::{
                AttributeContext,
                attribute_context::{HttpRequest, Request},
            },
        },
    };

    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::check::request::{self, Call};

    fn with<T>(headers: &[impl AsRef<[u8]>], test: impl FnOnce(&InboundRequest<'_>) -> T) -> T {
        let value = |value| HeaderValue {
            key: "cookie".into(),
            raw_value: AsRef::<[u8]>::as_ref(value).to_vec(),
            ..Default::default()
        };
        let http = HttpRequest {
            method: "GET".into(),
            host: "a.test".into(),
            path: "/".into(),
            headers: HashMap::new(),
            header_map: Some(HeaderMap { headers: headers.iter().map(value).collect() }),
            ..Default::default()
        };
        let request = Request { http: Some(http), ..Default::default() };
        let call = CheckRequest {
            attributes: Some(AttributeContext { request: Some(request), ..Default::default() }),
        };
        let bytes = call.encode_to_vec();
        let call = Call::read(&bytes).expect("a Check");
        test(&request::parse(&call).expect("a request"))
    }

    fn found(headers: &[&str]) -> Result<Option<String>, ()> {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        with(headers, |request| find("s", request).map(|value| value.map(text)).map_err(|_| ()))
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        for (headers, value) in [
            (&["s=1"][..], Some("1")),
            (&["a=b; s=1; c=d"], Some("1")),
            (&["a=b", "s=1"], Some("1")),
            (&["a=b;s=1"], Some("1")),
            (&["s=\"1\""], Some("1")),
            (&["s=a=b="], Some("a=b=")),
            (&["s="], Some("")),
            (&["s"], Some("")),
            (&["a=b,s=1"], Some("1")),
            (&["S=1"], None),
            (&["ss=1; xs=2; a=s=3"], None),
            (&[], None),
        ] {
            assert_eq!(found(headers), Ok(value.map(str::to_owned)), "{headers:?}");
        }
    }

    #[test]
    fn a_cookie_that_was_sent_twice_is_ambiguous() {
        for headers in
            [&["s=1; s=2"][..], &["s=1; s=1"], &["s=1", "s=2"], &["s=1; t=2,s=evil"], &["a=1,s=1,s=2"]]
        {
            assert_eq!(found(headers), Err(()), "{headers:?}");
        }
    }

    #[test]
    fn only_the_named_cookies_are_cut_out() {
        for (headers, left) in [
            (&["a=b; s=1; c=d"][..], Some("a=b; c=d")),
            (&["s=1"], Some("")),
            (&["s=1; s=2; t=3,s=evil; u=4"], Some("u=4")),
            (&["a=b", "s=1", "c=d"], Some("a=b; c=d")),
            (&["a=\"b\";s=1;;c = ü ;"], Some("a=\"b\"; c = ü")),
            (&["a=b; c=d"], None),
            (&[], None),
        ] {
            let cut = with(headers, |request| without_cookies(request, &["s"]));
            assert_eq!(cut.as_deref(), left, "{headers:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_found_is_cut_out_whole(headers in proptest::collection::vec("[as1=;, \"é]{0,24}", 0..4)) {
            let left = with(&headers, |request| without_cookies(request, &["s"]));
            let is_there = with(&headers, |request| !matches!(find("s", request), Ok(None)));
            prop_assert_eq!(left.is_some(), is_there);
            if let Some(left) = left {
                prop_assert!(with(&[left], |request| matches!(find("s", request), Ok(None))));
            }
        }
    }

    #[test]
    fn a_cookie_that_envoy_would_not_take_goes_with_the_one_that_is_cut() {
        let cut = |header: &[u8]| with(&[header], |request| without_cookies(request, &["s"]));
        assert_eq!(cut(b"a=1; b=\xff; s=1; c=3").as_deref(), Some("a=1; c=3"));
        assert_eq!(cut(b"a=1; b=\xff; c=3"), None, "what needs no change is not touched");
    }
}
