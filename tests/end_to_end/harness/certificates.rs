//! Certificates of a test's own, and connections that use them.

use std::{io, net::SocketAddr, sync::Arc};

use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint};

/// Who issues certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub(crate) struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// A certificate for this host.
    pub(crate) fn issue(&self, host: &str) -> Identity {
        let params = CertificateParams::new(vec![host.to_owned()]).expect("a host name");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Identity { certificate, key }
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A connection by TLS to `host` at this address that speaks this protocol (its name in ALPN).
    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        host: &str,
        protocol: &[u8],
    ) -> TlsStream<TcpStream> {
        let mut config = self.client(None);
        config.alpn_protocols = vec![protocol.to_vec()];
        let name = ServerName::try_from(host.to_owned()).expect("a host name");
        let stream = TcpStream::connect(address).await.expect("a connection");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake")
    }

    /// A channel by TLS to `host` at this address, whose certificate has to come from this authority.
    pub(crate) async fn channel(
        &self,
        address: SocketAddr,
        host: &str,
        client: Option<&Identity>,
    ) -> Result<Channel, String> {
        let connector = TlsConnector::from(Arc::new(self.client(client)));
        let name = ServerName::try_from(host.to_owned()).expect("a host name");
        let connect = tower::service_fn(move |_| {
            let (connector, name) = (connector.clone(), name.clone());
            async move {
                let stream = TcpStream::connect(address).await?;
                Ok::<_, io::Error>(TokioIo::new(connector.connect(name, stream).await?))
            }
        });
        let endpoint = Endpoint::from_shared(format!("http://{host}")).expect("an endpoint");
        let channel = endpoint.connect_with_connector(connect).await;
        channel.map_err(|error| format!("{error:?}"))
    }

    fn client(&self, identity: Option<&Identity>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("an authority");
        let config = ClientConfig::builder().with_root_certificates(roots);
        let mut config = match identity {
            None => config.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = identity.der();
                config.with_client_auth_cert(chain, key).expect("a certificate and its key")
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }
}

impl Identity {
    pub(crate) fn certificate_pem(&self) -> String {
        self.certificate.pem()
    }

    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    fn der(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("a private key");
        (vec![self.certificate.der().clone()], key)
    }
}
