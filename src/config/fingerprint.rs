//! Whether files have changed.

use std::{
    collections::BTreeMap,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Tells one state of some files from another without reading them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint(BTreeMap<PathBuf, Option<FileState>>);

/// What changes of a file when it is replaced or written to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileState {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    size: u64,
}

impl FileState {
    /// The state of the file that `path` leads to; `None` if it leads to none.
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            size: metadata.size(),
        })
    }
}

impl Fingerprint {
    /// The state of these files. To be taken before they are read, so that a change in between is not missed.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a Path>) -> Self {
        Self(files.into_iter().map(|path| (path.to_owned(), FileState::of(path))).collect())
    }

    /// The files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// Adds the state of further files.
    pub fn extend(&mut self, further: Self) {
        self.0.extend(further.0);
    }
}
