//! `doorward sessions`: that somebody signed in.

mod answer;
mod arguments;
#[cfg(test)]
mod tests;

use serde_json::json;

use crate::{
    admin::{
        Problem, SessionError,
        api::{CreateSession, EndSession, EndSessions, GetSession, ListSessions},
        proto::{
            CreateSessionRequest, EndSessionRequest, EndSessionsRequest, GetSessionRequest,
            ListSessionsRequest, Session, session,
        },
    },
    domain::{CredentialHash, HashError, Membership},
};

use super::{
    Exit, Failure, Output,
    moments::span,
    office::{self, Office},
    print, render, texts,
};

use self::arguments::{Action, Create};

pub(super) use arguments::SessionsCommand;

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Store(error) => error.into(),
            SessionError::Invalid(_) => Self::new(Exit::Usage, error),
        }
    }
}

/// Runs the command, and prints its answer.
///
/// # Errors
///
/// It could not be carried out, or nobody could be asked.
pub(super) fn run(command: SessionsCommand, env: &[(String, String)]) -> Result<Exit, Failure> {
    let SessionsCommand { office, action } = command;
    let work = async |at: &Office| execute(action, office.output, at).await;
    print(&office::work(&office, env, work)?).map(|()| Exit::Success)
}

/// Carries out a command, and gives the answer as it is printed.
///
/// # Errors
///
/// What was asked makes no sense, is refused, or nobody could be asked.
async fn execute(action: Action, output: Output, office: &Office) -> Result<String, Failure> {
    match action {
        Action::Create(arguments) => {
            let issued = office.ask::<CreateSession>(wanted(arguments)?).await?;
            render(output, &issued, || answer::issued(&issued))
        }
        Action::List { api, user } => {
            let request = ListSessionsRequest {
                api: api.map(|api| api.to_string()),
                user: user.map(|user| user.to_string()),
                ..ListSessionsRequest::default()
            };
            let sessions = office.list::<ListSessions>(request, usize::MAX).await?;
            render(output, &json!({ "sessions": sessions }), || answer::rows(&sessions))
        }
        Action::Get { id } => {
            let session = office.ask::<GetSession>(GetSessionRequest { id: id.to_string() }).await?;
            render(output, &session, || answer::details(&session))
        }
        Action::End { id: Some(id), .. } => {
            let session = office.ask::<EndSession>(EndSessionRequest { id: id.to_string() }).await?;
            render(output, &session, || answer::ended(&session))
        }
        Action::End { id: None, user: Some(user) } => {
            let ended = office.ask::<EndSessions>(EndSessionsRequest { user: user.to_string() }).await?;
            render(output, &ended, || answer::all_ended(&user, ended.ended))
        }
        Action::End { id: None, user: None } => {
            let problem = Problem::new("id", "none", "expected a session's id, or `--user`");
            Err(Failure::new(Exit::Usage, problem))
        }
        Action::Prune { older_than } => {
            let desk = office.here("removes sessions")?;
            let config = desk.config();
            let removed = desk.sessions(&config).prune(older_than).await?;
            render(output, &json!({ "removed": removed }), || answer::pruned(removed))
        }
    }
}

fn wanted(arguments: Create) -> Result<CreateSessionRequest, Failure> {
    if let Some(text) = &arguments.hash
        && let Err(error) = text.parse::<CredentialHash>()
    {
        return Err(Failure::new(Exit::Usage, no_hash(text, error)));
    }
    let membership = |membership: &Membership| session::Membership {
        organization: membership.organization.to_string(),
        scopes: membership.scopes.iter().map(ToString::to_string).collect(),
    };
    let session = Session {
        apis: texts(&arguments.apis),
        user: arguments.user.to_string(),
        organizations: arguments.memberships.iter().map(membership).collect(),
        scopes: texts(&arguments.scopes),
        idle: arguments.idle.map(span).transpose()?,
        ..Session::default()
    };
    Ok(CreateSessionRequest {
        session: Some(session),
        lifetime: Some(span(arguments.lifetime)?),
        hash: arguments.hash,
        request_id: String::new(),
    })
}

/// The text is not repeated: it may be the token itself, by mistake.
fn no_hash(text: &str, error: HashError) -> Problem {
    Problem::new("hash", format!("a text of {} characters", text.chars().count()), error.to_string())
}
