//! The whole of a policy set as a table, to be reviewed as a diff: each client × grant × scope, each role × action,
//! with the answer and the policies that decide it.
//!
//! An answer is `conditional` where a rule of the folder looks at the circumstances (time, address, sign-in …), or,
//! for administration of a client, at that client. What the server itself asks of every request (PKCE, consent, ages)
//! is taken as fulfilled.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use super::client::Mode;
use super::documents::ClientDocument;
use super::question::{
    Actor, AdminQuestion, AdminResource, GrantFacts, GrantQuestion, TokenFacts, UseQuestion,
};
use super::snapshot::{PolicyInfo, Snapshot};
use super::testing::probe::{Probe, Seen};
use crate::oauth::client::{Client, ClientId, ClientType};
use crate::oauth::grant::GrantType;
use crate::oauth::pkce::Method;
use crate::oauth::scope::Scope;
use crate::oauth::user::User;

/// A Monday at noon, UTC.
const NOON_MS: i64 = 1_767_614_400_000;
/// From this machine.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Life of an ordinary token, in seconds.
const TTL_S: u64 = 900;

/// The table's text.
pub fn table(mut snapshot: Snapshot) -> String {
    snapshot.decider.probe = Some(Probe::new(&snapshot).thorough());
    let asker = Asker { infos: snapshot.policies().map(|one| (one.id.clone(), one)).collect(), snapshot };
    let mut text = String::from(
        "# What the policies permit, made by `grantwood policy table`; not for editing.\n\
         # conditional: `if` names rules that may permit, `unless` those that may forbid, by the circumstances.\n\n",
    );
    let grants = asker.grants();
    columns(&mut text, ["client", "grant", "scope", "answer", "decided by"], &grants);
    text.push('\n');
    columns(&mut text, ["role", "about", "action", "answer", "decided by"], &asker.roles());
    text
}

type Row = [String; 5];

struct Asker {
    snapshot: Snapshot,
    infos: HashMap<String, PolicyInfo>,
}

impl Asker {
    fn grants(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for client in self.snapshot.clients() {
            for grant in &client.grants {
                let own = client.access_token_ttl.unwrap_or(TTL_S);
                let mut row = |scope: Option<&Scope>| {
                    let facts = facts(*grant, own.min(TTL_S), scope);
                    let question =
                        GrantQuestion { client, active: true, grant: *grant, user: None, facts: &facts };
                    match scope {
                        None => drop(self.snapshot.decide_start(&question)),
                        Some(scope) => {
                            drop(self.snapshot.decide_scopes(&question, std::slice::from_ref(scope)))
                        }
                    }
                    let (answer, by) = self.answer(false);
                    let scope = scope.map_or_else(|| "(start)".to_owned(), ToString::to_string);
                    rows.push([
                        client.id.to_string(),
                        grant.short().to_owned(),
                        scope,
                        answer.to_owned(),
                        by,
                    ]);
                };
                row(None);
                self.snapshot.catalog().actions().for_each(|action| row(Some(&action.scope)));
            }
        }
        rows
    }

    fn roles(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let any = ClientId::parse("any").and_then(|id| {
            let document = ClientDocument::new(ClientType::Confidential);
            self.snapshot.parse_client(&id, &document, Mode::Stored).ok()
        });
        let Some(any) = any else { return rows };
        for (name, _, _) in self.snapshot.roles() {
            let user = somebody(name);
            for action in self.snapshot.catalog().actions() {
                let scope = &action.scope;
                let mut row = |about: &str, generic: bool| {
                    let (answer, by) = self.answer(generic);
                    rows.push([name.to_owned(), about.to_owned(), scope.to_string(), answer.to_owned(), by]);
                };
                match super::admin::ALL.iter().find(|one| **one == scope.as_str()) {
                    None => {
                        self.use_of(&user, &any, scope);
                        row("-", false);
                    }
                    Some(known) => {
                        self.administer(&user, known, AdminResource::Server);
                        row("server", false);
                        if scope.content_type() == "admin:client" {
                            self.administer(&user, known, AdminResource::Client(&any));
                            row("a client", true);
                        }
                    }
                }
            }
        }
        rows
    }

    fn use_of(&self, user: &User, client: &Client, action: &Scope) {
        let token = TokenFacts {
            scopes: std::slice::from_ref(action),
            grant: GrantType::AuthorizationCode,
            age_s: 0,
        };
        let question = UseQuestion {
            user: Some(user),
            client,
            active: true,
            action,
            token,
            now_ms: NOON_MS,
            ip: HERE,
            http: None,
            stated: Default::default(),
        };
        drop(self.snapshot.decide_use(&question));
    }

