//! Answers for people: columns one below the other, and nothing that a terminal would act upon.

use crate::domain::Timestamp;

/// What stands where there is nothing.
const NOTHING: &str = "-";

/// A table: the names of the columns, then the rows.
pub(super) fn rows<const N: usize>(
    columns: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> Vec<String> {
    let header = columns.map(str::to_owned);
    aligned(&std::iter::once(header).chain(rows).collect::<Vec<_>>())
}

/// Names and values, each in a line.
pub(super) fn details<'n>(values: impl IntoIterator<Item = (&'n str, String)>) -> Vec<String> {
    let lines: Vec<[String; 2]> = values.into_iter().map(|(name, value)| [name.to_owned(), value]).collect();
    aligned(&lines)
}

/// The elements in a row.
pub(super) fn list<T: ToString>(elements: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = elements.into_iter().map(|element| element.to_string()).collect();
    optional(Some(texts.join(" ").as_str()))
}

/// The text, if there is one.
pub(super) fn optional(text: Option<&str>) -> String {
    plain(text.filter(|text| !text.is_empty()).unwrap_or(NOTHING))
}

/// The moment, if there is one.
pub(super) fn optional_time(moment: Option<Timestamp>) -> String {
    moment.map_or_else(|| NOTHING.to_owned(), time)
}

/// The moment to the second.
pub(super) fn time(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The text without anything that a terminal would act upon: control characters, and those that change the
/// direction of what follows.
pub(super) fn plain(text: &str) -> String {
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

/// Rows with their columns one below the other, two spaces apart.
fn aligned<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; N]| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
