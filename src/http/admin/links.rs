//! Addresses of lists: everything that a list shows is in its query, so every link is a real one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::Request;

use crate::oauth::reject::Reject;
use crate::pages::components::{Column, Pager, grouped};
use crate::store::{Counted, Page, Position, Scanned, Sort, Stretch};

/// Parameters that say where in a list one is: gone as soon as the list is another.
const PLACE: [&str; 4] = ["page", "after", "before", "done"];

/// The query of a list, to make the queries of its links from.
pub struct Links {
    path: String,
    pairs: Vec<(String, String)>,
}

impl Links {
    /// Reads the query; empty values count as absent.
    pub fn of(request: &Request) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .filter(|(name, value)| !value.is_empty() && name != "done")
            .collect();
        Self { path: request.uri().path().to_owned(), pairs }
    }

    /// The same list with a parameter changed, from its beginning.
    pub fn with(&self, changes: &[(&str, &str)]) -> String {
        let changed = |name: &str| changes.iter().any(|(other, _)| *other == name) || PLACE.contains(&name);
        let kept = self.pairs.iter().filter(|(name, _)| !changed(name));
        let kept = kept.map(|(name, value)| (name.as_str(), value.as_str()));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept.chain(changes.iter().copied().filter(|(_, value)| !value.is_empty())));
        match query.finish() {
            query if query.is_empty() => self.path.clone(),
            query => format!("{}?{query}", self.path),
        }
    }

    /// This very page, for forms that come back to it.
    pub fn here(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.pairs.iter());
        match query.finish() {
            query if query.is_empty() => self.path.clone(),
            query => format!("{}?{query}", self.path),
        }
    }

    /// The same query on another path.
    pub fn on(&self, path: &str, changes: &[(&str, &str)]) -> String {
        Self { path: path.to_owned(), pairs: self.pairs.clone() }.with(changes)
    }

    /// A column that the list can be sorted by.
    pub fn column<F: PartialEq + Copy>(&self, label: &str, name: &str, by: F, sort: Sort<F>) -> Column {
        let sorted = (sort.by == by).then_some(sort.descending);
        Column::sortable(label, sorted, |descending| self.sorted(name, descending))
    }

    /// The same list sorted by a column.
    pub fn sorted(&self, name: &str, descending: bool) -> String {
        self.with(&[("sort", &format!("{name}:{}", if descending { "desc" } else { "asc" }))])
    }

    /// A pager with numbers.
    pub fn numbered(&self, page: Page, total: i64) -> Pager {
        let total = u64::try_from(total).unwrap_or(0);
        Pager::numbered(page.page, page.size, total, |page, size| {
            self.with(&[("page", &page.to_string()), ("pageSize", &size.to_string())])
        })
    }

    /// A pager by positions. `order` names the list's order, so that a position of another is refused.
    pub fn positions<T>(&self, order: &str, part: &Scanned<T>, counted: Counted, size: u32) -> Pager {
        let to = |name: &str, position: &Option<Position>| {
            position.as_ref().map(|position| self.with(&[(name, &written(order, position))]))
        };
        let first = part.before.is_some().then(|| self.with(&[]));
        let summary = match (part.rows.is_empty(), counted.found) {
            (true, 0) if !counted.or_more => "Nothing to show".to_owned(),
            (_, found) => {
                let more = if counted.or_more { "+" } else { "" };
                format!("{} shown of {}{more}", part.rows.len(), grouped(found.unsigned_abs()))
            }
        };
        let (before, after) = (to("before", &part.before), to("after", &part.after));
        Pager::cursors(summary, first, before, after, size, |size| {
            self.with(&[("pageSize", &size.to_string())])
        })
    }
}

/// What part of a list a query asks for: `after` or `before` a position.
///
/// # Errors
/// [`Reject::Field`] for a position that is none, or one of another order (attack row AA8).
pub fn stretch(
    order: &str,
    after: Option<String>,
    before: Option<String>,
    size: u32,
) -> Result<Stretch, Reject> {
    let (text, back, name) = match (after, before) {
        (None, None) => return Ok(Stretch::first(size)),
        (Some(_), Some(_)) => return Err(Reject::Field("after", "and before exclude each other".to_owned())),
        (Some(text), None) => (text, false, "after"),
        (None, Some(text)) => (text, true, "before"),
    };
    let from = read(order, &text)
        .ok_or_else(|| Reject::Field(name, "is a position that this list has given".to_owned()))?;
    Ok(Stretch { from: Some(from), back, size })
}

/// A position as a link carries it.
pub fn written(order: &str, position: &Position) -> String {
    let id = position.id.as_deref().map_or_else(String::new, |id| format!("~{id}"));
    URL_SAFE_NO_PAD.encode(format!("{order}~{}{id}", position.at))
}

fn read(order: &str, text: &str) -> Option<Position> {
    if text.len() > 400 {
        return None;
    }
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let rest = text.strip_prefix(order)?.strip_prefix('~')?;
    let (at, id) = match rest.split_once('~') {
        Some((at, id)) => (at, Some(id.to_owned())),
        None => (rest, None),
    };
    let fits = id.as_ref().is_none_or(|id| id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic()));
    let at: i64 = at.parse().ok()?;
    // Beyond the years that have four digits lies nothing.
    (fits && (0..253_402_300_800_000).contains(&at)).then_some(Position { at, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(uri: &str) -> Links {
        Links::of(&Request::builder().uri_str(uri).finish())
    }

    #[test]
    fn a_link_keeps_the_filter_and_leaves_the_place() {
        let links = links("/admin/clients?search=a%26b&page=3&sort=&done=saved");
        assert_eq!(links.with(&[("active", "true")]), "/admin/clients?search=a%26b&active=true");
        assert_eq!(links.with(&[("search", "")]), "/admin/clients");
        assert_eq!(links.here(), "/admin/clients?search=a%26b&page=3");
        assert_eq!(links.sorted("name", true), "/admin/clients?search=a%26b&sort=name%3Adesc");
    }

    #[test]
    fn aa08_a_position_is_good_for_its_own_order_only() {
        let position = Position { at: 5, id: Some("t1".to_owned()) };
        let text = written("createdAt:desc", &position);
        assert_eq!(read("createdAt:desc", &text), Some(position));
        assert_eq!(read("createdAt:asc", &text), None);
        for bad in ["", "x", "!!!", &URL_SAFE_NO_PAD.encode("createdAt:desc~-1"), &"A".repeat(500)] {
            assert!(stretch("createdAt:desc", Some((*bad).to_owned()), None, 10).is_err(), "{bad}");
        }
        let both = stretch("createdAt:desc", Some(text.clone()), Some(text), 10);
        assert!(both.is_err());
    }
}
