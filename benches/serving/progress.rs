//! Tells what is being done, on standard error.

use std::{
    io::{IsTerminal, Write, stderr},
    time::Instant,
};

#[derive(Debug)]
pub(crate) struct Progress {
    began: Instant,
    is_terminal: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), is_terminal: stderr().is_terminal() }
    }

    /// Tells what is being done now. On a terminal the next takes its place.
    pub(crate) fn tell(&self, what: &str) {
        let (start, end) = if self.is_terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        eprint!("{start}[{:4} s] {what}{end}", self.began.elapsed().as_secs());
        // Who reads it is gone: then it need not be told.
        let _ = stderr().flush();
    }

    /// Leaves room for a table.
    pub(crate) fn done(&self) {
        if self.is_terminal {
            eprint!("\r\x1b[K");
        }
    }
}
