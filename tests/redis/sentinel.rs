//! A master, a replica, and three sentinels.

use std::process::Child;

use doorward::config::{RedisCounters, RedisServers};
use redis::Value;
use tempfile::TempDir;

use super::{Server, free_port, settings, spawn, until, write};

/// A master, a replica, and the sentinels that watch over them.
pub(crate) struct Sentinels {
    /// The master at the beginning, and its replica.
    pub(crate) servers: [Server; 2],
    watching: Vec<(Child, u16)>,
    _folder: TempDir,
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        for (sentinel, _) in &mut self.watching {
            let _ = sentinel.kill();
            let _ = sentinel.wait();
        }
    }
}

impl Sentinels {
    /// Starts them, and waits until each knows all others.
    pub(crate) async fn start() -> Self {
        let master = Server::start(&[]).await;
        let master_port = master.port.to_string();
        let replica = Server::start(&["--replicaof", "127.0.0.1", &master_port]).await;
        until("the replica follows", async || replica.says("master_link_status", "up")).await;
        let folder = tempfile::tempdir().expect("a folder");
        let mut watching = Vec::new();
        for _ in 0..3 {
            let port = free_port();
            let text = format!(
                "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor counters 127.0.0.1 {master_port} 2\n\
                 sentinel down-after-milliseconds counters 500\nsentinel failover-timeout counters 3000\n",
                folder.path().display()
            );
            let file = write(&folder, &format!("{port}.conf"), &text);
            watching.push((spawn("redis-server", &[&file, "--sentinel"]), port));
        }
        let started = Self { servers: [master, replica], watching, _folder: folder };
        until("the sentinels know each other", async || {
            started.ports().all(|port| {
                let about = ask_port(port, &["SENTINEL", "MASTER", "counters"]);
                let told = |name| about.as_ref().and_then(|about| about.get(name).cloned());
                told("num-other-sentinels").as_deref() == Some("2")
                    && told("num-slaves").as_deref() == Some("1")
            })
        })
        .await;
        started
    }

    fn ports(&self) -> impl Iterator<Item = u16> {
        self.watching.iter().map(|(_, port)| *port)
    }

    /// Settings that ask the master.
    pub(crate) fn settings(&self) -> RedisCounters {
        let addresses = self.ports().map(|port| ("127.0.0.1".to_owned(), port)).collect();
        settings(RedisServers::Sentinel(addresses, "counters".to_owned()))
    }

    /// Waits until the sentinels have made the replica the master.
    pub(crate) async fn failed_over(&self) {
        until("the replica is the master", async || self.servers[1].says("role", "master")).await;
    }
}

fn ask_port(port: u16, words: &[&str]) -> Option<std::collections::HashMap<String, String>> {
    let mut connection = redis::Client::open(("127.0.0.1", port)).ok()?.get_connection().ok()?;
    let (name, arguments) = words.split_first()?;
    let answer: Value = redis::cmd(name).arg(arguments).query(&mut connection).ok()?;
    redis::from_redis_value(answer).ok()
}
