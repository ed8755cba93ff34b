//! Why a question was answered as it was: the policies that decided, what stood in the way, and what would change it.
//!
//! The answer itself is that of [`Snapshot::decide`], so an explanation never differs from the decision. What
//! surrounds it is found by asking Cedar about single policies and single conditions, with every document as the
//! policy that it compiles to. A change that is proposed was applied in memory and the question was put again.

mod changes;
mod conditions;
mod nearest;
mod reason;
mod text;
mod world;

use serde::Serialize;

use super::decide::Case;
use super::diagnostics::nearest as nearest_name;
use super::question::{Asked, Decision, Owned};
use super::record::{Head, Kind, Verdict};
use super::slice::Type;
use super::snapshot::Snapshot;
use crate::oauth::scope::Scope;
pub use changes::Change;
pub use conditions::Condition;
pub use nearest::Near;
pub use reason::Why;
pub(in crate::policy) use world::World;

/// How much an explanation tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What stood in the way, for pages that tell it of many questions.
    Reason,
    /// And what would change it.
    Changes,
}

/// Who lacks a permit, where nothing permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// The client's document does not list it, and no rule permits it.
    Client,
    /// No role of the user, and no rule, permits it.
    User,
}

/// An answer with its reasons.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The answer.
    pub decision: Verdict,
    /// The OAuth error code of a refusal that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The answer in one sentence.
    pub summary: String,
    /// What was asked.
    pub question: Question,
    /// The policies that decided.
    pub policies: Vec<Named>,
    /// Policies that could not be evaluated, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// For a refusal: the forbids that applied, and the conditions that made them apply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forbids: Vec<Matched>,
    /// Whether the catalog does not know what was asked for.
    #[serde(skip)]
    pub unknown: bool,
    /// For a refusal that no forbid made: who lacks a permit.
    #[serde(skip)]
    pub lacking: Option<Lacking>,
    /// For a refusal: the permits that come nearest, and what they lack.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nearest: Vec<Near>,
    /// For a refusal: what would allow it, all of it together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Instead of one of the changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Change>,
    /// Whether the changes were applied in memory and the answer was yes then.
    pub verified: bool,
    /// The policy set that was asked.
    pub revision: String,
    /// Its git commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// What was asked, in Cedar's words.
#[derive(Clone, Debug, Serialize)]
pub struct Question {
    /// What kind of question.
    pub kind: Kind,
    /// Who.
    pub principal: String,
    /// Does what.
    pub action: String,
    /// To what.
    pub resource: String,
    /// The user behind it, where the principal is a client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// That user's roles, or the principal's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// A policy, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// `client.reporting`
    pub id: String,
    /// `policies/clients/reporting.yaml:6`
    pub source: String,
    /// `permit` or `forbid`.
    pub effect: &'static str,
    /// The Cedar text.
    pub text: String,
}

/// A forbid that applied.
#[derive(Clone, Debug, Serialize)]
pub struct Matched {
    /// The policy.
    pub policy: Named,
    /// What made it apply; empty = its head alone.
    pub because: Vec<Condition>,
}

impl Snapshot {
    /// Puts a question and says why the answer is what it is.
    pub fn explain(&self, asked: &Asked<'_>) -> Explanation {
        self.explain_decided(asked, &self.decide(asked), Depth::Changes)
    }

    /// Says why a question was answered as it was, where its answer is there already.
    pub fn explain_decided(&self, asked: &Asked<'_>, decision: &Decision, depth: Depth) -> Explanation {
        let owned = Owned::of(asked);
        let world = World::new(self);
        let mut explanation = Explanation {
            decision: if decision.allowed { Verdict::Allow } else { Verdict::Deny },
            error: error(asked, decision),
            summary: String::new(),
            question: Question::of(asked),
            policies: decision.policies.iter().map(|id| world.named(id, &owned)).collect(),
            errors: decision.errors.clone(),
            forbids: Vec::new(),
            unknown: self.unknown(asked).is_some(),
            lacking: None,
            nearest: Vec::new(),
            changes: Vec::new(),
            alternatives: Vec::new(),
            verified: false,
            revision: self.revision().to_string(),
            commit: self.commit().map(ToOwned::to_owned),
        };
        if !decision.allowed {
            self.refusal(&owned, &world, depth, &mut explanation);
        }
        explanation.summary = self.summary(asked, decision, &explanation);
        explanation
    }

