//! Processes of this program's own, and what they take.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

pub(crate) const MIB: f64 = 1024.0 * 1024.0;

/// How long one tick is in which the system counts the time of a whole process.
const TICK: Duration = Duration::from_millis(10);

/// What a process took so far, in two ways of counting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    /// By the threads that live: to the nanosecond.
    threads: Duration,
    /// With those that have ended: in ticks.
    process: Duration,
}

impl Cpu {
    /// What this process took.
    pub(crate) fn of_this() -> Self {
        Self::of(std::process::id())
    }

    /// What a process took; nothing if it has ended.
    pub(crate) fn of(process: u32) -> Self {
        let folder = PathBuf::from(format!("/proc/{process}"));
        let tasks = fs::read_dir(folder.join("task")).into_iter().flatten().flatten();
        let threads = tasks.filter_map(|task| {
            let line = fs::read_to_string(task.path().join("schedstat")).ok()?;
            line.split(' ').next()?.parse::<u64>().ok()
        });
        let threads = Duration::from_nanos(threads.sum());
        let line = fs::read_to_string(folder.join("stat")).unwrap_or_default();
        // After the name, which may hold anything: 11 fields, then the two times.
        let after = line.rsplit_once(')').map_or("", |(_, after)| after);
        let ticks: u32 =
            after.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
        Self { threads, process: TICK * ticks }
    }

    /// What it took since then.
    pub(crate) fn since(&self, before: &Self) -> Duration {
        let threads = self.threads.saturating_sub(before.threads);
        let process = self.process.saturating_sub(before.process);
        // Threads that have ended are missing.
        if threads + 3 * TICK < process { process } else { threads }
    }
}

/// The resident memory of a process, in bytes.
pub(crate) fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default();
    kib * 1024
}

/// A process that ends, by its id, with its value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it; what it says goes to a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("a file for the log");
        let out = file.try_clone().expect("the same file");
        let child = command.stdin(Stdio::null()).stdout(out).stderr(file).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        Self { child, log: log.to_owned() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Panics with its last words if it has ended.
    pub(crate) fn assert_alive(&mut self) {
        if let Some(outcome) = self.child.try_wait().expect("the state of a child") {
            panic!("it has ended: {outcome}\n{}", self.last_words());
        }
    }

    pub(crate) fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text[text.floor_char_boundary(text.len().saturating_sub(2000))..].to_owned()
    }

    /// Throws away what it has said so far.
    pub(crate) fn forget_log(&self) {
        let file = File::options().write(true).open(&self.log).expect("the log");
        file.set_len(0).expect("the log can be emptied");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
