//! The pages of the audit log, and its export.

use futures_util::stream;
use poem::http::header;
use poem::{Body, Request, Response};

use super::client_list::{given, one_of};
use super::context::{Admin, id};
use super::links::{Links, stretch};
use crate::flow::admin::audit::{self, AuditPage as Found};
use crate::flow::admin::user_names;
use crate::http::listing::{ListQuery, timestamp};
use crate::oauth::reject::{Reject, Stop};
use crate::pages::admin::{AuditDetail, AuditLine, AuditPage, Choice};
use crate::policy::admin;
use crate::store::{AuditFilter, AuditRow, KIND_ACCOUNT, KIND_ADMIN, KIND_GRANT, KIND_SIGN_IN, Stretch};

/// Entries that an export reads at a time.
const PART: u32 = 500;

/// Columns of an export as CSV.
const COLUMNS: &str =
    "at,kind,actor,actorKind,action,target,decision,policies,revision,requestId,ip,detail\r\n";

/// The filter of a query, and what of it was typed.
struct Asked {
    filter: AuditFilter,
    kind: String,
    since: String,
    until: String,
    any: bool,
}

/// Reads the filter; the kind is administration unless another is asked for.
fn asked(query: &mut ListQuery) -> Result<Asked, Reject> {
    let kind = match one_of(query, "kind", &[KIND_ADMIN, KIND_GRANT, KIND_SIGN_IN, KIND_ACCOUNT, "all"])? {
        kind if kind.is_empty() => KIND_ADMIN.to_owned(),
        kind => kind,
    };
    let (since, until) = (query.take(&["since"]), query.take(&["until"]));
    let filter = AuditFilter {
        actor: query.take(&["actor"]),
        action: query.take(&["action"]),
        target: query.take(&["target"]),
        decision: given(&one_of(query, "decision", &["allow", "deny"])?),
        since: since.as_deref().map(|text| moment("since", text, false)).transpose()?,
        until: until.as_deref().map(|text| moment("until", text, true)).transpose()?,
        kind: (kind != "all").then(|| kind.clone()),
    };
    let any = filter != AuditFilter { kind: Some(KIND_ADMIN.to_owned()), ..AuditFilter::default() };
    let (since, until) = (since.unwrap_or_default(), until.unwrap_or_default());
    Ok(Asked { filter, kind, since, until, any })
}

/// A day (its end, for `until`) or an RFC 3339 moment, in milliseconds.
pub fn moment(name: &'static str, text: &str, end: bool) -> Result<i64, Reject> {
    let refused = || Reject::Field(name, "is a day such as 2026-11-25, or an RFC 3339 time".to_owned());
    let day = time::macros::format_description!("[year]-[month]-[day]");
    if let Ok(date) = time::Date::parse(text, day) {
        let midnight = date.midnight().assume_utc().unix_timestamp() * 1_000;
        return Ok(if end { midnight + 86_400_000 } else { midnight });
    }
    let format = &time::format_description::well_known::Rfc3339;
    let at = time::OffsetDateTime::parse(text, format).map_err(|_| refused())?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).map_err(|_| refused())
}

/// The log.
pub async fn list(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let mut query = ListQuery::of(request)?;
    let size = query.page()?.size;
    let asked = asked(&mut query)?;
    let stretch = stretch("at:desc", query.take(&["after"]), query.take(&["before"]), size)?;
    let filter = asked.filter.clone();
    let found = audit::find(admin.app, admin.ask(), &admin.caller, filter, stretch).await?;
    let links = Links::of(request);
    let actions = admin::ALL.iter().map(|action| Choice::new(action, action));
    let actions = std::iter::once(Choice::new("", "All")).chain(actions);
    let export = |format: &str| links.on("/admin/audit/export", &[("format", format), ("pageSize", "")]);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    admin.show(&AuditPage {
        shell: admin.shell(),
        actor: text(&asked.filter.actor),
        action: text(&asked.filter.action),
        actions: actions.collect(),
        target: text(&asked.filter.target),
        decision: text(&asked.filter.decision),
        kind: asked.kind,
        since: asked.since,
        until: asked.until,
        any: asked.any,
        lines: lines_of(&found),
        pager: links.positions("at:desc", &found.part, found.counted, size),
        jsonl: export("jsonl"),
        csv: export("csv"),
    })
}

/// Entries as pages show them.
pub fn lines_of(found: &Found) -> Vec<AuditLine> {
    found.part.rows.iter().map(|row| line(row, found.actors.get(&row.actor))).collect()
}

fn line(row: &AuditRow, name: Option<&String>) -> AuditLine {
    AuditLine {
        href: format!("/admin/audit/{}", row.id),
        at: row.at,
        actor: name.unwrap_or(&row.actor).clone(),
        actor_kind: row.actor_kind.clone(),
        action: row.action.clone(),
        target: row.target.clone(),
        decision: row.decision.clone(),
        policies: row.policies.split_whitespace().map(ToOwned::to_owned).collect(),
        ip: row.ip.clone(),
    }
}

