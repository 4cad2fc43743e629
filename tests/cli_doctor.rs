//! `doorward doctor`, as an operator calls it, before a server and beside one.

#![expect(clippy::expect_used, reason = "a test says what went wrong by ending")]

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// A server that is killed with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.args(args).current_dir(folder).env_clear();
    command
}

/// Starts a server, and waits until it says that it is ready.
fn serve(folder: &Path) -> Server {
    let mut child = command(folder, &["serve"]).stderr(Stdio::piped()).spawn().expect("doorward runs");
    let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
    let server = Server(child);
    let mut line = String::new();
    while !line.contains("\"message\":\"ready\"") {
        line.clear();
        assert!(log.read_line(&mut line).expect("it logs") > 0, "the server ended");
    }
    // Whoever logs to a closed pipe would end.
    std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
    server
}

/// The exit code of a doctor, and what it says.
fn doctor(folder: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let output = command(folder, &[&["doctor"], more].concat()).output().expect("doorward runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A folder with a configuration on a socket of its own, and a free port for telemetry.
fn folder(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let text = format!(
        "listen: {{ check: [\"unix:check.sock\"], telemetry: {free} }}\nstore: sqlite:keys.db\napis:\n  - name: one\n    \
         hosts: [a.test]\n    credentials: [{{ api_key: {{ prefix: k_, from: [{{ header: {{ name: x-key }} }}] }} }}]\n    \
         routes: [{{ match: /, scopes: [read] }}{more}]\n"
    );
    std::fs::write(folder.path().join("doorward.yaml"), text).expect("a file");
    folder
}

#[test]
fn before_a_server_and_beside_it_all_is_well() {
    let folder = folder("");
    let (exit, out, err) = doctor(folder.path(), &[]);
    assert_eq!((exit, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("info         sqlite:./keys.db: it is not there yet"), "{out}");
    assert_eq!(out.matches("nobody listens there: a server could").count(), 2, "{out}");
    let files = || std::fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(files(), 1);

    let _server = serve(folder.path());
    let before = files();
    let (exit, out, _) = doctor(folder.path(), &[]);
    assert_eq!(exit, Some(0), "{out}");
    assert!(out.lines().all(|line| line.starts_with("ok ")), "{out}");
    assert_eq!(out.matches("a running server answers there").count(), 2, "{out}");
    assert!(out.contains("can be read and written to"), "{out}");
    assert_eq!(files(), before);
}

#[test]
fn the_exit_code_says_how_bad_it_is() {
    let folder = folder(", { match: /open, public: true }");
    let (exit, out, _) = doctor(folder.path(), &["--output", "json"]);
    assert_eq!(exit, Some(0), "{out}");
    let told: Value = serde_json::from_str(&out).expect("JSON");
    let findings = told.get("findings").and_then(Value::as_array).expect("a list");
    let open = findings.iter().find(|finding| finding.get("check") == Some(&Value::from("route_open")));
    assert_eq!(open.and_then(|open| open.get("place")), Some(&Value::from("one, route /open")));

    std::fs::write(folder.path().join("check.sock"), "no socket").expect("a file");
    let (exit, out, _) = doctor(folder.path(), &[]);
    assert_eq!(exit, Some(1), "{out}");
    assert!(out.contains("failed       listen.check: cannot listen on unix:"), "{out}");

    std::fs::create_dir(folder.path().join("keys.db")).expect("a folder");
    let (exit, out, _) = doctor(folder.path(), &[]);
    assert_eq!(exit, Some(69), "{out}");
    assert!(out.contains("unreachable  sqlite:./keys.db: the store is unavailable: "), "{out}");

    std::fs::write(folder.path().join("doorward.yaml"), "apis: []\n").expect("a file");
    let (exit, out, err) = doctor(folder.path(), &[]);
    assert_eq!((exit, out.as_str()), (Some(64), ""));
    assert!(err.contains("doorward.yaml:1:7: apis: "), "{err}");
}
