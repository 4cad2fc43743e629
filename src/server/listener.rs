//! Binding addresses, and those on which Envoy asks: accepting connections until the end.
//!
//! Whoever reaches a listener can open connections, so their number is bounded for each listener, and one that
//! does not speak HTTP/2 is closed. Otherwise silent connections would use up the process's file descriptors, and its
//! health could no longer be asked for.

use std::{
    fs::Permissions,
    io,
    os::{
        fd::AsFd,
        unix::fs::{FileTypeExt, PermissionsExt},
    },
    path::Path,
    sync::Arc,
    time::Duration,
};

use rustix::{
    net::{AddressFamily, RecvFlags, SocketAddrUnix, SocketFlags, SocketType, recv, socket_with},
    process::{Resource, getrlimit},
};
use tokio::{
    io::Interest,
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
};
use tokio_stream::wrappers::ReceiverStream;
use tracing::{debug, warn};

use crate::config::{CheckListener, ListenAddress};

use super::{
    ServeError,
    connection::{Connection, Stream},
    tls::{Acceptor, Certificates},
};

/// How many accepted connections may wait for the server to take them.
const ACCEPTED_MAX: usize = 64;
/// The time that a client has to say that it speaks HTTP/2, or to shake hands where that is asked for.
const GREETING_TIME: Duration = Duration::from_secs(5);
/// What a client of HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The wait after a failed accept, which mostly means that the system is out of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How many connections to a Unix socket may wait for being accepted, if the system lets so many.
const BACKLOG: i32 = 1024;
/// Owner and group may connect: Envoy mostly runs as another user of the same group.
const SOCKET_MODE: u32 = 0o660;
/// The most connections of one listener where the system sets no bound to open files.
const CONNECTIONS_MAX: u64 = 65_536;

/// The connections of all listeners.
pub(super) type Connections = ReceiverStream<io::Result<Connection>>;

/// An address that is listened on.
pub(super) enum Bound {
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
        let socket = bind(&listener.address, SOCKET_MODE).await.map_err(|error| ServeError::Listen {
            address: listener.address.to_string(),
            field: "listen.check",
            error,
        })?;
        bound.push((socket, certificates.acceptor(&listener.transport)));
    }
    let (sender, receiver) = mpsc::channel(ACCEPTED_MAX);
    let connections_max = connections_max(listeners.len());
    for (socket, acceptor) in bound {
        let door =
            Door { acceptor, sender: sender.clone(), places: Arc::new(Semaphore::new(connections_max)) };
        let mut ended = ended.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = door.accept(&socket) => {}
                _ = ended.changed() => {}
            }
        });
    }
    Ok(ReceiverStream::new(receiver))
}

/// How many connections each listener may have: together half of the files that the process may open.
fn connections_max(listeners: usize) -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(CONNECTIONS_MAX * 2);
    let half = usize::try_from(files / 2).unwrap_or(usize::MAX);
    (half / listeners.max(1)).clamp(1, Semaphore::MAX_PERMITS)
}

/// Binds an address; a Unix socket gets this mode.
pub(super) async fn bind(address: &ListenAddress, mode: u32) -> io::Result<Bound> {
    match address {
        ListenAddress::Tcp(address) => Ok(Bound::Tcp(TcpListener::bind(address).await?)),
        ListenAddress::Unix(path) => bind_unix(path, mode).await.map(Bound::Unix),
    }
}

/// Binds a Unix socket in place of one that a dead process left behind. One that still answers is in use, and
/// anything else than a socket is not ours to replace.
///
/// It gets its mode before it listens, so that nobody can connect before it has it.
async fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    if let Ok(metadata) = std::fs::symlink_metadata(path) {
        if !metadata.file_type().is_socket() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a file that is no socket stands there",
            ));
        }
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            Err(error) => return Err(error),
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
        }
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    rustix::net::listen(&socket, BACKLOG)?;
    UnixListener::from_std(socket.into())
}

/// What stands between an accepted connection and the server.
struct Door {
    acceptor: Option<Acceptor>,
    sender: mpsc::Sender<io::Result<Connection>>,
    places: Arc<Semaphore>,
}

