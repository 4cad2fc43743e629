//! Helm, of the oldest and the newest version that is supported.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use tempfile::TempDir;

use crate::{part, root};

/// One version of Helm.
#[derive(Clone, Copy)]
pub(crate) struct Helm(&'static LazyLock<PathBuf>);

static OLDEST_BINARY: LazyLock<PathBuf> = LazyLock::new(|| part(&["helm", "3.18.0"]));
static NEWEST_BINARY: LazyLock<PathBuf> = LazyLock::new(|| part(&["helm", "4.3.1"]));

pub(crate) const OLDEST: Helm = Helm(&OLDEST_BINARY);
pub(crate) const NEWEST: Helm = Helm(&NEWEST_BINARY);

impl Helm {
    /// Runs it with these words and then these paths; what it says, if all is well, else why not. No cluster is asked.
    pub(crate) fn run(self, words: &[&str], paths: &[&Path]) -> Result<String, String> {
        let mut helm = Command::new(self.0.as_path());
        helm.args(words).args(paths).env("KUBECONFIG", "/dev/null");
        let said = helm.output().expect("Helm runs");
        let [out, err] = [said.stdout, said.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        if said.status.success() { Ok(out) } else { Err(err) }
    }

    /// What a chart becomes with these values, in the release `doorward` and the namespace `auth`.
    pub(crate) fn template(self, values: &Path, chart: &Path) -> Result<String, String> {
        self.run(&["template", "doorward", "--namespace", "auth", "--values"], &[values, chart])
    }

    /// The same, where nothing is refused; without empty lines, of which each version makes others.
    pub(crate) fn render(self, values: &Path, chart: &Path) -> String {
        let rendered = self.template(values, chart);
        lines(&rendered.unwrap_or_else(|refusal| panic!("{}: {refusal}", values.display())))
    }

    /// What an operator is told after an installation with these values.
    pub(crate) fn notes(self, values: &Path) -> String {
        let words = ["install", "doorward", "--namespace", "auth", "--dry-run=client", "--values"];
        let said =
            self.run(&words, &[values, &root().join("helm")]).unwrap_or_else(|error| panic!("{error}"));
        lines(said.split_once("\nNOTES:\n").expect("there are notes").1)
    }
}

fn lines(text: &str) -> String {
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// A copy of the chart that has ours as a dependency, with ours in its place.
pub(crate) fn consumer() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&root().join("tests/chart/consumer"), folder.path());
    copy(&root().join("helm"), &folder.path().join("charts/doorward"));
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it can be made");
    for entry in fs::read_dir(from).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).expect("it can be copied");
        }
    }
}
