//! The audit log: who did what, and which policies said yes or no. Rows are only added.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::Store;
use super::listing::{Listed, Page};
use super::position::{Counted, Position, Scanned, Stretch, WINDOW, beyond, edge, in_order, within};
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
    /// [`KIND_ADMIN`], [`KIND_GRANT`], [`KIND_SIGN_IN`] or [`KIND_ACCOUNT`].
    pub kind: String,
    /// The token that a grant gave.
    pub jti: Option<String>,
}

/// Ends the id of an entry about a request that was refused before the policy was asked, or after it had said yes;
/// before it stands the request's own id, which is that of the entry about what the policy decided.
pub const UNASKED: &str = ".unasked";

/// Somebody administered, or tried to.
pub const KIND_ADMIN: &str = "admin";
/// A client asked for a token or a user for a code. The row's id is that of the request.
pub const KIND_GRANT: &str = "grant";
/// A user was kept from signing in by the policy.
pub const KIND_SIGN_IN: &str = "sign-in";
/// Something happened to an account; its user is shown it.
pub const KIND_ACCOUNT: &str = "account";

/// Rows of one transaction.
const PART: usize = 256;

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
    /// [`KIND_ADMIN`], [`KIND_GRANT`], [`KIND_SIGN_IN`] or [`KIND_ACCOUNT`].
    pub kind: Option<String>,
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
        match filter.kind.as_deref() {
            None => query,
            // As a literal, so that the indexes of administration are used.
            Some(KIND_ADMIN) => query.filter(sql::<Bool>("audit.kind = 'admin'")),
            Some(kind) => query.filter(audit::kind.eq(kind)),
        }
    }};
}

/// The entries that one index leads to; the rest of the filter is looked at row by row.
macro_rules! along {
    ($filter:expr) => {{
        let filter = $filter;
        let mut query = audit::table.into_boxed();
        match (&filter.target, &filter.actor, &filter.action) {
            (Some(target), _, _) => query = query.filter(audit::target.eq(target)),
            (None, Some(actor), _) => query = query.filter(audit::actor.eq(actor)),
            (None, None, Some(action)) if filter.kind.as_deref() == Some(KIND_ADMIN) => {
                query = query.filter(audit::action.eq(action));
            }
            _ => {}
        }
        if filter.kind.as_deref() == Some(KIND_ADMIN) {
            query = query.filter(sql::<Bool>("audit.kind = 'admin'"));
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

    /// Adds many entries. One whose id is there already stays as it is.
    pub async fn insert_audits(&self, entries: Vec<AuditRow>) -> Result<(), Fault> {
        for part in entries.chunks(PART) {
            let part = part.to_vec();
            commit!(self, |c| {
                for entry in &part {
                    diesel::insert_into(audit::table).values(entry).on_conflict_do_nothing().execute(c)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The entries of one request, in the order of time.
    pub async fn audit_of_request(&self, request_id: &str) -> Result<Vec<AuditRow>, Fault> {
        if request_id.contains('\0') {
            return Ok(Vec::new());
        }
        let id = request_id.to_owned();
        let own = [id.clone(), format!("{id}{UNASKED}")];
        Ok(read!(self, |c| {
            let grants: Vec<AuditRow> = audit::table
                .filter(audit::id.eq_any(&own).and(audit::kind.eq(KIND_GRANT)))
                .order((audit::at.asc(), audit::id.asc()))
                .select(AuditRow::as_select())
                .load(c)?;
            let mut rows: Vec<AuditRow> = audit::table
                .filter(audit::request_id.eq(&id).and(audit::kind.ne(KIND_GRANT)))
                .order((audit::at.asc(), audit::id.asc()))
                .select(AuditRow::as_select())
                .load(c)?;
            rows.extend(grants);
            Ok(rows)
        })?)
    }

    /// The grant that gave a token.
    pub async fn audit_of_token(&self, jti: &str) -> Result<Option<AuditRow>, Fault> {
        if jti.contains('\0') {
            return Ok(None);
        }
        let jti = jti.to_owned();
        Ok(read!(self, |c| {
            let rows: Vec<AuditRow> =
                audit::table.filter(audit::jti.eq(&jti)).select(AuditRow::as_select()).load(c)?;
            Ok(rows.into_iter().next())
        })?)
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

    /// A part of the entries, the latest first.
    pub async fn scan_audit(
        &self,
        filter: AuditFilter,
        stretch: Stretch,
    ) -> Result<Scanned<AuditRow>, Fault> {
        let asked = stretch.clone();
        let (rows, edge) = scan!(self, |c| {
            let down = !stretch.back;
            let reach = beyond!(along!(&filter), &stretch.from, down, stretch.back, audit::at, audit::id);
            let edge = edge!(c, reach, down, audit::at);
            let query = beyond!(matching!(&filter), &stretch.from, down, stretch.back, audit::at, audit::id);
            let rows: Vec<AuditRow> =
                in_order!(within!(query, edge, down, audit::at), down, stretch.back, audit::at, audit::id)
                    .limit(stretch.limit())
                    .select(AuditRow::as_select())
                    .load(c)?;
            Ok((rows, edge))
        })?;
        Ok(asked.part(rows, edge, |row| Position { at: row.at, id: Some(row.id.clone()) }))
    }

    /// How many entries the filter finds among the latest [`WINDOW`] that its index leads to.
    pub async fn count_audit_nearby(&self, filter: AuditFilter) -> Result<Counted, Fault> {
        Ok(scan!(self, |c| {
            let edge = edge!(c, along!(&filter), true, audit::at);
            let found: i64 = within!(matching!(&filter), edge, true, audit::at).count().get_result(c)?;
            Ok(Counted { found: found.min(WINDOW), or_more: edge.is_some() })
        })?)
    }

    /// The entry with this id.
    pub async fn audit_entry(&self, id: &str) -> Result<Option<AuditRow>, Fault> {
        if id.contains('\0') {
            return Ok(None);
        }
        let id = id.to_owned();
        Ok(read!(self, |c| audit::table.find(&id).select(AuditRow::as_select()).get_result(c).optional())?)
    }
}
