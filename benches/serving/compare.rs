//! Comparing: all entrants are run in turn, round after round, and their figures are put into ratio within a round, so
//! that what the machine does beside concerns all of them alike. The first round warms up; of the others the median is told.

use std::time::Duration;

use crate::{
    generator::{
        self, Load, Outcome, Pace,
        requests::{Answer, Requests},
    },
    progress::Progress,
    server::{Over, Server},
};

/// How often in a row a run may bring no answer within its time, before that is the server's fault.
const STALLS_MAX: usize = 5;

/// How it is measured.
#[derive(Debug)]
pub(crate) struct Method {
    /// How many rounds count.
    pub(crate) runs: usize,
    /// How long each run is measured.
    pub(crate) time: Duration,
    /// How many requests are in flight at most, and on how many connections.
    pub(crate) in_flight_max: usize,
    pub(crate) progress: Progress,
}

/// One way of asking one server.
pub(crate) struct Entrant<'s> {
    pub(crate) name: &'static str,
    pub(crate) server: &'s Server,
    /// What the server itself asks: its CPU is counted, too.
    pub(crate) beside: Option<&'s Server>,
    pub(crate) over: Over,
    pub(crate) connections: usize,
    pub(crate) streams: usize,
    pub(crate) requests: Requests,
    pub(crate) expected: Answer,
}

impl<'s> Entrant<'s> {
    /// Allowed requests over TCP, with 64 of them in flight on two connections.
    pub(crate) fn new(name: &'static str, server: &'s Server, requests: Requests) -> Self {
        let (over, expected) = (Over::Tcp, Answer::Allowed);
        Self { name, server, beside: None, over, connections: 2, streams: 32, requests, expected }
    }

    pub(crate) fn over(self, over: Over) -> Self {
        Self { over, ..self }
    }

    pub(crate) fn refused(self) -> Self {
        Self { expected: Answer::Refused, ..self }
    }

    /// With so many requests in flight, on two connections if there are two.
    pub(crate) fn in_flight(self, count: usize) -> Self {
        let connections = count.min(2);
        Self { connections, streams: count / connections, ..self }
    }

    /// What is wrong with an outcome.
    fn fault(&self, outcome: &Outcome) -> Option<String> {
        let Outcome { allowed, refused, failed, unanswered, complaint, .. } = outcome;
        let right = match self.expected {
            Answer::Allowed => *allowed,
            Answer::Refused => *refused,
            Answer::Failed => *failed,
        };
        if right == outcome.answered() && right > 0 && *unanswered == 0 {
            return None;
        }
        let (name, expected) = (self.name, self.expected);
        let complaint = complaint.clone().unwrap_or_default();
        let last_words = self.server.last_words();
        Some(format!(
            "{name}: expected {expected:?}, got {allowed} allowed, {refused} refused, {failed} failed, \
             {unanswered} unanswered. {complaint}\n{last_words}"
        ))
    }
}

/// What came of a comparison.
pub(crate) struct Heat {
    /// By entrant, then by round.
    outcomes: Vec<Vec<Outcome>>,
}

impl Method {
    /// Runs all entrants in turn.
    ///
    /// # Panics
    ///
    /// An answer is not what is expected.
    pub(crate) fn heat(&self, entrants: &mut [Entrant<'_>], pace: Pace) -> Heat {
        let mut outcomes: Vec<Vec<Outcome>> = entrants.iter().map(|_| Vec::new()).collect();
        for round in 0..=self.runs {
            for (entrant, outcomes) in entrants.iter_mut().zip(&mut outcomes) {
                let name = entrant.name;
                self.progress.tell(&format!("round {round} of {}: {name}", self.runs));
                let outcome = self.run(entrant, pace);
                if round > 0 {
                    outcomes.push(outcome);
                }
            }
        }
        Heat { outcomes }
    }

    /// Runs one entrant once.
    ///
    /// # Panics
    ///
    /// An answer is not what is expected.
    pub(crate) fn run(&self, entrant: &mut Entrant<'_>, pace: Pace) -> Outcome {
        let load = Load {
            connections: entrant.connections,
            // The rate, not the room for requests, is what an open loop is about.
            streams: if pace == Pace::Closed { entrant.streams } else { 1000 },
            pace,
            warmup: self.time / 5,
            measured: self.time,
        };
        let server = entrant.server;
        let watched: Vec<u32> =
            [Some(server), entrant.beside].into_iter().flatten().map(Server::id).collect();
        let mut stalls = 0;
        loop {
            server.forget_log();
            let outcome =
                generator::run(&server.address(entrant.over), &mut entrant.requests, &load, &watched);
            let outcome =
                outcome.unwrap_or_else(|error| panic!("{}: {error}\n{}", entrant.name, server.last_words()));
            // All was answered, but in another moment: the machine stood still.
            let is_stalled = outcome.answered() == 0 && outcome.unanswered == 0;
            if is_stalled && stalls < STALLS_MAX {
                stalls += 1;
                continue;
            }
            if let Some(fault) = entrant.fault(&outcome) {
                panic!("{fault}");
            }
            return outcome;
        }
    }
}

impl Heat {
    /// The median of a figure of one entrant.
    pub(crate) fn median(&self, entrant: usize, figure: impl Fn(&Outcome) -> f64) -> f64 {
        median(self.outcomes[entrant].iter().map(figure).collect())
    }

    /// The median of the ratios of a figure, of one entrant to another.
    pub(crate) fn ratio(&self, subject: usize, base: usize, figure: impl Fn(&Outcome) -> f64) -> f64 {
        let pairs = self.outcomes[subject].iter().zip(&self.outcomes[base]);
        median(pairs.map(|(subject, base)| figure(subject) / figure(base)).collect())
    }
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
