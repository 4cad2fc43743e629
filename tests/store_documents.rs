//! The store `files:DIRECTORY`, as an operator calls it.

#![expect(clippy::expect_used, reason = "a test says what went wrong by ending")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

const CONFIGURATION: &str = "
listen: { check: [\"unix:check.sock\"], telemetry: off }
store: files:keys.d
sealing: { current: k1, keys: { k1: { env: SEALING_KEY } } }
apis:
  - name: ingest
    hosts: [ingest.test]
    credentials:
      - api_key: { prefix: in_, from: [{ header: { name: x-key } }] }
      - signature:
          project: { header: X-Project }
          timestamp: { header: X-Timestamp }
          signature: { header: X-Signature }
          signed: \"{timestamp}.{body}\"
    routes: [{ match: /** }]
";

/// A folder with the configuration, and one for documents.
fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("doorward.yaml"), CONFIGURATION).expect("a configuration");
    fs::create_dir(folder.path().join("keys.d")).expect("a folder");
    folder
}

fn doorward(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    let command = command.args(words).current_dir(folder).env_clear().env("SEALING_KEY", "7".repeat(64));
    command.output().expect("doorward runs")
}

/// What a command that succeeds says on standard output, and on standard error.
fn succeed(folder: &Path, words: &[&str]) -> (String, String) {
    let output = doorward(folder, words);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{words:?}: {out}{err}");
    (out, err)
}

const KEY: [&str; 9] =
    ["keys", "create", "--declare", "--api", "ingest", "--name", "CI", "--organization", "acme"];
const SECRET: [&str; 9] =
    ["secrets", "create", "--declare", "--api", "ingest", "--project", "apollo", "--organization", "acme"];

#[test]
fn a_document_goes_into_a_file_and_its_credential_to_whoever_made_it() {
    let site = site();
    let folder = site.path();
    for (words, name) in [(KEY, "key.yaml"), (SECRET, "secret.yaml")] {
        let (document, told) = succeed(folder, &words);
        let credential = told.lines().next().expect("a line");
        assert!(credential.len() > 40 && told.contains("the only time"), "{told}");
        assert!(!document.contains(credential), "{document}");
        fs::write(folder.join("keys.d").join(name), document).expect("written");
    }
    let (good, _) = succeed(folder, &["config", "check"]);
    assert_eq!(good, "./doorward.yaml: good; APIs: 1, routes: 1, documents: 2\n");
    let (keys, _) = succeed(folder, &["keys", "list", "--output", "json"]);
    let keys: Value = serde_json::from_str(&keys).expect("JSON");
    assert_eq!(keys.pointer("/keys/0/name"), Some(&"CI".into()), "{keys}");
    let (secrets, _) = succeed(folder, &["secrets", "list", "--output", "json"]);
    assert!(secrets.contains("\"sealing_key\": \"k1\""), "{secrets}");
    let (found, _) = succeed(folder, &["doctor"]);
    assert!(found.contains("2 documents are good"), "{found}");
    let schema: Value =
        serde_json::from_str(&succeed(folder, &["config", "schema", "--document"]).0).expect("JSON");
    assert!(schema.pointer("/properties/revoked").is_some(), "{schema}");
}

#[test]
fn a_secret_that_was_declared_is_open_to_whoever_has_the_sealing_key() {
    let site = site();
    let folder = site.path();
    fs::write(folder.join("old"), "a secret of 16 bytes and more").expect("written");
    let words = [&SECRET[..], &["--secret-file", "old"]].concat();
    let (document, told) = succeed(folder, &words);
    assert_eq!(told, "", "whoever brought it knows it");
    fs::write(folder.join("keys.d/apollo.yaml"), &document).expect("written");
    let (found, _) = succeed(folder, &["doctor", "--output", "json"]);
    assert!(found.contains("secrets of projects") && !found.contains("does not open"), "{found}");
    // Under another project's name it opens nothing.
    fs::write(folder.join("keys.d/apollo.yaml"), document.replace("apollo", "gemini")).expect("written");
    let found = doorward(folder, &["doctor"]);
    assert_eq!(found.status.code(), Some(1), "{found:?}");
}

#[test]
fn nothing_is_written_to_documents() {
    let site = site();
    let folder = site.path();
    fs::write(folder.join("keys.d/a.yaml"), succeed(folder, &KEY).0).expect("written");
    let list: Value =
        serde_json::from_str(&succeed(folder, &["keys", "list", "--output", "json"]).0).expect("JSON");
    let id = list.pointer("/keys/0/id").and_then(Value::as_str).expect("an id").to_owned();
    for words in [
        &["keys", "revoke", &id][..],
        &["keys", "rotate", &id, "--overlap", "1h"],
        &["keys", "create", "--api", "ingest", "--name", "CI", "--organization", "acme"],
        &["organizations", "create", "acme", "--name", "Acme", "--api", "ingest"],
        &["store", "backup", "there.db"],
        &["store", "restore", "there.db"],
    ] {
        let refused = doorward(folder, words);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(matches!(refused.status.code(), Some(1 | 64)), "{words:?}: {refused:?}");
        assert!(said.contains("documents"), "{words:?}: {said}");
    }
    let into = "listen: { telemetry: off }\nstore: files:other.d\napis: [{ name: one, hosts: [a.test], routes: [{ match: /, public: true }] }]";
    fs::create_dir(folder.join("other.d")).expect("a folder");
    fs::write(folder.join("other.yaml"), into).expect("written");
    let refused = doorward(folder, &["store", "copy", "--into", "other.yaml"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");

    fs::write(folder.join("other.yaml"), into.replace("files:other.d", "sqlite:other.db")).expect("written");
    succeed(folder, &["store", "copy", "--into", "other.yaml"]);
    let (copied, _) = succeed(folder, &["keys", "list", "--config", "other.yaml"]);
    assert!(copied.contains(&id), "what was declared can be taken into a database: {copied}");
}

#[test]
fn a_folder_that_is_missing_is_told() {
    let site = site();
    let folder = site.path();
    fs::remove_dir(folder.join("keys.d")).expect("removed");
    for words in [&["serve"][..], &["keys", "list"], &["config", "check"], &["doctor"]] {
        let failed = doorward(folder, words);
        assert_eq!(failed.status.code(), Some(69), "{words:?}: {failed:?}");
        let said = [failed.stdout, failed.stderr].concat();
        assert!(String::from_utf8_lossy(&said).contains("keys.d cannot be read"), "{words:?}");
    }
}
