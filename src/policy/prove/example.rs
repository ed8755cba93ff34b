//! A request that shows the contrary: made realistic where that is possible, replayed with Cedar on the whole
//! sets, and told so that a person can try it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cedar_policy::{Authorizer, Decision, Entities, Entity, EntityUid, EvalResult, PolicySet, Request};
use cedar_policy_symcc::Env;
use serde::Serialize;

use super::compare::permits;
use super::environment::{Environment, Stated};
use crate::oauth::client::ClientId;
use crate::oauth::grant::GrantType;
use crate::policy::compile::quoted;
use crate::policy::facts;
use crate::policy::plan::Loaded;

/// Clients that are tried in place of the solver's.
const TRIED: usize = 2_000;

/// A request against a statement.
#[derive(Clone, Debug, Serialize)]
pub struct Example {
    /// `Client::"reporting"`.
    pub principal: String,
    /// `grant:jwt_bearer`.
    pub action: String,
    /// `Scope::"api::form.form.delete"`.
    pub resource: String,
    /// The circumstances: name and value.
    pub context: Vec<(String, String)>,
    /// Whether the principal is a client that a document declares, with what the document says of it.
    pub declared: bool,
    /// The permits of the new set that let it pass, each with its place.
    pub permitted_by: Vec<String>,
    /// What the old set says instead; empty for an invariant.
    pub refused_by: Vec<String>,
    /// A case for `policies/tests/`, where the request can be written as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// The command that explains the decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What a request is replayed on.
pub(super) struct Replay<'r> {
    /// Its kind.
    pub environment: &'r Environment,
    /// The old set, which must refuse it; none = nothing is compared.
    pub old: Option<(&'r Loaded, &'r [Stated])>,
    /// The new set, which must permit it.
    pub new: (&'r Loaded, &'r [Stated]),
    /// Whether a client that no document declares may be one of a database, which lists what it wants.
    pub any_client: bool,
}

/// One set's answer.
struct Said {
    allowed: bool,
    reasons: Vec<String>,
}

/// Replays the solver's request; none if the whole sets do not answer as it says. A client of a database lists what
/// it wants, or nothing: either will do.
pub(super) fn replayed(env: &Env, replay: &Replay<'_>) -> Option<Example> {
    let nothing = Replay { any_client: false, ..*replay };
    one(env, replay).or_else(|| one(env, &nothing))
}

fn one(env: &Env, replay: &Replay<'_>) -> Option<Example> {
    let real = replay.with_declared_clients(env);
    let declared = real.is_some();
    let (request, entities) = real.or_else(|| {
        replay.shows(&env.request, &env.entities).then(|| (env.request.clone(), env.entities.clone()))
    })?;
    let new = replay.said(replay.new, &request, &entities)?;
    let old = match replay.old {
        Some(old) => replay.said(old, &request, &entities)?.reasons,
        None => Vec::new(),
    };
    let refused_by = match (replay.old.is_some(), old.is_empty()) {
        (true, true) => vec!["no policy permits it".to_owned()],
        _ => old,
    };
    let context = context(&request);
    let case = declared.then(|| case(&request, &entities, &context, replay.old.is_some())).flatten();
    Some(Example {
        principal: request.principal()?.to_string(),
        action: request.action()?.id().unescaped().to_owned(),
        resource: request.resource()?.to_string(),
        declared,
        permitted_by: new.reasons,
        refused_by,
        why: declared.then(|| why(&request)).flatten(),
        test: case,
        context,
    })
}

