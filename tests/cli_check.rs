//! `doorward check`, as an operator calls it.

#![expect(clippy::expect_used, reason = "a test says what went wrong by ending")]

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

const CONFIG: &str = "
store: sqlite:keys.db
apis:
  - name: one
    hosts: [a.test]
    credentials: [{ api_key: { prefix: k_, from: [{ header: { name: authorization, scheme: Bearer } }] } }]
    routes:
      - { match: /open, public: true }
      - { match: /read, scopes: [read] }
      - { match: /write, scopes: [write] }
      - { match: /later, scopes: [write], shadow: { until: 2999-01-01 } }
";

struct Answer {
    exit: Option<i32>,
    out: String,
    err: String,
}

/// Runs `doorward` with these arguments and this on standard input.
fn doorward(folder: &Path, args: &[&str], input: &str) -> Answer {
    let mut child = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("doorward runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Answer { exit: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("doorward.yaml"), CONFIG).expect("a file");
    folder
}

/// A new key that may read.
fn key(folder: &Path) -> String {
    let words =
        ["keys", "create", "--api", "one", "--name", "n", "--organization", "acme", "--scope", "read"];
    let made = doorward(folder, &words, "");
    assert_eq!(made.exit, Some(0), "{}", made.err);
    made.out.lines().next().expect("the key").to_owned()
}

#[test]
fn the_exit_code_says_which_way_it_went() {
    let folder = folder();
    let bearer = format!("authorization: Bearer {}", key(folder.path()));
    let cases: [(&[&str], i32, &str); 7] = [
        (&["https://a.test/open"], 0, "7 conclude    allowed\n"),
        (&["-H", &bearer, "https://a.test/read"], 0, "7 conclude    allowed\n"),
        (
            &["-H", &bearer, "https://a.test/write"],
            1,
            "5 authorize   refused: scope_missing – the scope write is missing\n",
        ),
        (&["https://a.test/later"], 1, "7 conclude    waived\n"),
        (&["https://b.test/"], 1, "The hosts that there are: a.test.\n"),
        (&["/read"], 64, ""),
        (&["--config", "none.yaml", "https://a.test/"], 64, ""),
    ];
    for (words, exit, line) in cases {
        let answer = doorward(folder.path(), &[&["check"], words].concat(), "");
        assert_eq!(answer.exit, Some(exit), "{words:?}: {}{}", answer.out, answer.err);
        assert!(answer.out.contains(line), "{words:?}: {}", answer.out);
        assert_eq!(answer.err.is_empty(), exit != 64, "{words:?}: {}", answer.err);
    }
    std::fs::remove_file(folder.path().join("keys.db")).expect("removed");
    let answer = doorward(folder.path(), &["check", "-H", &bearer, "https://a.test/read"], "");
    assert_eq!(answer.exit, Some(69), "{}", answer.out);
    assert!(answer.out.contains("keys.db: it is not there yet"), "{}", answer.out);
    assert!(!folder.path().join("keys.db").exists());
}

#[test]
fn a_check_is_read_from_standard_input() {
    let folder = folder();
    let call = serde_json::json!({ "attributes": { "request": { "http": {
        "method": "GET", "host": "a.test", "path": "/read",
        "headers": { "authorization": format!("Bearer {}", key(folder.path())) },
    } } } });
    let words = ["check", "--request", "-", "--output", "json"];
    let answer = doorward(folder.path(), &words, &call.to_string());
    assert_eq!((answer.exit, answer.err.as_str()), (Some(0), ""));
    let told: Value = serde_json::from_str(&answer.out).expect("JSON");
    assert_eq!(told.get("decision"), Some(&Value::from("allowed")));
    let answer = doorward(folder.path(), &words, "{]");
    assert_eq!(answer.exit, Some(64));
    assert_eq!(answer.err, "-: it is not JSON: key must be a string at line 1 column 2\n");
}

#[test]
fn a_body_is_read_from_standard_input() {
    let folder = folder();
    let answer = doorward(folder.path(), &["check", "-d", "@-", "https://a.test/open"], "12\n34");
    assert_eq!(answer.exit, Some(0), "{}", answer.err);
    assert!(
        answer.out.contains("method   POST\n") && answer.out.contains("body     4 bytes\n"),
        "{}",
        answer.out
    );
}

#[test]
fn the_help_tells_the_form_of_the_answer() {
    let folder = folder();
    let answer = doorward(folder.path(), &["check", "--help"], "");
    assert_eq!(answer.exit, Some(0));
    for text in ["--peer", "--at", "not_reached", "69  unavailable", "waived"] {
        assert!(answer.out.contains(text), "{text}: {}", answer.out);
    }
}
