//! Policy tests: the folder's own cases, run in process against the set that they came with.

use std::net::{IpAddr, Ipv4Addr};

use super::admin;
use super::diagnostics::{Diagnostic, did_you_mean};
use super::documents::{Expected, TestCase, TestUser};
use super::question::{
    Actor, AdminQuestion, AdminResource, Decision, GrantFacts, GrantQuestion, TokenFacts, UseQuestion,
};
use super::snapshot::Snapshot;
use crate::oauth::client::{Client, ClientId};
use crate::oauth::grant::GrantType;
use crate::oauth::scope::Scope;
use crate::oauth::user::User;

/// A Monday at noon, UTC: 2026-01-05T12:00:00Z.
const NOON_MS: i64 = 1_767_614_400_000;

/// Runs every case; answers with those that failed, each at its place.
pub fn run(snapshot: &Snapshot) -> Vec<Diagnostic> {
    let mut failed = Vec::new();
    for tests in &snapshot.tests {
        for (case, place) in tests.document.tests.iter().zip(&tests.places) {
            let verdict = ask(snapshot, case).and_then(|decision| compare(case, &decision));
            if let Err(why) = verdict {
                let message = format!("test \"{}\": {why}", case.name);
                failed.push(Diagnostic::at(&tests.file, place.0, place.1, message).snippet(&tests.text));
            }
        }
    }
    failed
}

/// How many cases the folder has.
pub fn count(snapshot: &Snapshot) -> usize {
    snapshot.tests.iter().map(|tests| tests.document.tests.len()).sum()
}

fn compare(case: &TestCase, decision: &Decision) -> Result<(), String> {
    let answer = if decision.allowed { Expected::Allow } else { Expected::Deny };
    let because = match (decision.policies.is_empty(), decision.errors.first()) {
        (_, Some(error)) => format!("because of an evaluation error: {error}"),
        (true, None) => "because nothing permits it".to_owned(),
        (false, None) => format!("by {}", decision.policies.join(", ")),
    };
    if answer != case.expect {
        let word = |expected| if expected == Expected::Allow { "allow" } else { "deny" };
        return Err(format!("expected {}, the decision is {} {because}", word(case.expect), word(answer)));
    }
    if let Some(expected) = &case.policies {
        let mut expected = expected.clone();
        expected.sort();
        if expected != decision.policies {
            return Err(format!("expected to be decided by [{}], it was decided {because}", expected.join(", ")));
        }
    }
    if case.error.is_some() && case.error != decision.error {
        let got = decision.error.as_deref().unwrap_or("none");
        return Err(format!("expected error {}, it is {got}", case.error.as_deref().unwrap_or("none")));
    }
    Ok(())
}

fn ask(snapshot: &Snapshot, case: &TestCase) -> Result<Decision, String> {
    let user = case.user.as_ref().map(user);
    let client = case.client.as_deref().map(|id| client(snapshot, id)).transpose()?;
    match (&case.action, case.grant) {
        (Some(action), None) => use_or_administer(snapshot, case, action, client, user.as_ref()),
        (None, Some(grant)) => {
            let client = client.ok_or("a grant question needs a client")?;
            grant_question(snapshot, case, grant, client, user.as_ref())
        }
        _ => Err("a case has either a grant or an action".to_owned()),
    }
}

fn grant_question(
    snapshot: &Snapshot,
    case: &TestCase,
    grant: GrantType,
    client: &Client,
    user: Option<&User>,
) -> Result<Decision, String> {
    let scope = case.scope.as_deref().map(parse_scope).transpose()?;
    let facts = facts(case, grant, scope.as_ref())?;
    let question = GrantQuestion { client, active: true, grant, user, facts: &facts };
    match scope {
        None => Ok(snapshot.decide_start(&question)),
        Some(scope) => {
            let mut decided = snapshot.decide_scopes(&question, &[scope]);
            decided.pop().map(|(_, decision)| decision).ok_or_else(|| "no decision".to_owned())
        }
    }
}

fn facts(case: &TestCase, grant: GrantType, scope: Option<&Scope>) -> Result<GrantFacts, String> {
    let context = &case.context;
    let mut facts = GrantFacts::new(time(case)?, ip(case), context.ttl.map_or(900, |ttl| ttl.0));
    facts.audience.clone_from(&context.audience);
    match grant {
        GrantType::AuthorizationCode => {
            facts.pkce = context.pkce.map_or(Some(crate::oauth::pkce::Method::S256), |pkce| pkce.method());
            facts.redirect_host = Some("app.example.com".to_owned());
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
    Ok(facts)
}

fn use_or_administer(
    snapshot: &Snapshot,
    case: &TestCase,
    action: &str,
    client: Option<&Client>,
    user: Option<&User>,
) -> Result<Decision, String> {
    let scope = parse_scope(action)?;
    let token = match &case.token {
        Some(list) => list.iter().map(|text| parse_scope(text)).collect::<Result<Vec<_>, _>>()?,
        None => vec![scope.clone()],
    };
    let Some(known) = admin::ALL.iter().find(|known| **known == action) else {
        let client = client.ok_or("a use question needs the token's client")?;
        let grant = if user.is_some() { GrantType::AuthorizationCode } else { GrantType::JwtBearer };
        return Ok(snapshot.decide_use(&UseQuestion {
            user,
            client,
            active: true,
            action: &scope,
            token: TokenFacts { scopes: &token, grant, age_s: 10 },
            now_ms: time(case)?,
            ip: ip(case),
            http: None,
        }));
    };
    let actor = match (user, client) {
        (Some(user), _) => Actor::User(user),
        (None, Some(client)) => Actor::Client(client, true),
        (None, None) => return Err("administration needs a user or a client".to_owned()),
    };
    let resource = match case.about.as_deref() {
        Some(id) => AdminResource::Client(self::client(snapshot, id)?),
        None => AdminResource::Server,
    };
    // A user without a client in the case has a session of our own pages, not a token.
    let token = (client.is_some() || case.token.is_some()).then_some(token.as_slice());
    let question = AdminQuestion { actor, token, action: known, resource, now_ms: time(case)?, ip: ip(case) };
    Ok(match snapshot.administer(&question) {
        Ok(permit) => Decision { allowed: true, policies: permit.get().policies.clone(), ..Decision::default() },
        Err(decision) => decision,
    })
}

fn client<'a>(snapshot: &'a Snapshot, id: &str) -> Result<&'a Client, String> {
    let found = ClientId::parse(id).and_then(|id| snapshot.client(&id));
    found.map(AsRef::as_ref).ok_or_else(|| {
        let near = did_you_mean(id, snapshot.clients().map(|client| client.id.as_str()));
        format!("no client {}{near}", super::catalog::shown(id))
    })
}

fn user(user: &TestUser) -> User {
    let username = user.username.clone().unwrap_or_else(|| "ann".to_owned());
    User {
        id: format!("id-of-{username}").into(),
        email: format!("{username}@example.com"),
        username,
        roles: user.roles.clone(),
        blocked: user.blocked,
        confirmed: true,
    }
}

fn parse_scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).map_err(|error| format!("{}: {error}", super::catalog::shown(text)))
}

fn ip(case: &TestCase) -> IpAddr {
    case.context.ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

fn time(case: &TestCase) -> Result<i64, String> {
    let Some(text) = &case.context.time else { return Ok(NOON_MS) };
    let format = &time::format_description::well_known::Rfc3339;
    let moment = time::OffsetDateTime::parse(text, format)
        .map_err(|_| format!("{} is no time such as 2026-01-05T12:00:00Z", super::catalog::shown(text)))?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).map_err(|_| "a time out of range".to_owned())
}
