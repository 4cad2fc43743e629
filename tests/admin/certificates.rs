//! Over TLS: by token, or by a certificate of the client.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::{ClientConfig, RootCertStore, pki_types::PrivateKeyDer};
use tempfile::TempDir;

use crate::{
    client::{Answer, NOTHING, get, get_2, over_tls, services, try_get},
    program::{Program, eventually, folder_with},
};

const TOKEN: &str = "a-token-of-ada-0123456789-0123456789";
const WHO: &str = "administrators:
  - { name: ada, role: owner, tokens: [{ file: token }] }
  - { name: ci, role: editor, certificates: [ci.test, 'spiffe://a.test/ci'], apis: [notes] }
";
const LISTENER: &str =
    "{ address: 127.0.0.1:PORT, tls: { certificate: tls.crt, key: tls.key, client_ca: ca.crt } }";

/// Who issues certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    pub(crate) fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.subject_alt_names = vec![if name.contains("://") {
            SanType::URI(name.try_into().expect("a URI"))
        } else {
            SanType::DnsName(name.try_into().expect("a name"))
        }];
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.0).expect("a certificate"), key)
    }

    /// A client that trusts this authority and has a certificate for this name of another one, or none.
    fn client(&self, identity: Option<(&Authority, &str)>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("an authority");
        let config = ClientConfig::builder().with_root_certificates(roots);
        let Some((authority, name)) = identity else {
            return config.with_no_client_auth();
        };
        let (certificate, key) = authority.issue(name);
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a private key");
        config.with_client_auth_cert(vec![certificate.der().clone()], key).expect("an identity")
    }

    /// Writes itself and a certificate for `localhost`.
    pub(crate) fn write(&self, folder: &TempDir) {
        let (certificate, key) = self.issue("localhost");
        for (name, text) in
            [("ca.crt", self.0.pem()), ("tls.crt", certificate.pem()), ("tls.key", key.serialize_pem())]
        {
            fs::write(folder.path().join(name), text).expect("a file");
        }
    }
}

async fn started(authority: &Authority) -> Program {
    let folder = folder_with(TOKEN);
    authority.write(&folder);
    Program::start(folder, LISTENER, WHO).await
}

async fn ask(program: &Program, config: ClientConfig, headers: &[(&str, &str)]) -> Answer {
    get(over_tls(program.port, config, "http/1.1").await.expect("a handshake"), NOTHING, headers).await
}

#[tokio::test]
async fn a_certificate_gets_in_by_its_names() {
    let authority = Authority::new();
    let program = started(&authority).await;
    for name in ["ci.test", "spiffe://a.test/ci"] {
        let client = || authority.client(Some((&authority, name)));
        assert_eq!(ask(&program, client(), &[]).await.status, 404, "{name}");
        let wire = over_tls(program.port, client(), "h2").await.expect("a handshake");
        assert_eq!(get_2(wire, NOTHING, &[]).await.status, 404, "{name}");
        let wire = over_tls(program.port, client(), "h2").await.expect("a handshake");
        assert_eq!(services(wire, &[]).await.grpc_status(), Some("0"), "{name}");
    }
    let other = ask(&program, authority.client(Some((&authority, "other.test"))), &[]).await;
    assert_eq!((other.status, other.reason().as_str()), (401, "credential_invalid"));
    // What is presented counts: a bad token is not passed over for a good certificate.
    let bad = [("authorization", "Bearer a-token-of-nobody-0123456789-012345")];
    assert_eq!(ask(&program, authority.client(Some((&authority, "ci.test"))), &bad).await.status, 401);
    program.end().await;
}

#[tokio::test]
async fn a_certificate_of_somebody_elses_authority_proves_nothing() {
    let [authority, stranger] = [Authority::new(), Authority::new()];
    let program = started(&authority).await;
    let client = authority.client(Some((&stranger, "ci.test")));
    // With TLS 1.3 the client is told after its own handshake.
    let answered = match over_tls(program.port, client, "http/1.1").await {
        Ok(wire) => try_get(wire, NOTHING, &[]).await.map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    assert!(answered.is_err(), "{answered:?}");
    program.end().await;
}

#[tokio::test]
async fn a_token_needs_no_certificate_and_a_changed_certificate_is_taken() {
    let authority = Authority::new();
    let program = started(&authority).await;
    let bearer = [("authorization", &*format!("Bearer {TOKEN}"))];
    assert_eq!(ask(&program, authority.client(None), &bearer).await.status, 404);
    let nobody = ask(&program, authority.client(None), &[]).await;
    assert_eq!((nobody.status, nobody.reason().as_str()), (401, "credential_missing"));
    // The server's certificate vouches for its name.
    let named = [bearer[0], ("host", "any.test")];
    assert_eq!(ask(&program, authority.client(None), &named).await.status, 404);

    let next = Authority::new();
    let (certificate, key) = next.issue("localhost");
    fs::write(program.path("tls.key"), key.serialize_pem()).expect("a file");
    fs::write(program.path("tls.crt"), certificate.pem()).expect("a file");
    eventually(async || over_tls(program.port, next.client(None), "h2").await.map(|_| ())).await;
    program.end().await;
}
