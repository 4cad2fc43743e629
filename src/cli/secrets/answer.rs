//! What `doorward secrets` answers, for people and for programs.

use serde_json::json;

use crate::{
    admin::{IssuedSecret, Resealed, RevealedSecret, proto::Secret},
    cli::{
        Failure, Output,
        table::{self, optional, optional_time, plain, time},
        to_json,
    },
    domain::{PlainSecret, SecretId, SecretRecord, Timestamp},
};

const COLUMNS: [&str; 8] =
    ["ID", "API", "PROJECT", "ORGANIZATION", "SEALING KEY", "STATUS", "CREATED", "EXPIRES"];

pub(super) enum Answer {
    Issued {
        issued: IssuedSecret,
        /// When the secret that it replaces ends.
        old_ends: Option<Timestamp>,
    },
    TakenOver(SecretRecord),
    List(Vec<SecretRecord>),
    Secret(SecretRecord),
    Revoked(SecretRecord),
    Revealed(RevealedSecret),
    Resealed(Resealed),
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
            Self::Issued { issued: IssuedSecret { secret, record }, .. } => to_json(&json!({
                "id": record.id.as_str(),
                "secret": secret.as_ref().map(PlainSecret::expose),
                "record": Secret::of(record, now),
            })),
            Self::Revealed(RevealedSecret { secret, record }) => to_json(&json!({
                "id": record.id.as_str(),
                "secret": secret.expose(),
                "record": Secret::of(record, now),
            })),
            Self::List(records) => {
                let secrets: Vec<Secret> = records.iter().map(|record| Secret::of(record, now)).collect();
                to_json(&json!({ "secrets": secrets }))
            }
            Self::TakenOver(record) | Self::Secret(record) | Self::Revoked(record) => {
                to_json(&Secret::of(record, now))
            }
            Self::Resealed(Resealed { key, count, left }) => {
                let left =
                    left.iter().map(|(id, error)| json!({ "id": id.as_str(), "error": error.to_string() }));
                let left: Vec<_> = left.collect();
                to_json(&json!({ "sealing_key": key.as_str(), "resealed": count, "left": left }))
            }
        }
    }

    fn lines(&self, now: Timestamp) -> Vec<String> {
        match self {
            Self::Issued { issued: IssuedSecret { secret, record }, old_ends } => {
                let id = plain(record.id.as_str());
                let mut lines = vec![
                    optional(secret.as_ref().map(PlainSecret::expose)),
                    format!("Its id is {id}. `doorward secrets reveal {id}` shows it again."),
                ];
                if let (Some(old), Some(end)) = (&record.rotated_from, old_ends) {
                    let (old, end) = (plain(old.as_str()), time(*end));
                    lines.push(format!("The old secret {old} ends at {end}."));
                }
                lines
            }
            Self::TakenOver(record) => {
                vec![format!("The secret was taken over. Its id is {}.", plain(record.id.as_str()))]
            }
            Self::List(records) => table::rows(COLUMNS, records.iter().map(|record| row(record, now))),
            Self::Secret(record) => {
                let more = [
                    ("REVOKED", optional_time(record.revoked)),
                    ("ROTATED FROM", optional(record.rotated_from.as_ref().map(SecretId::as_str))),
                ];
                table::details(COLUMNS.into_iter().zip(row(record, now)).chain(more))
            }
            Self::Revoked(record) => {
                let (id, since) = (plain(record.id.as_str()), optional_time(record.revoked));
                vec![format!("The secret {id} is revoked since {since}.")]
            }
            Self::Revealed(RevealedSecret { secret, .. }) => vec![secret.expose().to_owned()],
            Self::Resealed(resealed) => resealed_lines(resealed),
        }
    }
}

fn row(record: &SecretRecord, now: Timestamp) -> [String; 8] {
    [
        plain(record.id.as_str()),
        record.api.to_string(),
        plain(record.project.as_str()),
        plain(record.organization.as_str()),
        record.sealed.key.to_string(),
        record.status(now).code().to_owned(),
        time(record.created),
        optional_time(record.expires),
    ]
}

fn resealed_lines(Resealed { key, count, left }: &Resealed) -> Vec<String> {
    let done = match count {
        1 => format!("1 secret was sealed under {key}."),
        count => format!("{count} secrets were sealed under {key}."),
    };
    let mut lines = vec![done];
    if left.is_empty() {
        lines.push("None is sealed under another key.".to_owned());
    }
    let stays = |(id, error): &(SecretId, _)| format!("{} stays as it was: {error}.", plain(id.as_str()));
    lines.extend(left.iter().map(stays));
    lines
}
