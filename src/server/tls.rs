//! TLS in both directions for listeners that are reached over a network: certificate and key are read again
//! when they change, and a broken change is refused.

use std::{
    io,
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
#[error("listen.check: {path}: {problem}")]
pub struct TlsError {
    path: String,
    problem: String,
}

impl TlsError {
    fn new(path: &Path, problem: impl std::fmt::Display) -> Self {
        Self {
            path: path.display().to_string(),
            problem: problem.to_string(),
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
                certificates.push(Certificate {
                    transport: listener.transport.clone(),
                    current,
                });
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
        let certificate = self
            .0
            .iter()
            .find(|certificate| certificate.transport == *transport)?;
        Some(Acceptor(Arc::clone(&certificate.current)))
    }

    /// The files that they were read from.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.0
            .iter()
            .flat_map(|certificate| match &certificate.transport {
                Transport::Plain => Vec::new(),
                Transport::MutualTls {
                    certificate,
                    key,
                    client_ca,
                } => vec![certificate, key, client_ca],
            })
    }
}

fn read(transport: &Transport) -> Result<Option<ServerConfig>, TlsError> {
    let Transport::MutualTls {
        certificate,
        key,
        client_ca,
    } = transport
    else {
        return Ok(None);
    };
    let mut roots = RootCertStore::empty();
    for authority in read_certificates(client_ca)? {
        roots
            .add(authority)
            .map_err(|error| TlsError::new(client_ca, error))?;
    }
    let verifier = WebPkiClientVerifier::builder(roots.into())
        .build()
        .map_err(|error| TlsError::new(client_ca, error))?;
    let chain = read_certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::new(key, error))?;
    let mut config = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, private)
        .map_err(|error| TlsError::new(certificate, error))?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(Some(config))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match certificates {
        Ok(found) if found.is_empty() => {
            Err(TlsError::new(path, "expected a certificate in PEM, found none"))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(TlsError::new(path, error)),
    }
}
