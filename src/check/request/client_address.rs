//! The client's address, by what the operator declared and nothing else.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::config::ClientAddress;

use super::InboundRequest;

/// How many bits of an IPv6 address tell one client from another: a network of this size is the least that anybody
/// is given, and whoever has one chooses the other bits.
const IPV6_BITS: u8 = 64;

impl InboundRequest<'_> {
    /// The client's address; IPv4 within IPv6 as IPv4. `None` if it cannot be told.
    #[must_use]
    pub fn client_address(&self, rule: ClientAddress) -> Option<IpAddr> {
        let address = match rule {
            ClientAddress::Peer => self.peer?.parse().ok()?,
            ClientAddress::Hops(hops) => self.forwarded(hops)?,
        };
        Some(address.to_canonical())
    }

    /// Whom what the client does is counted for: its address, or the first 64 bits of it. `None` if it cannot be told.
    #[must_use]
    pub fn client_network(&self, rule: Option<ClientAddress>) -> Option<IpNet> {
        Some(match self.client_address(rule?)? {
            IpAddr::V4(address) => Ipv4Net::from(address).into(),
            IpAddr::V6(address) => Ipv6Net::new(address, IPV6_BITS).ok()?.trunc().into(),
        })
    }

    /// The entry of `x-forwarded-for` that is `hops` from its end. Repeated headers continue the list.
    fn forwarded(&self, hops: usize) -> Option<IpAddr> {
        let mut entries = Vec::new();
        for value in self.headers.values("x-forwarded-for") {
            entries.extend(std::str::from_utf8(value).ok()?.split(',').map(str::trim));
        }
        entries.get(entries.len().checked_sub(hops)?)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use envoy_types::{
        ext_authz::v3::pb::{Address, CheckRequest},
        pb::envoy::{
            config::core::v3::{self as core, SocketAddress},
            service::auth::v3::{
                AttributeContext,
                attribute_context::{HttpRequest, Peer, Request},
            },
        },
    };

    use prost::Message;

    use super::*;
    use crate::check::request::{Call, parse};

    fn network(peer: &str, forwarded: Option<&str>, rule: ClientAddress) -> Option<String> {
        let mut http = HttpRequest {
            method: "GET".into(),
            host: "a.example".into(),
            path: "/".into(),
            ..Default::default()
        };
        http.headers.extend(forwarded.map(|list| ("x-forwarded-for".to_owned(), list.to_owned())));
        let socket = SocketAddress { address: peer.into(), ..Default::default() };
        let address = core::Address { address: Some(Address::SocketAddress(socket)) };
        let attributes = AttributeContext {
            source: Some(Peer { address: Some(address), ..Default::default() }),
            request: Some(Request { http: Some(http), ..Default::default() }),
            ..Default::default()
        };
        let call = CheckRequest { attributes: Some(attributes) };
        let bytes = call.encode_to_vec();
        let call = Call::read(&bytes).expect("a Check");
        let request = parse(&call).expect("a request");
        request.client_network(Some(rule)).map(|network| network.to_string())
    }

    #[test]
    fn ipv4_counts_whole_and_ipv6_by_its_first_64_bits() {
        for (peer, expected) in [
            ("203.0.113.7", Some("203.0.113.7/32")),
            ("::ffff:203.0.113.7", Some("203.0.113.7/32")),
            ("2001:db8:1:2:3:4:5:6", Some("2001:db8:1:2::/64")),
            ("2001:db8:1:2::", Some("2001:db8:1:2::/64")),
            ("2001:db8:1:3::1", Some("2001:db8:1:3::/64")),
            ("", None),
            ("unix", None),
        ] {
            assert_eq!(network(peer, None, ClientAddress::Peer).as_deref(), expected, "{peer}");
        }
    }

    #[test]
    fn only_the_entry_that_a_trusted_proxy_wrote_counts() {
        let list = "6.6.6.6, 203.0.113.7, 10.0.0.1";
        for (list, hops, expected) in [
            (Some(list), 1, Some("10.0.0.1/32")),
            (Some(list), 2, Some("203.0.113.7/32")),
            (Some(list), 4, None),
            (Some("203.0.113.7:4711"), 1, None),
            (Some(""), 1, None),
            (None, 1, None),
        ] {
            let found = network("10.0.0.1", list, ClientAddress::Hops(hops));
            assert_eq!(found.as_deref(), expected, "{list:?} {hops}");
        }
    }
}
