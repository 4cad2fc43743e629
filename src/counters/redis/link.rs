//! One connection to one server.

use std::{fmt, io, path::PathBuf, sync::Arc, time::Duration};

use redis::{AsyncConnectionConfig, Pipeline, RedisConnectionInfo, Value, aio::MultiplexedConnection};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    sync::Notify,
    task::AbortHandle,
    time::timeout,
};

use crate::config::{RedisCounters, SecretSource};

use super::{breaker::Breaker, failure, script, tls};

/// How long making a connection may take. Nobody waits for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How many requests wait for the connection to take them.
const QUEUE: usize = 1024;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Address {
    Tcp(String, u16),
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// As whom one signs in, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// To count, in the database of the configuration.
    Counting,
    /// To count there, on a server that has to be a master.
    CountingMaster,
    /// To ask a sentinel.
    Sentinel,
}

/// A connection, shared by everybody who asks this server. Its requests are answered in order, and what an abandoned
/// one is answered goes nowhere.
pub(super) struct Link {
    connection: MultiplexedConnection,
    tasks: Vec<AbortHandle>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Link {
    /// Connects, signs in, and teaches the server the scripts. When the connection ends, `breaker` opens and `lost` is
    /// told.
    pub(super) async fn open(
        address: &Address,
        role: Role,
        config: &RedisCounters,
        breaker: Arc<Breaker>,
        lost: Arc<Notify>,
    ) -> Result<Self, String> {
        let link = timeout(CONNECT_TIMEOUT, async {
            let told = |error: io::Error| format!("no connection ({error})");
            let stream = connect(address, config).await.map_err(told)?;
            // The library's own sign-in would keep to itself why it failed.
            let plain = RedisConnectionInfo::default().set_skip_set_lib_name();
            let settings = AsyncConnectionConfig::new()
                .set_connection_timeout(None)
                .set_response_timeout(None)
                .set_pipeline_buffer_size(QUEUE);
            let (connection, driver) = MultiplexedConnection::new_with_config(&plain, stream, settings)
                .await
                .map_err(|error| failure::told_of_connection(&error))?;
            let driver = tokio::spawn(driver);
            let mut link = Self { connection, tasks: vec![driver.abort_handle()] };
            link.sign_in(role, config).await?;
            let end = tokio::spawn(async move {
                // However it ended, it is over.
                let _ = driver.await;
                breaker.open("the connection was lost");
                lost.notify_one();
            });
            link.tasks.push(end.abort_handle());
            Ok(link)
        });
        link.await.unwrap_or_else(|_| Err(format!("no connection within {CONNECT_TIMEOUT:?}")))
    }

    /// Sends some commands in one go, once, and waits for all their answers.
    ///
    /// The library never sends anything twice here: that is what its connection manager and its cluster client do,
    /// which are not used. The latter repeats a whole pipeline for one command that was redirected, and after errors
    /// of the connection; and it cannot be told to follow redirections alone.
    pub(super) async fn ask(&self, commands: &Pipeline) -> Result<Vec<Value>, String> {
        let count = commands.len();
        let answers = self.connection.clone().send_packed_commands(commands, 0, count).await;
        answers.map_err(|error| failure::told_of_connection(&error))
    }

    async fn sign_in(&self, role: Role, config: &RedisCounters) -> Result<(), String> {
        let mut commands = redis::pipe();
        let (user, password) = match role {
            Role::Sentinel => (None, config.sentinel_password.as_ref()),
            Role::Counting | Role::CountingMaster => (config.username.as_ref(), config.password.as_ref()),
        };
        if let Some(password) = password.map(SecretSource::expose) {
            commands.cmd("AUTH").arg(user).arg(password);
            if let Some(Value::ServerError(error)) = self.ask(&commands).await?.first() {
                return Err(failure::told_of_sign_in(error));
            }
            commands.clear();
        }
        if role == Role::Sentinel {
            return Ok(());
        }
        if config.database != 0 {
            commands.cmd("SELECT").arg(config.database);
        }
        if role == Role::CountingMaster {
            commands.cmd("ROLE");
        }
        for script in script::ALL {
            script.load(&mut commands);
        }
        for answer in self.ask(&commands).await? {
            match answer {
                Value::ServerError(error) => return Err(failure::told(&error)),
                Value::Array(parts) if parts.first() == Some(&Value::BulkString(b"slave".to_vec())) => {
                    return Err("it is a replica, expected the master".to_owned());
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What carries bytes.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn connect(address: &Address, config: &RedisCounters) -> io::Result<Box<dyn Stream>> {
    let (host, stream) = match address {
        Address::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        Address::Tcp(host, port) => (host, TcpStream::connect((host.as_str(), *port)).await?),
    };
    stream.set_nodelay(true)?;
    match &config.tls {
        None => Ok(Box::new(stream)),
        Some(settings) => Ok(Box::new(tls::shake_hands(settings, host, stream).await?)),
    }
}
