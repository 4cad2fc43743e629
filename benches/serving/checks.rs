//! Checks as Envoy sends them, with credentials of each kind.

use envoy_types::{
    ext_authz::v3::pb::CheckRequest,
    pb::{
        envoy::{
            config::core::v3::{
                Address, HeaderMap, HeaderValue, SocketAddress, address, socket_address::PortSpecifier,
            },
            service::auth::v3::attribute_context::Peer,
        },
        google::protobuf::Timestamp,
    },
};
use prost::Message;

use crate::{
    generator::requests::{Requests, Signing, Values},
    request::call,
    site::{LimitedBy, PROJECT, Site},
};

/// The path of a route that asks for the scope `read`.
const READING: &str = "/v1/scans?page=2&per_page=50";
/// The path of one that asks for `admin`, which nobody has.
const ADMIN: &str = "/v1/users/2?page=2&per_page=50";
/// The path of one that asks for no scope.
const EVENTS: &str = "/v1/events?page=2&per_page=50";
/// From where the client of all requests comes that do not vary it.
pub(crate) const CLIENT: &str = "203.0.113.107";

/// Credentials of one kind, and where they are presented.
#[derive(Debug, Clone)]
pub(crate) enum Presented {
    Nothing,
    /// API keys and tokens.
    Bearer(Values),
    Session(Values),
}

/// A request, encoded as Envoy does it.
fn encoded(host: &str, path: &str, client: &str, presented: &[(&str, String)], body: &str) -> Vec<u8> {
    let mut check = call(presented, body);
    let attributes = check.attributes.as_mut().expect("a request has attributes");
    attributes.source = Some(peer(client, 51_522));
    attributes.destination = Some(peer("10.0.4.17", 8443));
    let request = attributes.request.as_mut().expect("it has a request");
    request.time = Some(Timestamp { seconds: 1_790_000_000, nanos: 123_456_000 });
    let http = request.http.as_mut().expect("it has an HTTP request");
    http.host = host.into();
    http.path = path.into();
    http.size = i64::try_from(body.len()).unwrap_or_default();
    for (name, value) in [(":authority", host), (":path", path), ("x-forwarded-for", client)] {
        http.headers.insert(name.into(), value.into());
    }
    check.encode_to_vec()
}

fn peer(address: &str, port: u32) -> Peer {
    let socket = SocketAddress {
        address: address.into(),
        port_specifier: Some(PortSpecifier::PortValue(port)),
        ..Default::default()
    };
    let address = Address { address: Some(address::Address::SocketAddress(socket)) };
    Peer { address: Some(address), ..Default::default() }
}

fn checks(limited: LimitedBy, path: &str, presented: Presented, mut others: Vec<Values>) -> Requests {
    let headers = match &presented {
        Presented::Nothing => Vec::new(),
        Presented::Bearer(values) => vec![("authorization", format!("Bearer {}", values.first()))],
        Presented::Session(values) => vec![("cookie", format!("theme=dark; sid={}", values.first()))],
    };
    // A path or an address that stands among the values is the first of them.
    let first = |start: &str| others.iter().map(Values::first).find(|first| first.starts_with(start));
    let path = first("/").unwrap_or(path);
    let client = first("1").unwrap_or(CLIENT);
    let message = encoded(limited.host(), path, client, &headers, "");
    match presented {
        Presented::Nothing => {}
        Presented::Bearer(values) | Presented::Session(values) => others.push(values),
    }
    Requests::checks(&message, others)
}

/// The same as [`reading`], but with headers as Envoy tells them with `encode_raw_headers`: so has the recipe in
/// `examples/`.
pub(crate) fn reading_raw(limited: LimitedBy, keys: Values) -> Requests {
    let headers = [("authorization", format!("Bearer {}", keys.first()))];
    let message = encoded(limited.host(), READING, CLIENT, &headers, "");
    let mut check = CheckRequest::decode(message.as_slice()).expect("it was encoded");
    let request = check.attributes.as_mut().and_then(|attributes| attributes.request.as_mut());
    let http = request.and_then(|request| request.http.as_mut()).expect("it has an HTTP request");
    let raw = std::mem::take(&mut http.headers).into_iter().map(|(key, value)| HeaderValue {
        key,
        raw_value: value.into_bytes(),
        ..Default::default()
    });
    http.header_map = Some(HeaderMap { headers: raw.collect() });
    Requests::checks(&check.encode_to_vec(), vec![keys])
}

/// Requests to a route that asks for the scope `read`.
pub(crate) fn reading(limited: LimitedBy, presented: Presented) -> Requests {
    checks(limited, READING, presented, Vec::new())
}

/// Requests to a route that asks for a scope that nobody has.
pub(crate) fn beyond_scope(limited: LimitedBy, presented: Presented) -> Requests {
    checks(limited, ADMIN, presented, Vec::new())
}

/// Requests to a route that asks for the scope `read`, from so many addresses.
pub(crate) fn from_addresses(presented: Presented, addresses: usize) -> Requests {
    // Each part has three digits.
    let part = |number: usize| 100 + number % 100;
    let text = |number| format!("10.{}.{}.{}", part(number / 10_000), part(number / 100), part(number));
    let addresses = Values::new((0..addresses).map(text));
    checks(LimitedBy::Address, READING, presented, vec![addresses])
}

/// Requests to these paths in turn.
pub(crate) fn to_paths(limited: LimitedBy, presented: Presented, paths: Values) -> Requests {
    checks(limited, READING, presented, vec![paths])
}

/// Signed requests, each with another body of 1 KiB.
pub(crate) fn signed(site: &Site) -> Requests {
    // What is replaced can be told from everything else.
    let signing = Signing {
        key: site.secret.clone(),
        time: "7".repeat(10),
        mac: "ab".repeat(32),
        number: "8".repeat(20),
        body: "x".repeat(1004),
    };
    let body = signing.body.clone() + &signing.number;
    let headers = [
        ("x-project", PROJECT.to_owned()),
        ("x-timestamp", signing.time.clone()),
        ("x-signature", format!("sha256={}", signing.mac)),
    ];
    let message = encoded(LimitedBy::Credential.host(), EVENTS, CLIENT, &headers, &body);
    Requests::checks(&message, Vec::new()).signed(signing)
}
