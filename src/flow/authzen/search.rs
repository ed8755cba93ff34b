//! Searches: the evaluations of every subject, resource or action that there is, page by page.

use std::sync::Arc;

use super::decide::{Semantic, decide};
use super::{Action, Ask, Asker, Circumstances, Question, Resource, Subject, Who};
use crate::app::App;
use crate::app::users::UserState;
use crate::oauth::client::ClientId;
use crate::oauth::reject::Fault;
use crate::policy::{Properties, Snapshot, catalog};
use crate::store::{ClientFilter, ClientSort, Page, UserFilter, UserSort};

/// Results of a page where the caller does not say.
pub const ORDINARY: u64 = 100;
/// Most results of a page.
pub const MOST: u64 = 500;
/// Candidates that are read at once.
const BLOCK: u32 = 100;
/// Most candidates that are asked about for one page; what is left is for the next one.
const MOST_ASKED: u64 = 1_000;

/// What is searched for.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// Subjects of a type.
    Subjects {
        /// `user` or `client`.
        kind: String,
        /// What is stated about each.
        properties: Properties,
        /// The action.
        action: Action,
        /// The resource.
        resource: Resource,
    },
    /// Resources of a type.
    Resources {
        /// The subject.
        subject: Subject,
        /// The action.
        action: Action,
        /// The type.
        kind: String,
        /// What is stated about each.
        properties: Properties,
    },
    /// Actions.
    Actions {
        /// The subject.
        subject: Subject,
        /// The resource.
        resource: Resource,
    },
}

/// A page of what was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Identifiers, or names of actions.
    pub ids: Vec<String>,
    /// Where the next page begins; none = that was all.
    pub next: Option<u64>,
}

/// Searches from a place on.
///
/// # Errors
/// [`Fault`] if the database does not answer.
pub async fn search(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    asker: &Asker,
    wanted: &Wanted,
    context: &Arc<Circumstances>,
    (from, limit): (u64, u64),
) -> Result<Found, Fault> {
    let mut found = Found::default();
    let (mut at, end) = (from, from.saturating_add(MOST_ASKED));
    loop {
        let block = block(app, snapshot, wanted, context, at).await?;
        if block.is_empty() {
            return Ok(found);
        }
        let questions: Vec<_> = block.iter().map(|(_, question)| Ok(question.clone())).collect();
        let answers = decide(app, ask, snapshot, asker, &questions, Semantic::ExecuteAll).await?;
        for ((id, _), answer) in block.into_iter().zip(answers) {
            if answer.allowed() {
                if found.ids.len() as u64 >= limit {
                    found.next = Some(at);
                    return Ok(found);
                }
                found.ids.push(id);
            }
            at += 1;
        }
        if at >= end {
            found.next = Some(at);
            return Ok(found);
        }
    }
}

type Candidates = Vec<(String, Question)>;

/// The candidates from a place on, up to the end of their block.
async fn block(
    app: &App,
    snapshot: &Arc<Snapshot>,
    wanted: &Wanted,
    context: &Arc<Circumstances>,
    from: u64,
) -> Result<Candidates, Fault> {
    let skip = usize::try_from(from).unwrap_or(usize::MAX);
    let context = || Arc::clone(context);
    Ok(match wanted {
        Wanted::Subjects { kind, properties, action, resource } => {
            let subjects = subjects(app, snapshot, kind, from).await?;
            let question = |who| Question {
                subject: Subject { who, properties: properties.clone() },
                action: action.clone(),
                resource: resource.clone(),
                context: context(),
            };
            subjects.into_iter().map(|(id, who)| (id, question(who))).collect()
        }
        Wanted::Resources { subject, action, kind, properties } => {
            let question = |id: &str| Question {
                subject: subject.clone(),
                action: action.clone(),
                resource: Resource { kind: kind.clone(), id: id.to_owned(), properties: properties.clone() },
                context: context(),
            };
            let ids = resources(snapshot, kind);
            ids.into_iter().skip(skip).take(BLOCK as usize).map(|id| (id.to_owned(), question(id))).collect()
        }
        Wanted::Actions { subject, resource } => {
            let question = |name: &str| Question {
                subject: subject.clone(),
                action: Action { name: name.to_owned(), properties: Properties::default() },
                resource: resource.clone(),
                context: context(),
            };
            let names = actions(snapshot, resource);
            names
                .into_iter()
                .skip(skip)
                .take(BLOCK as usize)
                .map(|name| (name.to_owned(), question(name)))
                .collect()
        }
    })
}

/// The content types, or what the catalog lists of one; those of administration are not among them.
fn resources<'a>(snapshot: &'a Snapshot, kind: &str) -> Vec<&'a str> {
    let catalog = snapshot.catalog();
    if kind == "content_type" {
        let api = |kind: &&catalog::ContentType| !kind.name.starts_with("admin:");
        return catalog.content_types().filter(api).map(|kind| kind.name.as_str()).collect();
    }
    catalog
        .resource_type(kind)
        .into_iter()
        .flat_map(|kind| kind.resources.keys())
        .map(String::as_str)
        .collect()
}

/// The own names of a content type's actions.
fn actions<'a>(snapshot: &'a Snapshot, resource: &Resource) -> Vec<&'a str> {
    let name = if resource.kind == "content_type" { &resource.id } else { &resource.kind };
    let content = snapshot.catalog().resource_type(name);
    content.into_iter().flat_map(|kind| &kind.actions).map(|scope| scope.action()).collect()
}

/// Users by name, or clients by id.
async fn subjects(
    app: &App,
    snapshot: &Arc<Snapshot>,
    kind: &str,
    from: u64,
) -> Result<Vec<(String, Who)>, Fault> {
    let page = Page { page: u32::try_from(from / u64::from(BLOCK) + 1).unwrap_or(u32::MAX), size: BLOCK };
    let skip = usize::try_from(from % u64::from(BLOCK)).unwrap_or_default();
    let mut subjects = Vec::new();
    match kind {
        "user" => {
            let sort = UserSort::parse("username:asc").unwrap_or_default();
            let generation = app.freshness.users(&app.clock);
            for row in
                app.store.list_users(UserFilter::default(), sort, page).await?.rows.into_iter().skip(skip)
            {
                let state = UserState::of(row, generation)?;
                subjects.push((state.user.username.clone(), Who::User(state)));
            }
        }
        "client" => {
            let sort = ClientSort::parse("clientId:asc").unwrap_or_default();
            let rows = app.store.list_clients(ClientFilter::default(), sort, page).await?.rows;
            for row in rows.into_iter().skip(skip) {
                let id = row.client_id;
                let state = match ClientId::parse(&id) {
                    Some(id) => app.client(snapshot, &id).await?,
                    None => None,
                };
                // A client whose file is gone keeps its place, so that places stay what they were.
                let who =
                    state.map_or_else(|| Who::Named { kind: "client".into(), id: id.clone() }, Who::Client);
                subjects.push((id, who));
            }
        }
        _ => {}
    }
    Ok(subjects)
}
