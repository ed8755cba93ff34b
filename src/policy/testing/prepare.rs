//! Cases and cells become questions.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::super::admin;
use super::super::catalog::shown;
use super::super::client::Mode;
use super::super::diagnostics::did_you_mean;
use super::super::question::{
    Actor, AdminQuestion, AdminResource, Decision, GrantFacts, GrantQuestion, HttpFacts, TokenFacts,
    UseQuestion,
};
use super::super::snapshot::{LoadedTests, Snapshot};
use super::super::stated::{Properties, Stated, Thing};
use super::super::yaml::Step;
use super::Case;
use super::documents::{Absent, Expected, TestCase, TestContext, TestResource, TestTable, TestUser};
use crate::oauth::client::{Client, ClientId};
use crate::oauth::grant::GrantType;
use crate::oauth::scope::Scope;
use crate::oauth::user::User;

/// A Monday at noon, UTC: 2026-01-05T12:00:00Z.
const NOON_MS: i64 = 1_767_614_400_000;

/// The action of signing in, which is about a user and no token.
const SIGN_IN: &str = "user:sign_in";

/// A question with everything that it speaks of.
pub enum Question {
    /// May the grant start, or with a scope: may it give it?
    Grant {
        client: Arc<Client>,
        active: bool,
        grant: GrantType,
        user: Option<User>,
        facts: GrantFacts,
        scope: Option<Scope>,
    },
    /// May the token do this?
    Use {
        client: Arc<Client>,
        active: bool,
        user: Option<User>,
        action: Scope,
        token: Vec<Scope>,
        facts: UseFacts,
    },
    /// May the actor administer?
    Administer {
        actor: Who,
        action: &'static str,
        about: Option<Arc<Client>>,
        token: Option<Vec<Scope>>,
        facts: UseFacts,
    },
    /// May the user sign in?
    SignIn { user: User, facts: UseFacts },
}

/// Who administers.
pub enum Who {
    /// A user.
    User(User),
    /// A client, and its row's flag.
    Client(Arc<Client>, bool),
    /// A user of the machine.
    Operator(String),
}

/// The circumstances of a use.
pub struct UseFacts {
    grant: GrantType,
    age_s: u64,
    now_ms: i64,
    ip: IpAddr,
    http: Option<HttpFacts>,
    resource: Option<Thing>,
    action: Properties,
    subject: Properties,
}

impl UseFacts {
    /// What is stated, for a question about an action.
    fn stated<'a>(&'a self, resource: Option<&'a Thing>) -> Stated<'a> {
        Stated { resource, action: Some(&self.action), subject: Some(&self.subject) }
    }

    /// The resource; its type is the action's content type unless it is stated.
    fn thing(&self, action: &Scope) -> Option<Thing> {
        let mut thing = self.resource.clone()?;
        if thing.kind.is_empty() {
            action.content_type().clone_into(&mut thing.kind);
        }
        Some(thing)
    }
}

impl Question {
    /// Puts it.
    pub fn ask(&self, snapshot: &Snapshot) -> Decision {
        match self {
            Self::Grant { client, active, grant, user, facts, scope } => {
                let question =
                    GrantQuestion { client, active: *active, grant: *grant, user: user.as_ref(), facts };
                match scope {
                    None => snapshot.decide_start(&question),
                    Some(scope) => {
                        let decided = snapshot.decide_scopes(&question, std::slice::from_ref(scope));
                        decided.into_iter().next().map(|(_, decision)| decision).unwrap_or_default()
                    }
                }
            }
            Self::Use { client, active, user, action, token, facts } => {
                let resource = facts.thing(action);
                let question = UseQuestion {
                    user: user.as_ref(),
                    client,
                    active: *active,
                    action,
                    token: TokenFacts { scopes: token, grant: facts.grant, age_s: facts.age_s },
                    now_ms: facts.now_ms,
                    ip: facts.ip,
                    http: facts.http.as_ref(),
                    stated: facts.stated(resource.as_ref()),
                };
                snapshot.decide_use(&question)
            }
            Self::Administer { actor, action, about, token, facts } => {
                let actor = match actor {
                    Who::User(user) => Actor::User(user),
                    Who::Client(client, active) => Actor::Client(client, *active),
                    Who::Operator(name) => Actor::Operator(name),
                };
                let question = AdminQuestion {
                    actor,
                    token: token.as_deref(),
                    action,
                    resource: about
                        .as_ref()
                        .map_or(AdminResource::Server, |client| AdminResource::Client(client)),
                    now_ms: facts.now_ms,
                    ip: facts.ip,
                };
                snapshot.decide_admin(&question)
            }
            Self::SignIn { user, facts } => snapshot.decide_sign_in(user, facts.ip, facts.now_ms),
        }
    }
}

