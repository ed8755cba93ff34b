//! The pages of the policies: documents, their Cedar, and the test bench.

use poem::{Request, Response};

use super::client_fields;
use super::client_list::{given, one_of};
use super::context::{Admin, back_to, id};
use super::explained;
use super::links::Links;
use super::tokens::grant_choices;
use crate::flow::admin::bench::{self, BenchQuestion};
use crate::flow::admin::policies::{self, file_of};
use crate::flow::policies as reloading;
use crate::http::listing::ListQuery;
use crate::http::pairs::Pairs;
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{Reject, Stop};
use crate::pages::admin::{
    BenchForm, BenchPage, DocumentLine, DocumentPage, FieldError, PoliciesPage, PolicyLine, ProblemLine,
    ReloadLine, ReloadPage, ReloadsPage,
};
use crate::pages::components::Column;
use crate::policy::{Diagnostic, PolicyInfo, admin};
use crate::store::ReloadRow;

/// Kinds of documents that the list can be narrowed to.
const KINDS: [&str; 8] = ["kernel", "base", "global", "client", "role", "rules", "catalog", "tests"];

/// The set and its documents.
pub async fn list(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let mut query = ListQuery::of(request)?;
    let page = query.page()?;
    let search = query.search()?.unwrap_or_default();
    let kind = one_of(&mut query, "kind", &KINDS)?;
    let sort = one_of(&mut query, "sort", &["file:asc", "file:desc", "policies:asc", "policies:desc"])?;
    let set = policies::documents(admin.app, admin.ask(), &admin.caller)?;
    let words = search.to_lowercase();
    let mut found: Vec<_> = set
        .documents
        .into_iter()
        .filter(|document| words.is_empty() || document.file.to_lowercase().contains(&words))
        .filter(|document| kind.is_empty() || document.kind == kind)
        .collect();
    match sort.as_str() {
        "file:desc" => found.reverse(),
        "policies:asc" => found.sort_by_key(|document| document.policies),
        "policies:desc" => found.sort_by_key(|document| std::cmp::Reverse(document.policies)),
        _ => {}
    }
    let links = Links::of(request);
    let total = found.len() as i64;
    let from = (page.page as usize - 1).saturating_mul(page.size as usize);
    let documents = found.into_iter().skip(from).take(page.size as usize).map(|document| DocumentLine {
        href: href_of(&document.file),
        file: document.file,
        kind: document.kind,
        policies: document.policies,
        warnings: document.warnings,
    });
    let by = |label: &str, name: &str| {
        let (sorted, down) = match sort.split_once(':') {
            Some((by, direction)) => (by == name, direction == "desc"),
            None => (name == "file", false),
        };
        Column::sortable(label, sorted.then_some(down), |down| links.sorted(name, down))
    };
    let status = set.status;
    admin.show(&PoliciesPage {
        shell: admin.shell(),
        revision: status.revision,
        commit_note: status.commit.as_ref().map_or_else(String::new, |commit| {
            [commit.subject.as_str(), commit.author.as_str()].join("  ").trim().to_owned()
        }),
        commit: status.commit.map(|commit| commit.id),
        loaded: status.loaded_at_ms,
        attempted: status.last_attempt_ms,
        policies: status.policies,
        scopes: status.scopes,
        reloads_ok: status.reloads_ok,
        reloads_failed: status.reloads_failed,
        problems: status.held_back.iter().map(problem).collect(),
        warnings: status.warnings.iter().take(50).map(problem).collect(),
        search,
        kind,
        columns: vec![
            by("Document", "file"),
            Column::plain("Kind"),
            Column { numeric: true, ..by("Policies", "policies") },
            Column { numeric: true, ..Column::plain("Warnings") },
        ],
        documents: documents.collect(),
        pager: links.numbered(page, total),
        may_reload: admin.may(admin::POLICY_RELOAD),
    })
}

/// A finding as pages show it.
pub fn problem(found: &Diagnostic) -> ProblemLine {
    let place = if found.line > 0 {
        format!("{}:{}:{}", found.file, found.line, found.column)
    } else {
        found.file.clone()
    };
    ProblemLine {
        place,
        message: found.message.clone(),
        hint: found.hint.as_deref().map(str::to_owned),
        snippet: found.snippet.as_deref().map(str::to_owned),
    }
}

/// A document's page.
pub fn href_of(file: &str) -> String {
    let file: String = form_urlencoded::byte_serialize(file.as_bytes()).collect();
    format!("/admin/policies/document?file={file}")
}

/// A policy as pages show it.
pub fn line_of(policy: &PolicyInfo) -> PolicyLine {
    PolicyLine {
        id: policy.id.clone(),
        effect: policy.effect,
        source: policy.source.clone(),
        href: href_of(file_of(policy)),
        text: policy.text.clone(),
        annotations: policy.annotations.clone(),
    }
}

