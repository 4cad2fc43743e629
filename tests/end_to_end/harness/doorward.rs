//! One replica of Doorward, the very binary that is shipped.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    PATIENCE,
    client::{self, Response},
    eventually,
    process::Process,
    site::Site,
};

/// How often another port is tried when somebody else took the free one.
const PORTS_TRIED_MAX: usize = 5;

pub(crate) struct Doorward {
    pub(crate) process: Process,
    /// Its Unix socket, should it have one.
    pub(crate) socket: PathBuf,
    /// Where it tells of itself.
    pub(crate) telemetry: SocketAddr,
}

impl Doorward {
    /// Starts it and waits until it is ready.
    pub(super) async fn start(site: &Site, name: &str, addresses: &str, socket: PathBuf) -> Self {
        for _ in 0..PORTS_TRIED_MAX {
            let started = Self::spawn(site, name, addresses, socket.clone());
            if started.is_ready().await {
                return started;
            }
        }
        panic!("{name} found no free port in {PORTS_TRIED_MAX} attempts");
    }

    /// The first whole line of its log with this text. Lines are written some milliseconds after what they tell of.
    pub(crate) async fn line(&self, text: &str) -> String {
        eventually("a line of the log", PATIENCE, async || {
            let log = self.process.log();
            let mut whole = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let line = whole.find(|line| line.contains(text)).map(str::to_owned);
            line.ok_or_else(|| format!("none has {text:?}:\n{log}"))
        })
        .await
    }

    fn spawn(site: &Site, name: &str, addresses: &str, socket: PathBuf) -> Self {
        let telemetry = free_address();
        let mut command = site.command(&["serve", "--config", "doorward.yaml"]);
        command
            .env("DOORWARD_LISTEN__CHECK", addresses)
            .env("DOORWARD_LISTEN__TELEMETRY", telemetry.to_string());
        if site.has_admin() {
            command.env("DOORWARD_LISTEN__ADMIN", format!("unix:{}", admin(&socket).display()));
        }
        Self { process: Process::start(name, &mut command, site.folder()), socket, telemetry }
    }

    /// Waits until it is ready; false if its port was taken by somebody else in the meantime.
    async fn is_ready(&self) -> bool {
        let taken = || self.process.outcome().is_some() && self.process.log().contains("cannot listen on");
        let ready = self.process.ready(async || {
            if taken() {
                return Ok(false);
            }
            match self.readiness().await {
                Ok(200) => Ok(true),
                other => Err(format!("/readyz says {other:?}")),
            }
        });
        ready.await
    }

    /// The socket of its admin API, should it have one.
    pub(crate) fn admin(&self) -> PathBuf {
        admin(&self.socket)
    }

    /// The status of `/readyz`.
    pub(crate) async fn readiness(&self) -> io::Result<u16> {
        Ok(client::get(self.telemetry, "/readyz").await?.status)
    }

    /// The metrics, as Prometheus reads them.
    pub(crate) async fn metrics(&self) -> String {
        let page: io::Result<Response> = client::get(self.telemetry, "/metrics").await;
        page.expect("the metrics").text()
    }

    /// The value of the sample whose name and labels are these; 0 if there is none.
    pub(crate) async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let metrics = self.metrics().await;
        let fits = |line: &&str| {
            line.starts_with(&format!("{name}{{"))
                && labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
        };
        let samples = metrics.lines().filter(fits);
        samples
            .map(|line| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()))
            .map(|value| value.expect("a number at the end of a sample"))
            .sum()
    }

    /// Tells it to end, and how it did.
    pub(crate) async fn terminate(&self, within: Duration) -> Option<i32> {
        self.process.signal("TERM");
        self.process.ended(within).await.code()
    }
}

fn admin(socket: &Path) -> PathBuf {
    socket.with_extension("admin")
}

/// An address that was free a moment ago.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address")
}

/// Writes a file as an orchestrator does: whole, and put in place at once.
pub(crate) fn replace_file(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).expect("a file");
    std::fs::rename(&beside, path).expect("the file can be replaced");
}
