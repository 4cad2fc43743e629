//! The command line asks a running server: by socket, by token, by certificate.

use std::{
    fs,
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::{
    certificates::Authority,
    program::{Program, folder_with},
};

const TOKEN: &str = "a-token-of-ada-0123456789-0123456789";
const OTHER: &str = "a-token-of-bob-0123456789-0123456789";
const APIS: &str = "
sealing: { current: k1, keys: { k1: { file: sealing } } }
administrators:
  - { name: ada, role: owner, tokens: [{ file: token }] }
  - { name: bob, role: viewer, tokens: [{ file: other }] }
  - { name: ci, role: editor, certificates: [ci.test] }
apis:
  - name: payments
    hosts: [payments.test]
    credentials:
      - api_key: { prefix: sk_, from: [{ header: { name: x-key } }] }
      - session: { cookie: sid }
    routes: [{ match: /** }]
  - name: ingest
    hosts: [ingest.test]
    credentials:
      - signature:
          project: { header: x-project }
          timestamp: { header: x-timestamp }
          signature: { header: x-signature }
          signed: '{timestamp}.{body}'
    routes: [{ match: /** }]
";
const TCP: &str = "127.0.0.1:PORT";
const TLS: &str =
    "{ address: 127.0.0.1:PORT, tls: { certificate: tls.crt, key: tls.key, client_ca: ca.crt } }";

async fn started(listener: &str) -> (Program, Authority) {
    let (folder, authority) = (folder_with(TOKEN), Authority::new());
    authority.write(&folder);
    for (name, text) in [("other", OTHER), ("sealing", &*"1".repeat(64))] {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    (Program::start(folder, listener, APIS).await, authority)
}

/// Runs the command line in the folder of the program, with these variables and this on its standard input.
fn run(program: &Program, env: &[(&str, &str)], input: &str, words: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(words)
        .current_dir(program.path("."))
        .env_clear()
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

/// Asks as somebody whom the variables name.
struct Asking<'p> {
    program: &'p Program,
    env: Vec<(&'static str, String)>,
}

impl Asking<'_> {
    fn output(&self, input: &str, words: &[&str]) -> Output {
        let env: Vec<(&str, &str)> = self.env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        run(self.program, &env, input, words)
    }

    fn json(&self, words: &str) -> Value {
        let words: Vec<&str> = words.split_whitespace().chain(["--output", "json"]).collect();
        let output = self.output("", &words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// All verbs, once.
fn work_through(asking: &Asking<'_>, actor: &str) {
    asking.json("organizations create acme --name Acme --api payments --api ingest --entitlement sso");
    asking.json("organizations update acme --no-entitlements");
    asking.json("organizations projects create apollo --organization acme --name Apollo --api ingest");
    assert_eq!(asking.json("organizations projects list --organization acme")["projects"][0]["id"], "apollo");
    asking.json("organizations members put ada --organization acme --api payments --scope read");
    let members = asking.json("organizations members list --user ada");
    assert_eq!(members["members"][0]["organization"], "acme");
    assert_eq!(asking.json("organizations suspend acme")["status"], "suspended");
    assert_eq!(asking.json("organizations resume acme")["status"], "active");
    assert_eq!(
        asking.json("organizations list"),
        json!({ "organizations": [asking.json("organizations get acme")] })
    );

    let issued =
        asking.json("keys create --api payments --name CI --organization acme --scope read --label a=b");
    let (id, key) = (text(&issued["id"]), text(&issued["key"]));
    assert_eq!(asking.json(&format!("keys update {id} --scope write"))["scopes"], json!(["write"]));
    let told = asking.output(&key, &["credentials", "verify", "--api", "payments"]);
    let told = String::from_utf8(told.stdout).expect("text");
    assert!(told.contains(&id) && told.starts_with("VALID          yes\n"), "{told}");
    let new = text(&asking.json(&format!("keys rotate {id} --overlap 1h"))["id"]);
    assert_eq!(asking.json(&format!("keys revoke {id}"))["status"], "revoked");
    assert_eq!(asking.json(&format!("keys get {new}"))["rotated_from"], id);
    assert_eq!(asking.json("keys list --status active")["keys"].as_array().map(Vec::len), Some(1));
    let refused = told.contains(&key);
    assert!(!refused, "the key is told once");

    let secret = asking.json("secrets create --api ingest --project apollo --organization acme");
    let (id, plain) = (text(&secret["id"]), text(&secret["secret"]));
    assert_eq!(asking.json(&format!("secrets reveal {id}"))["secret"], plain);
    let new = text(&asking.json(&format!("secrets rotate {id} --overlap 1h"))["id"]);
    assert_eq!(asking.json(&format!("secrets revoke {new}"))["status"], "revoked");
    assert_eq!(asking.json("secrets list")["secrets"].as_array().map(Vec::len), Some(2));
    assert_eq!(asking.json(&format!("secrets get {id}"))["status"], "active");

    let session = asking.json("sessions create --api payments --user ada --lifetime 12h");
    let id = text(&session["id"]);
    assert_eq!(
        asking.json(&format!("sessions end {id}"))["ended"],
        asking.json(&format!("sessions get {id}"))["ended"]
    );
    assert_eq!(asking.json("sessions end --user ada"), json!({ "ended": 0 }));
    assert_eq!(asking.json("sessions list --user ada")["sessions"][0]["id"], id);

    asking.json("organizations members remove ada --organization acme");
    asking.json("organizations projects remove apollo");
    let audit = asking.json("audit list --limit 3");
    let deeds: Vec<String> =
        audit["records"].as_array().expect("a list").iter().map(|one| text(&one["action"])).collect();
    assert_eq!(deeds, ["project.remove", "member.remove", "session.end"]);
    assert_eq!(audit["records"][0]["actor"], actor);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_is_asked_over_the_socket() {
    let (program, _) = started("'unix:admin.sock'").await;
    let asking = Asking { program: &program, env: vec![("DOORWARD_ADMIN", "unix:admin.sock".to_owned())] };
    let who = asking.json("audit list --limit 0");
    assert_eq!(who, json!({ "records": [] }));
    let user = rustix::process::getuid().as_raw();
    work_through(&asking, &format!("uid {user}"));
    program.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_is_asked_by_token() {
    let (program, _) = started(TCP).await;
    let url = format!("http://127.0.0.1:{}", program.port);
    let env = vec![("DOORWARD_ADMIN", url.clone()), ("DOORWARD_ADMIN_TOKEN", TOKEN.to_owned())];
    let asking = Asking { program: &program, env };
    work_through(&asking, "ada");
    // A file beats the variable.
    let words = [
        "keys",
        "create",
        "--api",
        "payments",
        "--name",
        "CI",
        "--organization",
        "acme",
        "--token-file",
        "other",
    ];
    let output = asking.output("", &words);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{told}");
    assert!(told.contains("CreateKey is for the role editor"), "{told}");
    let log = program.end().await;
    assert!(!log.contains(TOKEN) && !log.contains(OTHER), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_proves_itself_and_whoever_asks_may_do_so_too() {
    let (program, authority) = started(TLS).await;
    let (certificate, key) = authority.issue("ci.test");
    fs::write(program.path("ci.crt"), certificate.pem()).expect("a file");
    fs::write(program.path("ci.key"), key.serialize_pem()).expect("a file");
    let url = format!("https://localhost:{}", program.port);
    let list = ["keys", "list", "--admin", &url];
    let identity = ["--certificate", "ci.crt", "--key", "ci.key"];
    let exit = |env: &[(&str, &str)], more: &[&str]| {
        let output = run(&program, env, "", &[&list[..], more].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let token = [("DOORWARD_ADMIN_TOKEN", TOKEN)];
    assert_eq!(exit(&token, &["--ca", "ca.crt"]).0, Some(0));
    assert_eq!(exit(&[], &[&["--ca", "ca.crt"][..], &identity].concat()).0, Some(0));
    let (code, told) = exit(&[], &["--ca", "ca.crt"]);
    assert_eq!(code, Some(1), "{told}");
    let (code, told) = exit(&token, &[]);
    assert_eq!(code, Some(69), "nobody of the machine's authorities vouches for it: {told}");
    for (more, needle) in [
        (&["--ca", "ca.crt", "--key", "ci.key"][..], "expected both or none"),
        (&["--ca", "none.crt"], "none.crt cannot be read"),
    ] {
        let (code, told) = exit(&token, more);
        assert!(code == Some(64) && told.contains(needle), "{more:?}: {told}");
    }
    program.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_says_what_to_do() {
    let (program, _) = started(TCP).await;
    let url = format!("http://127.0.0.1:{}", program.port);
    let token = [("DOORWARD_ADMIN_TOKEN", TOKEN)];
    let bad = [("DOORWARD_ADMIN_TOKEN", "a-token-of-nobody-0123456789-012345")];
    let empty = [("DOORWARD_ADMIN_TOKEN", "")];
    for (env, words, code, needle) in [
        (&token[..], "keys get key_0", 1, "no key has this id"),
        (
            &token,
            "keys create --api nowhere --name CI --organization acme",
            64,
            "key.apis: found \"nowhere\"",
        ),
        (&token, "secrets reseal", 64, "no server seals secrets anew"),
        (&token, "sessions prune", 64, "no server removes sessions"),
        (&token, "keys import none.jsonl", 64, "none.jsonl cannot be read"),
        (&token, "keys list --config doorward.yaml", 64, "found `--admin` and `--config`"),
        (&token, "keys list --ca ca.crt", 64, "expected `https:` with it"),
        (&bad, "keys list", 1, "--token-file"),
        (&[], "keys list", 1, "DOORWARD_ADMIN_TOKEN"),
        (&empty, "keys list", 64, "found no token"),
        (&[], "keys list --token-file none", 64, "none cannot be read"),
    ] {
        let words: Vec<&str> = words.split_whitespace().chain(["--admin", &url]).collect();
        let output = run(&program, env, "", &words);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {told}");
        assert!(told.contains(needle), "{words:?}: {told}");
        assert!(!told.contains(TOKEN) && output.stdout.is_empty(), "{words:?}: {told}");
    }
    for (url, code, needle) in [
        ("unix:nowhere.sock", 69, "cannot ask unix:nowhere.sock"),
        ("http://127.0.0.1:1", 69, "cannot ask http://127.0.0.1:1"),
        ("http://admin.test:8080", 64, "expected `https:` or an address of this machine"),
        ("https://ada:a-password@127.0.0.1", 64, "found a URL with a user or a password"),
        ("https://a-password@127.0.0.1", 64, "found a URL with a user or a password"),
        ("ftp://127.0.0.1", 64, "`ftp` is another scheme"),
        ("unix:", 64, "expected `unix:PATH`"),
        ("somewhere", 64, "expected `unix:PATH`"),
    ] {
        let output = run(&program, &token, "", &["keys", "list", "--admin", url]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{url}: {told}");
        assert!(told.contains(needle) && !told.contains("a-password"), "{url}: {told}");
    }
    let lost = run(&program, &[], "", &["keys", "list", "--token-file", "token"]);
    assert_eq!(lost.status.code(), Some(64), "a token, and nobody to tell it to");
    let here = run(
        &program,
        &[("DOORWARD_ADMIN", "unix:nowhere.sock")],
        "",
        &["keys", "list", "--config", "doorward.yaml"],
    );
    assert_eq!(here.status.code(), Some(0), "a configuration that is named counts before the variable");
    program.end().await;
}
