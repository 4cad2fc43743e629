//! What `doorward sessions` answers to people.

use std::time::Duration;

use crate::{
    admin::{
        json::Coded,
        proto::{IssuedSession, Session, session::Membership},
    },
    cli::table::{self, list, optional, plain, time},
    domain::UserId,
};

const COLUMNS: [&str; 8] = ["ID", "USER", "ORGANIZATIONS", "SCOPES", "STATUS", "CREATED", "USED", "EXPIRES"];

pub(super) fn issued(IssuedSession { id, token, .. }: &IssuedSession) -> Vec<String> {
    let id = plain(id);
    if token.is_empty() {
        return vec![format!("The session {id} has begun.")];
    }
    vec![
        token.clone(),
        format!("This is the only time that the token is shown: keep it now. The session's id is {id}."),
    ]
}

pub(super) fn rows(sessions: &[Session]) -> Vec<String> {
    table::rows(COLUMNS, sessions.iter().map(row))
}

pub(super) fn details(session: &Session) -> Vec<String> {
    let idle = session.idle.and_then(|idle| Duration::try_from(idle).ok());
    let idle = idle.map(|idle| humantime::format_duration(idle).to_string());
    let more =
        [("IDLE", optional(idle.as_deref())), ("ENDED", time(session.ended)), ("APIS", list(&session.apis))];
    table::details(COLUMNS.into_iter().zip(row(session)).chain(more))
}

pub(super) fn ended(Session { id, ended, .. }: &Session) -> Vec<String> {
    vec![format!("The session {} has ended at {}.", plain(id), time(*ended))]
}

pub(super) fn all_ended(user: &UserId, count: u64) -> Vec<String> {
    let user = plain(user.as_str());
    vec![match count {
        1 => format!("1 session of {user} was ended."),
        count => format!("{count} sessions of {user} were ended."),
    }]
}

pub(super) fn pruned(count: u64) -> Vec<String> {
    vec![match count {
        1 => "1 session was removed.".to_owned(),
        count => format!("{count} sessions were removed."),
    }]
}

fn row(session: &Session) -> [String; 8] {
    [
        plain(&session.id),
        plain(&session.user),
        list(session.organizations.iter().map(membership)),
        list(&session.scopes),
        session.status().code(),
        time(session.created),
        time(session.used),
        time(session.expires),
    ]
}

/// As it is written on the command line.
fn membership(Membership { organization, scopes }: &Membership) -> String {
    if scopes.is_empty() { organization.clone() } else { format!("{organization}={}", scopes.join(",")) }
}
