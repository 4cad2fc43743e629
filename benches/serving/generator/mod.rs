//! A load generator: HTTP/2 over non-blocking sockets in one thread, with requests that are encoded beforehand.
//!
//! In a closed loop each connection has so many requests in flight, and sends another for each answer. In an open
//! loop requests begin at a given rate, whatever the server does; time counts from when a request should have begun,
//! so that a server which keeps others waiting does not hide it.

mod answer;
mod connection;
mod frames;
mod outcome;
pub(crate) mod requests;
mod run;

use std::{fmt, io, net::SocketAddr, path::PathBuf, time::Duration};

use crate::process::Cpu;

use self::{
    requests::{Answer, Requests},
    run::Run,
};

pub(crate) use outcome::Outcome;

/// How long a server may take to accept all connections, and to answer what is left at the end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long nothing happens before it is looked whether the time is over.
const NAP: Duration = Duration::from_millis(10);

/// Where a server listens.
#[derive(Debug, Clone)]
pub(crate) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// When requests begin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// Whenever another has been answered.
    Closed,
    /// So many a second.
    Open(f64),
}

/// How a server is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    /// How many requests each of them can have in flight: in a closed loop it always has.
    pub(crate) streams: usize,
    pub(crate) pace: Pace,
    /// How long it is asked before it is measured.
    pub(crate) warmup: Duration,
    pub(crate) measured: Duration,
}

/// Asks a server, and watches what these processes take meanwhile.
///
/// # Errors
///
/// A connection cannot be made, or breaks.
pub(crate) fn run(
    address: &Address,
    requests: &mut Requests,
    load: &Load,
    watched: &[u32],
) -> io::Result<Outcome> {
    requests.sign_ahead(load.warmup + load.measured);
    let mut run = Run::open(address, requests, load)?;
    run.until(Duration::ZERO, load.warmup)?;
    run.is_measuring = true;
    let (before, own_before, from) = (cpus(watched), Cpu::of_this(), run.now());
    run.measured = (load.warmup, load.warmup + load.measured);
    run.until(load.warmup, load.warmup + load.measured)?;
    run.outcome.seconds = run.now().saturating_sub(from).as_secs_f64();
    run.outcome.own_cpu = Cpu::of_this().since(&own_before);
    run.outcome.cpu = cpus(watched).iter().zip(&before).map(|(now, before)| now.since(before)).collect();
    run.drain()?;
    Ok(run.outcome)
}

/// Sends each request once, so that the server remembers what it has to; as many at a time.
pub(crate) fn each_once(
    address: &Address,
    requests: &mut Requests,
    tell: impl Fn(usize),
) -> io::Result<Outcome> {
    let count = requests.count();
    let mut told = Duration::ZERO;
    send(address, requests, count, [2, 32], |run| {
        if run.now().saturating_sub(told) > Duration::from_secs(1) {
            told = run.now();
            tell(count - run.left);
        }
        Ok(())
    })
}

/// Sends so many requests, on so many connections with so many in flight on each, and does something meanwhile.
fn send(
    address: &Address,
    requests: &mut Requests,
    count: usize,
    [connections, streams]: [usize; 2],
    mut meanwhile: impl FnMut(&Run<'_>) -> io::Result<()>,
) -> io::Result<Outcome> {
    let (warmup, measured) = (Duration::ZERO, Duration::ZERO);
    let load = Load { connections, streams, pace: Pace::Closed, warmup, measured };
    let mut run = Run::open(address, requests, &load)?;
    run.is_measuring = true;
    run.left = count;
    while run.left > 0 || run.in_flight() > 0 {
        run.fill();
        run.step(NAP)?;
        meanwhile(&run)?;
    }
    Ok(run.outcome)
}

/// Sends one request, and tells how it was answered.
pub(crate) fn ask_once(address: &Address, requests: &mut Requests) -> io::Result<Answer> {
    let outcome = send(address, requests, 1, [1, 1], |run| {
        let too_late = || io::Error::other(format!("{address} does not answer in time"));
        if run.now() > PATIENCE { Err(too_late()) } else { Ok(()) }
    })?;
    Ok(match (outcome.allowed, outcome.refused) {
        (1, _) => Answer::Allowed,
        (_, 1) => Answer::Refused,
        _ => Answer::Failed,
    })
}

fn cpus(watched: &[u32]) -> Vec<Cpu> {
    watched.iter().map(|process| Cpu::of(*process)).collect()
}
