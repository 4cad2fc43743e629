//! Where a connection comes from.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// How many bits of an IPv6 address tell one caller from another: whoever has such a network chooses the others.
const IPV6_BITS: u8 = 64;

/// Whoever opened a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Over a Unix socket, with the id of their user as the system tells it.
    Unix {
        /// The id of the user.
        uid: u32,
    },
    /// Over TCP.
    Tcp {
        /// Their address.
        address: SocketAddr,
        /// The names of their certificate, if they showed one that a known authority vouches for.
        certificate: Option<Vec<String>>,
    },
}

impl Caller {
    /// For whom failed attempts are counted: an address, or the first 64 bits of it. `None` on a Unix socket, where
    /// whoever may connect is an owner anyway.
    #[must_use]
    pub fn network(&self) -> Option<IpNet> {
        let Self::Tcp { address, .. } = self else {
            return None;
        };
        Some(match address.ip().to_canonical() {
            IpAddr::V4(address) => Ipv4Net::from(address).into(),
            IpAddr::V6(address) => Ipv6Net::new(address, IPV6_BITS).ok()?.trunc().into(),
        })
    }
}

/// As the audit log tells it: `unix uid 0`, or an address.
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix { uid } => write!(f, "unix uid {uid}"),
            Self::Tcp { address, .. } => address.ip().to_canonical().fmt(f),
        }
    }
}
