//! The history of the policy set: what was loaded or refused, when, of which commit, and what differed.

use diesel::prelude::*;

use super::Store;
use super::listing::{Listed, Page};
use super::schema::policy_reloads;
use crate::oauth::reject::Fault;

/// Attempts that are kept.
const KEPT: i64 = 500;
/// Rows that one insert removes at most; replicas add one each.
const REMOVED: i64 = 100;

/// One attempt to load a set. A text that does not apply is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = policy_reloads)]
pub struct ReloadRow {
    /// A uuid.
    pub id: String,
    /// Milliseconds.
    pub at: i64,
    /// The replica: the machine's name and the address that it listens on.
    pub instance: String,
    /// The revision that was tried.
    pub revision: String,
    /// The revision that was in force before.
    pub previous: String,
    /// The git commit.
    pub commit_id: String,
    /// Its author.
    pub author: String,
    /// The first line of its message.
    pub subject: String,
    /// When it was committed (milliseconds); 0 = not known.
    pub committed_at: i64,
    /// `started`, `loaded` or `failed`.
    pub outcome: String,
    /// Why it was not loaded: the errors as `grantwood check` prints them.
    pub error: String,
    /// Documents and policies that were added, removed or changed, JSON.
    pub changes: String,
    /// Unified diff of the documents, cut where it is long.
    pub diff: String,
}

impl Store {
    /// Keeps an attempt, and forgets the oldest beyond the bound.
    pub async fn insert_reload(&self, row: ReloadRow) -> Result<(), Fault> {
        use policy_reloads as r;
        commit!(self, |c| {
            diesel::insert_into(r::table).values(&row).execute(c)?;
            let old: Vec<String> = r::table
                .order((r::at.desc(), r::id.asc()))
                .offset(KEPT)
                .limit(REMOVED)
                .select(r::id)
                .load(c)?;
            diesel::delete(r::table.filter(r::id.eq_any(old))).execute(c)
        })?;
        Ok(())
    }

    /// A page of attempts, the latest first.
    pub async fn list_reloads(&self, page: Page) -> Result<Listed<ReloadRow>, Fault> {
        use policy_reloads as r;
        Ok(scan!(self, |c| {
            let total = r::table.count().get_result(c)?;
            let rows = r::table
                .order((r::at.desc(), r::id.asc()))
                .limit(page.limit())
                .offset(page.offset())
                .select(ReloadRow::as_select())
                .load(c)?;
            Ok(Listed { rows, total })
        })?)
    }

    /// One attempt.
    pub async fn reload(&self, id: &str) -> Result<Option<ReloadRow>, Fault> {
        use policy_reloads as r;
        let id = id.to_owned();
        Ok(read!(self, |c| r::table.find(&id).select(ReloadRow::as_select()).first(c).optional())?)
    }
}
