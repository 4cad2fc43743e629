//! Commands out, answers back: once each, all together, in time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use redis::{Cmd, Pipeline, ServerError, ServerErrorKind, Value};
use tokio::sync::Notify;

use super::{
    failure,
    link::Address,
    meters::{Kind, Meters},
    script::Script,
    topology::{Node, Topology, Within, slot_of},
};

/// How often a command may be sent on: each time a server said that it did not carry it out.
const ROUNDS_MAX: usize = 5;

/// A command to the server that keeps its keys.
pub(super) struct Request {
    slot: u16,
    command: Cmd,
    /// The script that it calls.
    script: Option<&'static Script>,
}

impl Request {
    /// A command on a key.
    pub(super) fn new(key: &str, command: Cmd, script: Option<&'static Script>) -> Self {
        Self { slot: slot_of(key), command, script }
    }
}

/// Where a request goes next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// To whoever keeps its slot.
    Kept,
    /// To where a server said that the slot went.
    Moved(Address),
    /// To where a server said that the slot is going.
    Ask(Address),
    /// To a server that has to be taught the script first.
    Teach(Address),
}

/// What became of a request.
enum Outcome {
    Answered(Value),
    /// It was not carried out: it may be sent again.
    Again(Way),
    /// It was not carried out, or nobody knows.
    Failed(String),
    /// It was not carried out, and the server is well: its keys are half way to another one.
    Between(String),
}

/// What is shared by those who ask and by the task that keeps servers reachable.
#[derive(Debug)]
pub(super) struct Exchange {
    topology: ArcSwap<Topology>,
    /// Told when something is wrong with the topology.
    pub(super) attention: Arc<Notify>,
    /// Whether a server said that something moved.
    pub(super) is_stale: AtomicBool,
    timeout: Duration,
    meters: Meters,
}

impl Exchange {
    /// Nobody is known yet.
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            topology: ArcSwap::from_pointee(Topology::unknown("there is no connection yet".to_owned())),
            attention: Arc::default(),
            is_stale: AtomicBool::new(false),
            timeout,
            meters: Meters::new(),
        }
    }

    pub(super) fn topology(&self) -> Arc<Topology> {
        self.topology.load_full()
    }

    pub(super) fn set_topology(&self, topology: Topology) {
        self.topology.store(Arc::new(topology));
    }

    pub(super) fn within(&self) -> Within {
        Within::from_now(self.timeout)
    }

    pub(super) fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Sends all requests, each at most once, and waits for all answers.
    ///
    /// # Errors
    ///
    /// What failed first. What else was sent may have been carried out or not.
    pub(super) async fn send(&self, kind: Kind, requests: &[Request]) -> Result<Vec<Value>, String> {
        let within = self.within();
        let mut timing = self.meters.begin(kind);
        let mut answers = vec![Value::Nil; requests.len()];
        let mut left: Vec<(usize, Way)> = (0..requests.len()).map(|index| (index, Way::Kept)).collect();
        for round in 0..ROUNDS_MAX {
            let groups = group(&self.topology(), requests, left);
            if round == 0 && groups.is_err() {
                timing.is_not_tried();
            }
            let asked = groups?.into_iter().map(|(node, ways)| self.ask(node, ways, requests, within));
            left = Vec::new();
            let mut failed = None;
            for (index, outcome) in join_all(asked).await.into_iter().flatten() {
                match outcome {
                    Outcome::Answered(answer) => {
                        if let Some(place) = answers.get_mut(index) {
                            *place = answer;
                        }
                    }
                    Outcome::Again(way) => left.push((index, way)),
                    Outcome::Failed(cause) | Outcome::Between(cause) => failed = failed.or(Some(cause)),
                }
            }
            if let Some(cause) = failed {
                return Err(cause);
            }
            if left.is_empty() {
                timing.is_well();
                return Ok(answers);
            }
        }
        Err("a command was sent on too often".to_owned())
    }

    /// Sends to one node what goes there, in one go.
    async fn ask(
        &self,
        node: Arc<Node>,
        ways: Vec<(usize, Way)>,
        requests: &[Request],
        within: Within,
    ) -> Vec<(usize, Outcome)> {
        let (commands, places) = pipeline(&ways, requests);
        let told = |cause: &str| format!("{}: {cause}", node.address);
        let answers = match node.ask(&commands, within).await {
            Ok(answers) if answers.len() == commands.len() => answers,
            Ok(_) => return self.all_failed(&node, &ways, "it answered too little"),
            Err(cause) => return self.all_failed(&node, &ways, &cause),
        };
        let mut outcomes = Vec::with_capacity(ways.len());
        let mut fault = None;
        for (answer, place) in answers.into_iter().zip(places) {
            let outcome = match (answer, place) {
                (Value::ServerError(error), Some(index)) => (index, self.read(&error, &node)),
                (answer, Some(index)) => (index, Outcome::Answered(answer)),
                // The answer to what only prepares is of no interest: what it prepares will fail.
                (_, None) => continue,
            };
            if let (_, Outcome::Failed(cause)) = &outcome {
                fault = fault.or(Some(cause.clone()));
            }
            outcomes.push(outcome);
        }
        match fault {
            Some(cause) => self.note_failure(&node, &cause),
            None => node.succeeded(),
        }
        for (_, outcome) in &mut outcomes {
            if let Outcome::Failed(cause) | Outcome::Between(cause) = outcome {
                *cause = told(cause);
            }
        }
        outcomes
    }

    /// Reads an error: those that say that nothing was carried out lead on.
    fn read(&self, error: &ServerError, node: &Node) -> Outcome {
        let to = || Address::of_redirection(error.details()?, &node.address);
        match (error.kind(), to()) {
            (Some(ServerErrorKind::Moved), Some(address)) => {
                self.is_stale.store(true, Ordering::Relaxed);
                self.attention.notify_one();
                Outcome::Again(Way::Moved(address))
            }
            (Some(ServerErrorKind::Ask), Some(address)) => Outcome::Again(Way::Ask(address)),
            (Some(ServerErrorKind::NoScript), _) => Outcome::Again(Way::Teach(node.address.clone())),
            (Some(ServerErrorKind::TryAgain), _) => Outcome::Between(failure::told(error)),
            _ => Outcome::Failed(failure::told(error)),
        }
    }

    fn all_failed(&self, node: &Node, ways: &[(usize, Way)], cause: &str) -> Vec<(usize, Outcome)> {
        self.note_failure(node, cause);
        let told = format!("{}: {cause}", node.address);
        ways.iter().map(|(index, _)| (*index, Outcome::Failed(told.clone()))).collect()
    }

    fn note_failure(&self, node: &Node, cause: &str) {
        if node.failed(cause) {
            self.attention.notify_one();
        }
    }
}

