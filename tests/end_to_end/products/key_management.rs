//! How the products' back ends manage keys, over REST and through the command line: a key is told once, when it is made; lists show a hint; a rotated
//! key and its successor both work in the overlap; a revoked key is refused at once.

use std::{process::Command, time::Duration};

use serde_json::{Value, json};
use tokio::net::UnixStream;

use crate::harness::{
    client::{self, Request},
    eventually, run,
};

use super::{Product, contox, cortex_edr, odin_cortex, prompt_orchestra};

/// Where administrators ask, in the folder of the site.
const ADMIN: (&str, &str) = ("DOORWARD_LISTEN__ADMIN", "unix:admin.sock");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Rest,
    CommandLine,
}

/// How one product's keys are made and used.
struct Management {
    product: Product,
    /// How its back end asks.
    way: Way,
    /// What is wanted of a key.
    wanted: Value,
    prefix: &'static str,
    /// A request with a key.
    present: fn(Request, &str) -> Request,
    target: &'static str,
}

impl Management {
    /// Asks the admin API; the answer in JSON. The command line is told the same in these words.
    async fn admin(&self, (method, path, body): (&str, &str, Option<Value>), words: &[&str]) -> Value {
        let socket = self.product.site().folder().join("admin.sock");
        if self.way == Way::CommandLine {
            let url = format!("unix:{}", socket.display());
            let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
            command.env_clear().args(words).args(["--admin", &url, "--output", "json"]);
            let output = command.output().expect("it runs");
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{words:?}: {told}");
            return serde_json::from_slice(&output.stdout).expect("JSON");
        }
        let stream = UnixStream::connect(socket).await.expect("the admin API listens");
        let request = Request::new(method, "localhost", path);
        let request = body.iter().fold(request, Request::json);
        let response = client::send_over(stream, &super::with_length(request)).await;
        assert_eq!(response.status, 200, "{method} {path}: {}", response.text());
        serde_json::from_slice(&response.body).expect("JSON")
    }

    /// The key that is wanted, in the words of the command line.
    fn words(&self) -> Vec<&str> {
        let mut words = vec!["keys", "create"];
        for (field, value) in self.wanted.as_object().expect("an object") {
            let argument = match field.as_str() {
                "name" => "--name",
                "apis" => "--api",
                "organization" => "--organization",
                "environment" => "--environment",
                "scopes" => "--scope",
                field => panic!("{field} has no argument here"),
            };
            let texts: Vec<&Value> =
                value.as_array().map_or_else(|| vec![value], |list| list.iter().collect());
            for text in texts {
                words.extend([argument, text.as_str().expect("text")]);
            }
        }
        words
    }

    /// Notes a key that was told, so that it is looked for in everything that is written.
    fn told(&self, issued: &Value) -> (String, String) {
        let text = |name: &str| issued[name].as_str().expect("text").to_owned();
        let (id, key) = (text("id"), text("key"));
        self.product.site().note_secret(&key);
        (id, key)
    }

    async fn status(&self, key: &str) -> u16 {
        let request = (self.present)(self.product.request("GET", self.target), key);
        self.product.send(&request).await.status
    }

