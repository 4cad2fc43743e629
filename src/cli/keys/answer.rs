//! What `doorward keys` answers, for people and for programs.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;

use crate::admin::proto::Key;
use crate::domain::{Environment, KeyId, KeyRecord, PlainKey, PlanName, ProjectId, Timestamp};

use crate::cli::Output;

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
/// What stands where there is nothing.
const NOTHING: &str = "-";

pub(super) enum Answer {
    Issued {
        key: PlainKey,
        record: KeyRecord,
        /// When the key that it replaces ends.
        old_ends: Option<Timestamp>,
    },
    List(Vec<KeyRecord>),
    Key(KeyRecord),
    Revoked(KeyRecord),
    Imported(usize),
}

impl Answer {
    pub(super) fn write(&self, output: Output, now: Timestamp, out: &mut impl Write) -> io::Result<()> {
        match output {
            Output::Table => self.write_text(now, out),
            Output::Json => self.write_json(now, out),
        }
    }

    fn write_json(&self, now: Timestamp, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Issued { key, record, .. } => {
                let shown = Shown {
                    id: record.id.as_str(),
                    key: key.expose(),
                    record: Key::of(record, now),
                };
                pretty(&shown, out)
            }
            Self::List(records) => {
                let keys: Vec<Key> = records.iter().map(|record| Key::of(record, now)).collect();
                pretty(&json!({ "keys": keys }), out)
            }
            Self::Key(record) | Self::Revoked(record) => pretty(&Key::of(record, now), out),
            Self::Imported(count) => pretty(&json!({ "imported": count }), out),
        }
    }

    fn write_text(&self, now: Timestamp, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Issued {
                key,
                record,
                old_ends,
            } => {
                writeln!(out, "{}", key.expose())?;
                writeln!(
                    out,
                    "This is the only time that the key is shown: keep it now. Its id is {}.",
                    plain(record.id.as_str())
                )?;
                if let (Some(old), Some(end)) = (&record.rotated_from, old_ends) {
                    writeln!(out, "The old key {} ends at {}.", plain(old.as_str()), time(*end))?;
                }
                Ok(())
            }
            Self::List(records) => {
                let header = COLUMNS.map(str::to_owned);
                let rows = records.iter().map(|record| row(record, now));
                aligned(&std::iter::once(header).chain(rows).collect::<Vec<_>>(), out)
            }
            Self::Key(record) => aligned(&details(record, now), out),
            Self::Revoked(record) => writeln!(
                out,
                "The key {} is revoked since {}.",
                plain(record.id.as_str()),
                optional_time(record.revoked)
            ),
            Self::Imported(1) => writeln!(out, "1 key was imported."),
            Self::Imported(count) => writeln!(out, "{count} keys were imported."),
        }
    }
}

/// A new key in JSON. It borrows the key, so that no second copy of it stays in memory.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    key: &'a str,
    record: Key,
}

fn pretty(answer: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, answer)?;
    writeln!(out)
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

fn details(record: &KeyRecord, now: Timestamp) -> Vec<[String; 2]> {
    let more = [
        ("REVOKED", optional_time(record.revoked)),
        ("APIS", list(&record.apis)),
        ("SOURCES", list(&record.sources)),
        (
            "ROTATED FROM",
            optional(record.rotated_from.as_ref().map(KeyId::as_str)),
        ),
    ];
    COLUMNS
        .into_iter()
        .zip(row(record, now))
        .chain(more)
        .map(|(name, value)| [name.to_owned(), value])
        .collect()
}

fn list<T: ToString>(elements: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = elements.into_iter().map(|element| element.to_string()).collect();
    optional(Some(texts.join(" ").as_str()))
}

fn optional(text: Option<&str>) -> String {
    plain(text.filter(|text| !text.is_empty()).unwrap_or(NOTHING))
}

fn optional_time(moment: Option<Timestamp>) -> String {
    moment.map_or_else(|| NOTHING.to_owned(), time)
}

/// The moment to the second.
fn time(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The text without anything that a terminal would act upon: control characters, and those that change the
/// direction of what follows.
fn plain(text: &str) -> String {
    let acted_upon = |character: char| {
        character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if acted_upon(character) {
            plain.extend(character.escape_unicode());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Writes rows with their columns one below the other, two spaces apart.
fn aligned<const N: usize>(rows: &[[String; N]], out: &mut impl Write) -> io::Result<()> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
