//! Golden files: what was measured and found right once. `UPDATE_GOLDEN=1` writes them anew.

use std::path::PathBuf;

use super::root;

/// How many differing lines a failure shows.
const DIFFERENCES_SHOWN_MAX: usize = 20;

/// Fails unless `found` is what the golden file of this name says.
pub(crate) fn check(name: &str, found: &str) {
    let path = path(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).expect("the golden file can be written");
        return;
    }
    let expected = read(name);
    if expected == found {
        return;
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let differing: Vec<String> = (0..old.len().max(new.len()))
        .map(|index| (index + 1, old.get(index), new.get(index)))
        .filter(|(_, old, new)| old != new)
        .take(DIFFERENCES_SHOWN_MAX)
        .map(|(line, old, new)| format!("line {line}\n  expected: {old:?}\n  found:    {new:?}\n"))
        .collect();
    panic!(
        "{} differs:\n{}If the new answers are the right ones, write them by UPDATE_GOLDEN=1.",
        path.display(),
        differing.concat()
    );
}

/// What a golden file says; empty if there is none.
pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_default()
}

fn path(name: &str) -> PathBuf {
    root().join("tests/end_to_end/golden").join(name)
}
