//! A process of a test's own. It ends, by its id, when its value is dropped, which a panic does too.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Mutex, mpsc},
    time::Duration,
};

use super::{PATIENCE, eventually};

/// How much of a log a failure shows, in bytes.
const TAIL_BYTES: usize = 4096;

pub(crate) struct Process {
    name: String,
    child: Mutex<Child>,
    id: u32,
    out: PathBuf,
    err: PathBuf,
}

impl Process {
    /// Starts it; what it writes goes to files in `folder`.
    pub(crate) fn start(name: &str, command: &mut Command, folder: &Path) -> Self {
        let [out, err] = ["out", "err"].map(|stream| folder.join(format!("{name}.{stream}")));
        let [out_file, err_file] = [&out, &err].map(|path| File::create(path).expect("a file for the log"));
        let child = command
            .stdin(Stdio::null())
            .stdout(out_file)
            .stderr(err_file)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let id = child.id();
        Self { name: name.to_owned(), child: Mutex::new(child), id, out, err }
    }

    /// What it wrote to its standard output so far.
    pub(crate) fn output(&self) -> String {
        read(&self.out)
    }

    /// What it wrote to its standard error so far.
    pub(crate) fn log(&self) -> String {
        read(&self.err)
    }

    /// Sends it a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.id, name);
    }

    /// How it ended, if it did.
    pub(crate) fn outcome(&self) -> Option<ExitStatus> {
        let mut child = self.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        child.try_wait().expect("the state of a child")
    }

    /// Panics if it has ended.
    pub(crate) fn assert_alive(&self) {
        if let Some(outcome) = self.outcome() {
            panic!("{} has ended: {outcome}\n{}", self.name, self.tail());
        }
    }

    /// Waits for its end.
    pub(crate) async fn ended(&self, within: Duration) -> ExitStatus {
        eventually(&self.name, within, async || {
            self.outcome().ok_or_else(|| format!("it still runs\n{}", self.tail()))
        })
        .await
    }

    /// Waits until `attempt` gives something; if the process ends before, that is told with its last words.
    pub(crate) async fn ready<T>(&self, mut attempt: impl AsyncFnMut() -> Result<T, String>) -> T {
        eventually(&self.name, PATIENCE, async || {
            self.assert_alive();
            attempt().await.map_err(|problem| format!("{problem}\n{}", self.tail()))
        })
        .await
    }

    fn tail(&self) -> String {
        let text = format!("{}{}", self.output(), self.log());
        let from = text.floor_char_boundary(text.len().saturating_sub(TAIL_BYTES));
        format!("last words of {}:\n{}", self.name, &text[from..])
    }
}

/// Runs a command to its end, which has to come within [`PATIENCE`].
pub(crate) fn finish(command: &mut Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let id = child.id();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let output = receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        signal(id, "KILL");
        panic!("{command:?} does not end");
    });
    output.expect("what a command wrote can be read")
}

fn signal(id: u32, name: &str) {
    let script = format!("kill -{name} {id}");
    let status = Command::new("sh").args(["-c", &script]).status().expect("a shell");
    assert!(status.success(), "process {id} could not be told SIG{name}");
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        // It may have ended already; then there is nothing to kill.
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}
