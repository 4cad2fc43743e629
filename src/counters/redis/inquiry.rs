//! Asking servers about themselves, for the operator.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use redis::Value;

use crate::{config::RedisCounters, domain::Clock};

use super::{
    discovery,
    exchange::Exchange,
    failure,
    topology::{Node, Within},
};

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquired {
    /// Its version, as far as it tells.
    pub version: Option<String>,
    /// What it does when it is full, as far as it tells; `noeviction` forgets no counter.
    pub policy: Option<String>,
    /// How far its clock is ahead of the one given, in milliseconds.
    pub ahead_ms: i64,
}

/// Finds all servers and asks each about itself, by its address. Whether one can count is found out by writing a key
/// that lives for a second.
pub async fn inquire(
    config: &RedisCounters,
    clock: &dyn Clock,
) -> BTreeMap<String, Result<Inquired, String>> {
    let topology = discovery::survey(config, &Exchange::new(config.timeout)).await;
    let mut nodes: Vec<_> = topology.nodes().filter(|node| node.fault().is_none()).collect();
    nodes.dedup_by_key(|node| node.address.clone());
    let asked =
        join_all(nodes.iter().map(async |node| (node.address.to_string(), ask(node, config, clock).await)));
    let faults = topology.faults().into_iter().map(|(server, cause)| (server, Err(cause)));
    asked.await.into_iter().chain(faults).collect()
}

async fn ask(node: &Node, config: &RedisCounters, clock: &dyn Clock) -> Result<Inquired, String> {
    let mut commands = redis::pipe();
    commands.cmd("TIME").cmd("INFO").arg("server").cmd("INFO").arg("memory");
    let asked = clock.now().as_microsecond();
    let answers = node.ask(&commands, Within::from_now(config.timeout)).await?;
    let answered = clock.now().as_microsecond();
    let [time, server, memory] = answers.as_slice() else { return Err("it answered too little".to_owned()) };
    let time_us = match time {
        Value::Array(parts) => match parts.as_slice() {
            [seconds, micros] => number(seconds).zip(number(micros)),
            _ => None,
        },
        Value::ServerError(error) => return Err(failure::told(error)),
        _ => None,
    };
    let (seconds, micros) = time_us.ok_or("it does not tell its time")?;
    let ahead_us = seconds * 1_000_000 + micros - i64::midpoint(asked, answered);
    let line = |info: &Value, name: &str| match info {
        Value::BulkString(bytes) => {
            let text = std::str::from_utf8(bytes).ok()?;
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::to_owned)
        }
        _ => None,
    };
    let policy = line(memory, "maxmemory_policy");
    Ok(Inquired { version: line(server, "redis_version"), policy, ahead_ms: ahead_us / 1_000 })
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    }
}