    fn administer(&self, user: &User, action: &'static str, resource: AdminResource<'_>) {
        let actor = Actor::User(user);
        let question = AdminQuestion { actor, token: None, action, resource, now_ms: NOON_MS, ip: HERE };
        drop(self.snapshot.decide_admin(&question));
    }

    /// What follows from the policies that the last question met. With a resource that stands for any of its kind,
    /// conditions about it are open too.
    fn answer(&self, generic: bool) -> (&'static str, String) {
        let Some(probe) = &self.snapshot.decider.probe else { return ("deny", String::new()) };
        let mut sorted = Sorted::default();
        for (id, seen) in probe.take() {
            let Some(info) = self.infos.get(&id) else { continue };
            let open = if info.source.starts_with("builtin/") {
                Some(false)
            } else {
                open(probe, &id, &seen, generic)
            };
            let list = match (info.effect, open) {
                (_, None) => continue,
                (_, Some(false)) if !seen.applied => continue,
                ("forbid", Some(false)) => &mut sorted.forbids,
                ("forbid", Some(true)) => &mut sorted.unless,
                (_, Some(false)) => &mut sorted.permits,
                (_, Some(true)) => &mut sorted.given,
            };
            list.push(id);
        }
        sorted.answer()
    }
}

/// The policies that a question met.
#[derive(Default)]
struct Sorted {
    permits: Vec<String>,
    forbids: Vec<String>,
    given: Vec<String>,
    unless: Vec<String>,
}

impl Sorted {
    fn answer(mut self) -> (&'static str, String) {
        for list in [&mut self.permits, &mut self.forbids, &mut self.given, &mut self.unless] {
            list.sort();
        }
        if !self.forbids.is_empty() {
            return ("deny", self.forbids.join(", "));
        }
        if self.permits.is_empty() && self.given.is_empty() {
            return ("deny", "nothing permits it".to_owned());
        }
        if !self.permits.is_empty() && self.unless.is_empty() {
            return ("allow", self.permits.join(", "));
        }
        let mut parts = Vec::new();
        match self.permits.is_empty() {
            false => parts.push(self.permits.join(", ")),
            true => parts.push(format!("if {}", self.given.join(", "))),
        }
        if !self.unless.is_empty() {
            parts.push(format!("unless {}", self.unless.join(", ")));
        }
        ("conditional", parts.join(" "))
    }
}

/// Whether a policy's application depends on the circumstances; none = it does not apply whatever they are.
fn open(probe: &Probe, id: &str, seen: &Seen, generic: bool) -> Option<bool> {
    let mut open = false;
    for (clause, outcome) in probe.parts(id)?.clauses.iter().zip(&seen.clauses) {
        let agrees = *outcome == (clause.when, !clause.when);
        // The ceiling's and a client's own list name the resource, which a grant question knows.
        if clause.reads_context() || (generic && clause.reads_resource()) {
            open = true;
        } else if !agrees {
            return None;
        }
    }
    Some(open)
}

fn facts(grant: GrantType, ttl_s: u64, scope: Option<&Scope>) -> GrantFacts {
    let mut facts = GrantFacts::new(NOON_MS, HERE, ttl_s);
    match grant {
        GrantType::AuthorizationCode => {
            facts.pkce = Some(Method::S256);
            facts.redirect_host = Some("app.example.com".to_owned());
            facts.auth_age_s = Some(30);
            facts.consented = Some(scope.cloned().into_iter().collect());
        }
        GrantType::JwtBearer => {
            facts.alg = Some("RS256".to_owned());
            facts.assertion_ttl_s = Some(60);
        }
        GrantType::ClientCredentials => {}
    }
    facts
}

fn somebody(role: &str) -> User {
    User {
        id: "id-of-ann".into(),
        username: "ann".to_owned(),
        email: "ann@example.com".to_owned(),
        roles: vec![role.to_owned()],
        blocked: false,
        confirmed: true,
    }
}

fn columns(text: &mut String, heads: [&str; 5], rows: &[Row]) {
    let width = |at: usize| {
        rows.iter().map(|row| row[at].chars().count()).chain([heads[at].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..5).map(width).collect();
    for row in std::iter::once(&heads.map(ToOwned::to_owned)).chain(rows) {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
}
