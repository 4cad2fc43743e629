//! `doorward check`: what would be decided about a request, and why, told stage by stage.
//!
//! It decides by [`Checker::decide`] itself, on the configuration and the store that a server has, and tells what that
//! notes. Nothing is recorded, and nothing that it asks can change the store.

mod advice;
mod answer;
mod arguments;
mod explanation;
mod facts;
mod flags;
mod json;
mod reading;
mod table;
#[cfg(test)]
mod tests;

use std::{
    fs,
    io::{self, Read},
    path::Path,
    sync::Arc,
    time::Duration,
};

use envoy_types::ext_authz::v3::pb::{CheckRequest, CheckResponse};
use prost::Message;
use tonic::Status;

use crate::{
    check::{Checker, Policy, request::Call, wire::Broken},
    config::{Config, CounterLocation},
    counters::{Memory, Meter, Redis},
    domain::{Clock, ManualClock, SystemClock},
    store::{CachedStore, SqlStore},
};

use super::{Exit, Failure, Output, block_on, print, to_json};

use self::{explanation::Explanation, reading::Reading};

pub(super) use arguments::CheckCommand;

/// How long the keys of an issuer are waited for. A server has them already.
pub(super) const KEYS_PATIENCE: Duration = Duration::from_secs(15);

/// Runs the command on the machine's clock, or at the moment that it names, and prints its answer.
///
/// # Errors
///
/// There is no configuration or it is wrong, or the request cannot be understood.
pub(super) fn run(command: &CheckCommand, env: &[(String, String)]) -> Result<Exit, Failure> {
    let config = command.config.load(env)?.config;
    let clock: Arc<dyn Clock> = match command.at {
        Some(moment) => Arc::new(ManualClock::at(moment)),
        None => Arc::new(SystemClock),
    };
    let (answer, exit) = block_on(execute(command, &config, clock))?;
    print(&answer).map(|()| exit)
}

/// Decides the request on the store of the configuration; gives the answer as it is printed, and the exit code.
///
/// # Errors
///
/// The request cannot be understood.
async fn execute(
    command: &CheckCommand,
    config: &Config,
    clock: Arc<dyn Clock>,
) -> Result<(String, Exit), Failure> {
    let call = match &command.file {
        Some(file) => read(file)?,
        None => flags::check_request(&command.request)?,
    };
    let store = CachedStore::new(Reading::open(&config.store).await, config.cache, SqlStore::PATIENCE);
    let policy = Policy::new(&Config { budget: KEYS_PATIENCE, ..config.clone() });
    let meter = Arc::new(meter(&config.counters, Arc::clone(&clock)).await);
    let checker = Checker::new(policy, store.clone(), clock).with_meter(meter).only_looking();
    let policy = checker.policy();
    let message = call.encode_to_vec();
    let broken = |error: Broken| Failure::new(Exit::Failure, error.to_string());
    let call = Call::read(&message).map_err(broken)?;
    let decision = checker.decide(&policy, &call).await;
    let mut response = Vec::new();
    let response = policy.render(&decision, &mut response).and_then(|()| {
        CheckResponse::decode(&*response).map_err(|error| Status::internal(error.to_string()))
    });
    store.store().close().await;
    let explanation = Explanation::new(&decision, response, config);
    let answer = match command.output {
        Output::Table => table::render(&explanation),
        Output::Json => to_json(&explanation)?,
    };
    Ok((answer, explanation.exit()))
}

/// What looks at the counters. Those in the memory of a server cannot be looked at from here.
async fn meter(location: &CounterLocation, clock: Arc<dyn Clock>) -> Meter {
    let untouched = Memory::new(clock);
    match location {
        CounterLocation::Memory => Meter::in_memory(untouched),
        CounterLocation::Redis(config) => {
            let redis = Redis::look_into(config);
            redis.first_attempt().await;
            Meter::in_redis(redis, Duration::ZERO, 0, untouched)
        }
    }
}

fn read(file: &Path) -> Result<CheckRequest, Failure> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(file)
    };
    let wrong = |message: String| Failure::new(Exit::Usage, format!("{}: {message}", file.display()));
    let bytes = read.map_err(|error| wrong(format!("it cannot be read: {error}")))?;
    json::check_request(&bytes).map_err(wrong)
}
