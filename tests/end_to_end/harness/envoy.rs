//! A real Envoy.

use std::{net::SocketAddr, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    PATIENCE,
    client::{self, Http1},
    eventually, part,
    process::Process,
    recipe::Recipe,
};

/// The newest Envoy that is supported.
pub(crate) const NEWEST: &str = "1.40.0";
/// The oldest Envoy that is supported.
pub(crate) const OLDEST: &str = "1.36.4";

pub(crate) struct Envoy {
    pub(crate) process: Process,
    /// Where clients reach it.
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

impl Envoy {
    /// Starts Envoy of this version and waits until it is ready.
    pub(crate) async fn start(version: &str, recipe: &Recipe) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [configuration, admin] = ["envoy.yaml", "admin"].map(|name| folder.path().join(name));
        recipe.write(&configuration);
        let mut command = Command::new(part(&["envoy", version]).await);
        command
            .arg("--config-path")
            .arg(&configuration)
            .arg("--admin-address-path")
            .arg(&admin)
            .args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"])
            .args(["--file-flush-interval-msec", "50"]);
        let process = Process::start(&format!("envoy-{version}"), &mut command, folder.path());
        let address = process
            .ready(async || {
                let admin = std::fs::read_to_string(&admin).unwrap_or_default();
                let admin = admin.parse().map_err(|_| "it has no admin address".to_owned())?;
                listening(admin).await.ok_or_else(|| "it is not ready".to_owned())
            })
            .await;
        Self { process, address, _folder: folder }
    }

    /// A connection to it.
    pub(crate) fn client(&self) -> Http1 {
        Http1::to(self.address)
    }

    /// The first `count` lines of the access log.
    pub(crate) async fn access_log(&self, count: usize) -> Vec<Value> {
        eventually("the access log", PATIENCE, async || {
            let text = self.process.output();
            // The last line may be half written.
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let lines: Vec<Value> =
                whole.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
            let found = lines.len();
            if found < count { Err(format!("{found} of {count} lines")) } else { Ok(lines) }
        })
        .await
    }
}

/// Where the one listener listens, if it does yet.
async fn listening(admin: SocketAddr) -> Option<SocketAddr> {
    let ready = client::get(admin, "/ready").await.ok()?;
    if ready.status != 200 {
        return None;
    }
    let page = client::get(admin, "/listeners?format=json").await.ok()?;
    let listeners: Value = serde_json::from_slice(&page.body).ok()?;
    let address = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
    let port = u16::try_from(address["port_value"].as_u64()?).ok()?;
    Some(SocketAddr::new(address["address"].as_str()?.parse().ok()?, port))
}
