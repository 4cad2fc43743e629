//! `envoy.service.auth.v3.CheckRequest`, as far as Doorward reads it, borrowed from the message's bytes.

use crate::check::wire::{Broken, Fields, Value};

use super::{HEADERS_MAX, Header};

/// The context extension by which a route of Envoy says which API it belongs to.
const API_EXTENSION: &[u8] = b"api";
/// How many headers there is room for at once. Requests rarely have more.
const HEADERS_USUAL: usize = 32;

/// One Check as it came. It owns nothing but the list of its headers.
#[derive(Default)]
pub struct Call<'b> {
    pub(super) has_attributes: bool,
    pub(super) http: Option<Http<'b>>,
    pub(super) peer: Option<&'b str>,
    pub(super) claimed_api: Option<&'b str>,
}

/// `AttributeContext.HttpRequest`. The headers are those of the map and those of the list, in which `encode_raw_headers`
/// has them: should both be filled, a name in both counts as sent twice. Of more headers than there may be, one too
/// many is kept.
#[derive(Default)]
pub(super) struct Http<'b> {
    pub(super) method: &'b [u8],
    pub(super) host: &'b [u8],
    pub(super) target: &'b [u8],
    pub(super) headers: Vec<Header<'b>>,
    /// Whether a header's name is no text, so that it is not among them.
    pub(super) has_odd_name: bool,
    /// `body` and `raw_body`: Envoy fills one of them.
    pub(super) body: [&'b [u8]; 2],
}

/// Shows nothing of it: credentials stand in it.
impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Call")
    }
}

impl<'b> Call<'b> {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// It is no `CheckRequest`. Of the fields that are not read only the bounds are looked at; and what clients write may be
    /// any bytes here.
    pub fn read(message: &'b [u8]) -> Result<Self, Broken> {
        let mut call = Self::default();
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next_field()? {
            if let (1, attributes) = field {
                call.has_attributes = true;
                call.read_attributes(attributes.bytes()?)?;
            }
        }
        Ok(call)
    }

