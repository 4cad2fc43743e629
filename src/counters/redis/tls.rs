//! TLS with a server. The files are read for every connection, so that new ones need no restart.

use std::{io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::{net::TcpStream, task::spawn_blocking};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::config::ClientTls;

/// Makes sure that this is the server of that name, and encrypts from then on.
pub(super) async fn shake_hands(
    settings: &ClientTls,
    host: &str,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let settings = settings.clone();
    let config = spawn_blocking(move || client(&settings)).await.map_err(io::Error::other)??;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| io::Error::other(format!("found {host}, expected a name or an address for TLS")))?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn client(settings: &ClientTls) -> io::Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(authorities(settings.ca.as_deref())?);
    let Some((certificate, key)) = &settings.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(certificate, "tls.certificate")?;
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| unusable("tls.key", key, &error.to_string(), "a private key"))?;
    builder
        .with_client_auth_cert(chain, private)
        .map_err(|error| unusable("tls.key", key, &error.to_string(), "the certificate's private key"))
}

fn authorities(ca: Option<&Path>) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            for certificate in certificates(path, "tls.ca")? {
                roots
                    .add(certificate)
                    .map_err(|error| unusable("tls.ca", path, &error.to_string(), "authorities"))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(roots)
}

fn certificates(path: &Path, field: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match found {
        Ok(found) if found.is_empty() => Err(unusable(field, path, "there is none in it", "certificates")),
        Ok(found) => Ok(found),
        Err(error) => Err(unusable(field, path, &error.to_string(), "certificates")),
    }
}

fn unusable(field: &str, path: &Path, problem: &str, expected: &str) -> io::Error {
    io::Error::other(format!("counters.{field}: {}: {problem}, expected {expected} in PEM", path.display()))
}
