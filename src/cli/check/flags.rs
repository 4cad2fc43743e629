//! Flags like curl's → the Check that Envoy would make of the request, with `encode_raw_headers`, `pack_as_bytes` and
//! `use_remote_address`.

use std::{
    borrow::Cow,
    fs,
    io::{self, Read},
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
use secrecy::{ExposeSecret, SecretString};

use crate::cli::{Exit, Failure};

use super::arguments::RequestFlags;

/// What curl says of a body whose type it is not told.
const FORM: &str = "application/x-www-form-urlencoded";
/// Envoy's word about the body that it buffered; a client's own never reaches the Check.
const PARTIAL: &str = "x-envoy-auth-partial-body";

/// Makes the Check.
///
/// # Errors
///
/// Something cannot be understood or read. Since it may hold a credential, it is not repeated.
pub(super) fn check_request(flags: &RequestFlags) -> Result<CheckRequest, Failure> {
    let url = flags.url.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
    let target = Target::of(url).map_err(|message| wrong(&format!("the URL: {message}")))?;
    let mut headers = read_headers(&flags.headers)?;
    let host = match take(&mut headers, "host").pop() {
        Some(host) => String::from_utf8_lossy(&host.raw_value).into_owned(),
        None => target.authority.to_owned(),
    };
    let body = read_body(flags)?;
    let method = flags.method.as_deref().unwrap_or(if body.is_some() { "POST" } else { "GET" });
    take(&mut headers, PARTIAL);
    if let Some(body) = &body {
        describe_body(body, &mut headers);
    }
    add_missing("x-forwarded-proto", target.scheme, &mut headers);
    headers.extend(flags.peer.map(|peer| header("x-forwarded-for", &peer.to_string())));
    let http = HttpRequest {
        method: method.to_owned(),
        host,
        path: target.path_and_query.into_owned(),
        protocol: "HTTP/1.1".to_owned(),
        raw_body: body.unwrap_or_default(),
        header_map: Some(HeaderMap { headers }),
        ..HttpRequest::default()
    };
    let source = flags.peer.map(|peer| {
        let socket = SocketAddress { address: peer.to_string(), ..SocketAddress::default() };
        let address = core::Address { address: Some(Address::SocketAddress(socket)) };
        Peer { address: Some(address), ..Peer::default() }
    });
    let request = Request { http: Some(http), ..Request::default() };
    let attributes = AttributeContext { source, request: Some(request), ..AttributeContext::default() };
    Ok(CheckRequest { attributes: Some(attributes) })
}

/// The parts of a URL that a request carries, as they are written: nothing is resolved or encoded, since that is
/// for the stages to judge.
#[derive(Debug, PartialEq, Eq)]
struct Target<'u> {
    scheme: &'static str,
    authority: &'u str,
    path_and_query: Cow<'u, str>,
}

impl<'u> Target<'u> {
    fn of(url: &'u str) -> Result<Self, &'static str> {
        const EXPECTED: &str =
            "found no scheme and host, expected both, such as `https://api.example.com/v1/scans`";
        let (scheme, rest) = url.split_once("://").ok_or(EXPECTED)?;
        let scheme = ["https", "http"]
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(scheme))
            .ok_or("found an unknown scheme, expected `https://` or `http://`")?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.is_empty() {
            return Err(EXPECTED);
        }
        if authority.contains('@') {
            return Err("found a user before the host, expected credentials in headers: `-H 'name: value'`");
        }
        let path_and_query = if path.starts_with('/') { path.into() } else { format!("/{path}").into() };
        Ok(Self { scheme, authority, path_and_query })
    }
}

fn read_headers(given: &[SecretString]) -> Result<Vec<HeaderValue>, Failure> {
    let read = |(index, text): (usize, &SecretString)| {
        let fault = |message: &str| wrong(&format!("header {}: {message}", index + 1));
        let text = text.expose_secret();
        let (name, value) = match text.split_once(':') {
            Some((_, value)) if value.trim().is_empty() => {
                return Err(fault("found no value, expected `name: value`, or `name;` for an empty one"));
            }
            Some((name, value)) => (name, value.trim()),
            None => match text.strip_suffix(';') {
                Some(name) => (name, ""),
                None => return Err(fault("found no `:`, expected `name: value`")),
            },
        };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(legal) {
            return Err(fault("found a name that no header has, expected letters, digits and `-`"));
        }
        if value.chars().any(|character| character.is_control() && character != '\t') {
            return Err(fault("found a control character, expected visible characters"));
        }
        Ok(header(&name.to_ascii_lowercase(), value))
    };
    given.iter().enumerate().map(read).collect()
}

fn header(name: &str, value: &str) -> HeaderValue {
    HeaderValue { key: name.to_owned(), value: String::new(), raw_value: value.as_bytes().to_vec() }
}

/// Takes the headers with this name out of the others.
fn take(headers: &mut Vec<HeaderValue>, name: &str) -> Vec<HeaderValue> {
    headers.extract_if(.., |header| header.key == name).collect()
}

fn add_missing(name: &str, value: &str, headers: &mut Vec<HeaderValue>) {
    if !headers.iter().any(|header| header.key == name) {
        headers.push(header(name, value));
    }
}

fn describe_body(body: &[u8], headers: &mut Vec<HeaderValue>) {
    add_missing("content-type", FORM, headers);
    add_missing("content-length", &body.len().to_string(), headers);
    if !body.is_empty() {
        headers.push(header(PARTIAL, "false"));
    }
}

fn read_body(flags: &RequestFlags) -> Result<Option<Vec<u8>>, Failure> {
    if let Some(binary) = &flags.data_binary {
        return read_data(binary.expose_secret()).map(|(bytes, _)| Some(bytes));
    }
    let mut parts = Vec::with_capacity(flags.data.len());
    for data in &flags.data {
        let (mut bytes, is_file) = read_data(data.expose_secret())?;
        if is_file {
            bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
        }
        parts.push(bytes);
    }
    Ok((!parts.is_empty()).then(|| parts.join(&b'&')))
}

/// What stands for a body, and whether it came from a file.
fn read_data(data: &str) -> Result<(Vec<u8>, bool), Failure> {
    let Some(path) = data.strip_prefix('@') else {
        return Ok((data.as_bytes().to_vec(), false));
    };
    let mut bytes = Vec::new();
    let read = match path {
        "-" => io::stdin().read_to_end(&mut bytes).map(|_| bytes),
        path => fs::read(path),
    };
    read.map(|bytes| (bytes, true)).map_err(|error| wrong(&format!("{path} cannot be read: {error}")))
}

fn wrong(message: &str) -> Failure {
    Failure::new(Exit::Usage, message)
}
