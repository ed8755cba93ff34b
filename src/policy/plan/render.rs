//! A plan for people: a table for the terminal, and Markdown for a pull request.

use std::fmt::Write as _;

use super::{Access, Cause, Change, Level, Plan};

/// Most rows of one table; the JSON form has all.
const MAX_ROWS: usize = 200;
/// Most names in one cell.
const MAX_NAMES: usize = 8;

/// One row of either table.
struct Row<'p> {
    change: Change,
    who: &'p str,
    what: String,
    how: String,
    before: &'p Access,
    after: &'p Access,
    because: &'p [Cause],
}

/// The plan as text.
pub fn text(plan: &Plan) -> String {
    let mut out = format!("old  {}\nnew  {}\n\n{}\n", name(&plan.old), name(&plan.new), summary(plan));
    for (title, rows) in [("Clients", clients(plan)), ("Roles", roles(plan))] {
        if rows.is_empty() {
            continue;
        }
        let _ = write!(out, "\n{title}\n");
        let widths =
            [rows.iter().map(|row| row.who.len()).max(), rows.iter().map(|row| row.what.len()).max()];
        let [who, what] = widths.map(|width| width.unwrap_or_default().min(60));
        for row in rows.iter().take(MAX_ROWS) {
            let line = format!(
                "  {:7}  {:who$}  {:what$}  {:10}  {}",
                word(row.change),
                row.who,
                row.what,
                row.how,
                levels(row)
            );
            let _ = writeln!(out, "{}", line.trim_end());
            for (label, conditions) in [("was", &row.before.conditions), ("now", &row.after.conditions)] {
                for condition in conditions.iter().filter(|_| row.before != row.after) {
                    let _ = writeln!(out, "           {label} {condition}");
                }
            }
            for cause in row.because {
                let _ = writeln!(out, "           {}  {}", cause.place, cause.text);
            }
        }
        more(&mut out, rows.len());
    }
    rest(plan, &mut out);
    printable(&out)
}

fn rest(plan: &Plan, out: &mut String) {
    if !plan.rules.is_empty() {
        out.push_str("\nRules\n");
        for rule in plan.rules.iter().take(MAX_ROWS) {
            let note = if rule.may_widen { "" } else { "   can only take away" };
            let _ = writeln!(out, "  {:7}  {} {}  {}{note}", rule.change, rule.effect, rule.id, rule.place);
        }
    }
    if !plan.settings.is_empty() {
        out.push_str("\nSettings\n");
        for row in plan.settings.iter().take(MAX_ROWS) {
            let none = || "none".to_owned();
            let (old, new) =
                (row.before.clone().unwrap_or_else(none), row.after.clone().unwrap_or_else(none));
            let _ = writeln!(out, "  {} {}: {old} → {new}  ({})", row.of, row.field, row.place);
        }
        more(out, plan.settings.len());
    }
    if let Some(live) = &plan.live {
        let _ = write!(out, "\nLive tokens\n  {}\n", live_summary(live));
        for (client, scope, count) in live.scopes.iter().take(MAX_ROWS) {
            let _ = writeln!(out, "  {client}  {scope}  {count}");
        }
    }
}

/// The plan as Markdown, to be posted on a pull request.
pub fn markdown(plan: &Plan) -> String {
    let mut out = format!("### What this change does to access\n\n{}\n", escaped(&summary(plan)));
    for (title, how, rows) in [("Client", "Grants", clients(plan)), ("Role", "", roles(plan))] {
        if rows.is_empty() {
            continue;
        }
        let what = if title == "Client" { "Scope" } else { "Action" };
        let _ = write!(
            out,
            "\n| | {title} | {what} | {how} | Before → after | Because |\n|---|---|---|---|---|---|\n"
        );
        for row in rows.iter().take(MAX_ROWS) {
            let causes: Vec<String> = row
                .because
                .iter()
                .map(|cause| format!("{} {}", code(&cause.place), code(&cause.text)))
                .collect();
            let conditions = |label: &str, access: &Access| -> String {
                access.conditions.iter().map(|one| format!("<br>{label}: {}", code(one))).collect()
            };
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {}{}{} | {} |",
                match row.change {
                    Change::Gains => "➕ gains",
                    Change::Changes => "❓ changes",
                    Change::Loses => "➖ loses",
                },
                code(row.who),
                code(&row.what),
                escaped(&row.how),
                levels(row),
                conditions("was", row.before),
                conditions("now", row.after),
                causes.join("<br>"),
            );
        }
        more(&mut out, rows.len());
    }
    markdown_rest(plan, &mut out);
    if let Some(live) = &plan.live {
        let _ = write!(out, "\n**Live tokens:** {}\n", escaped(&live_summary(live)));
    }
    let _ = write!(
        out,
        "\n<sub>{} → {}. *always*: whatever the circumstances, as far as rules go; PKCE, consent and the user's role \
         are asked beside it.</sub>\n",
        code(&name(&plan.old)),
        code(&name(&plan.new))
    );
    printable(&out)
}

