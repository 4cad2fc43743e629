//! Fetching over HTTPS: no redirects, no proxies, nothing larger or slower than expected, and no address that is not
//! public unless that is allowed.

use std::{
    error::Error,
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

use jiff::fmt::rfc2822;
use reqwest::{
    Certificate, Client, StatusCode,
    dns::{Addrs, Name, Resolve, Resolving},
    header::DATE,
    redirect,
};
use serde_json::Value;
use tokio::task::spawn_blocking;
use url::{Host, Url};

use crate::{
    check::authn::strict_json,
    config::{PrivateAddresses, RemoteKeys},
    domain::Timestamp,
};

use super::{KeySet, SET_BYTES_MAX, SetFault, address::is_public};

/// The time that one request may take, the body included.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// The time that connecting may take.
const CONNECT_TIME: Duration = Duration::from_secs(2);

/// Why keys could not be fetched. None of it holds the address: there may be something in it that is nobody's business.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchFault {
    /// The certificates of the authorities cannot be used.
    #[error("`ca` cannot be used: {0}")]
    Authorities(String),
    /// The host is, or has, an address that is not public.
    #[error("the host has an address that is not public, and `private_addresses` does not allow that")]
    Private,
    /// The address in the metadata is none that keys are fetched from.
    #[error("the `jwks_uri` of the metadata is no address with `https` and without user and password")]
    JwksUri,
    /// The server cannot be reached, or breaks off.
    #[error("the server did not answer: {0}")]
    Transport(String),
    /// The answer is not the one expected; a redirect is not followed.
    #[error("the server answered with status {0}, expected 200")]
    Status(StatusCode),
    /// The answer is too long.
    #[error("the answer is longer than {SET_BYTES_MAX} bytes")]
    Length,
    /// The metadata are no JSON object, or one without `issuer` or `jwks_uri`.
    #[error("the metadata are no JSON object with `issuer` and `jwks_uri`")]
    Metadata,
    /// The metadata are those of another issuer.
    #[error("the metadata are those of another issuer")]
    Issuer,
    /// The set cannot be used.
    #[error("the key set cannot be used: {0}")]
    Set(#[from] SetFault),
}

/// A set, and when its server says that it answered (RFC 9110, section 6.6.1).
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) set: KeySet,
    pub(super) date: Option<Timestamp>,
}

/// Fetches the set at the configured address.
pub(super) async fn jwks(keys: &RemoteKeys) -> Result<Fetched, FetchFault> {
    let client = client(keys).await?;
    set(&get(&client, &keys.url, keys.private_addresses).await?)
}

fn set(answer: &Answer) -> Result<Fetched, FetchFault> {
    Ok(Fetched { set: KeySet::published(&answer.body)?, date: answer.date })
}

/// Fetches the metadata at the configured address, which have to be those of `issuer` (`OpenID` Connect Discovery 1.0,
/// section 4.3), and the set that they name.
pub(super) async fn discovered(keys: &RemoteKeys, issuer: &str) -> Result<Fetched, FetchFault> {
    let client = client(keys).await?;
    let metadata = get(&client, &keys.url, keys.private_addresses).await?.body;
    let metadata = strict_json::object(&metadata).ok_or(FetchFault::Metadata)?;
    let member = |name| metadata.get(name).and_then(Value::as_str).ok_or(FetchFault::Metadata);
    if member("issuer")? != issuer {
        return Err(FetchFault::Issuer);
    }
    let url = Url::parse(member("jwks_uri")?).map_err(|_| FetchFault::JwksUri)?;
    if url.scheme() != "https" || !url.username().is_empty() || url.password().is_some() {
        return Err(FetchFault::JwksUri);
    }
    set(&get(&client, &url, keys.private_addresses).await?)
}

/// A client of its own for each fetch, so that the authorities are read anew.
async fn client(keys: &RemoteKeys) -> Result<Client, FetchFault> {
    let keys = keys.clone();
    let made = spawn_blocking(move || make_client(&keys)).await;
    made.unwrap_or_else(|error| Err(FetchFault::Transport(error.to_string())))
}

fn make_client(keys: &RemoteKeys) -> Result<Client, FetchFault> {
    let builder = Client::builder()
        .https_only(true)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .timeout(REQUEST_TIME)
        .connect_timeout(CONNECT_TIME)
        .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Resolver(keys.private_addresses));
    let builder = match &keys.ca {
        Some(path) => builder.tls_certs_only(authorities(path)?),
        None => builder,
    };
    builder.build().map_err(transport)
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, FetchFault> {
    let pem = std::fs::read(path).map_err(|error| FetchFault::Authorities(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem);
    let found = found.map_err(|error| FetchFault::Authorities(error.to_string()))?;
    if found.is_empty() {
        return Err(FetchFault::Authorities("there is no certificate in it".to_owned()));
    }
    Ok(found)
}

/// What a server answers.
struct Answer {
    body: Vec<u8>,
    date: Option<Timestamp>,
}

/// What stands at an address. What kind of content the server calls it does not matter.
async fn get(client: &Client, url: &Url, allowed: PrivateAddresses) -> Result<Answer, FetchFault> {
    // A literal address is never resolved, so it is judged here.
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(_)) | None => None,
    };
    if literal.is_some_and(|address| !admits(allowed, address)) {
        return Err(FetchFault::Private);
    }
    let mut response = client.get(url.clone()).send().await.map_err(transport)?;
    if response.status() != StatusCode::OK {
        return Err(FetchFault::Status(response.status()));
    }
    let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| rfc2822::parse(date).ok()).map(|date| date.timestamp());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > SET_BYTES_MAX {
            return Err(FetchFault::Length);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { body, date })
}

fn admits(allowed: PrivateAddresses, address: IpAddr) -> bool {
    allowed == PrivateAddresses::Allow || is_public(address)
}

/// The cause at the bottom says most.
fn transport(error: reqwest::Error) -> FetchFault {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(below) = cause.source() {
        if below.is::<NotPublic>() {
            return FetchFault::Private;
        }
        cause = below;
    }
    FetchFault::Transport(cause.to_string())
}

/// Resolves names to addresses that are all admitted. What it returns is what is connected to, so that no second
/// answer of the DNS can lead elsewhere.
struct Resolver(PrivateAddresses);

#[derive(Debug, thiserror::Error)]
#[error("the host has an address that is not public")]
struct NotPublic;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            if !found.iter().all(|address| admits(allowed, address.ip())) {
                return Err(NotPublic.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
