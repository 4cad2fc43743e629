//! Whether the file under a path is still the one that a connection was opened to.
//!
//! A backup that is put back by renaming it leaves every open connection with the file that was there before:
//! it would go on answering from it, and no revocation would reach it any more.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Follows which file stands under a path.
#[derive(Debug)]
pub(super) struct Identity {
    path: PathBuf,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    file: Option<File>,
    /// When another file was found there for the last time.
    replaced: Option<Instant>,
}

/// Device and inode.
type File = (u64, u64);

impl Identity {
    /// Looks at the file that stands there now.
    pub(super) fn of(path: &Path) -> Self {
        let seen = Seen { file: file(path), replaced: None };
        Self { path: path.to_owned(), seen: Mutex::new(seen) }
    }

    /// Whether a connection of this age was opened to the file that stands there now. While none stands there,
    /// the one that was there counts.
    pub(super) fn is_of_connection(&self, age: Duration) -> bool {
        let now = file(&self.path);
        // Whoever panicked with the lock had nothing half done.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if now.is_some() && now != seen.file {
            tracing::warn!(file = %self.path.display(), "the store's file was replaced: it is opened anew");
            *seen = Seen { file: now, replaced: Some(Instant::now()) };
        }
        seen.replaced.is_none_or(|replaced| age < replaced.elapsed())
    }
}

fn file(path: &Path) -> Option<File> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
