//! Tables of decisions, as golden files hold them.

use serde_json::Value;

/// What Envoy logged of a request: the status, and whom or what Doorward found.
pub(crate) fn decision(line: &Value) -> String {
    let shown = ["reason", "principal_kind"].into_iter().find_map(|member| line[member].as_str());
    format!("{} {}", line["status"], shown.unwrap_or_else(|| line["details"].as_str().unwrap_or("?")))
}

/// A table with these names before the rows and above the columns.
pub(crate) fn render(corner: &str, rows: &[&str], columns: &[String], cells: &[Vec<String>]) -> String {
    let mut lines: Vec<Vec<String>> = vec![vec![corner.to_owned()]];
    lines[0].extend(columns.iter().cloned());
    for (name, row) in rows.iter().zip(cells) {
        let mut line = vec![(*name).to_owned()];
        line.extend(row.iter().cloned());
        lines.push(line);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..=columns.len()).map(width).collect();
    let padded = |line: &Vec<String>| {
        let fields: Vec<String> =
            line.iter().zip(&widths).map(|(field, width)| format!("{field:width$}")).collect();
        fields.join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(padded).collect()
}
