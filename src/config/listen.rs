//! `listen`: where Doorward can be reached.

use std::{net::SocketAddr, path::PathBuf};

/// The addresses of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where Envoy asks.
    pub check: Vec<CheckListener>,
    /// Where metrics and health are read over HTTP.
    pub telemetry: Option<SocketAddr>,
}

/// One address on which Envoy asks, and how what passes there is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckListener {
    /// The address.
    pub address: CheckAddress,
    /// How it is protected.
    pub transport: Transport,
}

/// An address on which Envoy asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckAddress {
    /// IP address and port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// How the connection between Envoy and Doorward is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Not at all: a Unix socket, loopback, or `insecure: true`.
    Plain,
    /// By TLS in both directions; the files are read again when they change.
    MutualTls {
        /// Doorward's certificate chain, PEM.
        certificate: PathBuf,
        /// Its private key, PEM.
        key: PathBuf,
        /// The authorities of which a client needs a certificate, PEM.
        client_ca: PathBuf,
    },
}
