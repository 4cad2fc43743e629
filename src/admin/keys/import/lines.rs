//! The lines of an import, whatever its form: each becomes the text of one JSON object.

use std::io::{self, BufRead, Read};

use serde_json::{Map, Value};

use crate::admin::Problem;

/// The longest line, in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// In which form keys stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFormat {
    /// A JSON object in each line.
    JsonLines,
    /// Comma-separated values (RFC 4180), the names of the fields in the first line. What is a list in JSON stands with
    /// spaces between, and labels as `name=value`.
    Csv,
}

/// The lines, each with its number; without those that are empty.
pub(super) fn of<'r>(
    reader: impl BufRead + 'r,
    format: ImportFormat,
) -> Box<dyn Iterator<Item = io::Result<Numbered>> + 'r> {
    match format {
        ImportFormat::JsonLines => Box::new(JsonLines { reader, number: 0 }),
        ImportFormat::Csv => Box::new(rows(reader)),
    }
}

/// A line and its number, or what is wrong with it before it is read.
type Numbered = (usize, Result<Vec<u8>, Problem>);

struct JsonLines<R> {
    reader: R,
    number: usize,
}

impl<R: BufRead> Iterator for JsonLines<R> {
    type Item = io::Result<Numbered>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match next_line(&mut self.reader) {
                Ok(line) => line?,
                Err(error) => return Some(Err(error)),
            };
            self.number += 1;
            match line {
                Line::Whole(text) if text.trim_ascii().is_empty() => {}
                Line::Whole(text) => return Some(Ok((self.number, Ok(text.trim_ascii().to_vec())))),
                Line::TooLong => return Some(Ok((self.number, Err(too_long())))),
            }
        }
    }
}

fn too_long() -> Problem {
    Problem::new("line", format!("more than {LINE_BYTES_MAX} bytes"), "expected one JSON object for each key")
}

enum Line {
    Whole(Vec<u8>),
    TooLong,
}

/// Reads up to the next line feed, and keeps no more than a line may hold: of a longer one nothing.
fn next_line(reader: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut text = Vec::new();
    let limit = LINE_BYTES_MAX as u64 + 1;
    if reader.by_ref().take(limit).read_until(b'\n', &mut text)? == 0 {
        return Ok(None);
    }
    if text.last() == Some(&b'\n') || text.len() <= LINE_BYTES_MAX {
        return Ok(Some(Line::Whole(text)));
    }
    reader.skip_until(b'\n')?;
    Ok(Some(Line::TooLong))
}

/// The rows below the names of the fields.
fn rows(reader: impl BufRead) -> impl Iterator<Item = io::Result<Numbered>> {
    let mut names: Option<csv::StringRecord> = None;
    // A carriage return before the end of a line is space at its end: so lines are counted by their ends alone.
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .terminator(csv::Terminator::Any(b'\n'))
        .trim(csv::Trim::All)
        .from_reader(reader)
        .into_records();
    std::iter::from_fn(move || {
        loop {
            match rows.next()? {
                Ok(row) if row.iter().all(str::is_empty) => {}
                Ok(row) if names.is_none() => names = Some(without_mark(&row)),
                Ok(row) => {
                    let line = row.position().map_or(0, csv::Position::line);
                    let line = usize::try_from(line).unwrap_or(usize::MAX);
                    return Some(Ok((line, object(names.as_ref()?, &row))));
                }
                Err(error) => return Some(Err(io::Error::other(error.to_string()))),
            }
        }
    })
}

/// The names of the fields, without a byte-order mark before the first.
fn without_mark(row: &csv::StringRecord) -> csv::StringRecord {
    row.iter().map(|name| name.trim_start_matches('\u{feff}')).collect()
}

fn object(names: &csv::StringRecord, row: &csv::StringRecord) -> Result<Vec<u8>, Problem> {
    if row.len() != names.len() {
        let (found, expected) = (row.len(), names.len());
        return Err(Problem::new(
            "line",
            format!("{found} fields"),
            format!("expected {expected}, as in the first line"),
        ));
    }
    let mut members = Map::new();
    for (name, value) in names.iter().zip(row).filter(|(_, value)| !value.is_empty()) {
        let words = || value.split_ascii_whitespace();
        let value = match name {
            "apis" | "scopes" | "sources" => words().map(Value::from).collect(),
            "labels" => {
                let pair = |word: &str| match word.split_once('=') {
                    Some((name, value)) => (name.to_owned(), Value::from(value)),
                    None => (word.to_owned(), Value::from("")),
                };
                Value::Object(words().map(pair).collect())
            }
            _ => Value::from(value),
        };
        if members.insert(name.to_owned(), value).is_some() {
            return Err(Problem::new("line", "a field twice", "expected each field once in the first line"));
        }
    }
    Ok(Value::Object(members).to_string().into_bytes())
}
