//! Filters of the templates: times, headings, what is wrong with a field.

use minijinja::{Error, ErrorKind, Value};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::components::Column;

/// A time in milliseconds since 1970 as `<time datetime>` wants it.
pub fn iso_time(ms: i64) -> Result<String, Error> {
    format(ms, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
}

/// A time in milliseconds since 1970 for people: `25 Nov 2026, 19:00 UTC`. A line may break only behind the comma.
pub fn human_time(ms: i64) -> Result<String, Error> {
    let shape = format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute] UTC");
    Ok(format(ms, shape)?.replace(' ', "\u{a0}").replace(",\u{a0}", ", "))
}

/// Headings of a table that cannot be sorted, from their labels.
pub fn columns(labels: Vec<String>) -> Value {
    let columns: Vec<Column> = labels.iter().map(|label| Column::plain(label)).collect();
    Value::from(minijinja::value::Serde(columns))
}

/// What is wrong with one field of a form, from the errors of the form; empty if nothing is.
pub fn error_of(errors: Value, field: &str) -> Result<String, Error> {
    for error in errors.try_iter()? {
        if error.get_attr("field")?.as_str() == Some(field) {
            return Ok(error.get_attr("message")?.to_string());
        }
    }
    Ok(String::new())
}

fn format(ms: i64, shape: &[BorrowedFormatItem<'_>]) -> Result<String, Error> {
    let wrong = |why: String| Error::new(ErrorKind::InvalidOperation, why);
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .map_err(|e| wrong(e.to_string()))?;
    at.format(&shape).map_err(|e| wrong(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_name_their_zone() {
        assert_eq!(iso_time(1_795_633_219_000).unwrap(), "2026-11-25T19:00:19Z");
        assert_eq!(human_time(1_795_633_219_000).unwrap(), "25\u{a0}Nov\u{a0}2026, 19:00\u{a0}UTC");
        assert_eq!(human_time(0).unwrap(), "1\u{a0}Jan\u{a0}1970, 00:00\u{a0}UTC");
        assert!(human_time(i64::MAX).is_err());
    }
}
