//! A folder with a configuration and a store: what the CLI and any number of replicas work on together.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use doorward::domain::{CredentialHash, PlainKey};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::{doorward::Doorward, process};

/// A key as its creation showed it.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) key: String,
}

/// A session as its creation showed it.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) token: String,
}

pub(crate) struct Site {
    folder: TempDir,
    environment: Vec<(String, String)>,
    has_admin: bool,
    replicas: AtomicUsize,
    invented: AtomicU64,
    secrets: Mutex<Vec<String>>,
}

impl Site {
    /// A site with this configuration and an empty store.
    pub(crate) fn new(configuration: &str) -> Self {
        Self::with_environment(configuration, &[])
    }

    /// The same, with variables that every process of the site sees.
    pub(crate) fn with_environment(configuration: &str, environment: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("doorward.yaml"), configuration).expect("a configuration");
        Self {
            folder,
            environment: environment.iter().map(owned).collect(),
            has_admin: false,
            replicas: AtomicUsize::new(0),
            invented: AtomicU64::new(0),
            secrets: Mutex::default(),
        }
    }

    /// The same with an admin API at each replica, by a socket of its own.
    pub(crate) fn with_admin(mut self) -> Self {
        self.has_admin = true;
        self
    }

    /// Whether each replica has an admin API.
    pub(super) fn has_admin(&self) -> bool {
        self.has_admin
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file with the configuration.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.folder().join("doorward.yaml")
    }

    /// The file with the store. Every configuration of the tests names it so.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder().join("doorward.db")
    }

    /// Doorward with these words, in this folder, and of the environment nothing else than `PATH`.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command
            .args(words)
            .current_dir(self.folder())
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
    }

    /// Runs the CLI to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        process::finish(&mut self.command(words))
    }

    /// Runs a command that has to succeed and answer in JSON.
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        let output = self.run(&[words, &["--output", "json"]].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {}\n{error}", output.status);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|problem| panic!("{words:?}: {problem}"))
    }

    /// Creates a key of the organization `acme`, for the environment `live` unless the words name another.
    pub(crate) fn create(&self, words: &[&str]) -> Key {
        self.key_of("acme", words)
    }

    /// Creates a key of this organization, for the environment `live` unless the words name another.
    pub(crate) fn key_of(&self, organization: &str, words: &[&str]) -> Key {
        let fixed = ["keys", "create", "--organization", organization, "--name", "a test's"];
        let environment: &[&str] =
            if words.contains(&"--environment") { &[] } else { &["--environment", "live"] };
        self.key(&self.json(&[&fixed, environment, words].concat()))
    }

    /// Makes a key of the organization `acme` for the environment `live`, and a document that declares it.
    pub(crate) fn declare(&self, words: &[&str]) -> (Key, String) {
        let fixed = ["keys", "create", "--declare", "--organization", "acme", "--name", "a test's"];
        let environment: &[&str] = &["--environment", "live"];
        let answer = self.json(&[&fixed, environment, words].concat());
        (self.key(&answer), answer["document"].as_str().expect("a document").to_owned())
    }

    /// Rotates a key.
    pub(crate) fn rotate(&self, id: &str, overlap: &str) -> Key {
        self.key(&self.json(&["keys", "rotate", id, "--overlap", overlap]))
    }

    /// Revokes a key.
    pub(crate) fn revoke(&self, id: &str) {
        self.json(&["keys", "revoke", id]);
    }

    /// Begins a session of the user `ada` that lives for an hour.
    pub(crate) fn sign_in(&self, words: &[&str]) -> Session {
        let answer =
            self.json(&[&["sessions", "create", "--user", "ada", "--lifetime", "1h"], words].concat());
        let Key { id, key: token } = self.issued(&answer, "token");
        Session { id, token }
    }

    /// A well-formed key that no store has.
    pub(crate) fn invent(&self, prefix: &str) -> String {
        let prefix = prefix.parse().expect("a prefix");
        let seed = self.invented.fetch_add(1, Ordering::SeqCst);
        let key = PlainKey::generate(&prefix, &mut StdRng::seed_from_u64(seed));
        self.note_secret(key.expose());
        key.expose().to_owned()
    }

    /// Makes a live key of this text, which may read, known by its hash.
    pub(crate) fn import(&self, key: &str, api: &str) {
        let hash = format!("sha256:{}", hex::encode(CredentialHash::of(key).as_bytes()));
        let line = json!({
            "hash": hash, "api": api, "name": "a test's", "organization": "acme", "environment": "live",
            "scopes": ["read"],
        });
        std::fs::write(self.folder().join("keys.jsonl"), format!("{line}\n")).expect("a file");
        self.json(&["keys", "import", "keys.jsonl"]);
    }

    fn key(&self, answer: &Value) -> Key {
        self.issued(answer, "key")
    }

    /// What an answer shows once, under this name.
    fn issued(&self, answer: &Value, name: &str) -> Key {
        let member = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}"));
        let key = Key { id: member("id").to_owned(), key: member(name).to_owned() };
        self.note_secret(&key.key);
        key
    }

    /// From now on, [`Site::assert_no_secret`] looks for this text too.
    pub(crate) fn note_secret(&self, secret: &str) {
        self.secrets.lock().expect("no panic").push(secret.to_owned());
    }

    /// Panics if a key stands in `text`, which is called `what`.
    pub(crate) fn assert_no_secret(&self, what: &str, text: &str) {
        let secrets = self.secrets.lock().expect("no panic");
        assert!(!secrets.is_empty(), "no key was made: this test proves nothing");
        for secret in secrets.iter() {
            // The prefix and four characters may be shown: lists call a key by them.
            let random = &secret[secret.len() - 34..];
            let line = text.lines().find(|line| line.contains(random));
            assert!(line.is_none(), "{what} shows a key: {line:?}");
        }
    }

    /// Starts a replica, reachable over a Unix socket, and waits until it is ready.
    pub(crate) async fn serve(&self) -> Doorward {
        let number = self.replicas.fetch_add(1, Ordering::SeqCst);
        let socket = self.folder().join(format!("doorward-{number}.sock"));
        self.serve_at(&format!("[\"unix:{}\"]", socket.display()), socket).await
    }

    /// Starts a replica with this list of addresses, of which `socket` may be one.
    pub(crate) async fn serve_at(&self, addresses: &str, socket: PathBuf) -> Doorward {
        let number = self.replicas.fetch_add(1, Ordering::SeqCst);
        Doorward::start(self, &format!("doorward-{number}"), addresses, socket).await
    }

    /// A connection to the store, past Doorward.
    pub(crate) async fn sql(&self) -> SqliteConnection {
        let file = SqliteConnectOptions::new().filename(self.database());
        SqliteConnection::connect_with(&file).await.expect("the store")
    }

    /// Makes every reading of the store fail, for all who have it open. It cannot be done by a lock: readers
    /// of a write-ahead log wait for nobody.
    pub(crate) async fn take_store_away(&self) {
        self.rename_tables("", "_away").await;
    }

    /// Undoes [`Site::take_store_away`].
    pub(crate) async fn bring_store_back(&self) {
        self.rename_tables("_away", "").await;
    }

    async fn rename_tables(&self, from: &str, to: &str) {
        let mut connection = self.sql().await;
        for table in ["keys", "changes"] {
            let statement = format!("ALTER TABLE {table}{from} RENAME TO {table}{to}");
            let done = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await;
            done.expect("the table can be renamed");
        }
    }
}
