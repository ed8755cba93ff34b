//! View models of the components in `templates/macros.html`.

use serde::Serialize;

/// The sizes of a page that lists offer.
pub const PAGE_SIZES: [u32; 4] = [10, 25, 50, 100];

/// Most numbers that a pager shows side by side, without first and last.
const NUMBERS: u32 = 5;

/// A column of a table.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Column {
    /// Its heading.
    pub label: String,
    /// The list sorted by it the other way; none = it cannot be sorted by.
    pub href: Option<String>,
    /// `ascending` or `descending` if the list is sorted by it.
    pub sort: Option<&'static str>,
    /// Whether it holds numbers.
    pub numeric: bool,
}

impl Column {
    /// A column that cannot be sorted by.
    pub fn plain(label: &str) -> Self {
        Self { label: label.to_owned(), ..Self::default() }
    }

    /// A column that the list can be sorted by. `sorted` says whether it is, and whether descending; `href`
    /// makes the address of the list sorted by it, descending or not.
    pub fn sortable(label: &str, sorted: Option<bool>, href: impl Fn(bool) -> String) -> Self {
        let sort = sorted.map(|descending| if descending { "descending" } else { "ascending" });
        let other = sorted.is_some_and(|descending| !descending);
        Self { label: label.to_owned(), href: Some(href(other)), sort, numeric: false }
    }
}

/// A page's number, or the gap between two.
#[derive(Clone, Debug, Serialize)]
pub struct PageLink {
    /// What it says.
    pub label: String,
    /// Where it leads; none = a gap.
    pub href: Option<String>,
    /// Whether it is the present one.
    pub current: bool,
}

/// The way through a list.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Pager {
    /// What is shown: `11-20 of 1,234`.
    pub summary: String,
    /// The first page; none on it.
    pub first: Option<String>,
    /// The page before.
    pub previous: Option<String>,
    /// Numbered pages; none where pages go by cursor.
    pub numbers: Vec<PageLink>,
    /// The page after.
    pub next: Option<String>,
    /// Other sizes of a page.
    pub sizes: Vec<PageLink>,
}

impl Pager {
    /// A pager with numbers. `href` makes the address of a page (from 1) at a size.
    pub fn numbered(page: u32, size: u32, total: u64, href: impl Fn(u32, u32) -> String) -> Self {
        let size = size.max(1);
        let pages = u32::try_from(total.div_ceil(u64::from(size))).unwrap_or(u32::MAX).max(1);
        let page = page.clamp(1, pages);
        let from = u64::from(page - 1) * u64::from(size);
        let to = (from + u64::from(size)).min(total);
        let summary = match total {
            0 => "Nothing to show".to_owned(),
            _ => format!("{}-{} of {}", grouped(from + 1), grouped(to), grouped(total)),
        };
        let number =
            |n: u32| PageLink { label: grouped(n.into()), href: Some(href(n, size)), current: n == page };
        Self {
            summary,
            first: None,
            previous: (page > 1).then(|| href(page - 1, size)),
            numbers: shown(page, pages)
                .into_iter()
                .map(|n| {
                    n.map_or_else(|| PageLink { label: "…".to_owned(), href: None, current: false }, number)
                })
                .collect(),
            next: (page < pages).then(|| href(page + 1, size)),
            sizes: sizes(size, |size| href(1, size)),
        }
    }

    /// A pager by cursors: where to go is known, how far is not.
    pub fn cursors(
        summary: String,
        first: Option<String>,
        previous: Option<String>,
        next: Option<String>,
        size: u32,
        href: impl Fn(u32) -> String,
    ) -> Self {
        Self { summary, first, previous, numbers: Vec::new(), next, sizes: sizes(size, href) }
    }
}

fn sizes(current: u32, href: impl Fn(u32) -> String) -> Vec<PageLink> {
    PAGE_SIZES
        .into_iter()
        .map(|size| PageLink { label: size.to_string(), href: Some(href(size)), current: size == current })
        .collect()
}

/// First, last and the neighbours of the present page; none stands for a gap.
fn shown(page: u32, pages: u32) -> Vec<Option<u32>> {
    let half = NUMBERS / 2;
    let start = page.saturating_sub(half).max(1).min(pages.saturating_sub(NUMBERS - 1).max(1));
    let end = start.saturating_add(NUMBERS - 1).min(pages);
    let mut found = Vec::new();
    if start > 1 {
        found.push(Some(1));
    }
    match start {
        0..=2 => {}
        3 => found.push(Some(2)),
        _ => found.push(None),
    }
    found.extend((start..=end).map(Some));
    match pages - end {
        0 | 1 => {}
        2 => found.push(Some(pages - 1)),
        _ => found.push(None),
    }
    if end < pages {
        found.push(Some(pages));
    }
    found
}

/// A number with commas: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(page: u32, pages: u32) -> String {
        let words: Vec<String> =
            shown(page, pages).iter().map(|n| n.map_or_else(|| "-".to_owned(), |n| n.to_string())).collect();
        words.join(" ")
    }

    #[test]
    fn a_pager_shows_the_ends_and_the_neighbours() {
        assert_eq!(line(1, 1), "1");
        assert_eq!(line(3, 5), "1 2 3 4 5");
        assert_eq!(line(1, 9), "1 2 3 4 5 - 9");
        assert_eq!(line(5, 9), "1 2 3 4 5 6 7 8 9");
        assert_eq!(line(9, 20), "1 - 7 8 9 10 11 - 20");
        assert_eq!(line(20, 20), "1 - 16 17 18 19 20");
    }

    #[test]
    fn a_pager_stays_within_the_list() {
        let href = |page, size| format!("?page={page}&size={size}");
        let pager = Pager::numbered(99, 10, 1_234, href);
        assert_eq!(pager.summary, "981-990 of 1,234");
        let last = Pager::numbered(999, 10, 1_234, href);
        assert_eq!((last.summary.as_str(), last.next), ("1,231-1,234 of 1,234", None));
        let empty = Pager::numbered(1, 10, 0, href);
        assert!(empty.summary == "Nothing to show" && empty.previous.is_none() && empty.next.is_none());
        assert_eq!(empty.sizes.iter().filter(|size| size.current).count(), 1);
    }

    #[test]
    fn a_sorted_column_leads_to_the_other_direction() {
        let href = |descending| format!("?desc={descending}");
        assert_eq!(Column::sortable("Name", None, href).href.as_deref(), Some("?desc=false"));
        let column = Column::sortable("Name", Some(false), href);
        assert_eq!((column.href.as_deref(), column.sort), (Some("?desc=true"), Some("ascending")));
        assert_eq!(Column::sortable("Name", Some(true), href).href.as_deref(), Some("?desc=false"));
    }
}
