//! TLS in both directions for listeners that are reached over a network: certificate and key are read again
//! when they change, and a broken change is refused.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::config::{CheckListener, Transport};

/// The protocol that gRPC speaks, for ALPN (RFC 9113, section 3.2).
const HTTP2: &[u8] = b"h2";

/// Why a listener's certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("listen.check: tls.{field}: {path}: {problem}, expected {expected} in PEM")]
pub struct TlsError {
    field: &'static str,
    path: String,
    problem: String,
    expected: &'static str,
}

/// A file that TLS needs, by its field in the configuration.
struct PemFile<'a> {
    field: &'static str,
    path: &'a Path,
    expected: &'static str,
}

impl PemFile<'_> {
    fn failed(&self, problem: impl fmt::Display) -> TlsError {
        TlsError {
            field: self.field,
            path: self.path.display().to_string(),
            problem: problem.to_string(),
            expected: self.expected,
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(self.path).and_then(Iterator::collect);
        match found {
            Ok(found) if found.is_empty() => Err(self.failed("there is none in it")),
            Ok(found) => Ok(found),
            Err(error) => Err(self.failed(error)),
        }
    }
}

/// The certificates of all listeners that need one.
#[derive(Debug, Default)]
pub(super) struct Certificates(Vec<Certificate>);

#[derive(Debug)]
struct Certificate {
    transport: Transport,
    current: Arc<ArcSwap<ServerConfig>>,
}

/// Shakes hands with the certificate in force.
#[derive(Clone)]
pub(super) struct Acceptor(Arc<ArcSwap<ServerConfig>>);

impl Acceptor {
    /// Waits for the client to prove itself.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.0.load_full()).accept(stream).await
    }
}

impl Certificates {
    /// Reads the certificates of these listeners.
    pub(super) fn load(listeners: &[CheckListener]) -> Result<Self, TlsError> {
        let mut certificates = Vec::new();
        for listener in listeners {
            if let Some(config) = read(&listener.transport)? {
                let current = Arc::new(ArcSwap::from_pointee(config));
                certificates.push(Certificate { transport: listener.transport.clone(), current });
            }
        }
        Ok(Self(certificates))
    }

    /// Reads all of them again; those that cannot be used stay as they were.
    ///
    /// # Errors
    ///
    /// The first that could not be used.
    pub(super) fn reload(&self) -> Result<(), TlsError> {
        let mut outcome = Ok(());
        for certificate in &self.0 {
            match read(&certificate.transport) {
                Ok(Some(config)) => certificate.current.store(Arc::new(config)),
                Ok(None) => {}
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }

    /// What shakes hands for a listener with this transport; `None` where it speaks in clear.
    pub(super) fn acceptor(&self, transport: &Transport) -> Option<Acceptor> {
        let certificate = self.0.iter().find(|certificate| certificate.transport == *transport)?;
        Some(Acceptor(Arc::clone(&certificate.current)))
    }

    /// The files that they were read from.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.iter().flat_map(|certificate| files(&certificate.transport))
    }
}

/// The files that a transport needs.
pub(super) fn files(transport: &Transport) -> Vec<&PathBuf> {
    match transport {
        Transport::Plain => Vec::new(),
        Transport::MutualTls { certificate, key, client_ca } => vec![certificate, key, client_ca],
    }
}

fn read(transport: &Transport) -> Result<Option<ServerConfig>, TlsError> {
    let Transport::MutualTls { certificate, key, client_ca } = transport else {
        return Ok(None);
    };
    let certificate = PemFile { field: "certificate", path: certificate, expected: "a certificate chain" };
    let key = PemFile { field: "key", path: key, expected: "the certificate's private key" };
    let client_ca = PemFile { field: "client_ca", path: client_ca, expected: "certificates of authorities" };

    let mut roots = RootCertStore::empty();
    for authority in client_ca.certificates()? {
        roots.add(authority).map_err(|error| client_ca.failed(error))?;
    }
    let verifier =
        WebPkiClientVerifier::builder(roots.into()).build().map_err(|error| client_ca.failed(error))?;
    let private = PrivateKeyDer::from_pem_file(key.path).map_err(|error| key.failed(error))?;
    let mut config = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificate.certificates()?, private)
        .map_err(|error| certificate.failed(error))?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(Some(config))
}
