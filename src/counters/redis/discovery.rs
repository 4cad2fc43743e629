//! Finding the servers: the one that is named, the master that the sentinels know, or the nodes of a cluster.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::{join_all, select_ok};
use redis::Value;
use tokio::time::timeout;

use crate::config::{RedisAddress, RedisCounters, RedisServers};

use super::{
    breaker::Breaker,
    exchange::Exchange,
    failure,
    link::{Address, Link, Role},
    topology::{Node, Topology, Within},
};

/// How long somebody who is asked for others is waited for. No request waits for it.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);

impl Address {
    fn of(host: &str, port: u16) -> Self {
        Self::Tcp(host.to_owned(), port)
    }

    /// Where a redirection leads, `SLOT HOST:PORT`. A node that does not know its own host leaves it out.
    pub(super) fn of_redirection(text: &str, from: &Self) -> Option<Self> {
        let (host, port) = text.split_ascii_whitespace().nth(1)?.rsplit_once(':')?;
        Self::of_node(host, port.parse().ok()?, from)
    }

    /// Where a node is, as the node at `from` says.
    fn of_node(host: &str, port: u16, from: &Self) -> Option<Self> {
        match (host, from) {
            ("?", _) | ("", Self::Unix(_)) => None,
            ("", Self::Tcp(host, _)) => Some(Self::of(host, port)),
            (host, _) => Some(Self::of(host, port)),
        }
    }
}

/// Finds the servers, and connects to those that are not known or that failed.
pub(super) async fn survey(config: &RedisCounters, exchange: &Exchange) -> Topology {
    let surveyor = Surveyor { config, exchange, known: exchange.topology() };
    let topology = match &config.servers {
        RedisServers::Single(RedisAddress::Tcp(host, port)) => {
            Topology::of_one(surveyor.node(Address::of(host, *port), Role::Counting).await)
        }
        RedisServers::Single(RedisAddress::Unix(path)) => {
            Topology::of_one(surveyor.node(Address::Unix(path.clone()), Role::Counting).await)
        }
        RedisServers::Sentinel(sentinels, master) => match surveyor.master(sentinels, master).await {
            Ok(address) => Topology::of_one(surveyor.node(address, Role::CountingMaster).await),
            Err(fault) => Topology::unknown(fault),
        },
        RedisServers::Cluster(seeds) => surveyor.cluster(seeds).await,
    };
    let probes = topology.stretches().filter(|(_, node)| !surveyor.is_known(node));
    join_all(probes.map(|(slots, node)| node.probe(slots, exchange.within()))).await;
    topology
}

struct Surveyor<'a> {
    config: &'a RedisCounters,
    exchange: &'a Exchange,
    known: Arc<Topology>,
}

/// A stretch of slots and where they are kept.
type Stretch = (u16, u16, Address);