type Group = (Arc<Node>, Vec<(usize, Way)>);

/// Who is asked what. Nothing is sent unless all of it can be.
fn group(topology: &Topology, requests: &[Request], ways: Vec<(usize, Way)>) -> Result<Vec<Group>, String> {
    let mut groups: Vec<Group> = Vec::new();
    for (index, way) in ways {
        let node = match &way {
            Way::Kept => topology.keeper_of(requests.get(index).map_or(0, |request| request.slot))?,
            Way::Moved(address) | Way::Ask(address) | Way::Teach(address) => {
                topology.at(address).ok_or_else(|| {
                    format!("{address}: there is no connection to this node of the cluster yet")
                })?
            }
        };
        if let Some(cause) = node.fault() {
            return Err(format!("{}: {cause}", node.address));
        }
        match groups.iter_mut().find(|(known, _)| Arc::ptr_eq(known, node)) {
            Some((_, ways)) => ways.push((index, way)),
            None => groups.push((Arc::clone(node), vec![(index, way)])),
        }
    }
    Ok(groups)
}

/// The commands for one node; and for each, whose answer it brings.
fn pipeline(ways: &[(usize, Way)], requests: &[Request]) -> (Pipeline, Vec<Option<usize>>) {
    let (mut commands, mut places) = (redis::pipe(), Vec::with_capacity(ways.len()));
    let mut taught: Vec<&Script> = Vec::new();
    for (index, way) in ways {
        let Some(request) = requests.get(*index) else { continue };
        match (way, request.script) {
            (Way::Teach(_), Some(script)) if !taught.iter().any(|known| std::ptr::eq(*known, script)) => {
                taught.push(script);
                script.load(&mut commands);
                places.push(None);
            }
            (Way::Ask(_), _) => {
                commands.cmd("ASKING");
                places.push(None);
            }
            _ => {}
        }
        commands.add_command(request.command.clone());
        places.push(Some(*index));
    }
    (commands, places)
}
