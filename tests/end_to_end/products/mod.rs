//! The four products, each as its example configures it and nothing else: line by line of what their pages and
//! tables say, and a golden matrix of who is let in where.

mod contox;
mod cortex_edr;
mod key_management;
mod odin_cortex;
mod prompt_orchestra;

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;

use crate::harness::{
    client::{self, Request, Response},
    envoy::NEWEST,
    golden, root,
    site::{Key, Site},
    table,
    world::World,
};
use crate::issuer::{Signer, set};

/// A product behind Envoy, under its example.
pub(crate) struct Product {
    pub(crate) world: World,
    pub(crate) name: &'static str,
    pub(crate) host: &'static str,
}

impl Product {
    /// Starts it. Of the example nothing is changed but where secrets come from, and Doorward's patience with a
    /// busy machine.
    async fn start(
        name: &'static str,
        host: &'static str,
        changes: &[(&str, &str)],
        prepare: impl FnOnce(&Site),
    ) -> Self {
        let example =
            std::fs::read_to_string(root().join(format!("examples/{name}.yaml"))).expect("the example");
        let site = Site::with_environment(&example, &[&[("DOORWARD_BUDGET", "5s")], changes].concat());
        prepare(&site);
        Self { world: World::start(NEWEST, site, |recipe| recipe).await, name, host }
    }

    fn site(&self) -> &Site {
        &self.world.site
    }

    async fn send(&self, request: &Request) -> Response {
        client::send(self.world.envoy.address, &with_length(request.clone())).await
    }

    fn request(&self, method: &str, target: &str) -> Request {
        Request::new(method, self.host, target)
    }

    /// Sends every request as every caller, and checks the decisions against the golden file.
    async fn check_matrix(&self, callers: &[Caller<'_>], calls: &[(&str, &str)]) {
        let mut client = self.world.envoy.client();
        for (_, present) in callers {
            for (method, target) in calls {
                client.send(&with_length(present(self.request(method, target)))).await;
            }
        }
        let lines = self.world.envoy.access_log(callers.len() * calls.len()).await;
        let names: Vec<&str> = callers.iter().map(|(name, _)| *name).collect();
        let columns: Vec<String> =
            calls.iter().map(|(method, target)| format!("{method} {target}")).collect();
        let decisions: Vec<Vec<String>> =
            lines.chunks(calls.len()).map(|row| row.iter().map(table::decision).collect()).collect();
        let text = table::render(self.name, &names, &columns, &decisions);
        golden::check(&format!("{}.txt", self.name), &text);
        self.world.assert_no_secret().await;
    }
}

/// With the length of the body that is not there, as clients send it where a method usually has one (RFC 9110,
/// section 8.6).
fn with_length(request: Request) -> Request {
    let has_length = request.headers.iter().any(|(name, _)| name == "content-length");
    let needs_one = matches!(request.method.as_str(), "POST" | "PUT" | "PATCH");
    if needs_one && !has_length { request.body("") } else { request }
}

/// A name, and how a caller of this name presents themselves.
type Caller<'c> = (&'c str, Box<dyn Fn(Request) -> Request + 'c>);

fn caller<'c>(name: &'c str, present: impl Fn(Request) -> Request + 'c) -> Caller<'c> {
    (name, Box::new(present))
}

/// The Unix time, moved by so many seconds.
#[expect(clippy::disallowed_methods, reason = "the process under test lives in the machine's time")]
fn unix_time(offset: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    i64::try_from(now.as_secs()).expect("a time before the end of time") + offset
}

/// The HMAC-SHA256 of a text, in lower-case hex.
fn mac(secret: &str, text: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, text))
}

/// Runs a command that shows a secret once, as the member of this name.
fn issue(site: &Site, words: &[&str], member: &str) -> Key {
    let answer = site.json(words);
    let text =
        |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned();
    let issued = Key { id: text("id"), key: text(member) };
    site.note_secret(&issued.key);
    issued
}

/// Creates a key with nothing but these words.
fn create_key(site: &Site, words: &[&str]) -> Key {
    issue(site, &[&["keys", "create"], words].concat(), "key")
}

/// Creates a signing secret.
fn create_secret(site: &Site, words: &[&str]) -> Key {
    issue(site, &[&["secrets", "create"], words].concat(), "secret")
}

/// Begins a session.
fn create_session(site: &Site, words: &[&str]) -> Key {
    issue(site, &[&["sessions", "create"], words].concat(), "token")
}

/// Writes the issuer's keys into a file of the site.
fn publish(site: &Site, issuer: &Signer) {
    std::fs::write(site.folder().join("jwks.json"), set(&[issuer])).expect("a file");
}
