//! What the suites stand on: real processes that end with the test, and clients that send exactly what they
//! are told.

pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod doorward;
pub(crate) mod envoy;
pub(crate) mod golden;
pub(crate) mod grpc;

pub(crate) mod load;
pub(crate) mod process;
pub(crate) mod recipe;
pub(crate) mod site;
pub(crate) mod table;
pub(crate) mod upstream;
pub(crate) mod world;

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Arc, LazyLock, Weak},
    time::Duration,
};

use tokio::{runtime::Runtime, sync::Mutex, time::Instant};

/// How long anything may take that has no bound of its own. The machine may be busy, so it is generous: it
/// bounds a failure, no success waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// One runtime for all tests, so that what they share lives on when one of them ends.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
});

/// Runs one test.
pub(crate) fn run<F: Future>(test: F) -> F::Output {
    RUNTIME.block_on(test)
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The binary of a real part, installed if need be. Without it the test fails: no test is skipped.
pub(crate) async fn part(words: &[&str]) -> PathBuf {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let name = words.join(" ");
    let install = tokio::task::spawn_blocking(move || {
        Command::new(root().join("tests/parts.sh"))
            .args(words)
            .stderr(Stdio::inherit())
            .output()
            .expect("tests/parts.sh can be run")
    });
    let output = install.await.expect("no panic");
    assert!(output.status.success(), "tests/parts.sh {name}: {}", output.status);
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
}

/// Polls until `attempt` gives something, and panics with what it said last when patience ends.
pub(crate) async fn eventually<T>(
    what: &str,
    within: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(last) if Instant::now() >= deadline => {
                panic!("{what}: not within {within:?}; at last: {last}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Something that several tests use together. It is made for the first of them and ends with the last that
/// runs at the same time, so that nothing is left running when the tests are over.
pub(crate) struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::const_new(Weak::new()))
    }

    pub(crate) async fn get(&self, make: impl AsyncFnOnce() -> T) -> Arc<T> {
        let mut slot = self.0.lock().await;
        if let Some(there) = slot.upgrade() {
            return there;
        }
        let fresh = Arc::new(make().await);
        *slot = Arc::downgrade(&fresh);
        fresh
    }
}
