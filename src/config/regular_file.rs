//! Files that somebody else than the operator may replace at any time.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

/// Where the regular file at `path` lies, links followed; the error continues the sentence "found …, which ".
pub(super) fn resolve(path: &Path) -> Result<PathBuf, String> {
    let resolved = path.canonicalize().map_err(|error| format!("cannot be read: {error}"))?;
    // Of a pipe nobody knows when it ends.
    if resolved.is_file() { Ok(resolved) } else { Err("is no regular file, expected one".to_owned()) }
}

/// Opens the regular file at `resolved`, a path without links, if it still is what was found there: whoever was let
/// name it may have put a link to another file in its place since. The error continues the sentence "found …, which ".
pub(super) fn open(resolved: &Path) -> Result<File, String> {
    let unreadable = |error| format!("cannot be read: {error}");
    // Opening a pipe waits for its other end otherwise.
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(resolved).map_err(unreadable)?;
    let opened = file.metadata().map_err(unreadable)?;
    let lies_there = fs::metadata(resolved).map_err(unreadable)?;
    let is_the_same = (opened.dev(), opened.ino()) == (lies_there.dev(), lies_there.ino());
    // Looked at last: from here on it does not matter what becomes of the path.
    if is_the_same && opened.is_file() && resolve(resolved).as_deref() == Ok(resolved) {
        Ok(file)
    } else {
        Err("was replaced while it was read, expected it to stay".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixListener};

    use super::*;

    #[test]
    fn what_a_path_leads_to_is_opened_only_if_no_link_has_come_in_between() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().canonicalize().expect("a folder");
        let path = |name: &str| folder.join(name);
        fs::create_dir(path("own")).expect("a folder");
        fs::create_dir(path("others")).expect("a folder");
        for name in ["own/a", "others/a"] {
            fs::write(path(name), name).expect("a file");
        }
        symlink("a", path("own/link")).expect("a link");
        symlink("others", path("folder")).expect("a link");
        let _socket = UnixListener::bind(path("own/socket")).expect("a socket");

        assert_eq!(resolve(&path("own/link")), Ok(path("own/a")));
        assert!(resolve(&path("own/socket")).is_err_and(|fault| fault.starts_with("is no regular file")));
        assert!(open(&path("own/a")).is_ok());
        for replaced in ["own/link", "folder/a", "own/socket", "own", "own/none"] {
            assert!(open(&path(replaced)).is_err(), "{replaced}");
        }
    }
}
