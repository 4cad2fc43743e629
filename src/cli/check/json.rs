//! `envoy.service.auth.v3.CheckRequest` in the JSON of Protocol Buffers
//! (<https://protobuf.dev/programming-guides/json>), as far as Doorward reads it: names in lowerCamelCase or as in the
//! definition, bytes in base64 of either alphabet, `null` for what is not there. What else stands there is passed over.

use std::collections::HashMap;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use envoy_types::{
    ext_authz::v3::pb::{Address, CheckRequest, HeaderValue},
    pb::envoy::{
        config::core::v3::{self as core, HeaderMap, SocketAddress},
        service::auth::v3::{
            AttributeContext,
            attribute_context::{HttpRequest, Peer, Request},
        },
    },
};
use serde_json::Value;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads the Check.
///
/// # Errors
///
/// Where it is wrong, what was found and what was expected. No value is repeated, since it may be a credential.
pub(super) fn check_request(text: &[u8]) -> Result<CheckRequest, String> {
    // What can go wrong while a `Value` is read is told without what was read.
    let root: Value = serde_json::from_slice(text).map_err(|error| format!("it is not JSON: {error}"))?;
    let root = Node { value: &root, at: String::new() };
    let attributes = root.member("attributes", "attributes")?.as_ref().map(attributes).transpose()?;
    Ok(CheckRequest { attributes })
}

fn attributes(node: &Node<'_>) -> Result<AttributeContext, String> {
    let request = node.member("request", "request")?;
    let http = request.as_ref().map(|request| request.member("http", "http")).transpose()?.flatten();
    let http = http.as_ref().map(http_request).transpose()?;
    Ok(AttributeContext {
        source: node.member("source", "source")?.as_ref().map(peer).transpose()?,
        request: request.map(|_| Request { http, ..Request::default() }),
        context_extensions: node.texts("contextExtensions", "context_extensions")?,
        ..AttributeContext::default()
    })
}

fn peer(node: &Node<'_>) -> Result<Peer, String> {
    let address = node.member("address", "address")?;
    let socket =
        address.map(|address| address.member("socketAddress", "socket_address")).transpose()?.flatten();
    let address = socket.map(|socket| socket.text("address", "address")).transpose()?;
    let address = address.map(|address| {
        let socket = SocketAddress { address, ..SocketAddress::default() };
        core::Address { address: Some(Address::SocketAddress(socket)) }
    });
    Ok(Peer { address, ..Peer::default() })
}

fn http_request(node: &Node<'_>) -> Result<HttpRequest, String> {
    Ok(HttpRequest {
        method: node.text("method", "method")?,
        headers: node.texts("headers", "headers")?,
        header_map: node.member("headerMap", "header_map")?.as_ref().map(header_map).transpose()?,
        path: node.text("path", "path")?,
        host: node.text("host", "host")?,
        protocol: node.text("protocol", "protocol")?,
        body: node.text("body", "body")?,
        raw_body: node.bytes("rawBody", "raw_body")?,
        ..HttpRequest::default()
    })
}

fn header_map(node: &Node<'_>) -> Result<HeaderMap, String> {
    let header = |node: Node<'_>| {
        Ok(HeaderValue {
            key: node.text("key", "key")?,
            value: node.text("value", "value")?,
            raw_value: node.bytes("rawValue", "raw_value")?,
        })
    };
    let headers = node.items("headers", "headers")?.into_iter().map(header);
    Ok(HeaderMap { headers: headers.collect::<Result<_, String>>()? })
}

/// A value, and its place in the whole.
struct Node<'j> {
    value: &'j Value,
    at: String,
}

impl<'j> Node<'j> {
    /// The member with either of these names, unless it is `null`.
    fn member(&self, camel: &str, snake: &str) -> Result<Option<Self>, String> {
        let Value::Object(members) = self.value else {
            return Err(self.fault("an object"));
        };
        let found = [camel, snake].into_iter().find_map(|name| Some((name, members.get(name)?)));
        let found = found.filter(|(_, value)| !value.is_null());
        Ok(found.map(|(name, value)| self.below(name, value)))
    }

    fn below(&self, name: &str, value: &'j Value) -> Self {
        let at = if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) };
        Node { value, at }
    }

    /// The text of a member; empty where it is not there.
    fn text(&self, camel: &str, snake: &str) -> Result<String, String> {
        self.member(camel, snake)?.map_or(Ok(String::new()), |member| member.string().map(str::to_owned))
    }

    fn string(&self) -> Result<&'j str, String> {
        self.value.as_str().ok_or_else(|| self.fault("a string"))
    }

    /// The bytes of a member; none where it is not there.
    fn bytes(&self, camel: &str, snake: &str) -> Result<Vec<u8>, String> {
        let Some(member) = self.member(camel, snake)? else {
            return Ok(Vec::new());
        };
        let text = member.string()?.replace('-', "+").replace('_', "/");
        BASE64.decode(text).map_err(|_| format!("{}: found another text, expected base64", member.at))
    }

    /// A member that maps texts to texts; empty where it is not there.
    fn texts(&self, camel: &str, snake: &str) -> Result<HashMap<String, String>, String> {
        let Some(member) = self.member(camel, snake)? else {
            return Ok(HashMap::new());
        };
        let Value::Object(members) = member.value else {
            return Err(member.fault("an object"));
        };
        let pair = |(name, value)| Ok((String::clone(name), member.below(name, value).string()?.to_owned()));
        members.iter().map(pair).collect()
    }

    /// The items of a member that is a list; none where it is not there.
    fn items(&self, camel: &str, snake: &str) -> Result<Vec<Self>, String> {
        let Some(member) = self.member(camel, snake)? else {
            return Ok(Vec::new());
        };
        let Value::Array(items) = member.value else {
            return Err(member.fault("a list"));
        };
        let item = |(index, value)| Node { value, at: format!("{}[{index}]", member.at) };
        Ok(items.iter().enumerate().map(item).collect())
    }

    fn fault(&self, expected: &str) -> String {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        let at = if self.at.is_empty() { "the whole" } else { &self.at };
        format!("{at}: found {found}, expected {expected}")
    }
}
