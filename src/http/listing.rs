//! Lists: pages, sorting and filters of a query, and the envelope that answers.

use poem::Request;
use poem_openapi::Object;
use poem_openapi::types::{ParseFromJSON, ToJSON, Type};

use super::pairs::Pairs;
use crate::oauth::reject::Reject;
use crate::store::Page;

/// Rows of a page that nobody sized.
const DEFAULT_SIZE: u32 = 25;
/// Most rows of a page.
const LARGEST: u32 = 100;

/// A list of the management API.
#[derive(Clone, Debug, Object)]
pub struct ListBody<T: Type + ParseFromJSON + ToJSON + Send + Sync> {
    /// The rows of this page.
    pub data: Vec<T>,
    /// Where this page stands.
    pub meta: ListMeta,
}

/// Beside the rows of a list.
#[derive(Clone, Debug, Object)]
pub struct ListMeta {
    /// Where this page stands.
    pub pagination: Pagination,
}

/// Where a page stands.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct Pagination {
    /// This page, from 1.
    pub page: i64,
    /// Rows of a page.
    pub page_size: i64,
    /// How many pages there are.
    pub page_count: i64,
    /// How many rows there are.
    pub total: i64,
}

/// One thing of the management API.
#[derive(Clone, Debug, Object)]
pub struct ItemBody<T: Type + ParseFromJSON + ToJSON + Send + Sync> {
    /// The thing.
    pub data: T,
}

/// A list's query: every parameter once, nothing out of bounds (attack row W5).
pub struct ListQuery {
    pairs: Pairs,
}

impl ListQuery {
    /// Reads the query.
    ///
    /// # Errors
    /// [`Reject::Malformed`] or [`Reject::Repeated`].
    pub fn of(request: &Request) -> Result<Self, Reject> {
        let pairs = Pairs::from_query(request)?;
        pairs.once()?;
        Ok(Self { pairs })
    }

    /// A parameter by any of its names.
    pub fn take(&mut self, names: &[&str]) -> Option<String> {
        let mut found = None;
        for name in names {
            found = found.or_else(|| self.pairs.take(name));
        }
        found
    }

    /// The page: `page` and `pageSize`, or the plugin's `pagination[page]` and `pagination[pageSize]`.
    ///
    /// # Errors
    /// [`Reject::Field`] for what is no page.
    pub fn page(&mut self) -> Result<Page, Reject> {
        let page = number(self.take(&["page", "pagination[page]"]), 1)?;
        let size = number(self.take(&["pageSize", "pagination[pageSize]"]), DEFAULT_SIZE)?;
        if !(1..=1_000_000).contains(&page) {
            return Err(Reject::Field("page", "is a number from 1".to_owned()));
        }
        if !(1..=LARGEST).contains(&size) {
            return Err(Reject::Field("pageSize", format!("is a number from 1 to {LARGEST}")));
        }
        Ok(Page { page, size })
    }

    /// The order: `sort=createdAt:desc`, also the plugin's `sort[0]`. A field that cannot be sorted by is
    /// refused, never ignored.
    ///
    /// # Errors
    /// [`Reject::Field`].
    pub fn sort<S: Default>(&mut self, parse: impl Fn(&str) -> Option<S>) -> Result<S, Reject> {
        match self.take(&["sort", "sort[0]"]) {
            None => Ok(S::default()),
            Some(text) => parse(&text)
                .ok_or_else(|| Reject::Field("sort", "is a sortable field, with :asc or :desc".to_owned())),
        }
    }

    /// A search text.
    ///
    /// # Errors
    /// [`Reject::Field`] for one that is longer than anything it could find.
    pub fn search(&mut self) -> Result<Option<String>, Reject> {
        match self.take(&["search", "_q"]) {
            Some(text) if text.chars().count() > 200 => {
                Err(Reject::Field("search", "has at most 200 characters".to_owned()))
            }
            text => Ok(text),
        }
    }
}

fn number(text: Option<String>, default: u32) -> Result<u32, Reject> {
    match text {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| Reject::Field("page", "is a number".to_owned())),
    }
}

/// The envelope of a page.
pub fn list<T: Type + ParseFromJSON + ToJSON + Send + Sync>(
    data: Vec<T>,
    page: Page,
    total: i64,
) -> ListBody<T> {
    let (number, size) = (i64::from(page.page), i64::from(page.size));
    let page_count = if total == 0 { 0 } else { (total + size - 1) / size };
    let pagination = Pagination { page: number, page_size: size, page_count, total };
    ListBody { data, meta: ListMeta { pagination } }
}

/// A time as the API writes it: RFC 3339, UTC, milliseconds.
pub fn timestamp(ms: i64) -> String {
    let nanos = i128::from(ms) * 1_000_000;
    time::OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .and_then(|at| {
            let format = time::macros::format_description!(
                "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
            );
            at.format(&format).ok()
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<Page, Reject> {
        ListQuery::of(&Request::builder().uri_str(format!("/x?{query}")).finish())?.page()
    }

    #[test]
    fn w5_pages_are_bounded() {
        for bad in ["pageSize=0", "pageSize=-1", "pageSize=2147483648", "page=0", "page=x", "pageSize=101"] {
            assert!(page(bad).is_err(), "{bad}");
        }
        let second = page("pagination%5Bpage%5D=2&pagination%5BpageSize%5D=10").unwrap();
        assert_eq!((second.page, second.size), (2, 10));
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
    }
}
