//! Pages of lists: what part, in which order, matching which words.

use diesel::define_sql_function;
use diesel::sql_types::{Nullable, Text};

define_sql_function! {
    /// Lower case, as far as the database knows it.
    fn lower(text: Nullable<Text>) -> Nullable<Text>;
}

/// Part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub page: u32,
    /// Rows of a page.
    pub size: u32,
}

impl Page {
    /// The first page with so many rows.
    pub fn first(size: u32) -> Self {
        Self { page: 1, size }
    }

    pub(super) fn limit(self) -> i64 {
        i64::from(self.size)
    }

    pub(super) fn offset(self) -> i64 {
        i64::from(self.page.saturating_sub(1)) * i64::from(self.size)
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::first(25)
    }
}

/// A page of rows, and how many there are on all pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The rows of the page.
    pub rows: Vec<T>,
    /// Rows on all pages.
    pub total: i64,
}

/// An order of a list. Rows that are equal in it follow their identifier, so pages never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort<F> {
    /// The column.
    pub by: F,
    /// Largest first.
    pub descending: bool,
}

impl<F> Sort<F> {
    /// Reads `field`, `field:asc` or `field:desc`; nothing if the field is not one of the list's.
    pub(super) fn read(text: &str, field: impl Fn(&str) -> Option<F>) -> Option<Self> {
        let (name, descending) = match text.split_once(':') {
            None => (text, false),
            Some((name, "asc")) => (name, false),
            Some((name, "desc")) => (name, true),
            Some(_) => return None,
        };
        field(name).map(|by| Self { by, descending })
    }
}

/// A pattern for `LIKE … ESCAPE '\'` that finds the words anywhere. NUL is in no row, and
/// PostgreSQL takes none.
pub(super) fn containing(words: &str) -> String {
    let mut pattern = String::with_capacity(words.len() + 2);
    pattern.push('%');
    for c in words.chars().filter(|c| *c != '\0') {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Orders a boxed query by one column in either direction.
macro_rules! ordered {
    ($query:expr, $descending:expr, $column:expr) => {
        if $descending { $query.order($column.desc()) } else { $query.order($column.asc()) }
    };
}
pub(super) use ordered;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_letters() {
        assert_eq!(containing(r"50%_\ off"), r"%50\%\_\\ off%");
        assert_eq!(containing("a\0b"), "%ab%");
    }

    #[test]
    fn pages_start_at_one() {
        assert_eq!(Page { page: 3, size: 10 }.offset(), 20);
        assert_eq!(Page { page: 0, size: 10 }.offset(), 0);
        assert_eq!(Page { page: u32::MAX, size: u32::MAX }.limit(), i64::from(u32::MAX));
    }
}
