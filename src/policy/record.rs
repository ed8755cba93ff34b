//! A decision as the decision log has it: the answer, and enough of the question to put it again.
//!
//! No field has room for a secret: what stands here are names of the vocabulary, times, addresses, and what the
//! operator declared harmless. A path keeps its short segments only; a query has no place at all (attack row W4).

mod http;
mod packed;
mod parts;
mod question;
mod stated;

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::facts::datetime;
use super::question::{
    Actor, AdminQuestion, AdminResource, Asked, Decision, GrantFacts, GrantQuestion, UseQuestion,
};

pub use http::HttpRecord;
pub use packed::Packed;
pub use parts::{TokenRecord, UserRecord};
pub use question::Missing;
pub use stated::StatedRecord;

/// Longest segment of a path that is kept, in bytes: an id fits, a token does not.
const MAX_SEGMENT: usize = 48;

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Always `decision`, so that the lines can stand in one stream with others.
    pub event: Event,
    /// When, in UTC: `2026-11-24T00:04:11.000Z`.
    pub time: String,
    /// What was asked.
    pub kind: Kind,
    /// The answer.
    pub decision: Verdict,
    /// Cedar's principal, such as `Client::"reporting"`.
    pub principal: String,
    /// Cedar's action, such as `grant:jwt_bearer`.
    pub action: String,
    /// Cedar's resource, such as `Scope::"api::form.form.find"`.
    pub resource: String,
    /// The client, if one had a part in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The row of the client was switched off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub client_off: bool,
    /// The user, if one had a part in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserRecord>,
    /// Ids of the deciding policies, sorted; none = nothing permits it.
    pub policies: Vec<String>,
    /// Why the request was refused without a policy: a variant of the server's reasons, such as `Client(Secret)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The OAuth error code of the forbid that decided, or of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Ids of policies that could not be evaluated, or `question` if it could not be put.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// The policy set that decided.
    pub revision: String,
    /// The request's id, as in the log and in the answer.
    pub request_id: String,
    /// The token that is given, or that is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The caller's address.
    pub ip: IpAddr,
    /// What the policy engine took for all questions that were put together, in microseconds.
    pub us: u64,
    /// The circumstances of a grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<GrantFacts>,
    /// The token of a use, or of an administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenRecord>,
    /// The request of a use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpRecord>,
    /// What a caller of the decision API stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated: Option<StatedRecord>,
}

/// The name of the event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The only one.
    #[default]
    #[serde(rename = "decision")]
    Decision,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A token or a code.
    Grant,
    /// What a live token still carries.
    Recheck,
    /// The use of a token.
    Use,
    /// Administration.
    Admin,
    /// Signing in.
    SignIn,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Yes.
    Allow,
    /// No.
    Deny,
}

/// Where a decision belongs.
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    /// The request's id.
    pub request_id: &'a str,
    /// The token that is given, or that is used.
    pub jti: Option<&'a str>,
    /// What the policy engine took.
    pub took: Duration,
}

/// Whose values may be kept, by their names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Harmless<'a> {
    /// Request headers, in lower case.
    pub headers: &'a [String],
    /// Stated properties.
    pub properties: &'a [String],
}

/// A request that was refused before the policy was asked.
#[derive(Clone, Copy, Debug)]
pub struct Unasked<'a> {
    /// When, in milliseconds since 1970, UTC.
    pub now_ms: i64,
    /// From where.
    pub ip: IpAddr,
    /// The request's id.
    pub request_id: &'a str,
    /// Who asked, as far as that can be a client's name.
    pub client: Option<&'a str>,
    /// The Cedar action that would have been asked about; `grant` where that is not known.
    pub action: &'a str,
    /// The server's reason.
    pub reason: &'a str,
    /// The OAuth error code.
    pub error: &'a str,
}

