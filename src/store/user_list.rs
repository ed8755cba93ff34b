//! Lists of users.

use diesel::prelude::*;

use super::Store;
use super::listing::{Listed, Page, Sort, containing, lower, ordered};
use super::schema::users;
use super::users::UserRow;
use crate::oauth::reject::Fault;

/// Which users. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Words in the name or the address.
    pub search: Option<String>,
    /// Blocked or not.
    pub blocked: Option<bool>,
    /// Confirmed or not.
    pub confirmed: Option<bool>,
    /// In this role.
    pub role: Option<String>,
}

/// A column that users can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserColumn {
    /// `createdAt`
    Created,
    /// `updatedAt`
    Updated,
    /// `username`
    Username,
    /// `email`
    Email,
    /// `blocked`
    Blocked,
}

/// An order of users.
pub type UserSort = Sort<UserColumn>;

impl UserSort {
    /// Reads `username`, `createdAt:desc` and so on.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text, |name| match name {
            "createdAt" => Some(UserColumn::Created),
            "updatedAt" => Some(UserColumn::Updated),
            "username" => Some(UserColumn::Username),
            "email" => Some(UserColumn::Email),
            "blocked" => Some(UserColumn::Blocked),
            _ => None,
        })
    }
}

impl Default for UserSort {
    fn default() -> Self {
        Self { by: UserColumn::Created, descending: true }
    }
}

/// The boxed query of a filter.
macro_rules! matching {
    ($filter:expr) => {{
        let filter = $filter;
        let mut query = users::table.into_boxed();
        if let Some(blocked) = filter.blocked {
            query = query.filter(users::blocked.eq(blocked));
        }
        if let Some(confirmed) = filter.confirmed {
            query = query.filter(users::confirmed.eq(confirmed));
        }
        if let Some(role) = &filter.role {
            // A JSON array of names without quotes or backslashes: the quoted name is in it or not.
            query = query.filter(users::roles.like(containing(&format!("\"{role}\""))).escape('\\'));
        }
        if let Some(words) = &filter.search {
            let pattern = containing(words);
            query = query.filter(
                lower(users::username.nullable()).like(lower(pattern.clone())).escape('\\').or(lower(
                    users::email.nullable(),
                )
                .like(lower(pattern))
                .escape('\\')),
            );
        }
        query
    }};
}

impl Store {
    /// A page of users.
    pub async fn list_users(
        &self,
        filter: UserFilter,
        sort: UserSort,
        page: Page,
    ) -> Result<Listed<UserRow>, Fault> {
        Ok(scan!(self, |c| {
            let total = matching!(&filter).count().get_result(c)?;
            let query = matching!(&filter);
            let query = match sort.by {
                UserColumn::Created => ordered!(query, sort.descending, users::created_at),
                UserColumn::Updated => ordered!(query, sort.descending, users::updated_at),
                UserColumn::Username => ordered!(query, sort.descending, users::username_key),
                UserColumn::Email => ordered!(query, sort.descending, users::email),
                UserColumn::Blocked => ordered!(query, sort.descending, users::blocked),
            };
            let rows = query
                .then_order_by(users::id.asc())
                .limit(page.limit())
                .offset(page.offset())
                .select(UserRow::as_select())
                .load(c)?;
            Ok(Listed { rows, total })
        })?)
    }
}
