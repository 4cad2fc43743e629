//! An issuer of tokens under the test's control: its keys, and a server over TLS that publishes them, or does
//! something else. More than one suite stands on it.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http_body_util::Full;
use hyper::{Request, Response, body::Bytes, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_rustls::TlsAcceptor;

/// The end of a token that nothing is said about: the year 2100.
const EXPIRES: i64 = 4_102_444_800;

/// A pair of keys for `ES256`, and the id under which it is published.
pub(crate) struct Signer {
    pair: EcdsaKeyPair,
    id: String,
}

impl Signer {
    pub(crate) fn new(id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a pair");
        Self { pair, id: id.to_owned() }
    }

    /// The public half.
    pub(crate) fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.id,
            "x": coordinate(&point[1..33]), "y": coordinate(&point[33..]),
        })
    }

    /// A token for somebody by this issuer, for the audience `api`, with further claims or other ones.
    pub(crate) fn token(&self, issuer: &str, more: &Value) -> String {
        self.token_naming(&self.id, issuer, more)
    }

    /// The same, naming another key.
    pub(crate) fn token_naming(&self, id: &str, issuer: &str, more: &Value) -> String {
        let mut claims = json!({ "iss": issuer, "aud": "api", "sub": "ada", "exp": EXPIRES });
        for (name, value) in more.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&json!({ "alg": "ES256", "kid": id })), encode(&claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A set of these keys.
pub(crate) fn set(signers: &[&Signer]) -> String {
    json!({ "keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>() }).to_string()
}

/// What a server does when it is asked.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// It answers with status, headers and body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// It hangs up.
    HangUp,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::Answer(200, vec![("content-type", "application/json".to_owned())], body.into())
    }
}

/// A server over TLS on loopback, known as `localhost`, by a certificate of an authority of its own.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    folder: TempDir,
}

struct Shared {
    replies: Mutex<Vec<(String, Reply)>>,
    asked: AtomicUsize,
    /// Every request passes here before it is answered.
    gate: Semaphore,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().expect("a key"));
        let authority = authority.expect("a certificate");
        fs::write(folder.path().join("ca.pem"), authority.pem()).expect("a file");

        let key = rcgen::KeyPair::generate().expect("a key");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = CertificateParams::new(names).expect("names");
        let certificate = params.signed_by(&key, &authority).expect("a certificate");
        let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a private key");
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.der().clone()], private).expect("an identity");

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            replies: Mutex::default(),
            asked: AtomicUsize::new(0),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        });
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), Arc::clone(&shared)));
        Self { address, shared, folder }
    }

    /// What it does from now on when it is asked for this path.
    pub(crate) fn says(&self, path: &str, reply: Reply) {
        let mut replies = self.shared.replies.lock().expect("nobody panicked");
        replies.retain(|(known, _)| known != path);
        replies.push((path.to_owned(), reply));
    }

    /// What it publishes from now on under `/jwks`.
    pub(crate) fn publishes(&self, signers: &[&Signer]) {
        self.says("/jwks", Reply::ok(set(signers)));
    }

    /// Holds every answer back until it is told to [`Server::go_on`].
    pub(crate) fn wait(&self) {
        self.shared.gate.forget_permits(usize::MAX);
    }

    pub(crate) fn go_on(&self) {
        self.shared.gate.add_permits(1_000_000);
    }

    /// How often it was asked for anything.
    pub(crate) fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The certificate of its authority.
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// `keys` as the configuration names them: from this path, as the usual or `more` say.
    pub(crate) fn keys(&self, more: &str) -> String {
        let (url, ca) = (self.url("/jwks"), self.ca());
        format!("{{ jwks: {{ url: '{url}', ca: {}, private_addresses: allow, {more} }} }}", ca.display())
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            // Whoever does not trust the certificate goes away.
            let Ok(stream) = tls.accept(stream).await else { return };
            let answer = service_fn(|request: Request<Incoming>| {
                let shared = Arc::clone(&shared);
                async move { shared.answer(request.uri().path()).await }
            });
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

/// The server hangs up.
#[derive(Debug, thiserror::Error)]
#[error("hung up")]
struct HungUp;

impl Shared {
    async fn answer(&self, path: &str) -> Result<Response<Full<Bytes>>, HungUp> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.expect("the gate is never closed").forget();
        let reply = {
            let replies = self.replies.lock().expect("nobody panicked");
            replies.iter().find(|(known, _)| known == path).map(|(_, reply)| reply.clone())
        };
        match reply {
            Some(Reply::Answer(status, headers, body)) => {
                let mut response = Response::builder().status(status);
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                Ok(response.body(Full::from(body)).expect("a response"))
            }
            Some(Reply::HangUp) => Err(HungUp),
            None => Ok(Response::builder().status(404).body(Full::default()).expect("a response")),
        }
    }
}
