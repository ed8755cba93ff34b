//! Answers of the decision API. Why a decision is as it is, only callers see whom the policy lets read policies.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde_json::{Value, json};

use crate::flow::authzen::{Answer, Asker, Semantic, reason};

/// A decision (AuthZEN, "Decision").
#[derive(Clone, Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
pub struct EvaluatedBody {
    /// Yes or no.
    pub decision: bool,
    /// `reason_user` of a no; `reason_admin` and `policies` for callers with `admin:policy.read`; `error` of what
    /// cannot be read or is not known.
    pub context: Option<Value>,
}

impl EvaluatedBody {
    /// No.
    pub fn no() -> Self {
        Self { decision: false, context: None }
    }
}

impl Example for EvaluatedBody {
    fn example() -> Self {
        Self { decision: true, context: None }
    }
}

/// Decisions in the order of the questions, or one decision where the request had no items.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct EvaluatedManyBody {
    /// Of a request without items.
    pub decision: Option<bool>,
    /// Of a request without items.
    pub context: Option<Value>,
    /// Of a request with items.
    pub evaluations: Option<Vec<EvaluatedBody>>,
}

/// A page of what was found.
#[derive(Clone, Debug, Object)]
pub struct FoundBody {
    /// The page.
    pub page: FoundPageBody,
    /// Subjects and resources with `type` and `id`, actions with `name`.
    pub results: Vec<Value>,
}

/// The place of a page among the others.
#[derive(Clone, Debug, Object)]
pub struct FoundPageBody {
    /// For `page.token` of the next request; empty = there is no more.
    pub next_token: String,
    /// Results of this page.
    pub count: u64,
}

impl FoundBody {
    /// A page.
    pub fn new(results: Vec<Value>, next_token: Option<String>) -> Self {
        let page = FoundPageBody { next_token: next_token.unwrap_or_default(), count: results.len() as u64 };
        Self { page, results }
    }
}

/// What the wire sees of an answer.
pub fn body(answer: &Answer, asker: &Asker, semantic: Semantic) -> EvaluatedBody {
    let error = |status: u16, message: String| json!({ "error": { "status": status, "message": message } });
    let mut context = match answer {
        Answer::Unknown(what) => error(404, format!("no such {what}")),
        Answer::Unreadable(why) => error(400, why.clone()),
        Answer::Decided(decision) => {
            let mut context = json!({});
            let code = if decision.allowed { "200" } else { "403" };
            if !decision.allowed {
                context["reason_user"] = json!({ code: "not permitted" });
            }
            if asker.sees_policies {
                context["reason_admin"] = json!({ code: reason(decision) });
                context["policies"] = json!(decision.policies);
            }
            context
        }
    };
    if semantic == Semantic::DenyOnFirstDeny && !answer.allowed() {
        context["code"] = json!("200");
        context["reason"] = json!("deny_on_first_deny");
    }
    let empty = context.as_object().is_some_and(serde_json::Map::is_empty);
    EvaluatedBody { decision: answer.allowed(), context: (!empty).then_some(context) }
}
