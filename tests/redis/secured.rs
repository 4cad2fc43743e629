//! A server that speaks TLS alone, with certificates in both directions, to users with a password.

use std::{fs, path::PathBuf};

use doorward::config::{ClientTls, RedisCounters};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::{Server, free_port};

/// The user, and a password that must be shown nowhere.
pub(crate) const USER: (&str, &str) = ("counting", "unspeakable-password");

/// A secured server.
pub(crate) struct Secured {
    pub(crate) server: Server,
    port: u16,
    folder: PathBuf,
}

impl Secured {
    /// Starts it, with certificates of its own.
    pub(crate) async fn start() -> Self {
        let server = Server::start(&[]).await;
        let (port, folder) = (free_port(), server.folder.path().to_owned());
        let secured = Self { server, port, folder };
        secured.certify();
        let path = |name: &str| secured.folder.join(name).display().to_string();
        secured.server.tell(&[
            "CONFIG",
            "SET",
            "tls-ca-cert-file",
            &path("ca.pem"),
            "tls-cert-file",
            &path("certificate.pem"),
            "tls-key-file",
            &path("key.pem"),
            "tls-auth-clients",
            "yes",
            "tls-port",
            &port.to_string(),
        ]);
        let (user, password) = USER;
        let rules = format!(
            "ACL SETUSER {user} on >{password} ~doorward:* +evalsha +script|load +set +select +@hash +@sortedset +time \
             +get +del +pttl +pexpire"
        );
        secured.server.tell(&rules.split(' ').collect::<Vec<_>>());
        secured
    }

    fn certify(&self) {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a host name");
        // With the name of its authority it would look signed by itself.
        params.distinguished_name.push(DnType::CommonName, "localhost");
        let certificate = params.signed_by(&key, &authority).expect("a certificate");
        for (name, text) in [
            ("ca.pem", authority.pem()),
            ("certificate.pem", certificate.pem()),
            ("key.pem", key.serialize_pem()),
        ] {
            fs::write(self.folder.join(name), text).expect("it is written");
        }
    }

    /// Settings that ask it, for this user and password.
    pub(crate) fn settings(&self, user: &str, password: &str) -> RedisCounters {
        let path = |name| self.folder.join(name);
        RedisCounters {
            servers: super::tcp("localhost", self.port),
            username: Some(user.to_owned()),
            password: Some(super::secret(password)),
            tls: Some(ClientTls {
                ca: Some(path("ca.pem")),
                identity: Some((path("certificate.pem"), path("key.pem"))),
            }),
            ..self.server.settings()
        }
    }
}
