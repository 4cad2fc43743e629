//! `counters`: where requests are counted.

mod location;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    SecretSource,
    client_tls::{ClientTls, RawClientTls},
    duration::Span,
    place::Place,
    problem::{Origin, Report},
    secret_source::{RawSecretSource, are_alike},
    text::Text,
};

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
    /// Who signs in, where it is not `default`. Whoever has a name has a password.
    pub username: Option<String>,
    /// The password.
    pub password: Option<SecretSource>,
    /// The password of the sentinels.
    pub sentinel_password: Option<SecretSource>,
    /// TLS, if it is used.
    pub tls: Option<ClientTls>,
    /// How long an answer is waited for; less than the budget of a Check.
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
    /// Host and port. The host is a name or an IP address, without brackets.
    Tcp(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

impl CounterLocation {
    /// Whether both are the same in all that they say, passwords included.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Memory, Self::Memory) => true,
            (Self::Redis(one), Self::Redis(other)) => one.is_same(other),
            _ => false,
        }
    }
}

impl RedisCounters {
    fn is_same(&self, other: &Self) -> bool {
        self.servers == other.servers
            && self.database == other.database
            && self.username == other.username
            && are_alike(self.password.as_ref(), other.password.as_ref())
            && are_alike(self.sentinel_password.as_ref(), other.sentinel_password.as_ref())
            && self.tls == other.tls
            && (self.timeout, self.lease) == (other.timeout, other.lease)
    }
}

/// Where requests are counted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Counters")]
pub(super) enum RawCounters {
    /// `memory`, in each process by itself, or the address of a Redis: `redis://HOST:PORT/DATABASE`,
    /// `redis+cluster://HOST:PORT,HOST:PORT`, `redis+sentinel://HOST:PORT,HOST:PORT/MASTER`, `redis+unix:///PATH`.
    /// With TLS they begin with `rediss`.
    Location(Text<CounterLocation>),
    /// A Redis, and how it is spoken to.
    Redis(Box<RawRedis>),
}

/// A Redis, and how it is spoken to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RedisCounters")]
pub(super) struct RawRedis {
    /// Its address, as `redis://HOST:PORT/DATABASE`.
    url: Text<CounterLocation>,
    /// Who signs in, where it is not `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<RawSecretSource>,
    /// The password of the sentinels, if they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sentinel_password: Option<RawSecretSource>,
    /// TLS, where the address begins with `rediss`. Its files are read at start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<RawClientTls>,
    /// How long an answer is waited for: from 1ms to 1s, and less than `budget`.
    #[serde(default = "default_timeout")]
    timeout: Text<Span>,
    /// How long a process may use what it took of a busy counter in advance; at most 1s. With 0s every request asks
    /// Redis.
    #[serde(default = "default_lease")]
    lease: Text<Span>,
}

/// How long an answer is waited for unless the configuration says otherwise.
const TIMEOUT_MS: u64 = 50;
/// How long tokens may be used unless the configuration says otherwise.
const LEASE_MS: u64 = 100;

fn default_timeout() -> Text<Span> {
    Text::of_ms(TIMEOUT_MS)
}

fn default_lease() -> Text<Span> {
    Text::of_ms(LEASE_MS)
}

impl Default for RawCounters {
    fn default() -> Self {
        Self::Location(CounterLocation::Memory.into())
    }
}

impl RawCounters {
    /// Paths are relative to `folder`; an answer is waited for less than `budget`.
    pub(super) fn check(
        &self,
        folder: &Path,
        budget: Duration,
        at: &Place<'_>,
        report: &mut Report<'_>,
    ) -> CounterLocation {
        let (location, location_at, raw) = match self {
            Self::Location(location) => (location, *at, None),
            Self::Redis(raw) => (&raw.url, at.field("url"), Some(raw)),
        };
        let CounterLocation::Redis(mut redis) = location.value.clone() else {
            if raw.is_some() {
                report.add(&location_at, "found no Redis, expected one, or `counters: memory` alone");
            }
            return CounterLocation::Memory;
        };
        // What the environment says stands in no file.
        if redis.password.is_some() && !matches!(report.origin_of(&location_at), Origin::Variable { .. }) {
            let message = "found a password in the address, expected it apart, as `password: { file: … }` or \
                           `password: { env: … }`: whoever may read the configuration can read it";
            report.warn(&location_at, message);
        }
        if let Some(raw) = raw {
            raw.complete(&mut redis, folder, at, report);
        }
        if redis.username.is_some() && redis.password.is_none() {
            report.add(at, "found a user without a password, expected both");
        }
        if redis.timeout >= budget {
            let [found, budget] = [redis.timeout, budget].map(humantime::format_duration);
            let message = format!("found {found}, expected less than `budget`, which is {budget}");
            report.add(&at.field("timeout"), message);
        }
        CounterLocation::Redis(redis)
    }
}

impl RawRedis {
    /// Adds to `redis` what does not stand in its address.
    fn complete(&self, redis: &mut RedisCounters, folder: &Path, at: &Place<'_>, report: &mut Report<'_>) {
        let twice = [
            ("username", redis.username.is_some() && self.username.is_some()),
            ("password", redis.password.is_some() && self.password.is_some()),
        ];
        for (name, _) in twice.into_iter().filter(|(_, is_twice)| *is_twice) {
            let message = format!("found the {name} here and in `url`, expected it once");
            report.add(&at.field(name), message);
        }
        if self.username.as_ref().is_some_and(String::is_empty) {
            report.add(&at.field("username"), "found an empty name, expected the name of a user, or none");
        }
        let mut read = |raw: Option<&RawSecretSource>, name| Some(raw?.check(&at.field(name), report));
        let password = read(self.password.as_ref(), "password");
        redis.sentinel_password = read(self.sentinel_password.as_ref(), "sentinel_password");
        redis.password = password.or(redis.password.take());
        redis.username = self.username.clone().or(redis.username.take());
        if self.sentinel_password.is_some() && !matches!(redis.servers, RedisServers::Sentinel(..)) {
            let message =
                "found the password of sentinels, expected none without sentinels (`redis+sentinel://…`)";
            report.add(&at.field("sentinel_password"), message);
        }
        if let Some(raw) = &self.tls {
            let tls = raw.check(folder, &at.field("tls"), report);
            if redis.tls.is_none() {
                let message = "found `tls`, expected an address that begins with `rediss`";
                report.add(&at.field("tls"), message);
            }
            redis.tls = Some(tls);
        }
        redis.timeout = self.timeout.within(1..=1_000, &at.field("timeout"), report);
        redis.lease = self.lease.within(0..=1_000, &at.field("lease"), report);
    }
}

/// Without user and password.
impl fmt::Display for CounterLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Redis(redis) => redis.fmt(f),
        }
    }
}

impl fmt::Display for RedisCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        match &self.servers {
            RedisServers::Single(RedisAddress::Unix(path)) => write!(f, "redis+unix://{}", path.display())?,
            RedisServers::Single(RedisAddress::Tcp(host, port)) => {
                write!(f, "{scheme}://{}", location::shown(host, *port))?;
            }
            RedisServers::Cluster(nodes) => write!(f, "{scheme}+cluster://{}", location::listed(nodes))?,
            RedisServers::Sentinel(nodes, master) => {
                write!(f, "{scheme}+sentinel://{}/{master}", location::listed(nodes))?;
            }
        }
        if self.database > 0 { write!(f, "/{}", self.database) } else { Ok(()) }
    }
}
