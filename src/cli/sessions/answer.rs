//! What `doorward sessions` answers, for people and for programs.

use serde_json::json;

use crate::{
    admin::{IssuedSession, proto::Session},
    cli::{
        Failure, Output,
        table::{self, list, optional, optional_time, plain, time},
        to_json,
    },
    domain::{Membership, Scope, SessionRecord, Timestamp, UserId},
};

const COLUMNS: [&str; 8] = ["ID", "USER", "ORGANIZATIONS", "SCOPES", "STATUS", "CREATED", "USED", "EXPIRES"];

pub(super) enum Answer {
    Issued(IssuedSession),
    List(Vec<SessionRecord>),
    Session(SessionRecord),
    Ended(SessionRecord),
    AllEnded { user: UserId, count: usize },
    Pruned(u64),
}

impl Answer {
    /// The answer as it is printed.
    ///
    /// # Errors
    ///
    /// It cannot be written as JSON: a mistake of ours.
    pub(super) fn render(&self, output: Output, now: Timestamp) -> Result<String, Failure> {
        match output {
            Output::Table => Ok(self.lines(now).join("\n")),
            Output::Json => self.json(now),
        }
    }

    fn json(&self, now: Timestamp) -> Result<String, Failure> {
        match self {
            Self::Issued(IssuedSession { token: Some(token), record, .. }) => to_json(&json!({
                "id": record.id.as_str(),
                "token": token.expose(),
                "record": Session::of(record, now),
            })),
            Self::Issued(IssuedSession { token: None, record, .. }) => to_json(&json!({
                "id": record.id.as_str(),
                "record": Session::of(record, now),
            })),
            Self::List(records) => {
                let sessions: Vec<Session> = records.iter().map(|record| Session::of(record, now)).collect();
                to_json(&json!({ "sessions": sessions }))
            }
            Self::Session(record) | Self::Ended(record) => to_json(&Session::of(record, now)),
            Self::AllEnded { count, .. } => to_json(&json!({ "ended": count })),
            Self::Pruned(count) => to_json(&json!({ "removed": count })),
        }
    }

    fn lines(&self, now: Timestamp) -> Vec<String> {
        match self {
            Self::Issued(IssuedSession { token: Some(token), record, .. }) => {
                let id = plain(record.id.as_str());
                vec![
                    token.expose().to_owned(),
                    format!(
                        "This is the only time that the token is shown: keep it now. The session's id is {id}."
                    ),
                ]
            }
            Self::Issued(IssuedSession { token: None, record, .. }) => {
                vec![format!("The session {} has begun.", plain(record.id.as_str()))]
            }
            Self::List(records) => table::rows(COLUMNS, records.iter().map(|record| row(record, now))),
            Self::Session(record) => details(record, now),
            Self::Ended(record) => {
                let (id, since) = (plain(record.id.as_str()), optional_time(record.ended));
                vec![format!("The session {id} has ended at {since}.")]
            }
            Self::AllEnded { user, count: 1 } => {
                vec![format!("1 session of {} was ended.", plain(user.as_str()))]
            }
            Self::AllEnded { user, count } => {
                vec![format!("{count} sessions of {} were ended.", plain(user.as_str()))]
            }
            Self::Pruned(1) => vec!["1 session was removed.".to_owned()],
            Self::Pruned(count) => vec![format!("{count} sessions were removed.")],
        }
    }
}

fn row(record: &SessionRecord, now: Timestamp) -> [String; 8] {
    [
        plain(record.id.as_str()),
        plain(record.user.as_str()),
        list(record.memberships.iter().map(membership)),
        list(&record.scopes),
        record.status(now).code().to_owned(),
        time(record.created),
        optional_time(record.idle.map(|_| record.used)),
        time(record.expires),
    ]
}

/// As it is written on the command line.
fn membership(membership: &Membership) -> String {
    let scopes: Vec<&str> = membership.scopes.iter().map(Scope::as_str).collect();
    let organization = membership.organization.as_str();
    if scopes.is_empty() { organization.to_owned() } else { format!("{organization}={}", scopes.join(",")) }
}

fn details(record: &SessionRecord, now: Timestamp) -> Vec<String> {
    let idle = record.idle.map(|idle| humantime::format_duration(idle).to_string());
    let more = [
        ("IDLE", optional(idle.as_deref())),
        ("ENDED", optional_time(record.ended)),
        ("APIS", list(&record.apis)),
    ];
    table::details(COLUMNS.into_iter().zip(row(record, now)).chain(more))
}