/// A document's policies.
pub async fn document(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let mut query = Pairs::from_query(request)?;
    query.once()?;
    let file = query.require("file")?;
    let found = policies::of_document(admin.app, admin.ask(), &admin.caller, &file)?;
    let policies = found.iter().map(line_of).collect();
    admin.show(&DocumentPage { shell: admin.shell(), file, policies })
}

/// Reads the folder anew.
pub async fn reload(admin: &Admin<'_>, _request: &Request, _form: Pairs) -> Result<Response, Stop> {
    reloading::reload(admin.app, admin.ask(), &admin.caller).await?;
    Ok(back_to("/admin/policies", "reloaded"))
}

/// The history of the set.
pub async fn reloads(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let page = ListQuery::of(request)?.page()?;
    let found = reloading::reloads(admin.app, admin.ask(), &admin.caller, page).await?;
    admin.show(&ReloadsPage {
        shell: admin.shell(),
        lines: found.rows.iter().map(attempt_line).collect(),
        pager: Links::of(request).numbered(page, found.total),
    })
}

/// One attempt of the history.
pub async fn reload_entry(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let row = reloading::attempt(admin.app, admin.ask(), &admin.caller, &id(request)?).await?;
    let changes: serde_json::Value = serde_json::from_str(&row.changes).unwrap_or_default();
    admin.show(&ReloadPage {
        shell: admin.shell(),
        line: attempt_line(&row),
        previous: row.previous.clone(),
        changes: serde_json::to_string_pretty(&changes).unwrap_or_default(),
        diff: row.diff.clone(),
    })
}

fn attempt_line(row: &ReloadRow) -> ReloadLine {
    ReloadLine {
        href: format!("/admin/policies/reloads/{}", row.id),
        at: row.at,
        outcome: row.outcome.clone(),
        revision: row.revision.clone(),
        commit: row.commit_id.clone(),
        about: [row.subject.as_str(), row.author.as_str()].join("  ").trim().to_owned(),
        instance: row.instance.clone(),
        error: row.error.clone(),
    }
}

/// The test bench; a question stands in the query, so that it can be sent to a colleague.
pub async fn bench(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    policies::snapshot(admin.app, admin.ask(), &admin.caller)?;
    let mut query = Pairs::from_query(request)?;
    query.once()?;
    let mut text = |name: &str| query.take(name).unwrap_or_default();
    let asked = !text("ask").is_empty();
    let form = BenchForm {
        kind: Some(text("kind")).filter(|kind| !kind.is_empty()).unwrap_or_else(|| "grant".to_owned()),
        client: text("client"),
        user: text("user"),
        grant: text("grantType"),
        action: text("action"),
        token: text("token"),
        about: text("about"),
        ip: text("ip"),
        at: text("at"),
    };
    let mut view = BenchPage {
        shell: admin.shell(),
        grants: grant_choices("The first of the client").into_iter().skip(1).collect(),
        answer: None,
        errors: Vec::new(),
        form,
    };
    if !asked {
        return admin.show(&view);
    }
    let answered = match question(&view.form) {
        Ok(question) => bench::answer(admin.app, admin.ask(), &admin.caller, question).await,
        Err(reject) => Err(reject.into()),
    };
    match answered {
        Ok(answer) => {
            view.answer = Some(explained::view(&answer));
            admin.show(&view)
        }
        Err(Stop::Reject(reject @ Reject::Field(..))) => {
            view.errors = client_fields::errors(&reject);
            if let (Some(error), Reject::Field(name, _)) = (view.errors.first_mut(), &reject) {
                let field = if *name == "scope" { "action" } else { name };
                *error = FieldError { field: field.to_owned(), message: error.message.clone() };
            }
            admin.show_refused(&view, &reject)
        }
        Err(stop) => Err(stop),
    }
}

fn question(form: &BenchForm) -> Result<BenchQuestion, Reject> {
    let grant = match form.kind.as_str() {
        "grant" => Some(
            GrantType::parse(if form.grant.is_empty() { "code" } else { &form.grant })
                .ok_or_else(|| Reject::Field("grantType", "is no grant type".to_owned()))?,
        ),
        "use" | "admin" => None,
        _ => return Err(Reject::Field("kind", "is grant, use or admin".to_owned())),
    };
    let ip = given(form.ip.trim())
        .map(|text| text.parse().map_err(|_| Reject::Field("ip", "is no address".to_owned())))
        .transpose()?;
    let at = given(form.at.trim()).map(|text| super::audit::moment("at", &text, false)).transpose()?;
    Ok(BenchQuestion {
        client: given(form.client.trim()),
        user: given(form.user.trim()),
        grant,
        scope: given(form.action.trim()),
        token: given(&form.token).map(|text| client_fields::words(&text)),
        about: given(form.about.trim()),
        ip,
        at,
    })
}
