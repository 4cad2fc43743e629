//! The loop: connections, what is due, and what has come.

use std::{
    collections::VecDeque,
    io,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, ppoll},
    sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
};

use super::{
    Address, Load, NAP, Outcome, PATIENCE, Pace,
    connection::{Connection, Landed},
    requests::Requests,
};

/// How soon it is tried again to write to a full socket.
const RETRY: Duration = Duration::from_millis(1);

/// Asking, from the first connection to the last answer.
pub(super) struct Run<'r> {
    connections: Vec<Connection>,
    epoll: Epoll,
    requests: &'r mut Requests,
    pace: Pace,
    began: Instant,
    /// Between which moments a request of an open loop has to begin to be measured.
    pub(super) measured: (Duration, Duration),
    pub(super) is_measuring: bool,
    /// How many more requests may be sent.
    pub(super) left: usize,
    /// When the next request of an open loop begins, in seconds.
    due: f64,
    /// When those began that could not be sent yet.
    waiting: VecDeque<Duration>,
    /// The connection that is asked next.
    turn: usize,
    landed: Vec<Landed>,
    /// The connections that have read something or have something to write: with a thousand of them, looking at all
    /// each time would cost more than the rest.
    touched: Vec<usize>,
    pub(super) outcome: Outcome,
}

impl<'r> Run<'r> {
    /// Connects, and waits until the server has accepted everything.
    pub(super) fn open(address: &Address, requests: &'r mut Requests, load: &Load) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut connections = Vec::with_capacity(load.connections);
        for number in 0..load.connections {
            let mut connection = Connection::open(address, requests.protocol, load.streams)?;
            epoll.add(&connection, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            connection.flush()?;
            connections.push(connection);
        }
        let mut run = Self {
            connections,
            epoll,
            requests,
            pace: load.pace,
            began: Instant::now(),
            measured: (Duration::ZERO, Duration::MAX),
            is_measuring: false,
            left: usize::MAX,
            due: 0.0,
            waiting: VecDeque::new(),
            turn: 0,
            landed: Vec::new(),
            touched: (0..load.connections).collect(),
            outcome: Outcome::new(),
        };
        while !run.connections.iter().all(Connection::is_open) {
            run.step(NAP)?;
            if run.now() > PATIENCE {
                return Err(io::Error::other(format!("{address} does not speak HTTP/2 in time")));
            }
        }
        run.began = Instant::now();
        run.touched = (0..load.connections).collect();
        Ok(run)
    }

    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.connections.iter().map(Connection::in_flight).sum()
    }

    /// Asks from one moment to another.
    pub(super) fn until(&mut self, from: Duration, end: Duration) -> io::Result<()> {
        self.due = self.due.max(from.as_secs_f64());
        loop {
            let now = self.now();
            if now >= end {
                return Ok(());
            }
            let nap = match self.pace {
                Pace::Closed => {
                    self.fill();
                    NAP
                }
                Pace::Open(rate) => {
                    self.begin(now.min(end), rate);
                    Duration::from_secs_f64(self.due).saturating_sub(self.now())
                }
            };
            self.step(nap.min(NAP))?;
        }
    }

    /// Lets every connection have in flight what it can.
    pub(super) fn fill(&mut self) {
        let now = self.now();
        for number in &self.touched {
            let connection = &mut self.connections[*number];
            while self.left > 0 && connection.has_room(self.requests) {
                connection.send(self.requests, now);
                self.left -= 1;
            }
        }
    }

    /// Begins those requests of an open loop whose time has come.
    fn begin(&mut self, now: Duration, rate: f64) {
        while self.due <= now.as_secs_f64() {
            self.waiting.push_back(Duration::from_secs_f64(self.due));
            self.due += 1.0 / rate;
        }
        self.send_waiting();
    }

    fn send_waiting(&mut self) {
        let count = self.connections.len();
        while let Some(began) = self.waiting.front().copied() {
            let turns = (0..count).map(|step| (self.turn + step) % count);
            let free = turns.into_iter().find(|turn| self.connections[*turn].has_room(self.requests));
            let Some(free) = free else { return };
            self.connections[free].send(self.requests, began);
            self.touched.push(free);
            self.turn = free + 1;
            self.waiting.pop_front();
        }
    }

    /// Waits for what is still in flight in an open loop.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        if matches!(self.pace, Pace::Open(_)) {
            let end = self.now() + PATIENCE;
            while self.in_flight() + self.waiting.len() > 0 && self.now() < end {
                self.send_waiting();
                self.step(NAP)?;
            }
            self.outcome.unanswered = self.in_flight() + self.waiting.len();
        }
        Ok(())
    }

    /// Writes what waits, sleeps until something comes or the nap is over, and reads what has come.
    pub(super) fn step(&mut self, nap: Duration) -> io::Result<()> {
        for number in &self.touched {
            self.connections[*number].flush()?;
        }
        self.touched.retain(|number| self.connections[*number].has_output());
        let nap = if self.touched.is_empty() { nap } else { nap.min(RETRY) };
        let mut events = [EpollEvent::empty(); 64];
        let count = if nap >= RETRY {
            // In whole milliseconds; what is left of the nap is another.
            let milliseconds = u16::try_from(nap.as_millis()).unwrap_or(u16::MAX);
            self.epoll.wait(&mut events, EpollTimeout::from(milliseconds))?
        } else {
            let mut socket = [PollFd::new(self.epoll.0.as_fd(), PollFlags::POLLIN)];
            if ppoll(&mut socket, Some(nap.into()), None)? == 0 {
                return Ok(());
            }
            self.epoll.wait(&mut events, EpollTimeout::ZERO)?
        };
        for event in &events[..count] {
            let number = usize::try_from(event.data()).unwrap_or_default();
            self.read(number)?;
        }
        Ok(())
    }

    fn read(&mut self, number: usize) -> io::Result<()> {
        self.touched.push(number);
        let connection = &mut self.connections[number];
        connection.read(&mut self.landed)?;
        if self.outcome.complaint.is_none() {
            self.outcome.complaint = connection.complaint.take();
        }
        let now = self.began.elapsed();
        let is_open_loop = matches!(self.pace, Pace::Open(_));
        for landed in self.landed.drain(..) {
            let is_within = !is_open_loop || (self.measured.0..self.measured.1).contains(&landed.began);
            if self.is_measuring && is_within {
                self.outcome.count(landed.answer, now.saturating_sub(landed.began));
            }
        }
        Ok(())
    }
}