    async fn check(&self) {
        let (id, key) =
            self.told(&self.admin(("POST", "/v1/keys", Some(self.wanted.clone())), &self.words()).await);
        assert!(key.starts_with(self.prefix), "the product's own prefix");
        assert_eq!(self.status(&key).await, 200, "it works at once");

        let listed = self.admin(("GET", "/v1/keys", None), &["keys", "list"]).await;
        assert!(!listed.to_string().contains(&key), "told once only");
        let record = &listed["keys"][0];
        assert_eq!(record["id"], *id);
        assert_eq!(record["hint"], format!("{}...", &key[..self.prefix.len() + 4]));
        assert!(record["name"] == "CI" && record["created"].is_string(), "{record}");

        eventually("the last use", Duration::from_secs(10), async || {
            let listed = self.admin(("GET", "/v1/keys", None), &["keys", "list"]).await;
            match &listed["keys"][0] {
                record if record["uses"] == 1 && record["used"].is_string() => Ok(()),
                record => Err(record.to_string()),
            }
        })
        .await;

        let path = format!("/v1/keys/{id}:rotate");
        let rotated = self
            .admin(
                ("POST", &path, Some(json!({ "overlap": "3600s" }))),
                &["keys", "rotate", &id, "--overlap", "1h"],
            )
            .await;
        let (new_id, new_key) = self.told(&rotated);
        assert_eq!(rotated["record"]["rotated_from"], *id);
        for key in [&key, &new_key] {
            assert_eq!(self.status(key).await, 200, "both work in the overlap");
        }

        let path = format!("/v1/keys/{id}:revoke");
        let revoked = self.admin(("POST", &path, Some(json!({}))), &["keys", "revoke", &id]).await;
        assert_eq!(revoked["status"], "revoked");
        eventually("the revocation", Duration::from_secs(1), async || match self.status(&key).await {
            401 => Ok(()),
            status => Err(format!("it is answered {status}")),
        })
        .await;
        assert_eq!(self.status(&new_key).await, 200, "the new one goes on working");
        let path = format!("/v1/keys/{new_id}");
        let new = self.admin(("GET", &path, None), &["keys", "get", &new_id]).await;
        assert_eq!(new["status"], "active");

        let path = format!("/v1/audit?id={id}");
        let audit = self.admin(("GET", &path, None), &["audit", "list", "--id", &id]).await;
        let actions: Vec<&str> = audit["records"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|one| one["action"].as_str())
            .collect();
        assert_eq!(actions, ["key.revoke", "key.rotate", "key.create"]);
        self.product.world.assert_no_secret().await;
    }
}

fn bearer(request: Request, key: &str) -> Request {
    request.bearer(key)
}

fn api_key(request: Request, key: &str) -> Request {
    request.with("X-API-Key", key)
}

async fn prompt_orchestra(way: Way) {
    let product = prompt_orchestra::start(&[ADMIN]).await.product;
    let wanted = json!({
        "name": "CI", "apis": ["prompt-orchestra"], "organization": "org_123", "environment": "live",
        "scopes": ["agents:read"],
    });
    let target = "/api/agents?organizationId=org_123";
    Management { product, way, wanted, prefix: "sk_live_", present: bearer, target }.check().await;
}

async fn cortex_edr(way: Way) {
    let product = cortex_edr::start(&[ADMIN]).await;
    let wanted = json!({
        "name": "CI", "apis": ["cortex-edr"], "organization": "acme", "environment": "live", "scopes": ["read"],
    });
    let target = "/v1/scans";
    Management { product, way, wanted, prefix: "sk_live_", present: bearer, target }.check().await;
}

async fn contox(way: Way) {
    let product = contox::start(&[ADMIN]).await;
    let wanted = json!({ "name": "CI", "apis": ["contox"], "organization": "acme" });
    let target = "/api/projects";
    Management { product, way, wanted, prefix: "contox_sk_", present: bearer, target }.check().await;
}

async fn odin_cortex(way: Way) {
    let product = odin_cortex::start(&[ADMIN]).await.product;
    let wanted = json!({ "name": "CI", "apis": ["odin-cortex"], "organization": "tenant_a" });
    let target = "/api/projects/p1/sessions";
    Management { product, way, wanted, prefix: "ots_live_", present: api_key, target }.check().await;
}

#[test]
fn prompt_orchestra_is_managed_over_rest() {
    run(prompt_orchestra(Way::Rest));
}

#[test]
fn prompt_orchestra_is_managed_through_the_command_line() {
    run(prompt_orchestra(Way::CommandLine));
}

#[test]
fn cortex_edr_is_managed_over_rest() {
    run(cortex_edr(Way::Rest));
}

#[test]
fn cortex_edr_is_managed_through_the_command_line() {
    run(cortex_edr(Way::CommandLine));
}

#[test]
fn contox_is_managed_over_rest() {
    run(contox(Way::Rest));
}

#[test]
fn contox_is_managed_through_the_command_line() {
    run(contox(Way::CommandLine));
}

#[test]
fn odin_cortex_is_managed_over_rest() {
    run(odin_cortex(Way::Rest));
}

#[test]
fn odin_cortex_is_managed_through_the_command_line() {
    run(odin_cortex(Way::CommandLine));
}