impl Record {
    /// Writes a decision down.
    pub fn of(
        asked: &Asked<'_>,
        decision: &Decision,
        revision: &str,
        trace: Trace<'_>,
        kept: Harmless<'_>,
    ) -> Self {
        let head = Head::of(asked);
        let mut record = Self {
            event: Event::Decision,
            time: datetime(head.now_ms),
            kind: head.kind,
            decision: if decision.allowed { Verdict::Allow } else { Verdict::Deny },
            principal: head.principal,
            action: head.action.to_owned(),
            resource: head.resource,
            client: None,
            client_off: false,
            user: None,
            policies: decision.policies.clone(),
            reason: None,
            error: decision.error.clone(),
            errors: decision.errors.iter().map(|text| policy_of(text)).collect(),
            revision: revision.to_owned(),
            request_id: trace.request_id.to_owned(),
            jti: trace.jti.map(ToOwned::to_owned),
            ip: head.ip,
            us: u64::try_from(trace.took.as_micros()).unwrap_or(u64::MAX),
            facts: None,
            token: None,
            http: None,
            stated: None,
        };
        match asked {
            Asked::Grant(question, _) | Asked::Recheck(question, _) => record.grant(question),
            Asked::Use(question) => record.usage(question, kept),
            Asked::Admin(question) => record.admin(question),
            Asked::SignIn(question) => record.user = Some(UserRecord::of(question.user)),
        }
        record
    }

    /// Writes down that a token or code request was refused before the policy was asked. `client` is a name that
    /// can be one of a client; nobody checked more of it.
    pub fn unasked(unasked: &Unasked<'_>, revision: &str) -> Self {
        let named = super::compile::quoted(unasked.client.unwrap_or_default());
        Self {
            event: Event::Decision,
            time: datetime(unasked.now_ms),
            kind: Kind::Grant,
            decision: Verdict::Deny,
            principal: format!("Client::{named}"),
            action: unasked.action.to_owned(),
            resource: "Server::\"self\"".to_owned(),
            client: unasked.client.map(ToOwned::to_owned),
            client_off: false,
            user: None,
            policies: Vec::new(),
            reason: Some(unasked.reason.to_owned()),
            error: Some(unasked.error.to_owned()),
            errors: Vec::new(),
            revision: revision.to_owned(),
            request_id: unasked.request_id.to_owned(),
            jti: None,
            ip: unasked.ip,
            us: 0,
            facts: None,
            token: None,
            http: None,
            stated: None,
        }
    }

    /// The scope that a grant or a re-check was about; none = the grant as a whole.
    pub fn scope(&self) -> Option<&str> {
        self.resource.strip_prefix("Scope::\"").and_then(|rest| rest.strip_suffix('"'))
    }

    /// Who asked: the client of a grant, whoever administered or signed in; and what that is.
    pub fn actor(&self) -> (String, &'static str) {
        match (self.kind, &self.client, &self.user) {
            (Kind::Grant | Kind::Recheck, Some(client), _) | (_, Some(client), None) => {
                (client.clone(), "client")
            }
            (_, _, Some(user)) => (user.id.clone(), "user"),
            (_, None, None) => {
                let name =
                    self.principal.strip_prefix("Operator::\"").and_then(|rest| rest.strip_suffix('"'));
                (name.unwrap_or_default().to_owned(), "operator")
            }
        }
    }

    /// When, in milliseconds since 1970, UTC.
    pub fn at_ms(&self) -> i64 {
        use time::format_description::well_known::Rfc3339;
        let moment = time::OffsetDateTime::parse(&self.time, &Rfc3339);
        moment.map_or(0, |at| i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(0))
    }

    /// Whether the answer was yes.
    pub fn allowed(&self) -> bool {
        self.decision == Verdict::Allow
    }

    fn grant(&mut self, question: &GrantQuestion<'_>) {
        self.client = Some(question.client.id.as_str().to_owned());
        self.client_off = !question.active;
        self.user = question.user.map(UserRecord::of);
        self.facts = Some(question.facts.clone());
    }

