//! Lines of the log on their way out: gathered, and written by a thread of their own, many at once.
//!
//! Every refusal has a line, and whoever knocks in vain knows no measure. A write for each, and a thread that is woken for
//! each, cost as much as all else that is done about a Check.

use std::{
    io::{ErrorKind, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use metrics::{counter, describe_counter};

/// Counts lines that were dropped, since too many waited or they could not be written.
const DROPPED: &str = "doorward_log_lines_dropped_total";
/// What may wait, in bytes. Whatever comes then is dropped.
const WAITING_BYTES_MAX: usize = 16 << 20;
/// What a buffer keeps for the next lines, in bytes.
const KEPT_BYTES_MAX: usize = 1 << 20;
/// How long writing the last lines may take.
const LAST_LINES_TIME: Duration = Duration::from_secs(1);
/// For how long lines are gathered once some were written.
const GATHERING: Duration = Duration::from_millis(10);

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
    /// How many were dropped since it was last counted.
    dropped: u64,
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

    /// Takes a whole line.
    pub(super) fn put(&self, line: &str) {
        let mut waiting = self.0.waiting();
        if waiting.lines.len() + line.len() > WAITING_BYTES_MAX {
            waiting.dropped += 1;
        } else {
            waiting.lines.extend_from_slice(line.as_bytes());
            if mem::take(&mut waiting.is_idle) {
                self.0.changed.notify_all();
            }
        }
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Whoever panicked with the lock had nothing half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, out: impl Write) {
        describe_counter!(
            DROPPED,
            "Lines of the log that were dropped: too many waited, or they could not be written."
        );
        let mut outlet = Outlet { out, is_amid_line: false };
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
            let (is_ending, dropped) = (waiting.is_ending, mem::take(&mut waiting.dropped));
            drop(waiting);
            let dropped = dropped + outlet.write(&lines);
            if dropped > 0 {
                counter!(DROPPED).increment(dropped);
            }
            lines.clear();
            lines.shrink_to(KEPT_BYTES_MAX);
            if !is_ending {
                pause();
            }
        }
    }
}

/// Where lines go in the end.
struct Outlet<W> {
    out: W,
    /// Whether the last of them could be written in part only.
    is_amid_line: bool,
}

impl<W: Write> Outlet<W> {
    /// Writes lines, and waits where nobody takes them: what comes meanwhile is bounded. Returns how many could not be
    /// written.
    fn write(&mut self, lines: &[u8]) -> u64 {
        let is_at_begin = !self.is_amid_line || self.write_bytes(b"\n").is_empty();
        let left = if is_at_begin { self.write_bytes(lines) } else { lines };
        left.split_inclusive(|byte| *byte == b'\n').count() as u64
    }

    /// Writes bytes, and returns those that could not be.
    fn write_bytes<'b>(&mut self, mut bytes: &'b [u8]) -> &'b [u8] {
        while !bytes.is_empty() {
            match self.out.write(bytes) {
                Ok(written) if written > 0 => {
                    self.is_amid_line = bytes.get(written - 1) != Some(&b'\n');
                    bytes = bytes.get(written..).unwrap_or_default();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => pause(),
                // Whom should it be told that nothing can be told?
                _ => break,
            }
        }
        bytes
    }
}

#[expect(clippy::disallowed_methods, reason = "this thread is not one of the runtime's")]
fn pause() {
    thread::sleep(GATHERING);
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
    use std::io;

    use super::*;
    use crate::telemetry::written::Written;

    #[test]
    fn all_lines_are_written_whole_and_in_order() {
        let written = Written::default();
        let (lines, guard) = Lines::to(written.clone());
        let numbers: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
        let expected = numbers.join("\n") + "\n";
        for line in expected.split_inclusive('\n') {
            lines.put(line);
        }
        drop(guard);
        assert_eq!(written.bytes(), expected.as_bytes());
    }

    #[test]
    fn what_fails_costs_no_more_than_what_was_to_be_written_and_no_line_is_glued_to_another() {
        /// Takes some bytes at each turn, or fails.
        struct Faulty(Vec<io::Result<usize>>, Written);

        impl Write for Faulty {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let most = self.0.pop().unwrap_or(Ok(usize::MAX))?;
                self.1.write(bytes.get(..most).unwrap_or(bytes))
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let written = Written::default();
        let turns = [
            Ok(1),
            Err(ErrorKind::WouldBlock.into()),
            Err(ErrorKind::Interrupted.into()),
            Ok(4),
            Err(ErrorKind::BrokenPipe.into()),
            Err(ErrorKind::BrokenPipe.into()),
        ];
        let turns = turns.into_iter().rev().collect();
        let mut outlet = Outlet { out: Faulty(turns, written.clone()), is_amid_line: false };
        assert_eq!(outlet.write(b"one\ntwo\nthree\n"), 2);
        assert_eq!(outlet.write(b"four\n"), 1);
        assert_eq!(outlet.write(b"five\n"), 0);
        assert_eq!(String::from_utf8_lossy(&written.bytes()), "one\nt\nfive\n");
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
        let line = "x".repeat(1 << 20);
        for _ in 0..64 {
            lines.put(&line);
        }
        drop(go);
        drop(guard);
        let bytes = written.bytes().len();
        assert!((16 << 20..=33 << 20).contains(&bytes), "{bytes}");
    }
}
