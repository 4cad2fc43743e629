//! The addresses on which Envoy asks: binding them, and accepting connections until the end.

use std::{
    fs::Permissions,
    io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::Path,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{mpsc, watch},
};
use tokio_stream::wrappers::ReceiverStream;
use tracing::{debug, warn};

use crate::config::{CheckAddress, CheckListener};

use super::{
    ServeError,
    connection::Connection,
    tls::{Acceptor, Certificates},
};

/// How many accepted connections may wait for the server to take them.
const ACCEPTED_MAX: usize = 64;
/// The time that a client has for its TLS handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// The wait after a failed accept, which mostly means that the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Owner and group may connect: Envoy mostly runs as another user of the same group.
const SOCKET_MODE: u32 = 0o660;

/// The connections of all listeners.
pub(super) type Connections = ReceiverStream<io::Result<Connection>>;

enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Binds all addresses and accepts connections on them until `ended`.
///
/// # Errors
///
/// [`ServeError::Listen`] for the first address that cannot be bound.
pub(super) async fn listen(
    listeners: &[CheckListener],
    certificates: &Certificates,
    ended: &watch::Receiver<()>,
) -> Result<Connections, ServeError> {
    let mut bound = Vec::with_capacity(listeners.len());
    for listener in listeners {
        let socket = bind(&listener.address)
            .await
            .map_err(|error| ServeError::Listen {
                address: listener.address.to_string(),
                field: "listen.check",
                error,
            })?;
        bound.push((socket, certificates.acceptor(&listener.transport)));
    }
    let (sender, receiver) = mpsc::channel(ACCEPTED_MAX);
    for (socket, acceptor) in bound {
        let (sender, mut ended) = (sender.clone(), ended.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = accept(&socket, acceptor, sender) => {}
                _ = ended.changed() => {}
            }
        });
    }
    Ok(ReceiverStream::new(receiver))
}

async fn bind(address: &CheckAddress) -> io::Result<Bound> {
    match address {
        CheckAddress::Tcp(address) => Ok(Bound::Tcp(TcpListener::bind(address).await?)),
        CheckAddress::Unix(path) => {
            unlink_stale(path).await?;
            let listener = UnixListener::bind(path)?;
            std::fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
            Ok(Bound::Unix(listener))
        }
    }
}

/// Removes a socket that a dead process left behind. One that still answers is in use, and anything else than a
/// socket is not ours to remove.
async fn unlink_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a file that is no socket stands there",
        ));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

async fn accept(socket: &Bound, acceptor: Option<Acceptor>, sender: mpsc::Sender<io::Result<Connection>>) {
    loop {
        let accepted = match (accept_one(socket).await, &acceptor) {
            (Ok(Connection::Tcp(stream)), Some(acceptor)) => {
                tokio::spawn(shake_hands(stream, acceptor.clone(), sender.clone()));
                continue;
            }
            (Ok(connection), _) => connection,
            (Err(error), _) => {
                warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if sender.send(Ok(accepted)).await.is_err() {
            return;
        }
    }
}

/// Lets the client prove itself, beside the connections that are accepted meanwhile.
async fn shake_hands(stream: TcpStream, acceptor: Acceptor, sender: mpsc::Sender<io::Result<Connection>>) {
    match tokio::time::timeout(HANDSHAKE_TIME, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            // The receiver is gone only when the server has ended.
            let _ = sender.send(Ok(Connection::Tls(Box::new(stream)))).await;
        }
        Ok(Err(error)) => debug!(%error, "a TLS handshake failed"),
        Err(_) => debug!("a TLS handshake took too long"),
    }
}

async fn accept_one(socket: &Bound) -> io::Result<Connection> {
    match socket {
        Bound::Tcp(listener) => {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok(Connection::Tcp(stream))
        }
        Bound::Unix(listener) => Ok(Connection::Unix(listener.accept().await?.0)),
    }
}