/// The clients that a case may name.
struct Known<'s> {
    snapshot: &'s Snapshot,
    own: BTreeMap<String, Result<Arc<Client>, String>>,
}

impl<'s> Known<'s> {
    fn new(snapshot: &'s Snapshot, loaded: &LoadedTests) -> Self {
        let own = loaded.document.clients.iter().map(|(id, document)| {
            let taken = ClientId::parse(id).filter(|id| snapshot.client(id).is_none());
            let client = taken.ok_or_else(|| format!("{} is no free client id", shown(id))).and_then(|id| {
                let parsed = snapshot.parse_client(&id, document, Mode::Stored);
                parsed.map(Arc::new).map_err(|problems| {
                    let texts =
                        problems.iter().map(|problem| format!("{}: {}", problem.field, problem.message));
                    format!("client {id}: {}", texts.collect::<Vec<_>>().join("; "))
                })
            });
            (id.clone(), client)
        });
        Self { snapshot, own: own.collect() }
    }

    fn client(&self, id: &str) -> Result<Arc<Client>, String> {
        if let Some(own) = self.own.get(id) {
            return own.clone();
        }
        let found = ClientId::parse(id).and_then(|id| self.snapshot.client(&id));
        found.cloned().ok_or_else(|| {
            let names = self.snapshot.clients().map(|client| client.id.as_str());
            let near = did_you_mean(id, names.chain(self.own.keys().map(String::as_str)));
            format!("no client {}{near}", shown(id))
        })
    }
}

/// Every case of every document, and every cell of every table.
pub fn cases(snapshot: &Snapshot) -> Vec<Case<'_>> {
    let mut cases = Vec::new();
    for loaded in &snapshot.tests {
        let known = Known::new(snapshot, loaded);
        for (index, case) in loaded.document.tests.iter().enumerate() {
            let place = loaded.tree.place(&[Step::Key("tests"), Step::Item(index)]);
            let mut policies = case.policies.clone();
            policies.iter_mut().for_each(|list| list.sort());
            let question = question(&known, case);
            let expected = (case.expect, policies, case.error.clone());
            cases.push(made(loaded, case.name.clone(), place, question, expected));
        }
        for (index, table) in loaded.document.tables.iter().enumerate() {
            cells(&known, loaded, index, table, &mut cases);
        }
    }
    cases
}

fn made<'s>(
    loaded: &'s LoadedTests,
    name: String,
    place: (usize, usize),
    question: Result<Question, String>,
    (expect, policies, error): (Expected, Option<Vec<String>>, Option<String>),
) -> Case<'s> {
    Case { name, file: &loaded.file, text: &loaded.text, place, question, expect, policies, error }
}