    /// Reads `AttributeContext`.
    fn read_attributes(&mut self, message: &'b [u8]) -> Result<(), Broken> {
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next_field()? {
            match field {
                (1, source) => self.peer = peer(source.bytes()?)?,
                (4, request) => self.read_request(request.bytes()?)?,
                (10, extension) => {
                    let [name, value] = pair(extension.bytes()?)?;
                    if name == API_EXTENSION {
                        self.claimed_api = Some(std::str::from_utf8(value).map_err(|_| Broken)?);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads `AttributeContext.Request`.
    fn read_request(&mut self, message: &'b [u8]) -> Result<(), Broken> {
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next_field()? {
            if let (2, http) = field {
                self.http.get_or_insert_default().read(http.bytes()?)?;
            }
        }
        Ok(())
    }
}

impl<'b> Http<'b> {
    fn read(&mut self, message: &'b [u8]) -> Result<(), Broken> {
        self.headers.reserve(HEADERS_USUAL);
        let mut fields = Fields::of(message);
        while let Some((number, value)) = fields.next_field()? {
            match number {
                2 => self.method = value.bytes()?,
                3 => {
                    let [name, value] = pair(value.bytes()?)?;
                    self.add(name, value);
                }
                4 => self.target = value.bytes()?,
                5 => self.host = value.bytes()?,
                11 => self.body[0] = value.bytes()?,
                12 => self.body[1] = value.bytes()?,
                13 => self.read_header_map(value.bytes()?)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads `HeaderMap`, a list of `HeaderValue`.
    fn read_header_map(&mut self, message: &'b [u8]) -> Result<(), Broken> {
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next_field()? {
            let (1, header) = field else { continue };
            let (mut name, mut text, mut raw) = (&[][..], &[][..], &[][..]);
            let mut parts = Fields::of(header.bytes()?);
            while let Some(part) = parts.next_field()? {
                match part {
                    (1, value) => name = value.bytes()?,
                    (2, value) => text = value.bytes()?,
                    (3, value) => raw = value.bytes()?,
                    _ => {}
                }
            }
            self.add(name, if raw.is_empty() { text } else { raw });
        }
        Ok(())
    }

    fn add(&mut self, name: &'b [u8], value: &'b [u8]) {
        match std::str::from_utf8(name) {
            Ok(name) if self.headers.len() <= HEADERS_MAX => self.headers.push(Header { name, value }),
            Ok(_) => {}
            Err(_) => self.has_odd_name = true,
        }
    }
}

/// Key and value of an entry of a map from texts to texts.
fn pair(entry: &[u8]) -> Result<[&[u8]; 2], Broken> {
    let mut pair = [&[][..]; 2];
    let mut fields = Fields::of(entry);
    while let Some(field) = fields.next_field()? {
        match field {
            (1, key) => pair[0] = key.bytes()?,
            (2, value) => pair[1] = value.bytes()?,
            _ => {}
        }
    }
    Ok(pair)
}

/// The address of an `AttributeContext.Peer`, if it is that of a socket (`Address.socket_address.address`).
fn peer(message: &[u8]) -> Result<Option<&str>, Broken> {
    let mut found = message;
    for field in [1, 1, 2] {
        match last(found, field)? {
            Some(value) => found = value.bytes()?,
            None => return Ok(None),
        }
    }
    Ok(std::str::from_utf8(found).ok())
}

/// The value of a field: if it stands there several times, the last.
fn last(message: &[u8], number: u32) -> Result<Option<Value<'_>>, Broken> {
    let mut found = None;
    let mut fields = Fields::of(message);
    while let Some((field, value)) = fields.next_field()? {
        if field == number {
            found = Some(value);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, net::IpAddr};

    use envoy_types::{
        ext_authz::v3::pb::{Address, CheckRequest, HeaderValue},
        pb::{
            envoy::{
                config::core::v3::{self as core, HeaderMap, SocketAddress},
                service::auth::v3::{
                    AttributeContext,
                    attribute_context::{HttpRequest, Peer, Request},
                },
            },
            google::protobuf::Timestamp,
        },
    };
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    /// Whatever a `CheckRequest` may hold of what is read, and some of what is not.
    fn requests() -> impl Strategy<Value = CheckRequest> {
        let texts = || "\\PC{0,40}";
        let map = || prop::collection::hash_map("[a-z:-]{0,20}", texts(), 0..30);
        let raw = (texts(), texts(), prop::collection::vec(any::<u8>(), 0..200))
            .prop_map(|(key, value, raw_value)| HeaderValue { key, value, raw_value });
        let http = (texts(), texts(), texts(), map(), prop::collection::vec(raw, 0..5), any::<Vec<u8>>())
            .prop_map(|(method, host, path, headers, raw, raw_body)| HttpRequest {
                id: host.clone(),
                size: -1,
                protocol: method.clone(),
                body: path.clone(),
                method,
                host,
                path,
                headers,
                header_map: (!raw.is_empty()).then_some(HeaderMap { headers: raw }),
                raw_body,
                ..HttpRequest::default()
            });
        let address = prop_oneof![any::<IpAddr>().prop_map(|address| address.to_string()), texts().boxed()];
        let parts = (prop::option::of(http), prop::option::of(address), map());
        prop::option::of(parts).prop_map(|parts| CheckRequest {
            attributes: parts.map(|(http, address, context_extensions)| AttributeContext {
                source: address.map(peer_at),
                request: Some(Request { http, time: Some(Timestamp { seconds: 7, nanos: 9 }) }),
                context_extensions,
                ..AttributeContext::default()
            }),
        })
    }

    fn peer_at(address: String) -> Peer {
        let socket = SocketAddress { address, ..SocketAddress::default() };
        let address = core::Address { address: Some(Address::SocketAddress(socket)) };
        Peer { address: Some(address), principal: "spiffe://a".into(), ..Peer::default() }
    }

    fn sent(http: &HttpRequest) -> HashMap<(String, Vec<u8>), usize> {
        let raw = http.header_map.iter().flat_map(|map| &map.headers).map(|header| {
            let value = if header.raw_value.is_empty() { header.value.as_bytes() } else { &header.raw_value };
            (header.key.clone(), value.to_vec())
        });
        let joined = http.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes()));
        counted(joined.chain(raw))
    }

    fn counted(headers: impl Iterator<Item = (String, Vec<u8>)>) -> HashMap<(String, Vec<u8>), usize> {
        let mut counts = HashMap::new();
        for header in headers {
            *counts.entry(header).or_default() += 1;
        }
        counts
    }

    proptest! {
        #[test]
        fn it_is_read_as_prost_reads_it(request in requests()) {
            let bytes = request.encode_to_vec();
            let call = Call::read(&bytes).expect("a CheckRequest");
            prop_assert_eq!(call.has_attributes, request.attributes.is_some());
            let context = request.attributes.unwrap_or_default();
            let api = context.context_extensions.get("api").map(String::as_str);
            prop_assert_eq!(call.claimed_api, api);
            let peer = context.source.and_then(|peer| match peer.address?.address? {
                // An empty text is not sent.
                Address::SocketAddress(socket) => Some(socket.address).filter(|address| !address.is_empty()),
                _ => None,
            });
            prop_assert_eq!(call.peer.map(str::to_owned), peer);
            let http = context.request.and_then(|request| request.http);
            prop_assert_eq!(call.http.is_some(), http.is_some());
            if let (Some(read), Some(http)) = (call.http, http) {
                prop_assert_eq!([read.method, read.host, read.target], [http.method.as_bytes(), http.host.as_bytes(), http.path.as_bytes()]);
                prop_assert_eq!(read.body, [http.body.as_bytes(), &http.raw_body]);
                let headers = read.headers.iter().map(|header| (header.name.to_owned(), header.value.to_vec()));
                prop_assert_eq!(counted(headers), sent(&http));
            }
        }

        #[test]
        fn what_is_cut_off_is_broken_and_makes_nothing_panic(request in requests(), at in any::<prop::sample::Index>()) {
            let bytes = request.encode_to_vec();
            let cut = &bytes[..at.index(bytes.len() + 1)];
            prop_assert!(Call::read(cut).is_err() || CheckRequest::decode(cut).is_ok());
        }
    }
}