/// One entry.
pub async fn entry(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let row = audit::entry(admin.app, admin.ask(), &admin.caller, &id(request)?).await?;
    let names = user_names(admin.app, std::iter::once(row.actor.as_str())).await?;
    let detail: serde_json::Value = serde_json::from_str(&row.detail).unwrap_or_default();
    admin.show(&AuditDetail {
        shell: admin.narrow_shell(),
        line: line(&row, names.get(&row.actor)),
        actor_id: row.actor.clone(),
        revision: row.revision.clone(),
        request_id: row.request_id.clone(),
        explained: admin.may(admin::POLICY_READ).then(|| format!("/admin/decisions/{}", row.request_id)),
        detail: serde_json::to_string_pretty(&detail).unwrap_or_default(),
    })
}

/// The log as a file.
pub async fn export(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let mut query = ListQuery::of(request)?;
    let csv = one_of(&mut query, "format", &["jsonl", "csv"])? == "csv";
    let filter = asked(&mut query)?.filter;
    exported(admin.app, admin.ask(), &admin.caller, filter, csv).await
}

/// Streams every entry that a filter finds, the latest first: a log may be longer than memory.
///
/// # Errors
/// Missing permission, or a fault, before the first byte; a fault later breaks the stream off.
pub async fn exported(
    app: &std::sync::Arc<crate::app::App>,
    ask: &crate::flow::Ask,
    caller: &crate::flow::caller::Caller,
    filter: AuditFilter,
    csv: bool,
) -> Result<Response, Stop> {
    let first = audit::export(app, ask, caller, filter.clone(), Stretch::first(PART)).await?;
    let (app, ask, caller) = (std::sync::Arc::clone(app), ask.clone(), caller.clone());
    let begun = Some((first, true));
    let parts = stream::try_unfold(begun, move |state| {
        let (app, ask, caller, filter) =
            (std::sync::Arc::clone(&app), ask.clone(), caller.clone(), filter.clone());
        async move {
            let Some((part, is_first)) = state else { return Ok(None) };
            let mut text = if csv && is_first { COLUMNS.to_owned() } else { String::new() };
            part.rows.iter().for_each(|row| text.push_str(&if csv { csv_line(row) } else { json_line(row) }));
            let next = match part.after {
                None => None,
                Some(from) => {
                    let stretch = Stretch { from: Some(from), back: false, size: PART };
                    let next = audit::export(&app, &ask, &caller, filter, stretch).await;
                    Some((next.map_err(|_| std::io::Error::other("the database does not answer"))?, false))
                }
            };
            Ok::<_, std::io::Error>(Some((bytes::Bytes::from(text), next)))
        }
    });
    let (kind, name) =
        if csv { ("text/csv; charset=utf-8", "audit.csv") } else { ("application/jsonl", "audit.jsonl") };
    Ok(Response::builder()
        .header(header::CONTENT_TYPE, kind)
        .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
        .header(header::CACHE_CONTROL, "no-store")
        .body(Body::from_bytes_stream(parts)))
}

/// An entry as the API shows it.
pub fn json_of(row: &AuditRow) -> serde_json::Value {
    let detail: serde_json::Value = serde_json::from_str(&row.detail).unwrap_or_default();
    serde_json::json!({
        "id": row.id,
        "at": timestamp(row.at),
        "kind": row.kind,
        "actor": row.actor,
        "actorKind": row.actor_kind,
        "action": row.action,
        "target": row.target,
        "decision": row.decision,
        "policies": row.policies.split_whitespace().collect::<Vec<_>>(),
        "revision": row.revision,
        "requestId": row.request_id,
        "ip": row.ip,
        "jti": row.jti,
        "detail": detail,
    })
}

fn json_line(row: &AuditRow) -> String {
    format!("{}\n", json_of(row))
}

fn csv_line(row: &AuditRow) -> String {
    let cells = [
        &timestamp(row.at),
        &row.kind,
        &row.actor,
        &row.actor_kind,
        &row.action,
        &row.target,
        &row.decision,
        &row.policies,
        &row.revision,
        &row.request_id,
        &row.ip,
        &row.detail,
    ];
    let cells: Vec<String> = cells.iter().map(|cell| cell_of(cell)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell (RFC 4180 §2): quoted where it must be, and never a formula to the program that opens it.
fn cell_of(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_cell() {
        assert_eq!(cell_of("plain"), "plain");
        assert_eq!(cell_of("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell_of("=cmd()"), "'=cmd()");
    }

    #[test]
    fn a_day_ends_with_the_next() {
        assert_eq!(moment("since", "1970-01-02", false).unwrap(), 86_400_000);
        assert_eq!(moment("until", "1970-01-02", true).unwrap(), 172_800_000);
        assert_eq!(moment("until", "1970-01-01T00:00:01Z", true).unwrap(), 1_000);
        assert!(moment("since", "yesterday", false).is_err());
    }
}
