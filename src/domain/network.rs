//! Networks that something may be used from.

use std::net::IpAddr;

use ipnet::IpNet;

/// Reads a network (CIDR), or a single address. IPv4 within IPv6 is taken for IPv4, as clients' addresses are.
///
/// # Errors
///
/// What was expected.
pub fn parse_network(text: &str) -> Result<IpNet, &'static str> {
    let network: IpNet = text
        .parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "expected a network such as 203.0.113.0/24 or 2001:db8::/32, or an address")?;
    let mapped = match network {
        IpNet::V6(network) => network.addr().to_ipv4_mapped().zip(network.prefix_len().checked_sub(96)),
        IpNet::V4(_) => None,
    };
    Ok(mapped.and_then(|(address, length)| IpNet::new(address.into(), length).ok()).unwrap_or(network))
}