/// Rules and settings.
fn markdown_rest(plan: &Plan, out: &mut String) {
    if !plan.rules.is_empty() {
        out.push_str("\n| Rule | | Where |\n|---|---|---|\n");
        for rule in plan.rules.iter().take(MAX_ROWS) {
            let _ = writeln!(
                out,
                "| {} {} | {} | {} |",
                rule.effect,
                code(&rule.id),
                rule.change,
                code(&rule.place)
            );
        }
    }
    if !plan.settings.is_empty() {
        out.push_str("\n| Setting | Before | After | Where |\n|---|---|---|---|\n");
        for row in plan.settings.iter().take(MAX_ROWS) {
            let value = |value: &Option<String>| value.as_deref().map_or_else(String::new, code);
            let of = escaped(&format!("{} {}", row.of, row.field));
            let _ = writeln!(
                out,
                "| {of} | {} | {} | {} |",
                value(&row.before),
                value(&row.after),
                code(&row.place)
            );
        }
        more(out, plan.settings.len());
    }
}

fn live_summary(live: &super::Live) -> String {
    let mut text = format!(
        "{} asked, {} lose scopes ({} all of them), {} get scopes back",
        live.asked, live.lose, live.end, live.regain
    );
    if live.user_count > 0 {
        let some: Vec<&str> = live.users.iter().take(MAX_NAMES).map(String::as_str).collect();
        let more = live.user_count.saturating_sub(some.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = write!(text, "; {} users: {}{more}", live.user_count, some.join(", "));
    }
    if let Some(note) = live.note {
        let _ = write!(text, " ({note})");
    }
    text
}

fn clients(plan: &Plan) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = plan
        .clients
        .iter()
        .map(|row| Row {
            change: row.change,
            who: &row.client,
            what: names(row.scopes.iter().map(|scope| scope.as_str())),
            how: row.grants.join(", "),
            before: &row.before,
            after: &row.after,
            because: &row.because,
        })
        .collect();
    rows.sort_by_key(|row| row.change);
    rows
}

fn roles(plan: &Plan) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = plan
        .roles
        .iter()
        .map(|row| Row {
            change: row.change,
            who: &row.role,
            what: names(row.actions.iter().map(|action| action.as_str())),
            how: String::new(),
            before: &row.before,
            after: &row.after,
            because: &row.because,
        })
        .collect();
    rows.sort_by_key(|row| row.change);
    rows
}

fn names<'n>(all: impl ExactSizeIterator<Item = &'n str>) -> String {
    let count = all.len();
    let mut text = all.take(MAX_NAMES).collect::<Vec<_>>().join(" ");
    if count > MAX_NAMES {
        let _ = write!(text, " and {} more", count - MAX_NAMES);
    }
    text
}

fn summary(plan: &Plan) -> String {
    if plan.is_empty() {
        return "No change: both sets permit the same.".to_owned();
    }
    let totals = &plan.totals;
    let mut text = format!(
        "{} gained, {} lost, {} under other conditions (client × scope × grant, role × action); {} clients, {} roles.",
        totals.gains,
        totals.loses,
        totals.changes,
        totals.clients,
        plan.roles.iter().map(|row| &row.role).collect::<std::collections::BTreeSet<_>>().len()
    );
    if totals.gains + totals.loses + totals.changes == 0 {
        text = "No client and no role gains or loses anything that can be listed.".to_owned();
    }
    if plan.rules.iter().any(|rule| rule.may_widen) {
        text.push_str(" Rules changed: `grantwood prove` says whether they can permit more.");
    }
    text
}

fn name(set: &super::Set) -> String {
    format!("{} (revision {})", set.name, set.revision)
}

fn levels(row: &Row<'_>) -> String {
    format!("{} → {}", level(row.before.level), level(row.after.level))
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Never => "never",
        Level::Conditional => "conditional",
        Level::Always => "always",
    }
}

fn word(change: Change) -> &'static str {
    match change {
        Change::Gains => "gains",
        Change::Changes => "changes",
        Change::Loses => "loses",
    }
}

fn more(out: &mut String, rows: usize) {
    if rows > MAX_ROWS {
        let _ = write!(out, "\n… and {} rows more; --format json has all of them.\n", rows - MAX_ROWS);
    }
}

/// A name in Markdown: nothing in it can end the cell or begin markup.
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if matches!(c, '`' | '\n' | '\r') { '\'' } else { c }).collect();
    format!("`{}`", text.replace('|', "\\|"))
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || !c.is_control() { c } else { '?' }).collect()
}
