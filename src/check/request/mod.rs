//! Stage 1, parse: the bytes of a Check → [`Call`] → [`InboundRequest`], which borrow from them. Every size is bounded.

mod body;
mod call;
mod client_address;

use crate::domain::{DenialReason, PATH_BYTES_MAX};

use super::refusal::Refusal;

use self::call::Http;

pub use body::Body;
pub use call::Call;

/// The most headers of a request. Envoy's own default is 100.
const HEADERS_MAX: usize = 256;
/// The most that all names and values of a request's headers may occupy, in bytes. Envoy's own default is 60 KiB.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// The longest host, in bytes (RFC 1035, section 2.3.4), with room for a port.
const HOST_BYTES_MAX: usize = 262;
/// The longest method, in bytes.
const METHOD_BYTES_MAX: usize = 32;

/// What a client asks for, as Envoy tells it. It owns nothing.
#[derive(Debug, Clone, Copy)]
pub struct InboundRequest<'r> {
    /// The method.
    pub method: &'r str,
    /// The `:authority`, as it came.
    pub host: &'r str,
    /// Path and query, as they came.
    pub target: &'r str,
    /// The path, as it came: without query and without percent-decoding.
    pub path: &'r str,
    /// What stands after the first `?`.
    pub query: &'r str,
    /// The headers.
    pub headers: Headers<'r>,
    /// The body, as far as Envoy sent it.
    pub body: Body<'r>,
    /// The address of Envoy's peer, as Envoy writes it.
    pub peer: Option<&'r str>,
    /// The API that Envoy's route claims to belong to. It can only make a rule tighter.
    pub claimed_api: Option<&'r str>,
}

/// The headers of a request, in the order in which Envoy tells them.
#[derive(Clone, Copy)]
pub struct Headers<'r>(&'r [Header<'r>]);

/// A header: its value may be any bytes.
#[derive(Clone, Copy)]
struct Header<'r> {
    name: &'r str,
    value: &'r [u8],
}

impl<'r> Headers<'r> {
    /// Name and value of each header.
    pub fn iter(&self) -> impl Iterator<Item = (&'r str, &'r [u8])> + use<'r> {
        self.0.iter().map(|header| (header.name, header.value))
    }

    /// Whether there is a header with this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// The values of the header with this name.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        self.iter().filter(move |(candidate, _)| candidate.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Shows how many there are: values can be credentials.
impl std::fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Headers({})", self.0.len())
    }
}

/// Reads a Check.
///
/// # Errors
///
/// `request_malformed` if something indispensable is missing or larger than its bound.
pub fn parse<'r>(call: &'r Call<'_>) -> Result<InboundRequest<'r>, Refusal> {
    if !call.has_attributes {
        return Err(malformed("the Check has no attributes"));
    }
    let http = call.http.as_ref();
    let http = http.ok_or_else(|| malformed("the Check has no HTTP request: Doorward guards HTTP only"))?;
    let request = read(call, http)?;
    bound(&request)?;
    Ok(request)
}

fn read<'r>(call: &Call<'r>, http: &'r Http<'_>) -> Result<InboundRequest<'r>, Refusal> {
    if http.has_odd_name {
        return Err(malformed("a header's name is not text"));
    }
    let text = |bytes, cause| std::str::from_utf8(bytes).map_err(|_| malformed(cause));
    let method = text(http.method, "the method is not text")?;
    let target = text(http.target, "the path is not text")?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = Headers(&http.headers);
    Ok(InboundRequest {
        method,
        host: text(http.host, "the host is not text")?,
        target,
        path,
        query,
        headers,
        body: body::read(http, headers),
        peer: call.peer,
        claimed_api: call.claimed_api,
    })
}

fn bound(request: &InboundRequest<'_>) -> Result<(), Refusal> {
    // Methods have case (RFC 9110, section 9.1), but not every application heeds it: `delete` could pass a rule
    // for all methods and act as the `DELETE` that another rule guards.
    let legal = |byte: u8| byte.is_ascii_uppercase() || byte == b'-';
    if request.method.is_empty()
        || request.method.len() > METHOD_BYTES_MAX
        || !request.method.bytes().all(legal)
    {
        return Err(malformed("the method is not of 1 to 32 upper-case letters"));
    }
    if request.host.is_empty() || request.host.len() > HOST_BYTES_MAX {
        return Err(malformed("the host is empty or too long"));
    }
    if request.path.len() > PATH_BYTES_MAX {
        return Err(malformed("the path is longer than 8 KiB"));
    }
    let (mut count, mut bytes) = (0, request.query.len());
    for (name, value) in request.headers.iter() {
        count += 1;
        bytes += name.len() + value.len();
    }
    if count > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(malformed("more than 256 headers, or more than 64 KiB of headers and query"));
    }
    Ok(())
}

