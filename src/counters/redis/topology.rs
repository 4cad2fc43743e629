//! Which servers there are, and which of them keeps what.

use std::{fmt, sync::Arc, time::Duration};

use redis::{Pipeline, Value};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::config::RedisCounters;

use super::{
    breaker::Breaker,
    failure,
    link::{Address, Link, Role},
};

/// How many slots a cluster has.
pub(super) const SLOTS: u16 = 16_384;
/// How long the key of a probe is kept, in milliseconds.
const PROBE_MS: u64 = 1_000;

/// The slot of a key: the CRC-16 (XMODEM) of what stands in the first pair of braces, or of all if there is nothing.
pub(super) fn slot_of(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = tag.filter(|tag| !tag.is_empty()).unwrap_or(key);
    let shift = |crc: u16| (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 };
    let crc = hashed
        .bytes()
        .fold(0_u16, |crc, byte| (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| shift(crc)));
    crc % SLOTS
}

/// A server that counts, by one connection. If that fails, another `Node` takes its place.
pub(super) struct Node {
    pub(super) address: Address,
    breaker: Arc<Breaker>,
    link: Option<Link>,
}

/// Shows its address, and whether it is asked.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.address, self.breaker)
    }
}

impl Node {
    /// Connects to a server; its breaker is open if that fails.
    pub(super) async fn connect(
        address: Address,
        role: Role,
        config: &RedisCounters,
        lost: Arc<Notify>,
    ) -> Arc<Self> {
        let breaker = Arc::new(Breaker::default());
        let link = Link::open(&address, role, config, Arc::clone(&breaker), lost).await;
        let link = link.map_err(|cause| breaker.open(&cause)).ok();
        Arc::new(Self { address, breaker, link })
    }

    /// Why it is not asked; `None` if it is.
    pub(super) fn fault(&self) -> Option<&str> {
        self.breaker.cause().map(AsRef::as_ref)
    }

    /// Asks it; after the deadline nothing is waited for.
    pub(super) async fn ask(&self, commands: &Pipeline, within: Within) -> Result<Vec<Value>, String> {
        match (self.breaker.cause(), &self.link) {
            (Some(cause), _) => Err(cause.to_string()),
            (None, None) => Err("there is no connection".to_owned()),
            (None, Some(link)) => timeout_at(within.deadline, link.ask(commands))
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {:?}", within.timeout))),
        }
    }

    /// Notes that it answered.
    pub(super) fn succeeded(&self) {
        self.breaker.succeeded();
    }

    /// Notes that it failed; tells whether it is asked no more.
    pub(super) fn failed(&self, cause: &str) -> bool {
        self.breaker.failed(cause)
    }

    /// Finds out whether it takes a write of a key in one of these slots; if not, it is not asked.
    pub(super) async fn probe(&self, (first, last): (u16, u16), within: Within) {
        let keys = (0_u32..).map(|number| format!("doorward:{{{number}}}:probe"));
        let Some(key) = keys.take(1 << 20).find(|key| (first..=last).contains(&slot_of(key))) else { return };
        let mut commands = redis::pipe();
        commands.cmd("SET").arg(key).arg(1).arg("PX").arg(PROBE_MS);
        match self.ask(&commands, within).await.as_deref() {
            Ok([Value::ServerError(error), ..]) => self.breaker.open(&failure::told(error)),
            Ok(_) => {}
            Err(cause) => self.breaker.open(cause),
        }
    }
}

/// How long something is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Within {
    pub(super) deadline: Instant,
    pub(super) timeout: Duration,
}

impl Within {
    /// So long from now on.
    pub(super) fn from_now(timeout: Duration) -> Self {
        Self { deadline: Instant::now() + timeout, timeout }
    }
}

/// The servers, and their slots.
#[derive(Debug, Default)]
pub(super) struct Topology {
    /// Who keeps the slots from the first to the last, in order.
    slots: Vec<(u16, u16, Arc<Node>)>,
    /// Why it is not known who keeps a slot.
    fault: Option<String>,
}

impl Topology {
    /// Nothing is known.
    pub(super) fn unknown(fault: String) -> Self {
        Self { slots: Vec::new(), fault: Some(fault) }
    }

    /// One server keeps all.
    pub(super) fn of_one(node: Arc<Node>) -> Self {
        Self { slots: vec![(0, SLOTS - 1, node)], fault: None }
    }

    /// Each keeps its slots.
    pub(super) fn of_many(mut slots: Vec<(u16, u16, Arc<Node>)>) -> Self {
        slots.sort_by_key(|(first, _, _)| *first);
        let kept: u32 = slots.iter().map(|(first, last, _)| u32::from(last - first) + 1).sum();
        let missing = u32::from(SLOTS).saturating_sub(kept);
        let fault = (missing > 0).then(|| format!("no node of the cluster keeps {missing} of its slots"));
        Self { slots, fault }
    }

    /// Who keeps a slot.
    pub(super) fn keeper_of(&self, slot: u16) -> Result<&Arc<Node>, String> {
        let place = self.slots.partition_point(|(_, last, _)| *last < slot);
        match self.slots.get(place) {
            Some((first, _, node)) if *first <= slot => Ok(node),
            _ => Err(self.fault.clone().unwrap_or_else(|| format!("no node keeps the slot {slot}"))),
        }
    }

    /// The node at an address.
    pub(super) fn at(&self, address: &Address) -> Option<&Arc<Node>> {
        self.nodes().find(|node| node.address == *address)
    }

    /// The nodes; one with several stretches of slots comes several times.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.slots.iter().map(|(_, _, node)| node)
    }

    /// Each stretch of slots and who keeps it.
    pub(super) fn stretches(&self) -> impl Iterator<Item = ((u16, u16), &Arc<Node>)> {
        self.slots.iter().map(|(first, last, node)| ((*first, *last), node))
    }

    /// What is wrong, each once, in order; nothing if every slot is kept by a node that is asked.
    pub(super) fn faults(&self) -> Vec<(String, String)> {
        let of_nodes =
            self.nodes().filter_map(|node| Some((node.address.to_string(), node.fault()?.to_owned())));
        let of_all = self.fault.iter().map(|fault| ("all".to_owned(), fault.clone()));
        let mut faults: Vec<_> = of_all.chain(of_nodes).collect();
        faults.sort();
        faults.dedup();
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_the_one_of_the_specification() {
        for (key, slot) in [
            ("123456789", 0x31c3 % SLOTS),
            ("{123456789}", 0x31c3 % SLOTS),
            ("doorward:{123456789}:lease:1.2", 0x31c3 % SLOTS),
            ("a{123456789}{b}", 0x31c3 % SLOTS),
        ] {
            assert_eq!(slot_of(key), slot, "{key}");
        }
        assert_ne!(slot_of("{}a"), slot_of("{}b"), "empty braces do not count");
    }
}
