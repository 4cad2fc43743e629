//! Where commands are carried out: here, on the store of the configuration, or by a server that is asked for it.
//! Either way it is the methods of the admin API that are asked for, so that both know the same and refuse the same.

mod arguments;
#[cfg(test)]
pub(super) mod fixture;
mod inspector;
mod lists;
mod server;

use std::{
    cell::Cell,
    io::{self, Write},
    sync::Arc,
};

use arc_swap::ArcSwap;
use rand::rngs::StdRng;
use tonic::Code;

use crate::{
    admin::api::{Answers, Desk, Fault, Method, Spreads},
    config::Config,
    domain::{Administrator, Author, Clock, Reach, SystemClock, Timestamp},
    store::SqlStore,
};

use super::{Exit, Failure, block_on, randomness};

use self::{inspector::Inspector, server::Server};

pub(super) use arguments::OfficeArguments;

/// Answers here, on a store.
pub(super) type Here = Desk<SqlStore, Inspector>;

/// Where commands are carried out.
pub(super) struct Office {
    place: Place,
    clock: Arc<dyn Clock>,
    /// On how many servers the last change is in force, and of how many.
    reached: Cell<Option<(u64, u64)>>,
}

enum Place {
    Here { desk: Box<Here>, by: Administrator },
    Server(Server),
}

impl Office {
    /// The server that the arguments or the environment name, otherwise the store of the configuration.
    ///
    /// # Errors
    ///
    /// There is no configuration or it is wrong; the store or the server cannot be reached.
    async fn open(arguments: &OfficeArguments, env: &[(String, String)]) -> Result<Self, Failure> {
        let clock = Arc::new(SystemClock);
        if let Some(server) = Server::named(arguments, env).await? {
            return Ok(Self { place: Place::Server(server), clock, reached: Cell::default() });
        }
        let config = arguments.config.load(env)?.config;
        Self::on_the_store(config, clock, randomness()?).await
    }

    /// The store of the configuration, for whoever may open it.
    ///
    /// # Errors
    ///
    /// It cannot be reached.
    async fn on_the_store(config: Config, clock: Arc<dyn Clock>, random: StdRng) -> Result<Self, Failure> {
        let store = SqlStore::open(&config.store, SqlStore::PATIENCE).await?;
        Ok(Self::at(store, config, clock, random))
    }

    /// A desk on this store, for whoever may open it.
    fn at(store: SqlStore, config: Config, clock: Arc<dyn Clock>, random: StdRng) -> Self {
        let Author { name, role, from, .. } = author();
        let by = Administrator { name, role, reach: Reach::default(), from };
        let inspector = Inspector::new(store.clone(), config.clone(), Arc::clone(&clock));
        let in_force = Arc::new(ArcSwap::from_pointee(config));
        let desk = Box::new(Desk::new(store, inspector, in_force, Arc::clone(&clock), random));
        Self { place: Place::Here { desk, by }, clock, reached: Cell::default() }
    }

    /// What is answered.
    ///
    /// # Errors
    ///
    /// It is refused, or the store or the server cannot be reached.
    pub(super) async fn ask<M: Method>(&self, request: M::Request) -> Result<M::Answer, Failure>
    where
        Here: Answers<M>,
    {
        match &self.place {
            Place::Here { desk, by } => {
                let answer = desk.answer(by, request).await?;
                if M::ABOUT.takes_away() {
                    let spread = desk.spread().await;
                    self.reached.set(spread.map(|spread| (spread.reached, spread.servers)));
                }
                Ok(answer)
            }
            Place::Server(server) => {
                let (answer, reached) = server.ask::<M>(request).await?;
                self.reached.set(reached);
                Ok(answer)
            }
        }
    }

    /// Where it is done here, for what no server does.
    ///
    /// # Errors
    ///
    /// A server is asked.
    pub(super) fn here(&self, what: &str) -> Result<&Here, Failure> {
        match &self.place {
            Place::Here { desk, .. } => Ok(desk),
            Place::Server(_) => {
                let message = format!("no server {what}: run this where its store is, with `--config`");
                Err(Failure::new(Exit::Usage, message))
            }
        }
    }

    /// The moment.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Does something here, and lets the store go, if it was opened, whatever comes of it.
    async fn work<T>(self, work: impl AsyncFnOnce(&Self) -> Result<T, Failure>) -> Result<T, Failure> {
        let done = work(&self).await;
        if let Some(sentence) = self.reached.get().and_then(reach) {
            // Whoever cannot see it misses nothing that the answer does not say.
            let _ = writeln!(io::stderr(), "{sentence}");
        }
        if let Place::Here { desk, .. } = self.place {
            desk.store().close().await;
        }
        done
    }
}

/// Does something in the office that the arguments name.
///
/// # Errors
///
/// Those of [`Office::open`], or it failed.
pub(super) fn work<T>(
    arguments: &OfficeArguments,
    env: &[(String, String)],
    work: impl AsyncFnOnce(&Office) -> Result<T, Failure>,
) -> Result<T, Failure> {
    block_on(async { Office::open(arguments, env).await?.work(work).await })
}

/// Does something in an office on an empty store, which is gone after that: what is made there is declared elsewhere.
///
/// # Errors
///
/// There is no configuration or it is wrong, or it failed.
pub(super) fn work_in_memory<T>(
    arguments: &OfficeArguments,
    env: &[(String, String)],
    work: impl AsyncFnOnce(&Office) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let config = arguments.config.load(env)?.config;
    block_on(async {
        let store = SqlStore::in_memory().await?;
        Office::at(store, config, Arc::new(SystemClock), randomness()?).work(work).await
    })
}

/// Tells whoever makes a document what does not stand in it: on standard error, since the document goes into a file.
pub(super) fn tell_once(what: &str, credential: &str) -> Result<(), Failure> {
    let told =
        writeln!(io::stderr(), "{credential}\nThis is the only time that the {what} is shown: keep it now.");
    told.map_err(|error| Failure::new(Exit::Failure, format!("the {what} cannot be shown: {error}")))
}

/// How far a change has come, in words; nothing, if there is no server.
fn reach((reached, servers): (u64, u64)) -> Option<String> {
    match (reached, servers) {
        (_, 0) => None,
        (1, 1) => Some("It is in force on the server.".to_owned()),
        (reached, servers) if reached == servers => Some(format!("It is in force on all {servers} servers.")),
        _ => Some(format!(
            "It is in force on {reached} of {servers} servers. One that cannot reach the store, or was killed, counts until \
             what it remembered has ended."
        )),
    }
}

/// Whoever runs a command on the store.
pub(super) fn author() -> Author {
    Author::on_the_store(rustix::process::getuid().as_raw())
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::new(exit(fault.code), fault.message)
    }
}

/// How a command ends that was refused so.
fn exit(code: Code) -> Exit {
    match code {
        Code::InvalidArgument => Exit::Usage,
        Code::Unavailable | Code::DeadlineExceeded | Code::Internal | Code::Unknown | Code::DataLoss => {
            Exit::Unreachable
        }
        _ => Exit::Failure,
    }
}