fn malformed(cause: &'static str) -> Refusal {
    Refusal::denied(DenialReason::RequestMalformed, cause)
}

/// The parameters of a query, name and value as they came, in order.
pub fn query_parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

#[cfg(test)]
mod tests {
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
    use prost::Message;

    use super::*;
    use crate::check::refusal::RefusalKind;

    fn call(edit: impl FnOnce(&mut HttpRequest)) -> CheckRequest {
        let mut http = HttpRequest {
            method: "GET".into(),
            host: "a.example".into(),
            path: "/".into(),
            ..Default::default()
        };
        edit(&mut http);
        let request = Request { http: Some(http), ..Default::default() };
        let attributes = AttributeContext { request: Some(request), ..Default::default() };
        CheckRequest { attributes: Some(attributes) }
    }

    fn refused(call: &CheckRequest) -> bool {
        match parse(&Call::read(&call.encode_to_vec()).expect("a Check")) {
            Ok(_) => false,
            Err(refusal) => {
                assert_eq!(refusal.kind, RefusalKind::Denied(DenialReason::RequestMalformed));
                true
            }
        }
    }

    #[test]
    fn an_empty_check_is_malformed() {
        assert!(refused(&CheckRequest::default()));
        assert!(refused(&CheckRequest { attributes: Some(AttributeContext::default()) }));
    }

    #[test]
    fn what_is_missing_or_too_large_is_malformed() {
        assert!(!refused(&call(|_| ())));
        assert!(refused(&call(|http| http.method.clear())));
        assert!(refused(&call(|http| http.method = "GET /".into())));
        assert!(refused(&call(|http| http.method = "delete".into())));
        assert!(refused(&call(|http| http.host.clear())));
        assert!(refused(&call(|http| http.host = "a".repeat(263))));
        assert!(refused(&call(|http| http.path = format!("/{}", "a".repeat(8192)))));
        assert!(refused(&call(|http| http.path = format!("/?{}", "a".repeat(70_000)))));
        assert!(refused(&call(|http| {
            http.headers.insert("x-large".into(), "a".repeat(70 * 1024));
        })));
        assert!(refused(&call(|http| {
            let many = (0..257).map(|n| HeaderValue { key: format!("x-{n}"), ..Default::default() });
            http.header_map = Some(HeaderMap { headers: many.collect() });
        })));
    }

    /// What clients write is refused for a reason, and not as a message that Envoy would not send.
    #[test]
    fn what_is_not_text_is_malformed() {
        let good = || Http { method: b"GET", host: b"a.example", target: b"/", ..Http::default() };
        let judge = |http| {
            let call = Call { has_attributes: true, http: Some(http), ..Call::default() };
            parse(&call).map(|_| ()).map_err(|refusal| refusal.kind)
        };
        assert_eq!(judge(good()), Ok(()));
        for odd in [
            Http { method: b"GE\xff", ..good() },
            Http { host: b"a\xff.example", ..good() },
            Http { target: b"/\xff", ..good() },
            Http { has_odd_name: true, ..good() },
        ] {
            assert_eq!(judge(odd), Err(RefusalKind::Denied(DenialReason::RequestMalformed)));
        }
        let named = |http: &mut HttpRequest| {
            http.headers.insert("x-a".into(), "value".into());
        };
        let mut message = call(named).encode_to_vec();
        let at = message.windows(3).position(|window| window == b"x-a").expect("the name");
        message[at] = 0xff;
        assert!(parse(&Call::read(&message).expect("a Check")).is_err(), "a name that is no text");
    }

    #[test]
    fn both_forms_of_headers_are_read() {
        let call = call(|http| {
            http.headers.insert("x-a".into(), "joined".into());
            let raw = HeaderValue { key: "x-a".into(), raw_value: vec![0xff], ..Default::default() };
            http.header_map = Some(HeaderMap { headers: vec![raw] });
        });
        let bytes = call.encode_to_vec();
        let call = Call::read(&bytes).expect("a Check");
        let request = parse(&call).expect("a request");
        let values: Vec<&[u8]> = request.headers.values("x-a").collect();
        assert_eq!(values, [b"joined".as_slice(), &[0xff]]);
    }

    #[test]
    fn a_query_falls_into_its_parameters() {
        let pairs: Vec<_> = query_parameters("a=1&&b&c=x=y&a=").collect();
        assert_eq!(pairs, [("a", "1"), ("b", ""), ("c", "x=y"), ("a", "")]);
    }
}
