//! What `doorward keys` answers, for people and for programs.

use serde_json::json;

use crate::{
    admin::proto::Key,
    cli::{
        Failure, Output,
        table::{self, list, optional, optional_time, plain, time},
        to_json,
    },
    domain::{Environment, KeyId, KeyRecord, PlainKey, PlanName, ProjectId, Timestamp},
};

const COLUMNS: [&str; 12] = [
    "HINT",
    "ID",
    "NAME",
    "KIND",
    "ENVIRONMENT",
    "ORGANIZATION",
    "PROJECT",
    "SCOPES",
    "PLAN",
    "STATUS",
    "CREATED",
    "EXPIRES",
];

pub(super) enum Answer {
    Issued {
        key: Option<PlainKey>,
        record: KeyRecord,
        /// When the key that it replaces ends.
        old_ends: Option<Timestamp>,
    },
    List(Vec<KeyRecord>),
    Key(KeyRecord),
    Revoked(KeyRecord),
    Imported(usize),
    /// So many would be imported.
    Importable(usize),
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
            Self::Issued { key, record, .. } => to_json(&json!({
                "id": record.id.as_str(),
                "key": key.as_ref().map(PlainKey::expose),
                "record": Key::of(record, now),
            })),
            Self::List(records) => {
                let keys: Vec<Key> = records.iter().map(|record| Key::of(record, now)).collect();
                to_json(&json!({ "keys": keys }))
            }
            Self::Key(record) | Self::Revoked(record) => to_json(&Key::of(record, now)),
            Self::Imported(count) => to_json(&json!({ "imported": count })),
            Self::Importable(count) => to_json(&json!({ "importable": count })),
        }
    }

    fn lines(&self, now: Timestamp) -> Vec<String> {
        match self {
            Self::Issued { key, record, old_ends } => {
                let id = plain(record.id.as_str());
                let mut lines = vec![
                    optional(key.as_ref().map(PlainKey::expose)),
                    format!("This is the only time that the key is shown: keep it now. Its id is {id}."),
                ];
                if let (Some(old), Some(end)) = (&record.rotated_from, old_ends) {
                    let (old, end) = (plain(old.as_str()), time(*end));
                    lines.push(format!("The old key {old} ends at {end}."));
                }
                lines
            }
            Self::List(records) => table::rows(COLUMNS, records.iter().map(|record| row(record, now))),
            Self::Key(record) => details(record, now),
            Self::Revoked(record) => {
                let (id, since) = (plain(record.id.as_str()), optional_time(record.revoked));
                vec![format!("The key {id} is revoked since {since}.")]
            }
            Self::Importable(1) => vec!["1 key would be imported.".to_owned()],
            Self::Importable(count) => vec![format!("{count} keys would be imported.")],
            Self::Imported(1) => vec!["1 key was imported.".to_owned()],
            Self::Imported(count) => vec![format!("{count} keys were imported.")],
        }
    }
}

fn row(record: &KeyRecord, now: Timestamp) -> [String; 12] {
    [
        plain(record.hint.as_str()),
        plain(record.id.as_str()),
        plain(&record.name),
        record.kind.to_string(),
        optional(record.environment.as_ref().map(Environment::as_str)),
        plain(record.organization.as_str()),
        optional(record.project.as_ref().map(ProjectId::as_str)),
        list(&record.scopes),
        optional(record.plan.as_ref().map(PlanName::as_str)),
        record.status(now).code().to_owned(),
        time(record.created),
        optional_time(record.expires),
    ]
}

fn details(record: &KeyRecord, now: Timestamp) -> Vec<String> {
    let more = [
        ("REVOKED", optional_time(record.revoked)),
        ("APIS", list(&record.apis)),
        ("SOURCES", list(&record.sources)),
        ("ROTATED FROM", optional(record.rotated_from.as_ref().map(KeyId::as_str))),
    ];
    table::details(COLUMNS.into_iter().zip(row(record, now)).chain(more))
}
