//! The scripts, what they are asked and what they answer.

use std::{sync::LazyLock, time::Duration};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use redis::{Cmd, Pipeline, Value};

use crate::counters::{CounterName, Grant, LeaseId, Order, Return, Room};

/// How much longer than a lease its record is kept: as long as what is left may be under way. What comes later is
/// lost.
const RECORD_SLACK: Duration = Duration::from_secs(10);

/// A script, known to servers by its SHA-1.
#[derive(Debug)]
pub(super) struct Script {
    text: &'static str,
    digest: LazyLock<String>,
}

/// Takes tokens of one counter.
pub(super) static TAKE: Script = Script::new(include_str!("take.lua"), || sha1(include_str!("take.lua")));
/// Gives tokens back to one counter.
pub(super) static GIVE_BACK: Script =
    Script::new(include_str!("give_back.lua"), || sha1(include_str!("give_back.lua")));
/// Counts replicas.
pub(super) static REPLICAS: Script =
    Script::new(include_str!("replicas.lua"), || sha1(include_str!("replicas.lua")));
/// All of them.
pub(super) static ALL: [&Script; 3] = [&TAKE, &GIVE_BACK, &REPLICAS];

fn sha1(text: &str) -> String {
    hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

impl Script {
    const fn new(text: &'static str, digest: fn() -> String) -> Self {
        Self { text, digest: LazyLock::new(digest) }
    }

    /// Adds the command that teaches it to a server.
    pub(super) fn load(&self, commands: &mut Pipeline) {
        commands.cmd("SCRIPT").arg("LOAD").arg(self.text);
    }

    fn call(&self, keys: &[&str]) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(self.digest.as_str()).arg(keys.len()).arg(keys);
        command
    }
}

/// The key of a counter. What stands in braces decides on which node of a cluster it is.
pub(super) fn counter_key(name: &CounterName) -> String {
    format!("doorward:{{{name}}}")
}

fn record_key(counter: &str, lease: LeaseId) -> String {
    format!("{counter}:lease:{lease}")
}

/// The command that carries an order out.
pub(super) fn take(counter: &str, order: &Order, lease_max: Duration) -> Cmd {
    let record = order.lease.map(|lease| record_key(counter, lease));
    let mut command = match &record {
        Some(record) => TAKE.call(&[counter, record]),
        None => TAKE.call(&[counter]),
    };
    let record_ms = (lease_max + RECORD_SLACK).as_millis().try_into().unwrap_or(u64::MAX);
    for number in [order.cost, order.want, order.share, record_ms] {
        command.arg(number);
    }
    for bound in order.bounds.iter() {
        command.arg(bound.limit).arg(bound.window.bucket_us).arg(bound.window.older);
    }
    command
}

/// The command that gives back what is left.
pub(super) fn give_back(counter: &str, given: &Return) -> Cmd {
    let mut command = GIVE_BACK.call(&[counter, &record_key(counter, given.lease)]);
    command.arg(given.left);
    for (bound, bucket) in given.bounds.iter().zip(&given.buckets) {
        command.arg(bound.window.bucket_us).arg(bound.window.older).arg(*bucket);
    }
    command
}

/// The command that notes that a replica is alive.
pub(super) fn replicas(key: &str, replica: &str, counts_for: Duration) -> Cmd {
    let mut command = REPLICAS.call(&[key]);
    command.arg(replica).arg(counts_for.as_millis().try_into().unwrap_or(u64::MAX));
    command
}

/// Reads the answer to an order; `None` if it is none.
pub(super) fn read_grant(order: &Order, answer: &Value) -> Option<Grant> {
    let Value::Array(numbers) = answer else { return None };
    let numbers: Option<Vec<u64>> = numbers.iter().map(read_number).collect();
    let numbers = numbers?;
    let ([now, amount, life, due], states) = numbers.split_first_chunk()?;
    let (states, rest) = states.as_chunks();
    if states.len() != order.bounds.len() || !rest.is_empty() {
        return None;
    }
    let rooms = order.bounds.iter().zip(states).enumerate();
    let rooms = rooms.map(|(index, (bound, [remaining, reset_at_us, _]))| Room {
        bound: index,
        limit: bound.limit,
        remaining: *remaining,
        reset_at_us: *reset_at_us,
        reset_after: Duration::from_micros(reset_at_us.saturating_sub(*now)),
    });
    Some(Grant {
        amount: *amount,
        life: Duration::from_micros(*life),
        buckets: states.iter().map(|[_, _, bucket]| *bucket).collect(),
        room: rooms.reduce(Room::nearer)?,
        due: Duration::from_micros(*due),
    })
}

/// Reads a number that is not negative.
pub(super) fn read_number(answer: &Value) -> Option<u64> {
    match answer {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}