    fn usage(&mut self, question: &UseQuestion<'_>, kept: Harmless<'_>) {
        self.client = Some(question.client.id.as_str().to_owned());
        self.client_off = !question.active;
        self.user = question.user.map(UserRecord::of);
        self.token = Some(TokenRecord {
            scopes: question.token.scopes.to_vec(),
            grant: Some(question.token.grant),
            age: Some(question.token.age_s),
        });
        self.http = question.http.map(|http| HttpRecord::of(http, kept.headers));
        self.stated = StatedRecord::of(question.stated, kept.properties);
    }

    fn admin(&mut self, question: &AdminQuestion<'_>) {
        match question.actor {
            Actor::User(user) => self.user = Some(UserRecord::of(user)),
            Actor::Client(client, active) => {
                self.client = Some(client.id.as_str().to_owned());
                self.client_off = !active;
            }
            Actor::Operator(_) => {}
        }
        self.token =
            question.token.map(|scopes| TokenRecord { scopes: scopes.to_vec(), grant: None, age: None });
    }
}

/// A moment as records have it: `2026-11-24T00:04:11.000Z`.
pub fn moment(at_ms: i64) -> String {
    datetime(at_ms)
}

/// What every question has.
pub(super) struct Head<'a> {
    /// What is asked.
    pub kind: Kind,
    /// Who.
    pub principal: String,
    /// Does what.
    pub action: &'a str,
    /// To what.
    pub resource: String,
    /// When.
    pub now_ms: i64,
    /// From where.
    pub ip: IpAddr,
}

impl<'a> Head<'a> {
    /// Reads it out of a question.
    pub fn of(asked: &'a Asked<'_>) -> Self {
        let named = |kind: &str, id: &str| [kind, "::", &super::compile::quoted(id)].concat();
        let server = || named("Server", "self");
        match asked {
            Asked::Grant(question, scope) | Asked::Recheck(question, scope) => Self {
                kind: if matches!(asked, Asked::Grant(..)) { Kind::Grant } else { Kind::Recheck },
                principal: named("Client", question.client.id.as_str()),
                action: question.grant.action(),
                resource: scope.map_or_else(server, |scope| named("Scope", scope.as_str())),
                now_ms: question.facts.now_ms,
                ip: question.facts.ip,
            },
            Asked::Use(question) => Self {
                kind: Kind::Use,
                principal: match question.user {
                    Some(user) => named("User", &user.id),
                    None => named("Client", question.client.id.as_str()),
                },
                action: question.action.as_str(),
                resource: named("ContentType", question.action.content_type()),
                now_ms: question.now_ms,
                ip: question.ip,
            },
            Asked::Admin(question) => Self {
                kind: Kind::Admin,
                principal: match question.actor {
                    Actor::User(user) => named("User", &user.id),
                    Actor::Client(client, _) => named("Client", client.id.as_str()),
                    Actor::Operator(name) => named("Operator", name),
                },
                action: question.action,
                resource: match question.resource {
                    AdminResource::Server => server(),
                    AdminResource::Client(client) => named("Client", client.id.as_str()),
                },
                now_ms: question.now_ms,
                ip: question.ip,
            },
            Asked::SignIn(question) => Self {
                kind: Kind::SignIn,
                principal: named("User", &question.user.id),
                action: "user:sign_in",
                resource: server(),
                now_ms: question.now_ms,
                ip: question.ip,
            },
        }
    }
}

/// The policy that an error of Cedar's names. The rest of the text may quote what the request said.
fn policy_of(error: &str) -> String {
    let named =
        error.split_once("while evaluating policy `").filter(|(before, _)| matches!(*before, "" | "error "));
    let id = named.and_then(|(_, rest)| rest.split_once('`'));
    id.map_or_else(|| "question".to_owned(), |(id, _)| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w4_an_error_names_its_policy_and_no_value() {
        let error = "error while evaluating policy `x.y`: failed to parse as a decimal value: `s3cret`";
        assert_eq!(policy_of(error), "x.y");
        assert_eq!(policy_of("expected s3cret"), "question");
    }
}
