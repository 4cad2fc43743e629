//! Asking an address from outside whether Doorward could listen there, or does already.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::unix::{fs::FileTypeExt, net::UnixStream},
    path::Path,
    time::Duration,
};

use rustix::fs::{Access, access};
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::config::{AdminListener, CheckListener, ListenAddress, Transport};

use super::health::ENVOY_SERVICE;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is found at an address.
#[derive(Debug)]
pub enum Probed {
    /// Nobody listens there: a server could.
    Free,
    /// A socket that nobody answers: a server puts its own in its place.
    LeftBehind,
    /// A server that answers Checks.
    Serving,
    /// A server that says that it may not be asked: it begins, or it ends.
    NotReady,
    /// Somebody who speaks TLS, so that it cannot be asked.
    Guarded,
    /// Somebody else, or nobody whom it could be asked: the reason.
    Foreign(String),
    /// It cannot be listened on.
    Unusable(io::Error),
}

/// Looks at an address on which Envoy asks.
pub async fn probe_check(listener: &CheckListener) -> Probed {
    probe(&listener.address, &listener.transport).await
}

/// Looks at the address on which administrators ask.
pub async fn probe_admin(listener: &AdminListener) -> Probed {
    probe(&listener.address, &listener.transport).await
}

async fn probe(address: &ListenAddress, transport: &Transport) -> Probed {
    let uri = match address {
        ListenAddress::Tcp(address) => match bind(*address) {
            Some(free) => return free,
            None => format!("http://{address}"),
        },
        ListenAddress::Unix(path) => match look(path) {
            Some(found) => return found,
            None => format!("unix:{}", path.display()),
        },
    };
    match transport {
        Transport::Plain => ask(uri).await,
        Transport::MutualTls { .. } | Transport::Tls { .. } => Probed::Guarded,
    }
}

/// Looks at the address on which metrics and health are read.
pub async fn probe_telemetry(address: SocketAddr) -> Probed {
    if let Some(found) = bind(address) {
        return found;
    }
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
    let asked = async { client?.get(format!("http://{address}/readyz")).send().await };
    match asked.await {
        Ok(answer) if answer.status() == reqwest::StatusCode::OK => Probed::Serving,
        Ok(answer) if answer.status() == reqwest::StatusCode::SERVICE_UNAVAILABLE => Probed::NotReady,
        Ok(answer) => {
            Probed::Foreign(format!("/readyz is answered with the status {}", answer.status().as_u16()))
        }
        Err(error) => Probed::Foreign(error.without_url().to_string()),
    }
}

/// Listens on the address for a moment; `None` if somebody does already.
fn bind(address: SocketAddr) -> Option<Probed> {
    match TcpListener::bind(address) {
        Ok(_) => Some(Probed::Free),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => None,
        Err(error) => Some(Probed::Unusable(error)),
    }
}

/// Looks at the path of a socket; `None` if somebody listens there.
fn look(path: &Path) -> Option<Probed> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Err(error) = access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        return Some(Probed::Unusable(error.into()));
    }
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Probed::Free),
        Err(error) => Some(Probed::Unusable(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            Some(Probed::Unusable(io::Error::other("a file that is no socket stands there")))
        }
        Ok(_) => match UnixStream::connect(path) {
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Some(Probed::LeftBehind),
            Err(error) => Some(Probed::Unusable(error)),
        },
    }
}

/// Asks for the health of the service that Envoy calls.
async fn ask(uri: String) -> Probed {
    let asked = async {
        let endpoint = Endpoint::from_shared(uri).map_err(|error| error.to_string())?;
        let channel = endpoint.connect().await.map_err(|_| "it does not speak HTTP/2".to_owned())?;
        let question = HealthCheckRequest { service: ENVOY_SERVICE.to_owned() };
        let answer = HealthClient::new(channel).check(question).await;
        answer.map(|answer| answer.into_inner().status()).map_err(|_| "it knows no Check".to_owned())
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(ServingStatus::Serving)) => Probed::Serving,
        Ok(Ok(_)) => Probed::NotReady,
        Ok(Err(reason)) => Probed::Foreign(reason),
        Err(_) => Probed::Foreign("it does not answer".to_owned()),
    }
}
