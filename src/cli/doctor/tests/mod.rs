//! `doorward doctor`, line by line, on real files, stores and sockets.

mod lints;
mod parts;
mod plans;

use std::path::PathBuf;

use tempfile::TempDir;

use crate::{
    config::{Config, Fragments},
    domain::{ManualClock, Timestamp, parse_moment},
};

use super::*;

/// A folder with a configuration, at the beginning of 2030.
struct Scene {
    folder: TempDir,
    now: Timestamp,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, now: parse_moment("2030-01-01").expect("a moment") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        std::fs::create_dir_all(self.path(name).parent().expect("a folder")).expect("a folder");
        std::fs::write(self.path(name), text).expect("a file");
        self.path(name)
    }

    fn load(&self, text: &str) -> Loaded {
        let file = self.file("doorward.yaml", text);
        let env = [("SEALING_KEY".to_owned(), SEALING_KEY.to_owned())];
        Config::load(&file, &env, &Fragments::default()).unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// All that is found in this configuration.
    async fn findings(&self, text: &str) -> Vec<Finding> {
        examine("doorward.yaml", &self.load(text), &ManualClock::at(self.now)).await
    }
}

/// The lines of these findings that tell of this check, without the place's folder.
fn lines(findings: &[Finding], check: &str) -> Vec<String> {
    findings.iter().filter(|finding| finding.check == check).map(line).collect()
}

const SEALING_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A configuration of one API with these fields; nobody listens on anything that others could reach.
fn api(fields: &[&str]) -> String {
    let usual = [
        "name: one",
        "hosts: [a.test]",
        "credentials: [{ api_key: { prefixes: { live: sk_live_, test: sk_test_ }, from: [{ header: { name: x-key } }] } }]",
        "routes: [{ match: /, scopes: [read] }]",
    ];
    let name_of = |field: &str| field.split(':').next().unwrap_or_default().to_owned();
    let replaced =
        usual.map(|usual| *fields.iter().find(|own| name_of(own) == name_of(usual)).unwrap_or(&usual));
    let further =
        fields.iter().copied().filter(|field| usual.iter().all(|usual| name_of(usual) != name_of(field)));
    let lines: Vec<&str> = replaced.into_iter().chain(further).collect();
    format!(
        "listen: {{ check: [\"unix:check.sock\"], telemetry: off }}\n\
         sealing: {{ current: k1, keys: {{ k1: {{ env: SEALING_KEY }} }} }}\napis:\n  - {}\n",
        lines.join("\n    ")
    )
}
