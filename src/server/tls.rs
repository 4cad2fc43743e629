//! TLS for listeners that are reached over a network: certificate and key are read again when they change, and a
//! broken change is refused.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls::{
    CertificateError, Error, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{config::Transport, domain::Timestamp};

/// The protocol that gRPC speaks, for ALPN (RFC 9113, section 3.2).
const HTTP2: &[u8] = b"h2";
/// What else administrators may speak.
const HTTP1: &[u8] = b"http/1.1";

/// Why a listener's certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{listener}: tls.{field}: {path}: {problem}, expected {expected} in PEM")]
pub struct TlsError {
    listener: &'static str,
    field: &'static str,
    path: String,
    problem: String,
    expected: &'static str,
}

/// A file that TLS needs, by its field in the configuration.
#[derive(Clone, Copy)]
struct PemFile<'a> {
    listener: &'static str,
    field: &'static str,
    path: &'a Path,
    expected: &'static str,
}

impl PemFile<'_> {
    fn failed(&self, problem: impl fmt::Display) -> TlsError {
        TlsError {
            listener: self.listener,
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
    /// Reads the certificates of listeners with these transports.
    pub(super) fn load<'t>(transports: impl IntoIterator<Item = &'t Transport>) -> Result<Self, TlsError> {
        let mut certificates = Vec::new();
        for transport in transports {
            if let Some(config) = read(transport)? {
                let current = Arc::new(ArcSwap::from_pointee(config));
                certificates.push(Certificate { transport: transport.clone(), current });
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
        Transport::Tls { certificate, key, client_ca } => {
            [certificate, key].into_iter().chain(client_ca).collect()
        }
    }
}

/// The files of a transport, and what is expected in them.
struct PemFiles<'a> {
    certificate: PemFile<'a>,
    key: PemFile<'a>,
    client_ca: Option<PemFile<'a>>,
}

impl<'a> PemFiles<'a> {
    /// Those of a transport; `None` if it has none.
    fn of(transport: &'a Transport) -> Option<Self> {
        let (listener, certificate, key, client_ca) = match transport {
            Transport::Plain => return None,
            Transport::MutualTls { certificate, key, client_ca } => {
                ("listen.check", certificate, key, Some(client_ca))
            }
            Transport::Tls { certificate, key, client_ca } => {
                ("listen.admin", certificate, key, client_ca.as_ref())
            }
        };
        let file = |field, path: &'a PathBuf, expected| PemFile { listener, field, path, expected };
        Some(Self {
            certificate: file("certificate", certificate, "a certificate chain"),
            key: file("key", key, "the certificate's private key"),
            client_ca: client_ca.map(|path| file("client_ca", path, "certificates of authorities")),
        })
    }
}

fn read(transport: &Transport) -> Result<Option<ServerConfig>, TlsError> {
    let Some(PemFiles { certificate, key, client_ca }) = PemFiles::of(transport) else {
        return Ok(None);
    };
    let is_mutual = matches!(transport, Transport::MutualTls { .. });
    let builder = ServerConfig::builder();
    let builder = match client_ca {
        Some(client_ca) => builder.with_client_cert_verifier(verifier(&client_ca, is_mutual)?),
        None => builder.with_no_client_auth(),
    };
    let private = PrivateKeyDer::from_pem_file(key.path).map_err(|error| key.failed(error))?;
    let mut config = builder
        .with_single_cert(certificate.certificates()?, private)
        .map_err(|error| certificate.failed(error))?;
    config.alpn_protocols.push(HTTP2.to_vec());
    if !is_mutual {
        config.alpn_protocols.push(HTTP1.to_vec());
    }
    Ok(Some(config))
}

/// Verifies certificates of clients, of which each needs one, or may have one.
fn verifier(client_ca: &PemFile<'_>, is_needed: bool) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in client_ca.certificates()? {
        roots.add(authority).map_err(|error| client_ca.failed(error))?;
    }
    let builder = WebPkiClientVerifier::builder(roots.into());
    let builder = if is_needed { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| client_ca.failed(error))
}

/// When a certificate of a listener ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateEnd {
    /// The file that it stands in.
    pub path: PathBuf,
    /// From then on it proves nothing.
    pub ends: Timestamp,
}

/// Reads the files of a transport as serving does, and tells when each of their certificates ends.
///
/// # Errors
///
/// The first file that cannot be used.
pub fn certificate_ends(transport: &Transport) -> Result<Vec<CertificateEnd>, TlsError> {
    let Some(PemFiles { certificate, client_ca, .. }) = PemFiles::of(transport) else {
        return Ok(Vec::new());
    };
    read(transport)?;
    let mut ends = Vec::new();
    for file in [certificate].into_iter().chain(client_ca) {
        for certificate in file.certificates()? {
            let end = end(&certificate).map_err(|error| file.failed(error))?;
            ends.push(CertificateEnd { path: file.path.to_owned(), ends: end });
        }
    }
    Ok(ends)
}

/// When a certificate ends. Verifying looks at the time first, and tells it where it is over; so the certificate is
/// verified as of a time at which each one has ended.
fn end(certificate: &CertificateDer<'static>) -> Result<Timestamp, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let verifier = WebPkiClientVerifier::builder(roots.into()).build();
    let verifier = verifier.map_err(|error| Error::General(error.to_string()))?;
    let at_the_end_of_time = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
    match verifier.verify_client_cert(certificate, &[], at_the_end_of_time) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            let seconds = i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX);
            Ok(Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX))
        }
        Err(error) => Err(error),
        Ok(_) => Err(Error::General("it never ends".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_tells_when_it_ends() {
        let mut params = CertificateParams::new(vec!["doorward.test".to_owned()]).expect("a name");
        params.not_after = date_time_ymd(2031, 2, 3);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        assert_eq!(end(certificate.der()).expect("an end").to_string(), "2031-02-03T00:00:00Z");
        assert!(end(&CertificateDer::from(vec![1, 2, 3])).is_err());
    }
}