/// The cells of a table. What is wrong with a row is a case that fails at the row's place.
fn cells<'s>(
    known: &Known<'_>,
    loaded: &'s LoadedTests,
    index: usize,
    table: &TestTable,
    cases: &mut Vec<Case<'s>>,
) {
    let columns = if table.roles.is_empty() { &table.clients } else { &table.roles };
    let here = [Step::Key("tables"), Step::Item(index)];
    let mut wrong = |place, why: String| {
        cases.push(made(loaded, table.name.clone(), place, Err(why), (Expected::Allow, None, None)));
    };
    if table.roles.is_empty() == table.clients.is_empty() {
        return wrong(loaded.tree.place(&here), "a table has either clients or roles as columns".to_owned());
    }
    if !table.roles.is_empty() && (table.grant.is_some() || table.user.is_some()) {
        let why = "a table of roles asks about the use of tokens: it has no grant and no user";
        return wrong(loaded.tree.place(&here), why.to_owned());
    }
    for (row, answers) in &table.rows {
        let path = [here[0], here[1], Step::Key("rows"), Step::Key(row)];
        let place = loaded.tree.place(&path);
        if answers.len() != columns.len() {
            let why = format!("{row}: {} answers for {} columns", answers.len(), columns.len());
            cases.push(made(loaded, table.name.clone(), place, Err(why), (Expected::Allow, None, None)));
            continue;
        }
        let scopes = match known.snapshot.catalog().expand(row) {
            Ok(scopes) => scopes,
            Err(why) => {
                cases.push(made(loaded, table.name.clone(), place, Err(why), (Expected::Allow, None, None)));
                continue;
            }
        };
        for scope in &scopes {
            for (at, (column, answer)) in columns.iter().zip(answers).enumerate() {
                let place = loaded.tree.place(&[path[0], path[1], path[2], path[3], Step::Item(at)]);
                let name = format!("{}: {column} × {scope}", table.name);
                let question = cell(known, table, column, scope);
                cases.push(made(loaded, name, place, question, (*answer, None, None)));
            }
        }
    }
}

fn cell(known: &Known<'_>, table: &TestTable, column: &str, scope: &Scope) -> Result<Question, String> {
    let mut case = blank(table);
    if table.roles.is_empty() {
        case.client = Some(column.to_owned());
    } else {
        case.user = Some(TestUser { roles: vec![column.to_owned()], confirmed: true, ..TestUser::default() });
    }
    match table.grant {
        Some(_) => case.scope = Some(scope.to_string()),
        None => case.action = Some(scope.to_string()),
    }
    question(known, &case)
}

fn blank(table: &TestTable) -> TestCase {
    TestCase {
        name: String::new(),
        client: table.client.clone(),
        active: true,
        grant: table.grant,
        scope: None,
        action: None,
        about: None,
        operator: None,
        user: table.user.clone(),
        token: None,
        context: table.context.clone(),
        expect: Expected::Allow,
        policies: None,
        error: None,
    }
}

fn question(known: &Known<'_>, case: &TestCase) -> Result<Question, String> {
    let user = case.user.as_ref().map(user);
    let client = case.client.as_deref().map(|id| known.client(id)).transpose()?;
    match (case.action.as_deref(), case.grant) {
        (Some(SIGN_IN), None) => {
            let user = user.ok_or("signing in needs a user")?;
            Ok(Question::SignIn { user, facts: use_facts(&case.context, true)? })
        }
        (Some(action), None) => use_or_administer(known, case, action, client, user),
        (None, Some(grant)) => {
            let client = client.ok_or("a grant question needs a client")?;
            let scope = case.scope.as_deref().map(parse_scope).transpose()?;
            let facts = grant_facts(&case.context, grant, scope.as_ref())?;
            Ok(Question::Grant { client, active: case.active, grant, user, facts, scope })
        }
        _ => Err("a case has either a grant or an action".to_owned()),
    }
}

fn grant_facts(context: &TestContext, grant: GrantType, scope: Option<&Scope>) -> Result<GrantFacts, String> {
    let mut facts = GrantFacts::new(time(context)?, ip(context), context.ttl.map_or(900, |ttl| ttl.0));
    facts.audience.clone_from(&context.audience);
    match grant {
        GrantType::AuthorizationCode => {
            facts.pkce = context.pkce.map_or(Some(crate::oauth::pkce::Method::S256), |pkce| pkce.method());
            let host = context.redirect_host.clone().unwrap_or_else(|| "app.example.com".to_owned());
            facts.redirect_host = Some(host);
            facts.redirect_loopback = context.redirect_loopback;
            facts.auth_age_s = Some(context.auth_age.map_or(30, |age| age.0));
            facts.consented = Some(match &context.consented {
                Some(list) => list.iter().map(|text| parse_scope(text)).collect::<Result<_, _>>()?,
                None => scope.cloned().into_iter().collect(),
            });
        }
        GrantType::JwtBearer => {
            facts.alg = Some(context.alg.clone().unwrap_or_else(|| "RS256".to_owned()));
            facts.assertion_ttl_s = Some(context.assertion_ttl.map_or(60, |ttl| ttl.0));
        }
        GrantType::ClientCredentials => {}
    }
    for absent in &context.absent {
        match absent {
            Absent::Consented => facts.consented = None,
            Absent::AuthAge => facts.auth_age_s = None,
            Absent::AssertionTtl => facts.assertion_ttl_s = None,
        }
    }
    Ok(facts)
}

