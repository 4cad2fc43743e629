//! Lines of the log on their way out: gathered, and written by a thread of their own, many at once.
//!
//! Every refusal has a line, and whoever knocks in vain knows no measure. A write for each, and a thread that is woken for
//! each, cost as much as all else that is done about a Check.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use metrics::{Counter, counter, describe_counter};
use tracing_subscriber::fmt::MakeWriter;

/// Counts lines that were dropped, since too many waited.
const DROPPED: &str = "doorward_log_lines_dropped_total";
/// What may wait, in bytes. Whatever comes then is dropped.
const WAITING_BYTES_MAX: usize = 16 << 20;
/// How long writing the last lines may take.
const LAST_LINES_TIME: Duration = Duration::from_secs(1);
/// For how long lines are gathered once some were written.
const GATHERING: Duration = Duration::from_millis(5);

/// Where lines are put. Clones are the same.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Whether the thread sleeps until there is something to do.
    is_idle: bool,
    /// Whether no more lines come.
    is_ending: bool,
    /// Whether all are written.
    has_ended: bool,
}

/// Writes what waits when it is dropped, unless nobody takes it.
#[must_use]
pub struct LinesGuard(Lines);

impl Lines {
    /// Writes lines to `out`, until the guard is dropped.
    pub(super) fn to(out: impl Write + Send + 'static) -> (Self, LinesGuard) {
        let lines = Self(Arc::default());
        let shared = Arc::clone(&lines.0);
        thread::spawn(move || {
            shared.write_all(out);
            shared.waiting().has_ended = true;
            shared.changed.notify_all();
        });
        (lines.clone(), LinesGuard(lines))
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Whoever panicked with the lock had nothing half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut out: impl Write) {
        let mut lines = Vec::new();
        loop {
            let mut waiting = self.waiting();
            while waiting.lines.is_empty() {
                if waiting.is_ending {
                    return;
                }
                waiting.is_idle = true;
                waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                waiting.is_idle = false;
            }
            mem::swap(&mut waiting.lines, &mut lines);
            let is_ending = waiting.is_ending;
            drop(waiting);
            // Whom should it be told that nothing can be told?
            let _ = out.write_all(&lines).and_then(|()| out.flush());
            lines.clear();
            if !is_ending {
                #[expect(clippy::disallowed_methods, reason = "this thread is not one of the runtime's")]
                thread::sleep(GATHERING);
            }
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

/// Takes whole lines.
impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.0.waiting();
        if waiting.lines.len() + line.len() > WAITING_BYTES_MAX {
            drop(waiting);
            dropped().increment(1);
        } else {
            waiting.lines.extend_from_slice(line);
            if mem::take(&mut waiting.is_idle) {
                self.0.changed.notify_all();
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn dropped() -> Counter {
    describe_counter!(DROPPED, "Lines of the log that were dropped, since too many waited to be written.");
    counter!(DROPPED)
}

impl Drop for LinesGuard {
    fn drop(&mut self) {
        let Shared { changed, .. } = &*self.0.0;
        let mut waiting = self.0.0.waiting();
        waiting.is_ending = true;
        changed.notify_all();
        // Should the time be over, there is nobody to be told.
        let _ = changed.wait_timeout_while(waiting, LAST_LINES_TIME, |waiting| !waiting.has_ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::written::Written;

    #[test]
    fn all_lines_are_written_whole_and_in_order() {
        let written = Written::default();
        let (lines, guard) = Lines::to(written.clone());
        let numbers: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
        let expected = numbers.join("\n") + "\n";
        for line in expected.split_inclusive('\n') {
            (&lines).write_all(line.as_bytes()).expect("it takes all");
        }
        drop(guard);
        assert_eq!(written.bytes(), expected.as_bytes());
    }

    #[test]
    fn what_nobody_reads_is_bounded() {
        /// Takes nothing until it may.
        struct Stuck(std::sync::mpsc::Receiver<()>, Written);

        impl Write for Stuck {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                self.1.write(bytes)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let (go, may) = std::sync::mpsc::channel();
        let written = Written::default();
        let (lines, guard) = Lines::to(Stuck(may, written.clone()));
        let line = vec![b'x'; 1 << 20];
        for _ in 0..64 {
            (&lines).write_all(&line).expect("it takes all");
        }
        drop(go);
        drop(guard);
        let bytes = written.bytes().len();
        assert!((16 << 20..=33 << 20).contains(&bytes), "{bytes}");
    }
}