impl Replay<'_> {
    fn shows(&self, request: &Request, entities: &Entities) -> bool {
        let allowed = |set| self.said(set, request, entities).is_some_and(|said| said.allowed);
        allowed(self.new) && !self.old.is_some_and(allowed)
    }

    /// The same request by a client that a document declares: the one that the solver names, or any other.
    fn with_declared_clients(&self, env: &Env) -> Option<(Request, Entities)> {
        if self.environment.principal != "Client" {
            return None;
        }
        let snapshot = &self.new.0.snapshot;
        let named = env.request.principal()?.id().unescaped().to_owned();
        let first = ClientId::parse(&named).and_then(|id| snapshot.client(&id));
        let others = snapshot.clients().take(TRIED);
        first.into_iter().chain(others).find_map(|client| {
            let own = facts::client(&snapshot.decider().names, client, true).ok()?;
            let uid = own.uid();
            let request = Request::new(
                uid.clone(),
                env.request.action()?.clone(),
                env.request.resource()?.clone(),
                env.request.context()?.clone(),
                None,
            )
            .ok()?;
            let rest = env.entities.iter().filter(|entity| entity.uid() != uid).cloned();
            let entities = Entities::from_entities(rest.chain([own]), None).ok()?;
            self.shows(&request, &entities).then_some((request, entities))
        })
    }

    /// What a whole set says: its policies, and the permits of the client that asks.
    fn said(
        &self,
        (loaded, policies): (&Loaded, &[Stated]),
        request: &Request,
        entities: &Entities,
    ) -> Option<Said> {
        let mut all: Vec<Stated> =
            policies.iter().filter(|one| self.environment.meets(&one.policy)).cloned().collect();
        all.extend(self.own(loaded, request));
        let set = PolicySet::from_policies(all.iter().map(|one| one.policy.clone())).ok()?;
        let response = Authorizer::new().is_authorized(request, &set, entities);
        let diagnostics = response.diagnostics();
        // A policy that fails denies, whatever Cedar says.
        let failed = diagnostics.errors().next().is_some();
        let mut reasons: Vec<String> = diagnostics
            .reason()
            .map(|id| {
                let id: &str = id.as_ref();
                let source = all.iter().find(|one| one.id == id).map_or("", |one| one.source.as_str());
                format!("{id} ({source})")
            })
            .collect();
        if failed {
            // Cedar's own reasons are those of an answer that the server does not give.
            let text = |error: &cedar_policy::AuthorizationError| format!("fails to evaluate: {error}");
            reasons = diagnostics.errors().map(text).collect();
        }
        reasons.sort();
        Some(Said { allowed: response.decision() == Decision::Allow && !failed, reasons })
    }

    /// The permits of the client that asks.
    fn own(&self, loaded: &Loaded, request: &Request) -> Vec<Stated> {
        let Some(principal) = request.principal().filter(|_| self.environment.principal == "Client") else {
            return Vec::new();
        };
        let id = ClientId::parse(principal.id().unescaped());
        let declares = |set: &Loaded| id.as_ref().is_some_and(|id| set.snapshot.clients.contains_key(id));
        if let Some(one) = id.as_ref().and_then(|id| loaded.snapshot.clients.get(id)) {
            return permits(&one.client, &one.source);
        }
        if !self.any_client || declares(self.new.0) || self.old.is_some_and(|(old, _)| declares(old)) {
            return Vec::new();
        }
        let text = format!("permit (principal == {principal}, action, resource);");
        let policies = super::assume::parsed("database.client", &[text]);
        policies
            .into_iter()
            .map(|policy| Stated::new(policy, "a client of the database that lists it"))
            .collect()
    }
}

/// The circumstances as text.
fn context(request: &Request) -> Vec<(String, String)> {
    let names = [
        "now",
        "ip",
        "ttl",
        "audience",
        "user",
        "pkce",
        "redirect_host",
        "redirect_loopback",
        "auth_age",
        "consented",
        "alg",
        "assertion_ttl",
        "client",
        "scopes",
        "grant",
        "age",
        "http",
    ];
    let Some(context) = request.context() else { return Vec::new() };
    names.into_iter().filter_map(|name| Some((name.to_owned(), context.get(name)?.to_string()))).collect()
}

