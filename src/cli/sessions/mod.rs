//! `doorward sessions`: the sessions in the store of the configuration.

mod answer;
mod arguments;
#[cfg(test)]
mod tests;

use rand::CryptoRng;

use crate::{
    admin::{NewSession, Problem, SessionError, Sessions},
    config::Config,
    domain::{Clock, CredentialHash, HashError, SystemClock},
    store::{SessionFilter, SessionStore, every_page},
};

use super::{
    Exit, Failure, block_on, print, randomness,
    store::{author, with_store},
};

use self::{
    answer::Answer,
    arguments::{Action, Create},
};

pub(super) use arguments::SessionsCommand;

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Store(error) => error.into(),
            SessionError::Invalid(_) => Self::new(Exit::Usage, error),
        }
    }
}

/// Runs the command on the machine's clock and randomness, and prints its answer.
///
/// # Errors
///
/// There is no configuration or it is wrong, or the command could not be carried out.
pub(super) fn run(command: SessionsCommand, env: &[(String, String)]) -> Result<Exit, Failure> {
    let config = command.store.config.load(env)?.config;
    let answer = block_on(execute(command, &config, &SystemClock, &mut randomness()?))?;
    print(&answer).map(|()| Exit::Success)
}

/// Carries out a command on the store of the configuration, and gives the answer as it is printed.
///
/// # Errors
///
/// What was asked makes no sense, could not be done, or the store cannot be reached.
async fn execute(
    command: SessionsCommand,
    config: &Config,
    clock: &dyn Clock,
    rng: &mut impl CryptoRng,
) -> Result<String, Failure> {
    let answer = with_store(config, async |store| {
        let sessions = Sessions::new(store, &config.apis, clock);
        Ok(carry_out(command.action, &sessions, rng).await?)
    });
    answer.await?.render(command.store.output, clock.now())
}

async fn carry_out<S: SessionStore>(
    action: Action,
    sessions: &Sessions<'_, S>,
    rng: &mut impl CryptoRng,
) -> Result<Answer, SessionError> {
    Ok(match action {
        Action::Create(arguments) => {
            Answer::Issued(sessions.create(wanted(arguments)?, rng, &author()).await?)
        }
        Action::List { api, user } => {
            let filter = SessionFilter { user, apis: api.map(|api| vec![api]) };
            Answer::List(every_page(async |page| sessions.list(&filter, page).await).await?)
        }
        Action::Get { id } => Answer::Session(sessions.get(&id).await?),
        Action::End { id: Some(id), .. } => Answer::Ended(sessions.end(&id, &author()).await?),
        Action::End { id: None, user: Some(user) } => {
            let count = sessions.end_all(&user, &author()).await?;
            Answer::AllEnded { user, count }
        }
        Action::End { id: None, user: None } => {
            return Err(Problem::new("id", "none", "expected a session's id, or `--user`").into());
        }
        Action::Prune { older_than } => Answer::Pruned(sessions.prune(older_than).await?),
    })
}

fn wanted(arguments: Create) -> Result<NewSession, Problem> {
    let hash: Option<CredentialHash> =
        arguments.hash.map(|text| text.parse().map_err(|error| no_hash(&text, error))).transpose()?;
    Ok(NewSession {
        apis: arguments.apis,
        user: arguments.user,
        memberships: arguments.memberships,
        scopes: arguments.scopes,
        lifetime: arguments.lifetime,
        idle: arguments.idle,
        hash,
    })
}

/// The text is not repeated: it may be the token itself, by mistake.
fn no_hash(text: &str, error: HashError) -> Problem {
    Problem::new("hash", format!("a text of {} characters", text.chars().count()), error.to_string())
}