impl Surveyor<'_> {
    fn is_known(&self, node: &Arc<Node>) -> bool {
        self.known.nodes().any(|known| Arc::ptr_eq(known, node))
    }

    /// The node at an address: the known one as long as it is asked, otherwise by a new connection.
    async fn node(&self, address: Address, role: Role) -> Arc<Node> {
        match self.known.at(&address).filter(|node| node.fault().is_none()) {
            Some(node) => Arc::clone(node),
            None => Node::connect(address, role, self.config, Arc::clone(&self.exchange.attention)).await,
        }
    }

    /// Where the master is, as the first sentinel says that knows.
    async fn master(&self, sentinels: &[(String, u16)], master: &str) -> Result<Address, String> {
        let asked = sentinels.iter().map(|(host, port)| {
            Box::pin(async move {
                let address = Address::of(host, *port);
                let told = |cause: String| format!("sentinel {address}: {cause}");
                let asked = self.ask_sentinel(&address, master);
                let found = timeout(ASK_TIMEOUT, asked).await;
                found.unwrap_or_else(|_| Err(format!("no answer within {ASK_TIMEOUT:?}"))).map_err(told)
            })
        });
        select_ok(asked).await.map(|(address, _)| address)
    }

    async fn ask_sentinel(&self, address: &Address, master: &str) -> Result<Address, String> {
        let (breaker, lost) = (Arc::<Breaker>::default(), Arc::default());
        let link = Link::open(address, Role::Sentinel, self.config, breaker, lost).await?;
        let mut commands = redis::pipe();
        commands.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(master);
        let parts = match link.ask(&commands).await?.pop() {
            Some(Value::Array(parts)) => parts,
            Some(Value::ServerError(error)) => return Err(failure::told(&error)),
            _ => return Err(format!("it knows no master `{master}`")),
        };
        let [host, port] = parts.as_slice() else { return Err("it answered something else".to_owned()) };
        let port = text(port).and_then(|port| port.parse().ok());
        let found = text(host).zip(port).and_then(|(host, port)| Address::of_node(host, port, address));
        found.ok_or_else(|| format!("it does not say where the master `{master}` is"))
    }

    /// The nodes of the cluster, as most of those say that answer.
    async fn cluster(&self, seeds: &[(String, u16)]) -> Topology {
        let seeds = seeds.iter().map(|(host, port)| Address::of(host, *port));
        let mut addresses: Vec<Address> =
            seeds.chain(self.known.nodes().map(|node| node.address.clone())).collect();
        addresses.sort();
        addresses.dedup();
        let nodes = join_all(addresses.into_iter().map(|address| self.node(address, Role::Counting))).await;
        let maps = join_all(nodes.iter().map(|node| ask_slots(node))).await;
        let mut votes: BTreeMap<Vec<Stretch>, usize> = BTreeMap::new();
        let mut fault = "no node of the cluster is known".to_owned();
        for (map, node) in maps.into_iter().zip(&nodes) {
            match map {
                Ok(map) => *votes.entry(map).or_default() += 1,
                Err(cause) => fault = format!("{}: {cause}", node.address),
            }
        }
        let Some((map, _)) = votes.into_iter().max_by_key(|(_, votes)| *votes) else {
            return Topology::unknown(fault);
        };
        let mut nodes: BTreeMap<Address, Arc<Node>> =
            nodes.into_iter().map(|node| (node.address.clone(), node)).collect();
        let mut masters: Vec<&Address> = map.iter().map(|(_, _, address)| address).collect();
        masters.retain(|address| !nodes.contains_key(*address));
        masters.dedup();
        let new =
            join_all(masters.into_iter().map(|address| self.node(address.clone(), Role::Counting))).await;
        nodes.extend(new.into_iter().map(|node| (node.address.clone(), node)));
        let stretch = |(first, last, address)| Some((first, last, Arc::clone(nodes.get(&address)?)));
        Topology::of_many(map.into_iter().filter_map(stretch).collect())
    }
}

/// Which slots are kept where, as a node of the cluster says.
async fn ask_slots(node: &Node) -> Result<Vec<Stretch>, String> {
    let mut commands = redis::pipe();
    commands.cmd("CLUSTER").arg("SLOTS");
    let stretches = match node.ask(&commands, Within::from_now(ASK_TIMEOUT)).await?.pop() {
        Some(Value::Array(stretches)) => stretches,
        Some(Value::ServerError(error)) => return Err(failure::told(&error)),
        _ => return Err("it answered something else".to_owned()),
    };
    let read = |stretch: &Value| {
        let Value::Array(parts) = stretch else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = parts.as_slice() else {
            return None;
        };
        let [host, Value::Int(port), ..] = master.as_slice() else { return None };
        let address =
            Address::of_node(text(host).unwrap_or_default(), (*port).try_into().ok()?, &node.address)?;
        Some(((*first).try_into().ok()?, (*last).try_into().ok()?, address))
    };
    let map: Option<Vec<Stretch>> = stretches.iter().map(read).collect();
    let mut map = map.ok_or("it does not say where its nodes are")?;
    map.sort();
    Ok(map)
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}
