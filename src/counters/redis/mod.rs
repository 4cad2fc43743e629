//! Counters in Redis, shared by all replicas.
//!
//! Each counter is a hash, and each order one call of a script (`take.lua`), which takes its time from the server. The
//! orders of a call go out together, to each server in one go.
//!
//! **Once.** A command is sent once. It is sent again only where the server answered that it did not carry it out: that
//! the key is elsewhere, or that it does not know the script. After an error of the connection or a timeout nobody
//! knows, and so it is not.
//!
//! **No waiting.** A request waits for an answer, no longer than `timeout`, and never for a connection. A task
//! (`keeper`) makes connections. A server that failed three times in a row, or whose connection is gone, is not
//! asked (`breaker`) until the task has reached it by another connection, which it tries every quarter of a
//! second.

mod breaker;
mod discovery;
mod exchange;
mod failure;
mod inquiry;
mod keeper;
mod link;
mod meters;
mod script;
mod tls;
mod topology;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use ::redis::Value;
use tokio::{sync::watch, task::AbortHandle};

use crate::config::RedisCounters;

use self::{
    exchange::{Exchange, Request},
    keeper::Keeper,
    meters::Kind,
};

pub use inquiry::{Inquired, inquire};

use super::{Buckets, Counters, CountersError, Grant, Order, Return, Room};

/// Counters in Redis.
pub struct Redis {
    exchange: Arc<Exchange>,
    replicas: Arc<AtomicU32>,
    tried: watch::Receiver<bool>,
    lease_max: Duration,
    keeper: AbortHandle,
}

/// Shows which servers there are.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({:?})", self.exchange.topology())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Redis {
    /// Begins to connect; never fails, as servers may come later. `replica` tells this process from every
    /// other, by a number that it drew. Within a runtime of tokio only.
    #[must_use]
    pub fn connect(config: &RedisCounters, replica: u64) -> Arc<Self> {
        Self::begin(config, Some(format!("{replica:016x}")))
    }

    /// The same for somebody who only looks at counters, and is no replica that others have to reckon with.
    #[must_use]
    pub fn look_into(config: &RedisCounters) -> Arc<Self> {
        Self::begin(config, None)
    }

    fn begin(config: &RedisCounters, replica: Option<String>) -> Arc<Self> {
        let exchange = Arc::new(Exchange::new(config.timeout));
        let replicas = Arc::new(AtomicU32::new(1));
        let (tell, tried) = watch::channel(false);
        let keeper = Keeper {
            config: config.clone(),
            exchange: Arc::clone(&exchange),
            replica,
            replicas: Arc::clone(&replicas),
            tried: tell,
        };
        let keeper = tokio::spawn(keeper.keep()).abort_handle();
        Arc::new(Self { exchange, replicas, tried, lease_max: config.lease, keeper })
    }

    /// Waits until it was tried once to connect, well or not: a few seconds at most.
    pub async fn first_attempt(&self) {
        // The task ends with this only.
        let _ = self.tried.clone().wait_for(|tried| *tried).await;
    }

    /// Why counters are not asked at present, if they are not: servers with the cause.
    #[must_use]
    pub fn faults(&self) -> Vec<(String, String)> {
        self.exchange.topology().faults()
    }

    /// Notes that something was used, for `ttl` from now on; tells whether this is the first use.
    ///
    /// # Errors
    ///
    /// There is no answer: it was noted or not.
    pub async fn note_once(&self, used: &[u8; 32], ttl: Duration) -> Result<bool, CountersError> {
        let key = once_key(used);
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut command = ::redis::cmd("SET");
        command.arg(&key).arg(1).arg("NX").arg("PX").arg(ttl_ms);
        let answers = self.exchange.send(Kind::Once, &[Request::new(&key, command, None)]).await;
        match answers.map_err(CountersError)?.first() {
            Some(Value::Okay) => Ok(true),
            Some(Value::Nil) => Ok(false),
            _ => Err(CountersError("the answer to a note of a use is none".to_owned())),
        }
    }

    /// Forgets that something was used.
    ///
    /// # Errors
    ///
    /// There is no answer: it was forgotten or not.
    pub async fn forget_use(&self, used: &[u8; 32]) -> Result<(), CountersError> {
        let key = once_key(used);
        let mut command = ::redis::cmd("DEL");
        command.arg(&key);
        self.exchange.send(Kind::Once, &[Request::new(&key, command, None)]).await.map_err(CountersError)?;
        Ok(())
    }
}

/// The key under which a use is noted.
fn once_key(used: &[u8; 32]) -> String {
    format!("doorward:once:{}", hex::encode(used))
}

impl Counters for Redis {
    async fn take(&self, orders: &[Order]) -> Result<Vec<Grant>, CountersError> {
        let bounded = orders.iter().filter(|order| !order.bounds.is_empty());
        let requests: Vec<Request> = bounded
            .map(|order| {
                let counter = script::counter_key(&order.name);
                Request::new(&counter, script::take(&counter, order, self.lease_max), Some(&script::TAKE))
            })
            .collect();
        let answers = match requests.as_slice() {
            [] => Vec::new(),
            requests => self.exchange.send(Kind::Take, requests).await.map_err(CountersError)?,
        };
        let mut answers = answers.iter();
        let grant = |order: &Order| {
            if order.bounds.is_empty() {
                return Some(unbounded(order));
            }
            script::read_grant(order, answers.next()?)
        };
        let grants: Option<Vec<Grant>> = orders.iter().map(grant).collect();
        grants.ok_or_else(|| CountersError("the answer to an order is none".to_owned()))
    }

    async fn give_back(&self, returns: &[Return]) -> Result<(), CountersError> {
        let requests: Vec<Request> = returns
            .iter()
            .map(|given| {
                let counter = script::counter_key(&given.name);
                Request::new(&counter, script::give_back(&counter, given), Some(&script::GIVE_BACK))
            })
            .collect();
        if !requests.is_empty() {
            self.exchange.send(Kind::GiveBack, &requests).await.map_err(CountersError)?;
        }
        Ok(())
    }

    fn replicas(&self) -> u32 {
        self.replicas.load(Ordering::Relaxed).max(1)
    }
}

/// What a counter without bounds grants, which nobody has to be asked for.
fn unbounded(order: &Order) -> Grant {
    Grant {
        amount: order.cost.max(order.want.min(u64::MAX / order.share)),
        life: Duration::ZERO,
        buckets: Buckets::new(),
        room: Room::UNBOUNDED,
        due: Duration::ZERO,
    }
}