    /// The questions of an explanation in Cedar's words; more than one where each of them must be a yes.
    pub(super) fn cases(&self, asked: &Asked<'_>) -> Result<Vec<Case>, String> {
        Ok(match asked {
            Asked::Grant(question, scope) | Asked::Recheck(question, scope) => {
                self.grant_cases(question, *scope)?
            }
            Asked::Use(question) => self.use_case(question)?.map(|(case, _)| case).into_iter().collect(),
            Asked::Admin(question) => vec![self.admin_case(question)?],
            Asked::SignIn(question) => {
                vec![self.sign_in_case(question.user, question.ip, question.now_ms)?]
            }
        })
    }

    fn refusal(&self, owned: &Owned, world: &World<'_>, depth: Depth, explanation: &mut Explanation) {
        let Ok(cases) = self.cases(&owned.asked()) else { return };
        let Some(case) = cases.iter().find(|case| !world.decide(case, owned).allowed) else { return };
        let decided = world.decide(case, owned);
        explanation.forbids = decided
            .forbids
            .iter()
            .map(|policy| Matched {
                policy: world.named(&policy.id, owned),
                because: conditions::that_apply(&policy.text, case),
            })
            .collect();
        if !decided.permitted {
            explanation.lacking = match case.key.principal {
                Type::Client => Some(Lacking::Client),
                Type::User => Some(Lacking::User),
                _ => None,
            };
            explanation.nearest = nearest::permits(world, case, owned, depth);
        }
        if depth == Depth::Reason {
            return;
        }
        let found = changes::find(world, owned);
        explanation.changes = found.together;
        explanation.alternatives = found.alternatives;
        explanation.verified = found.verified;
    }

    fn summary(&self, asked: &Asked<'_>, decision: &Decision, explanation: &Explanation) -> String {
        let Question { principal, action, resource, user, .. } = &explanation.question;
        let whom = user.as_ref().map_or_else(String::new, |user| format!(" and user {user}"));
        if let Some(unknown) = self.unknown(asked) {
            let near = nearest_name(unknown.as_str(), self.catalog().actions().map(|one| one.scope.as_str()));
            let near = near.map_or_else(String::new, |near| format!(", did you mean {near}?"));
            return format!("the catalog has no action {unknown}{near}");
        }
        if let Some(error) = decision.errors.first() {
            return format!("a policy could not be evaluated, so the answer is no: {error}");
        }
        let ids = decision.policies.join(", ");
        if decision.allowed {
            return format!("{ids} permits {action} on {resource} for {principal}{whom}");
        }
        match explanation.forbids.is_empty() {
            false => format!("{ids} forbids {action} on {resource} for {principal}{whom}"),
            true => format!("no policy permits {action} on {resource} for {principal}{whom}"),
        }
    }

    /// The action of a question that the catalog does not know.
    fn unknown(&self, asked: &Asked<'_>) -> Option<Scope> {
        let scope = match asked {
            Asked::Grant(_, scope) | Asked::Recheck(_, scope) => (*scope)?,
            Asked::Use(question) => question.action,
            Asked::Admin(_) | Asked::SignIn(_) => return None,
        };
        self.catalog().action(scope).is_none().then(|| scope.clone())
    }
}

/// The error code of a refusal: that of the forbid, and for a scope that nothing permits the one that its client sees.
fn error(asked: &Asked<'_>, decision: &Decision) -> Option<String> {
    let scope = matches!(asked, Asked::Grant(_, Some(_)));
    let unpermitted = scope && !decision.allowed && decision.errors.is_empty();
    decision.error.clone().or_else(|| unpermitted.then(|| "invalid_scope".to_owned()))
}

impl Question {
    fn of(asked: &Asked<'_>) -> Self {
        let head = Head::of(asked);
        let user = match asked {
            Asked::Grant(question, _) | Asked::Recheck(question, _) => question.user,
            Asked::Use(question) => question.user,
            Asked::Admin(question) => match question.actor {
                super::Actor::User(user) => Some(user),
                _ => None,
            },
            Asked::SignIn(question) => Some(question.user),
        };
        let named = user.filter(|_| matches!(asked, Asked::Grant(..) | Asked::Recheck(..)));
        Self {
            kind: head.kind,
            principal: head.principal,
            action: head.action.to_owned(),
            resource: head.resource,
            user: named.map(|user| user.username.clone()),
            roles: user.map(|user| user.roles.clone()).unwrap_or_default(),
        }
    }
}
