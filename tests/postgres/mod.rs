//! Real PostgreSQL servers under the test's control, each in a folder of its own and on a port that was free. They end
//! with what stands for them. More than one suite stands on this.

#![allow(dead_code, reason = "no suite needs all of it")]
#![allow(clippy::allow_attributes, reason = "what is dead code in one suite is none in another")]

use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use doorward::config::{PostgresAddress, PostgresLocation, PostgresTls, StoreLocation};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How long something may take that is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
/// Where Debian has the programs of the server.
const PROGRAMS: &str = "/usr/lib/postgresql";
/// Who runs it: it does not run as root.
const USER: &str = "postgres";

/// One server.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    folder: TempDir,
    programs: PathBuf,
    settings: Vec<String>,
    databases: AtomicU32,
    /// Processes that were killed. As long as one of them is there, the memory that they share is in use.
    killed: Vec<Pid>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // At once: nothing in it is needed any more.
        let _ = self.signal(Signal::QUIT);
        let _ = self.child.wait();
    }
}

/// The server that all tests of this process share that do nothing to it. It ends with the last of them.
pub(crate) async fn shared() -> Arc<Server> {
    static SERVER: tokio::sync::Mutex<Weak<Server>> = tokio::sync::Mutex::const_new(Weak::new());
    let mut server = SERVER.lock().await;
    if let Some(server) = server.upgrade() {
        return server;
    }
    // What is kept here needs no disk: a crash of the machine ends the test as well.
    let settings = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=800"];
    let started = Arc::new(Server::start(&settings).await);
    *server = Arc::downgrade(&started);
    started
}

impl Server {
    /// Starts a server with further settings, and waits until it answers.
    pub(crate) async fn start(settings: &[&str]) -> Self {
        Self::start_prepared(settings, |_| ()).await
    }

    /// The same, after something was done in the folder of its data.
    pub(crate) async fn start_prepared(settings: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let programs = programs();
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("a folder");
        // The server has to reach its own folder.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).expect("its mode");
        for path in [folder.path(), &data] {
            if rustix::process::getuid().is_root() {
                let (user, group) = ids();
                chown(path, Some(user), Some(group)).expect("its owner");
            }
        }
        let mut making = as_user(&programs.join("initdb"));
        making.args([
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--username=postgres",
        ]);
        making.arg("--pgdata").arg(&data);
        let made = making.stdin(Stdio::null()).output().expect("initdb");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        prepare(&data);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let child = Command::new("true").spawn().expect("a process");
        let databases = AtomicU32::new(0);
        let mut server = Self { child, port, folder, programs, settings, databases, killed: Vec::new() };
        server.again().await;
        server
    }

