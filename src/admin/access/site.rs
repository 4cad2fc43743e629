//! Requests that a web page makes its visitor's browser send: none has business here, whatever else it presents.

use std::net::IpAddr;

use http::{
    HeaderMap,
    header::{HOST, ORIGIN},
    uri::{Authority, Uri},
};

use super::Refusal;

/// By this header browsers tell how a request came about; `none` is somebody who typed the address.
const SEC_FETCH_SITE: &str = "sec-fetch-site";
/// The name of this machine for itself.
const LOCALHOST: &str = "localhost";

/// The names under which a listener may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// Any: the server's certificate vouches for the name, or there is no network.
    Any,
    /// Addresses, `localhost`, and these, in lower case. A page under a name of its own that leads to this address (DNS
    /// rebinding) is none of them.
    Listed(Vec<String>),
}

/// Whether no web page can have sent a request.
///
/// # Errors
///
/// `cross_site`.
pub fn judge_site(uri: &Uri, headers: &HeaderMap, hosts: &Hosts) -> Result<(), Refusal> {
    if headers.contains_key(ORIGIN) {
        return Err(Refusal::cross_site("it has an `Origin`"));
    }
    if headers.get_all(SEC_FETCH_SITE).iter().any(|site| site != "none") {
        return Err(Refusal::cross_site("it has a `Sec-Fetch-Site` other than `none`"));
    }
    let Hosts::Listed(listed) = hosts else {
        return Ok(());
    };
    let in_headers = headers.get_all(HOST).iter().map(|host| Authority::try_from(host.as_bytes()).ok());
    let named: Vec<Option<Authority>> =
        uri.authority().cloned().map(Some).into_iter().chain(in_headers).collect();
    let is_ours =
        |authority: &Option<Authority>| authority.as_ref().is_some_and(|name| is_listed(name, listed));
    if named.is_empty() || !named.iter().all(is_ours) {
        return Err(Refusal::cross_site("its `Host` is no address, and no name that is configured"));
    }
    Ok(())
}

fn is_listed(authority: &Authority, listed: &[String]) -> bool {
    let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == LOCALHOST || address.parse::<IpAddr>().is_ok() || listed.contains(&host)
}
