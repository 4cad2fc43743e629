//! Real Redis servers under the test's control, each in a folder of its own and on ports that were free. They end
//! with what stands for them. More than one suite stands on this.

#![allow(dead_code, reason = "no suite needs all of it")]
#![allow(clippy::allow_attributes, reason = "what is dead code in one suite is none in another")]

pub(crate) mod cluster;
pub(crate) mod secured;
pub(crate) mod sentinel;

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use doorward::config::{RedisAddress, RedisCounters, RedisServers, SecretOrigin, SecretSource};
use redis::{Connection, FromRedisValue, Value};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How long something may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < end, "in {PATIENCE:?} it did not become so: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Settings that ask these servers, with as much patience as a busy machine needs.
pub(crate) fn settings(servers: RedisServers) -> RedisCounters {
    RedisCounters {
        servers,
        database: 0,
        username: None,
        password: None,
        sentinel_password: None,
        tls: None,
        timeout: Duration::from_secs(2),
        lease: Duration::from_millis(100),
    }
}

/// One server, by host and port.
pub(crate) fn tcp(host: &str, port: u16) -> RedisServers {
    RedisServers::Single(RedisAddress::Tcp(host.to_owned(), port))
}

/// A secret as the configuration has it.
pub(crate) fn secret(text: &str) -> SecretSource {
    SecretSource::new(SecretOrigin::Env("PASSWORD".to_owned()), text.into())
}

/// One server.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    pub(crate) folder: TempDir,
    arguments: Vec<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Server {
    /// Starts a server with further arguments, and waits until it answers.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        Self::at(free_port(), arguments).await
    }

    /// The same, on a port.
    pub(crate) async fn at(port: u16, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { child: spawn("true", &[]), port, folder, arguments };
        server.again().await;
        server
    }

    /// Starts it again after it was killed, without what it knew.
    pub(crate) async fn again(&mut self) {
        self.kill();
        let port = self.port.to_string();
        let (folder, socket) =
            (self.folder.path().display().to_string(), self.socket().display().to_string());
        let mut arguments =
            vec!["--port", &port, "--bind", "127.0.0.1", "--dir", &folder, "--unixsocket", &socket];
        arguments.extend(["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"]);
        arguments.extend(self.arguments.iter().map(String::as_str));
        self.child = spawn("redis-server", &arguments);
        until("the server answers", async || {
            let answer = self.try_ask::<String>(&["PING"]);
            answer.is_ok_and(|answer| answer == "PONG")
        })
        .await;
    }

    /// Its Unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// Settings that ask it.
    pub(crate) fn settings(&self) -> RedisCounters {
        settings(tcp("127.0.0.1", self.port))
    }

    /// A connection of the test's own, by the socket.
    pub(crate) fn connection(&self) -> Result<Connection, redis::RedisError> {
        redis::Client::open(format!("redis+unix://{}", self.socket().display()))?.get_connection()
    }

    pub(crate) fn try_ask<T: FromRedisValue>(&self, words: &[&str]) -> Result<T, redis::RedisError> {
        let (name, arguments) = words.split_first().expect("a command");
        redis::cmd(name).arg(arguments).query(&mut self.connection()?)
    }

    /// What it answers to a command.
    pub(crate) fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_ask(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Tells it something.
    pub(crate) fn tell(&self, words: &[&str]) {
        self.ask::<Value>(words);
    }

    /// A line of what it says of itself.
    pub(crate) fn info(&self, name: &str) -> String {
        self.try_info(name).unwrap_or_else(|error| panic!("INFO: {error}"))
    }

    /// Whether it says this of itself. One that becomes a master or a replica closes connections, and says nothing then.
    pub(crate) fn says(&self, name: &str, value: &str) -> bool {
        self.try_info(name).is_ok_and(|told| told == value)
    }

    fn try_info(&self, name: &str) -> Result<String, redis::RedisError> {
        let info: String = self.try_ask(&["INFO", "everything"])?;
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(line.unwrap_or_default().trim().to_owned())
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it where it stands: connections stay, and nothing is answered.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }
}

/// Starts a program that says nothing.
fn spawn(program: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| panic!("{program}: {error}; `tests/parts.sh redis` installs it"))
}

/// Writes a file for a server.
fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    fs::write(&path, text).expect("it is written");
    path.display().to_string()
}