impl Door {
    async fn accept(&self, socket: &Bound) {
        let mut failing = false;
        // The semaphore is never closed.
        while let Ok(place) = Arc::clone(&self.places).acquire_owned().await {
            match accept_one(socket).await {
                Ok(accepted) => {
                    failing = false;
                    tokio::spawn(greet(accepted, place, self.acceptor.clone(), self.sender.clone()));
                }
                Err(error) => {
                    pause(&error, &mut failing).await;
                }
            }
        }
    }
}

/// Waits after a failed accept, and tells the first of them.
pub(super) async fn pause(error: &io::Error, failing: &mut bool) {
    if !*failing {
        warn!(%error, "connections cannot be accepted");
    }
    *failing = true;
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// A connection of which nothing is known yet.
pub(super) enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Accepts the next connection.
pub(super) async fn accept_one(socket: &Bound) -> io::Result<Accepted> {
    match socket {
        Bound::Tcp(listener) => {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok(Accepted::Tcp(stream))
        }
        Bound::Unix(listener) => Ok(Accepted::Unix(listener.accept().await?.0)),
    }
}

/// Looks, without taking it, at whether the client has said that it speaks HTTP/2.
fn preface(socket: impl AsFd) -> io::Result<()> {
    let mut said = [0; PREFACE.len()];
    let (_, length) = recv(socket, &mut said, RecvFlags::PEEK)?;
    match said.get(..length) {
        Some(PREFACE) => Ok(()),
        Some(start) if length > 0 && PREFACE.starts_with(start) => Err(io::ErrorKind::WouldBlock.into()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it does not speak HTTP/2")),
    }
}

/// Waits until the client says that it speaks HTTP/2, or lets it prove itself where that is asked for, and hands
/// it to the server; all beside the connections that are accepted meanwhile.
async fn greet(
    accepted: Accepted,
    place: OwnedSemaphorePermit,
    acceptor: Option<Acceptor>,
    sender: mpsc::Sender<io::Result<Connection>>,
) {
    let greeting = async {
        Ok::<Stream, io::Error>(match (accepted, acceptor) {
            (Accepted::Tcp(stream), Some(acceptor)) => Stream::Tls(Box::new(acceptor.accept(stream).await?)),
            (Accepted::Tcp(stream), None) => {
                stream.async_io(Interest::READABLE, || preface(&stream)).await?;
                Stream::Tcp(stream)
            }
            (Accepted::Unix(stream), _) => {
                stream.async_io(Interest::READABLE, || preface(&stream)).await?;
                Stream::Unix(stream)
            }
        })
    };
    match tokio::time::timeout(GREETING_TIME, greeting).await {
        Ok(Ok(stream)) => {
            // The receiver is gone only when the server has ended.
            let _ = sender.send(Ok(Connection::new(stream, place))).await;
        }
        Ok(Err(error)) => debug!(%error, "a connection ended before it began"),
        Err(_) => debug!("a connection took too long to begin"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest path that the system takes for a Unix socket, and so the longest that a configuration may name.
    const PATH_BYTES_MAX: usize = 107;

    #[tokio::test]
    async fn a_socket_of_the_longest_path_with_the_shortest_name_is_listened_on() {
        let scene = tempfile::tempdir().expect("a folder");
        let rest = PATH_BYTES_MAX - scene.path().as_os_str().len() - "//s".len();
        let folder = scene.path().join("f".repeat(rest));
        std::fs::create_dir(&folder).expect("a folder");
        let path = folder.join("s");
        assert_eq!(path.as_os_str().len(), PATH_BYTES_MAX);
        for what in ["at first", "in place of one that was left behind"] {
            let listener = bind_unix(&path, SOCKET_MODE).await.expect(what);
            let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, SOCKET_MODE, "{what}");
            let (connected, accepted) = tokio::join!(UnixStream::connect(&path), listener.accept());
            connected.and(accepted).expect(what);
            let refused = bind_unix(&path, SOCKET_MODE).await.expect_err("somebody listens there");
            assert_eq!(refused.kind(), io::ErrorKind::AddrInUse, "{what}");
            assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 1, "{what}");
        }
    }
}
