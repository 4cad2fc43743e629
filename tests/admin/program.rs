//! One process of Doorward with an admin listener. It ends, by its id, when its value is dropped.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::{net::TcpStream, time::Instant};

/// How long anything may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often another port is tried when somebody else took the free one.
const PORTS_TRIED_MAX: usize = 5;

/// An API where there is nothing to manage.
const NOTES: &str = "apis: [{ name: notes, hosts: [notes.test], routes: [{ match: /, public: true }] }]";

pub(crate) struct Program {
    child: Child,
    /// The port on which administrators ask, if it is one.
    pub(crate) port: u16,
    folder: TempDir,
}

impl Program {
    /// Starts it in this folder and waits until it listens. In the configuration, `PORT` is a free port; the admin
    /// socket is `admin.sock`. Without `apis` in `more` there is one that knows no credentials.
    pub(crate) async fn start(folder: TempDir, admin: &str, more: &str) -> Self {
        let mut folder = folder;
        for _ in 0..PORTS_TRIED_MAX {
            let started = Self::spawn(folder, admin, more);
            match started.listens().await {
                Ok(()) => return started,
                Err(log) if log.contains("cannot listen on") => folder = started.into_folder(),
                Err(log) => panic!("it does not start:\n{log}"),
            }
        }
        panic!("no free port in {PORTS_TRIED_MAX} attempts");
    }

    fn spawn(folder: TempDir, admin: &str, more: &str) -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
        let port = port.expect("a free port").port();
        let text = format!(
            "listen: {{ check: ['unix:check.sock'], telemetry: off, admin: {} }}
store: sqlite:doorward.db
shutdown: {{ drain: 0s }}
{}
{more}",
            admin.replace("PORT", &port.to_string()),
            if more.contains("apis:\n") { "" } else { NOTES },
        );
        fs::write(folder.path().join("doorward.yaml"), text).expect("a file");
        let log = File::create(folder.path().join("log")).expect("a file");
        let child = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .args(["serve", "--config", "doorward.yaml"])
            .current_dir(folder.path())
            // What tests are told by `DOORWARD_…` is none of its business.
            .env_clear()
            .env("RUST_LOG", "debug")
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        Self { child, port, folder }
    }

    /// Waits until it is ready; the error is what it wrote.
    async fn listens(&self) -> Result<(), String> {
        let begun = Instant::now();
        while !self.log().contains("\"ready\"") && !self.log().contains(" ready ") {
            let log = self.log();
            if log.contains("cannot listen on") || begun.elapsed() > PATIENCE {
                return Err(log);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn into_folder(mut self) -> TempDir {
        self.child.wait().expect("it has ended");
        let empty = tempfile::tempdir().expect("a folder");
        std::mem::replace(&mut self.folder, empty)
    }

    /// Kills it, without a word, and returns its folder.
    pub(crate) fn kill(mut self) -> TempDir {
        self.child.kill().expect("it runs");
        self.into_folder()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The admin socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path("admin.sock")
    }

    /// What it wrote so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).expect("its log")
    }

    /// Has it end in order, and returns what it wrote.
    pub(crate) async fn end(mut self) -> String {
        let id = i32::try_from(self.child.id()).expect("an id");
        kill(Pid::from_raw(id), Signal::SIGTERM).expect("it runs");
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(outcome) = self.child.try_wait().expect("its outcome") {
                assert_eq!(outcome.code(), Some(0), "{}", self.log());
                assert!(
                    TcpStream::connect(("127.0.0.1", self.port)).await.is_err(),
                    "nobody listens any more"
                );
                return self.log();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it does not end:\n{}", self.log());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with a file in it, which holds a token.
pub(crate) fn folder_with(token: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("token"), format!("{token}\n")).expect("a file");
    folder
}

/// Writes a file as an orchestrator does: whole, and put in place at once.
pub(crate) fn replace_file(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).expect("a file");
    fs::rename(&beside, path).expect("the file can be replaced");
}

/// Waits until something is so; it is told what is wrong with it otherwise.
pub(crate) async fn eventually(mut attempt: impl AsyncFnMut() -> Result<(), String>) {
    let begun = Instant::now();
    loop {
        match attempt().await {
            Ok(()) => return,
            Err(problem) => assert!(begun.elapsed() < PATIENCE, "{problem}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