/// The request as a case of `policies/tests/`: what must not be permitted.
fn case(
    request: &Request,
    entities: &Entities,
    context: &[(String, String)],
    compared: bool,
) -> Option<String> {
    let grant =
        GrantType::ALL.into_iter().find(|grant| Some(grant.action()) == action(request).as_deref())?;
    if request.resource()?.type_name().basename() != "Scope" {
        return None;
    }
    let mut text = format!(
        "  - name: {}\n    client: {}\n    grant: {}\n    scope: {}\n",
        if compared {
            "what the old policies refuse (found by grantwood prove)"
        } else {
            "what must not be (found by grantwood prove)"
        },
        request.principal()?.id().unescaped(),
        grant.short(),
        request.resource()?.id().unescaped(),
    );
    let user = request.context().and_then(|context| context.get("user"));
    if let Some(EvalResult::EntityUid(user)) = user {
        text.push_str(&user_of(&user, entities));
    }
    let mut lines = String::new();
    for (name, value) in context {
        let value = value.trim_matches('"');
        let inner =
            value.split_once("(\"").and_then(|(_, rest)| rest.split_once("\")")).map(|(inner, _)| inner);
        match (name.as_str(), inner) {
            ("ip", Some(ip)) => {
                // A case names one address.
                let ip = ip.split('/').next().unwrap_or(ip);
                let _ = writeln!(lines, "      ip: {ip}");
            }
            ("now", Some(_)) => {
                let _ = writeln!(lines, "      time: \"{}\"", moment(value)?);
            }
            ("ttl" | "auth_age" | "assertion_ttl", Some(duration)) => {
                // Whole seconds, rounded up: one over a bound stays over it.
                let seconds = (millis(duration)?.max(0) + 999) / 1_000;
                let _ = writeln!(lines, "      {name}: {seconds}");
            }
            ("alg", _) => {
                let _ = writeln!(lines, "      alg: {}", quoted(value));
            }
            _ => {}
        }
    }
    if !lines.is_empty() {
        let _ = write!(text, "    context:\n{lines}");
    }
    text.push_str("    expect: deny\n");
    Some(text)
}

fn user_of(user: &EntityUid, entities: &Entities) -> String {
    let found: Option<&Entity> = entities.get(user);
    let name = found.and_then(|entity| match entity.attr("username") {
        Some(Ok(EvalResult::String(name))) => Some(name),
        _ => None,
    });
    let roles: BTreeSet<String> = entities
        .ancestors(user)
        .into_iter()
        .flatten()
        .filter(|uid| uid.type_name().basename() == "Role")
        .map(|uid| quoted(uid.id().unescaped()))
        .collect();
    let mut text = format!("    user:\n      username: {}\n", quoted(&name.unwrap_or_default()));
    if !roles.is_empty() {
        let _ = writeln!(text, "      roles: [{}]", roles.into_iter().collect::<Vec<_>>().join(", "));
    }
    text
}

/// Milliseconds of `3600000ms`, `1h30m`, `-5s`.
fn millis(duration: &str) -> Option<i64> {
    let (sign, mut rest) = match duration.trim().strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, duration.trim()),
    };
    let mut all: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let factor = match &rest[..letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        all = all.checked_add(number.checked_mul(factor)?)?;
        rest = &rest[letters..];
    }
    Some(sign * all)
}

/// RFC 3339 of `datetime("2026-01-05T12:00:00Z")` and of `datetime("1970-01-01").offset(duration("5ms"))`.
fn moment(value: &str) -> Option<String> {
    let quoted: Vec<&str> = value.split('"').skip(1).step_by(2).collect();
    match quoted.as_slice() {
        [day] if day.len() == 10 => Some(format!("{day}T00:00:00.000Z")),
        [time] => Some((*time).to_owned()),
        [base, offset] if base.starts_with("1970-01-01") => Some(facts::datetime(millis(offset)?)),
        _ => None,
    }
}

fn action(request: &Request) -> Option<String> {
    Some(request.action()?.id().unescaped().to_owned())
}

fn why(request: &Request) -> Option<String> {
    let client = request.principal()?.id().unescaped().to_owned();
    let action = action(request)?;
    match GrantType::ALL.into_iter().find(|grant| grant.action() == action) {
        Some(grant) => {
            let resource = request.resource()?;
            let scope = match resource.type_name().basename() {
                "Scope" => format!(" --scope {}", resource.id().unescaped()),
                _ => String::new(),
            };
            Some(format!("grantwood why --client {client}{scope} --grant {}", grant.short()))
        }
        None => Some(format!("grantwood why --client {client} --action {action}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cedars_words_for_times() {
        assert_eq!(
            (millis("1h30m"), millis("-5ms"), millis("1x"), millis("900001ms")),
            (Some(5_400_000), Some(-5), None, Some(900_001))
        );
        assert_eq!(moment("datetime(\"2026-01-05\")").as_deref(), Some("2026-01-05T00:00:00.000Z"));
        assert_eq!(
            moment("datetime(\"1970-01-01\").offset(duration(\"86400000ms\"))").as_deref(),
            Some("1970-01-02T00:00:00.000Z")
        );
    }
}
