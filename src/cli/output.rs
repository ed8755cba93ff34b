//! Tables for people, JSON for programs.

use clap::ValueEnum;
use serde_json::Value;

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns.
    #[default]
    Table,
    /// JSON.
    Json,
}

/// Prints rows: the named members of objects, as columns or as a JSON array.
pub fn rows(format: Format, columns: &[&str], rows: &[Value]) {
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(rows).unwrap_or_default());
        return;
    }
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|column| text(&row[*column])).collect()).collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0).max(column.len())
        })
        .collect();
    let heads: Vec<String> = columns.iter().map(|column| column.to_uppercase()).collect();
    for row in std::iter::once(&heads).chain(&cells) {
        let line: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        println!("{}", line.join("  ").trim_end());
    }
}

/// Prints one thing: a member a line, or a JSON object.
pub fn item(format: Format, members: &[(&str, Value)]) {
    if format == Format::Json {
        let object: serde_json::Map<String, Value> =
            members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        println!("{}", serde_json::to_string_pretty(&object).unwrap_or_default());
        return;
    }
    let width = members.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        println!("{name:<width$}  {}", text(value));
    }
}

/// A time in milliseconds since the Unix epoch, as RFC 3339 has it (UTC, to the second).
pub fn moment(ms: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000));
    let told = at.ok().and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok());
    told.unwrap_or_else(|| ms.to_string())
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