fn use_or_administer(
    known: &Known<'_>,
    case: &TestCase,
    action: &str,
    client: Option<Arc<Client>>,
    user: Option<User>,
) -> Result<Question, String> {
    let scope = parse_scope(action)?;
    let token = match &case.token {
        Some(list) => list.iter().map(|text| parse_scope(text)).collect::<Result<Vec<_>, _>>()?,
        None => vec![scope.clone()],
    };
    let facts = use_facts(&case.context, user.is_some())?;
    let Some(administers) = admin::ALL.iter().find(|one| **one == action) else {
        let client = client.ok_or("a use question needs the token's client")?;
        return Ok(Question::Use { client, active: case.active, user, action: scope, token, facts });
    };
    // A user without a client in the case has a session of our own pages, not a token.
    let token = (client.is_some() || case.token.is_some()).then_some(token);
    let about = case.about.as_deref().map(|id| known.client(id)).transpose()?;
    let actor = match (case.operator.clone(), user, client) {
        (Some(name), None, None) => Who::Operator(name),
        (Some(_), ..) => return Err("an operator acts without a user and without a client".to_owned()),
        (None, Some(user), _) => Who::User(user),
        (None, None, Some(client)) => Who::Client(client, case.active),
        (None, None, None) => return Err("administration needs a user, a client or an operator".to_owned()),
    };
    Ok(Question::Administer { actor, action: administers, about, token, facts })
}

fn use_facts(context: &TestContext, user: bool) -> Result<UseFacts, String> {
    let usual = if user { GrantType::AuthorizationCode } else { GrantType::JwtBearer };
    Ok(UseFacts {
        grant: context.token_grant.unwrap_or(usual),
        age_s: context.token_age.map_or(10, |age| age.0),
        now_ms: time(context)?,
        ip: ip(context),
        http: context.http.as_ref().map(|http| HttpFacts {
            method: http.method.clone(),
            path: http.path.clone(),
            params: http.params.clone().into_iter().collect(),
            headers: http.headers.clone().into_iter().collect(),
        }),
        resource: context.resource.as_ref().map(stated).transpose()?,
        action: Properties::of_json(&context.action)?,
        subject: Properties::of_json(&context.subject)?,
    })
}

fn stated(resource: &TestResource) -> Result<Thing, String> {
    Ok(Thing {
        kind: resource.kind.clone().unwrap_or_default(),
        id: resource.id.clone(),
        properties: Properties::of_json(&resource.properties)?,
    })
}

fn user(user: &TestUser) -> User {
    let username = user.username.clone().unwrap_or_else(|| "ann".to_owned());
    User {
        id: user.id.clone().unwrap_or_else(|| format!("id-of-{username}")).into(),
        email: user.email.clone().unwrap_or_else(|| format!("{username}@example.com")),
        username,
        roles: user.roles.clone(),
        blocked: user.blocked,
        confirmed: user.confirmed,
    }
}

fn parse_scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).map_err(|error| format!("{}: {error}", shown(text)))
}

fn ip(context: &TestContext) -> IpAddr {
    context.ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

fn time(context: &TestContext) -> Result<i64, String> {
    let Some(text) = &context.time else { return Ok(NOON_MS) };
    let format = &time::format_description::well_known::Rfc3339;
    let moment = time::OffsetDateTime::parse(text, format)
        .map_err(|_| format!("{} is no time such as 2026-01-05T12:00:00Z", shown(text)))?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).map_err(|_| "a time out of range".to_owned())
}
