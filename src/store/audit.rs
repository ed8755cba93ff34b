//! The audit log: who did what, and which policies said yes or no. Rows are only added.

use diesel::prelude::*;

use super::Store;
use super::listing::{Listed, Page};
use super::schema::audit;
use crate::oauth::reject::Fault;

/// One entry. A text that does not apply is empty.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit)]
pub struct AuditRow {
    /// A uuid.
    pub id: String,
    /// Milliseconds.
    pub at: i64,
    /// The id of the user or client that asked.
    pub actor: String,
    /// `user`, `client` or `system`.
    pub actor_kind: String,
    /// The Cedar action.
    pub action: String,
    /// What it was done to.
    pub target: String,
    /// `allow` or `deny`.
    pub decision: String,
    /// Ids of the policies that decided, separated by spaces.
    pub policies: String,
    /// The policy revision that decided.
    pub revision: String,
    /// The request's id, as in the log.
    pub request_id: String,
    /// Where from.
    pub ip: String,
    /// More, JSON. Never a secret.
    pub detail: String,
}

/// Which entries. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By this actor.
    pub actor: Option<String>,
    /// This action.
    pub action: Option<String>,
    /// Done to this.
    pub target: Option<String>,
    /// `allow` or `deny`.
    pub decision: Option<String>,
    /// Not before this time.
    pub since: Option<i64>,
    /// Before this time.
    pub until: Option<i64>,
}

/// The boxed query of a filter.
macro_rules! matching {
    ($filter:expr) => {{
        let filter = $filter;
        let mut query = audit::table.into_boxed();
        if let Some(actor) = &filter.actor {
            query = query.filter(audit::actor.eq(actor));
        }
        if let Some(action) = &filter.action {
            query = query.filter(audit::action.eq(action));
        }
        if let Some(target) = &filter.target {
            query = query.filter(audit::target.eq(target));
        }
        if let Some(decision) = &filter.decision {
            query = query.filter(audit::decision.eq(decision));
        }
        if let Some(since) = filter.since {
            query = query.filter(audit::at.ge(since));
        }
        if let Some(until) = filter.until {
            query = query.filter(audit::at.lt(until));
        }
        query
    }};
}

impl Store {
    /// Adds an entry.
    pub async fn insert_audit(&self, entry: AuditRow) -> Result<(), Fault> {
        commit!(self, |c| diesel::insert_into(audit::table).values(&entry).execute(c))?;
        Ok(())
    }

    /// A page of entries, the latest first.
    pub async fn list_audit(&self, filter: AuditFilter, page: Page) -> Result<Listed<AuditRow>, Fault> {
        Ok(scan!(self, |c| {
            let total = matching!(&filter).count().get_result(c)?;
            let rows = matching!(&filter)
                .order((audit::at.desc(), audit::id.asc()))
                .limit(page.limit())
                .offset(page.offset())
                .select(AuditRow::as_select())
                .load(c)?;
            Ok(Listed { rows, total })
        })?)
    }
}
