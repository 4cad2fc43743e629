//! A cluster of three masters, each with a replica.

use doorward::config::{RedisCounters, RedisServers};

use super::{Server, free_port, settings, until};

/// The first slot of each master, and the last.
const SLOTS: [(u16, u16); 3] = [(0, 5_460), (5_461, 10_922), (10_923, 16_383)];

/// Three masters, and their replicas in the same order.
pub(crate) struct Cluster {
    pub(crate) masters: Vec<Server>,
    pub(crate) replicas: Vec<Server>,
}

impl Cluster {
    /// Starts it, and waits until each node knows the whole cluster and each replica follows its master.
    pub(crate) async fn start() -> Self {
        let mut nodes = Vec::new();
        for _ in 0..6 {
            let bus = free_port().to_string();
            let arguments =
                ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", &bus];
            nodes.push((Server::start(&arguments).await, bus));
        }
        let (first, _) = nodes.first().expect("six of them");
        for (node, bus) in &nodes {
            first.tell(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string(), bus]);
        }
        let mut masters: Vec<Server> = nodes.into_iter().map(|(node, _)| node).collect();
        let replicas = masters.split_off(3);
        for (master, (from, to)) in masters.iter().zip(SLOTS) {
            master.tell(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]);
        }
        let cluster = Self { masters, replicas };
        until("the nodes know each other", async || {
            cluster
                .nodes()
                .all(|node| node.ask::<String>(&["CLUSTER", "NODES"]).matches("connected").count() == 6)
        })
        .await;
        for (replica, master) in cluster.replicas.iter().zip(&cluster.masters) {
            let id: String = master.ask(&["CLUSTER", "MYID"]);
            until("the replica takes its master", async || {
                replica.try_ask::<String>(&["CLUSTER", "REPLICATE", &id]).is_ok()
            })
            .await;
        }
        until("the replicas follow", async || {
            cluster.replicas.iter().all(|replica| replica.says("master_link_status", "up"))
        })
        .await;
        until("the nodes agree", async || {
            cluster.nodes().all(|node| {
                let info: String = node.ask(&["CLUSTER", "INFO"]);
                let slaves = node.ask::<String>(&["CLUSTER", "NODES"]).matches("slave").count();
                info.contains("cluster_state:ok") && slaves == 3
            })
        })
        .await;
        cluster
    }

    /// All of its nodes.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Server> {
        self.masters.iter().chain(&self.replicas)
    }

    /// Settings that ask it, by two of its nodes.
    pub(crate) fn settings(&self) -> RedisCounters {
        let some = self.masters.iter().take(1).chain(self.replicas.iter().skip(1).take(1));
        settings(RedisServers::Cluster(some.map(|node| ("127.0.0.1".to_owned(), node.port)).collect()))
    }
}
