//! Answers for people: columns one below the other, and nothing that a terminal would act upon.

use crate::admin::json;

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

/// The moment to the second, if there is one.
pub(super) fn time(moment: Option<prost_types::Timestamp>) -> String {
    moment
        .and_then(json::moment)
        .map_or_else(|| NOTHING.to_owned(), |moment| moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// The text without anything that a terminal would act upon or show nothing of: control characters, those that change
/// the direction of what follows, and those that take no room, by which two ids could look alike.
pub(super) fn plain(text: &str) -> String {
    let is_hidden = |character: char| {
        character.is_control()
            || matches!(
                character,
                '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                    | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
                    | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
            )
    };
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_not_show_is_escaped() {
        for (text, shown) in [
            ("Ünïcode \u{1f511} 組織", "Ünïcode \u{1f511} 組織"),
            ("acme\u{200b}", "acme\\u{200b}"),
            ("\u{feff}acme", "\\u{feff}acme"),
            ("ac\u{ad}me", "ac\\u{ad}me"),
            ("\u{61c}acme", "\\u{61c}acme"),
            ("\u{202e}emca", "\\u{202e}emca"),
            ("acme\u{e0041}", "acme\\u{e0041}"),
            ("a\u{7}\n", "a\\u{7}\\u{a}"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }
}
