//! The servers that are measured, each on TCP and on a Unix socket.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    compare::Method,
    floor::Floor,
    generator::{
        self, Address,
        requests::{Answer, Requests},
    },
    process::{self, Process},
    site::{SEALING_KEY, Site},
};

/// How long a server may take to answer for the first time.
const PATIENCE: Duration = Duration::from_mins(2);

/// Over what a server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Tcp,
    Unix,
}

impl Over {
    pub(crate) const BOTH: [Self; 2] = [Self::Tcp, Self::Unix];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Unix => "a Unix socket",
        }
    }
}

/// A running server.
pub(crate) struct Server {
    process: Process,
    tcp: SocketAddr,
    unix: PathBuf,
    _folder: TempDir,
}

impl Server {
    /// Starts a floor.
    pub(crate) fn floor(floor: Floor) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        let kind = match floor {
            Floor::Decoding => "decoding",
            Floor::Bytes => "bytes",
        };
        command.args(["floor", "--floor", kind]);
        Self::start(command, |command, tcp, unix| {
            command.arg("--tcp").arg(tcp.to_string()).arg("--unix").arg(unix);
        })
    }

    /// Starts the product, with counters where `counters` says.
    pub(crate) fn product(binary: &Path, site: &Site, counters: &str) -> Self {
        let mut command = Command::new(binary);
        command
            .env_clear()
            .args(["serve", "--config"])
            .arg(site.configuration())
            .env("SEALING_KEY", SEALING_KEY)
            .env("TOKIO_WORKER_THREADS", "1")
            .env("DOORWARD_COUNTERS", counters)
            // Any that is free: nobody asks there.
            .env("DOORWARD_LISTEN__TELEMETRY", "127.0.0.1:0");
        Self::start(command, |command, tcp, unix| {
            let addresses = format!("[\"{tcp}\", \"unix:{}\"]", unix.display());
            command.env("DOORWARD_LISTEN__CHECK", addresses);
        })
    }

    /// Starts any other server; `listen` tells it where.
    pub(crate) fn start(mut command: Command, listen: impl FnOnce(&mut Command, SocketAddr, &Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (tcp, unix) = (free_address(), folder.path().join("check.sock"));
        listen(&mut command, tcp, &unix);
        let process = Process::start(&mut command, &folder.path().join("log"));
        Self { process, tcp, unix, _folder: folder }
    }

    /// Waits until it allows a request, however often it has to be asked; tells how long that took.
    pub(crate) fn first_answer(&mut self, over: Over, requests: &mut Requests) -> Duration {
        let began = Instant::now();
        let mut pause = Duration::from_micros(200);
        loop {
            let answer = generator::ask_once(&self.address(over), requests);
            if matches!(answer, Ok(Answer::Allowed)) {
                return began.elapsed();
            }
            self.process.assert_alive();
            assert!(began.elapsed() < PATIENCE, "no answer: {answer:?}\n{}", self.process.last_words());
            sleep(pause);
            // Who is asked all the time does not get ready.
            pause = (pause * 2).min(Duration::from_millis(2));
        }
    }

    pub(crate) fn address(&self, over: Over) -> Address {
        match over {
            Over::Tcp => Address::Tcp(self.tcp),
            Over::Unix => Address::Unix(self.unix.clone()),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends each request once over the Unix socket, so that what it needs is remembered.
    pub(crate) fn ask_all(&self, method: &Method, mut requests: Requests) {
        let count = requests.count();
        let tell = |asked| method.progress.tell(&format!("{asked} of {count} asked for the first time"));
        let outcome = generator::each_once(&self.address(Over::Unix), &mut requests, tell);
        let outcome = outcome.expect("it answers");
        assert_eq!(usize::try_from(outcome.allowed), Ok(count), "{:?}", outcome.complaint);
    }

    /// Its resident memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        process::memory(self.id())
    }

    pub(crate) fn forget_log(&self) {
        self.process.forget_log();
    }

    pub(crate) fn last_words(&self) -> String {
        self.process.last_words()
    }
}

/// An address that was free a moment ago.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address")
}
