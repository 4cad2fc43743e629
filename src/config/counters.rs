//! `counters`: where requests are counted.

use std::{path::PathBuf, time::Duration};

use super::SecretSource;

/// Where requests are counted.
#[derive(Debug, Clone, Default)]
pub enum CounterLocation {
    /// In each process by itself.
    #[default]
    Memory,
    /// In Redis, together.
    Redis(Box<RedisCounters>),
}

/// Counters in Redis.
#[derive(Debug, Clone)]
pub struct RedisCounters {
    /// Which servers there are.
    pub servers: RedisServers,
    /// The number of the database; 0 in a cluster.
    pub database: u32,
    /// Who signs in, where it is not `default`.
    pub username: Option<String>,
    /// The password.
    pub password: Option<SecretSource>,
    /// The password of the sentinels.
    pub sentinel_password: Option<SecretSource>,
    /// TLS, if it is used.
    pub tls: Option<RedisTls>,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// How long tokens taken in advance may be used at most; nothing is taken in advance if it is zero.
    pub lease: Duration,
}

/// Which servers there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisServers {
    /// One server.
    Single(RedisAddress),
    /// Some nodes of a cluster, by host and port.
    Cluster(Vec<(String, u16)>),
    /// Sentinels, by host and port, and the name of the master that they know.
    Sentinel(Vec<(String, u16)>, String),
}

/// Where a server can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisAddress {
    /// Host and port.
    Tcp(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

/// TLS with a Redis server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedisTls {
    /// The authorities that vouch for the server, PEM; those of the system without it.
    pub ca: Option<PathBuf>,
    /// The client's certificate chain and its key, PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
}