    /// Starts it again after it was ended, with what it kept.
    pub(crate) async fn again(&mut self) {
        let _ = self.child.wait();
        let end = Instant::now() + PATIENCE;
        for pid in self.killed.drain(..) {
            while !matches!(state(pid), None | Some('Z')) {
                assert!(Instant::now() < end, "the process {pid:?} does not end");
                sleep(Duration::from_millis(5)).await;
            }
        }
        let mut command = as_user(&self.programs.join("postgres"));
        command.arg("-D").arg(self.folder.path().join("data")).arg("-k").arg(self.folder.path());
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let log = fs::File::create(self.folder.path().join("log")).expect("a log");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = command.spawn().expect("postgres");
        let end = Instant::now() + PATIENCE;
        while self.connect("postgres").await.is_err() {
            let status = self.child.try_wait().expect("a status");
            assert!(status.is_none(), "postgres ended with {status:?}: {}", self.log());
            assert!(Instant::now() < end, "it does not answer: {}", self.log());
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends it as a crash would: with all of its processes, at once.
    pub(crate) fn kill(&mut self) {
        // Whoever stands still starts no more of them and forgets none: what is listed in the end are all.
        let _ = self.signal(Signal::STOP);
        while matches!(state(Pid::from_child(&self.child)), Some(state) if !"TZ".contains(state)) {
            std::thread::yield_now();
        }
        while self.killed.len() < self.processes().len() {
            self.killed = self.processes();
            for pid in self.killed.iter().skip(1) {
                let _ = kill_process(*pid, Signal::KILL);
            }
        }
        let _ = self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// Ends it in good order.
    pub(crate) fn stop(&mut self) {
        let _ = self.signal(Signal::INT);
        let _ = self.child.wait();
    }

    /// Stops it where it stands: connections stay, and nothing is answered.
    pub(crate) fn pause(&self) {
        for pid in self.processes() {
            let _ = kill_process(pid, Signal::STOP);
        }
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        for pid in self.processes() {
            let _ = kill_process(pid, Signal::CONT);
        }
    }

    fn signal(&self, signal: Signal) -> rustix::io::Result<()> {
        kill_process(Pid::from_child(&self.child), signal)
    }

    /// The process that was started, and all that it started.
    fn processes(&self) -> Vec<Pid> {
        let first = Pid::from_child(&self.child);
        let tasks = format!("/proc/{0}/task/{0}/children", first.as_raw_nonzero());
        let children = fs::read_to_string(tasks).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
        std::iter::once(first).chain(children).collect()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The folder of its Unix socket.
    pub(crate) fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// The folder with its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A connection of the test's own.
    pub(crate) async fn connect(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        let options = PgConnectOptions::new_without_pgpass();
        let options = options.host("127.0.0.1").port(self.port).username("postgres").database(database);
        PgConnection::connect_with(&options.ssl_mode(sqlx::postgres::PgSslMode::Disable)).await
    }

    /// Makes a database for one test.
    pub(crate) async fn database(self: Arc<Self>) -> Database {
        let name = self.make_database().await;
        Database { server: self, name }
    }

    /// The name of a new database.
    pub(crate) async fn make_database(&self) -> String {
        let name = format!("doorward_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut connection = self.connect("postgres").await.expect("a connection");
        let making = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(making).execute(&mut connection).await.expect("a database");
        name
    }

    /// Where a store in this database is.
    pub(crate) fn location(&self, database: &str) -> StoreLocation {
        StoreLocation::Postgres(Box::new(PostgresLocation {
            address: PostgresAddress::Tcp("127.0.0.1".to_owned(), self.port),
            user: "postgres".to_owned(),
            password: None,
            database: database.to_owned(),
            tls: PostgresTls::Off,
        }))
    }

    /// The same as the configuration has it.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

/// A database of one test.
pub(crate) struct Database {
    pub(crate) server: Arc<Server>,
    pub(crate) name: String,
}

impl Database {
    pub(crate) fn location(&self) -> StoreLocation {
        self.server.location(&self.name)
    }

    pub(crate) fn url(&self) -> String {
        self.server.url(&self.name)
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        self.server.connect(&self.name).await.expect("a connection")
    }
}

/// What a process is doing, as proc(5) says it: `T` if it was stopped, `Z` if it has ended and waits to be forgotten. None
/// if there is no such process.
fn state(pid: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The name of the program stands in parentheses before its state.
    stat.rsplit(") ").next()?.chars().next()
}

/// The folder with the programs of the newest server that is installed.
fn programs() -> PathBuf {
    let versions = fs::read_dir(PROGRAMS).into_iter().flatten().flatten();
    let programs =
        versions.map(|version| version.path().join("bin")).filter(|path| path.join("initdb").exists());
    programs.max().expect("PostgreSQL: `tests/parts.sh postgres` installs it")
}

/// A program that is run by whom the server is for.
fn as_user(program: &Path) -> Command {
    if !rustix::process::getuid().is_root() {
        return Command::new(program);
    }
    let (user, group) = ids();
    let mut command = Command::new(program);
    command.uid(user).gid(group).current_dir("/");
    command
}

/// Writes a file that the server reads, and nobody else.
pub(crate) fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("it is written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("its mode");
    if rustix::process::getuid().is_root() {
        let (user, group) = ids();
        chown(path, Some(user), Some(group)).expect("its owner");
    }
}

/// The user and the group of whom the server is for.
fn ids() -> (u32, u32) {
    static IDS: Mutex<Option<(u32, u32)>> = Mutex::new(None);
    let mut ids = IDS.lock().unwrap_or_else(PoisonError::into_inner);
    *ids.get_or_insert_with(|| {
        let users = fs::read_to_string("/etc/passwd").expect("the users");
        let line = users.lines().find(|line| line.split(':').next() == Some(USER));
        let mut fields = line.expect("the user `postgres`").split(':').skip(2);
        let mut id = || fields.next().and_then(|id| id.parse().ok()).expect("an id");
        (id(), id())
    })
}
