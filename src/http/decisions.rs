//! `decisions/explain`: why something was allowed or refused, for those who may read policies.

use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};

use super::caller::Bearer;
use super::json::StrictJson;
use super::listing::ItemBody;
use super::problem::ManagementError;
use super::routes::{Served, Tags};
use crate::flow::explain::{self, Answer, Query, Recorded, TokenName};
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{Reject, Stop};
use crate::policy::explain::{Change, Condition, Explanation, Named, Near};
use crate::policy::record::Verdict;

/// The endpoint.
pub struct DecisionsApi {
    /// The server.
    pub app: Served,
}

/// What is asked: about a client and scope, a user and action, a request with a token, or an id.
#[derive(Clone, Debug, Default, Object)]
#[oai(rename_all = "camelCase", example, deny_unknown_fields)]
pub struct QueryBody {
    /// The client.
    pub client: Option<String>,
    /// The scope that it asks for; absent = may it start the grant at all.
    pub scope: Option<String>,
    /// `code`, `jwt-bearer` or `client-credentials`; absent = the client's own.
    pub grant: Option<String>,
    /// The user, by name or id.
    pub user: Option<String>,
    /// The action.
    pub action: Option<String>,
    /// The caller's address; absent = the server's own.
    pub ip: Option<String>,
    /// A request such as `GET /api/forms/3`.
    pub request: Option<String>,
    /// The token of the request, or its jti.
    pub token: Option<String>,
    /// The host of the request, where the catalog tells hosts apart.
    pub host: Option<String>,
    /// The jti of a token, or the `x-request-id` of an answer.
    pub id: Option<String>,
}

impl Example for QueryBody {
    fn example() -> Self {
        Self {
            client: Some("reporting".to_owned()),
            scope: Some("api::form.form.delete".to_owned()),
            ..Self::default()
        }
    }
}

/// The answer.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct AnswerBody {
    /// What the query was understood as, where that is not plain.
    pub about: Option<String>,
    /// The token that is spoken of.
    pub token: Option<ExplainedTokenBody>,
    /// What was decided at the time, as recorded.
    pub recorded: Vec<RecordedBody>,
    /// What is decided now, and why.
    pub now: Vec<ExplanationBody>,
    /// The same for a person.
    pub text: String,
}

/// A token and what became of it.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct ExplainedTokenBody {
    /// Its id.
    pub jti: String,
    /// Its client.
    pub client: String,
    /// The user behind it.
    pub user: Option<String>,
    /// What it carried when it was issued.
    pub scopes: Vec<String>,
    /// `active`, `expired`, `revoked`, or why it is dead otherwise.
    pub state: String,
    /// The policy set that allowed it.
    pub revision: String,
    /// The policies that allowed it, with file and line where they still stand.
    pub places: Vec<String>,
}

/// A decision of the past.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct RecordedBody {
    /// When, in UTC.
    pub time: String,
    /// `allow` or `deny`.
    pub decision: String,
    /// Cedar's action.
    pub action: String,
    /// Cedar's resource.
    pub resource: String,
    /// The policies that decided, with file and line where they still stand.
    pub places: Vec<String>,
    /// The OAuth error code.
    pub error: Option<String>,
    /// The policy set that decided.
    pub revision: String,
    /// The request's id.
    pub request_id: String,
}

/// An answer of now with its reasons.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct ExplanationBody {
    /// `allow` or `deny`.
    pub decision: String,
    /// The OAuth error code of a refusal that has one.
    pub error: Option<String>,
    /// The answer in one sentence.
    pub summary: String,
    /// Cedar's principal.
    pub principal: String,
    /// Cedar's action.
    pub action: String,
    /// Cedar's resource.
    pub resource: String,
    /// The policies that decided.
    pub policies: Vec<ExplainedPolicyBody>,
    /// Policies that could not be evaluated, and why.
    pub errors: Vec<String>,
    /// The forbids that applied, with the conditions that made them apply.
    pub forbids: Vec<NearBody>,
    /// The permits that come nearest, and what they lack.
    pub nearest: Vec<NearBody>,
    /// What would allow it, all of it together.
    pub changes: Vec<ChangeBody>,
    /// Instead of one of the changes.
    pub alternatives: Vec<ChangeBody>,
    /// Whether the changes were applied in memory and the answer was yes then.
    pub verified: bool,
    /// The policy set that was asked.
    pub revision: String,
    /// Its git commit.
    pub commit: Option<String>,
}

/// A policy.
#[derive(Clone, Debug, Object)]
pub struct ExplainedPolicyBody {
    /// Its id.
    pub id: String,
    /// File and line.
    pub source: String,
    /// `permit` or `forbid`.
    pub effect: String,
    /// The Cedar text.
    pub text: String,
}

/// A policy with what it says and the conditions that count.
#[derive(Clone, Debug, Object)]
pub struct NearBody {
    /// The policy.
    pub policy: ExplainedPolicyBody,
    /// In words.
    pub says: String,
    /// Parts of its head that do not fit.
    pub head: Vec<String>,
    /// The conditions.
    pub conditions: Vec<ConditionBody>,
}

/// A condition with what became of it.
#[derive(Clone, Debug, Object)]
pub struct ConditionBody {
    /// As it is written.
    pub text: String,
    /// Lines below the first line of the policy.
    pub below: u64,
    /// `true`, `false`, or `error` and why.
    pub result: String,
    /// The values that it compares, as `name = value`.
    pub values: Vec<String>,
}

/// A change.
#[derive(Clone, Debug, Object)]
pub struct ChangeBody {
    /// What to do, in one sentence.
    pub text: String,
    /// The place to do it.
    pub place: Option<String>,
    /// `document`, `rule`, `user`, `client` or `request`.
    pub who: String,
}

#[OpenApi(prefix_path = "/oauth2", tag = "Tags::Policies")]
impl DecisionsApi {
    /// Explain a decision
    ///
    /// Why a client has or lacks a scope, why a user may or may not do something, what a token may do at a route, or
    /// what was decided under a request id (`x-request-id`): the deciding policies with file and line, the conditions
    /// that failed, and what change would allow it. Needs `admin:policy.read`.
    #[oai(path = "/decisions/explain", method = "post", operation_id = "explainDecision")]
    async fn explain(
        &self,
        bearer: Bearer,
        query: StrictJson<QueryBody>,
    ) -> Result<Json<ItemBody<AnswerBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let answer = explain::answer(&self.app, &ask, &who, query_of(query.0)).await?;
        Ok(Json(ItemBody { data: answer_body(answer) }))
    }
}

fn query_of(body: QueryBody) -> Result<Query, Stop> {
    let wrong = |name: &'static str, why: &str| Stop::from(Reject::Field(name, why.to_owned()));
    let ip = match &body.ip {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| wrong("ip", "is an address"))?),
    };
    if let Some(id) = body.id {
        return Ok(Query::Id { id });
    }
    if let Some(request) = body.request {
        let (method, path) =
            request.split_once(' ').ok_or_else(|| wrong("request", "is written as GET /api/forms/3"))?;
        let token = body.token.ok_or_else(|| wrong("token", "is needed for a request"))?;
        return Ok(Query::Route {
            method: method.to_ascii_uppercase(),
            path: path.split(['?', '#']).next().unwrap_or_default().to_owned(),
            host: body.host.unwrap_or_default(),
            token: TokenName::parse(&token),
        });
    }
    if let Some(action) = body.action {
        let (client, user) = (body.client, body.user);
        return Ok(Query::Action { client, user, action, about: None, ip });
    }
    let grant = match &body.grant {
        None => None,
        Some(name) => Some(GrantType::parse(name).ok_or_else(|| wrong("grant", "is no grant type"))?),
    };
    let client = body.client.ok_or_else(|| wrong("client", "or action, request or id is needed"))?;
    Ok(Query::Grant { client, scope: body.scope, grant, user: body.user, ip })
}

fn answer_body(answer: Answer) -> AnswerBody {
    let text = answer.in_words(false);
    AnswerBody {
        about: answer.about,
        token: answer.token.map(|token| ExplainedTokenBody {
            jti: token.jti,
            client: token.client,
            user: token.user,
            scopes: token.scopes,
            state: token.state,
            revision: token.revision,
            places: token.places,
        }),
        recorded: answer.recorded.into_iter().map(recorded_body).collect(),
        now: answer.now.into_iter().map(explanation_body).collect(),
        text,
    }
}

fn word(verdict: Verdict) -> String {
    if verdict == Verdict::Allow { "allow" } else { "deny" }.to_owned()
}

fn recorded_body(past: Recorded) -> RecordedBody {
    RecordedBody {
        time: past.time,
        decision: word(past.decision),
        action: past.action,
        resource: past.resource,
        places: past.places,
        error: past.error,
        revision: past.revision,
        request_id: past.request_id,
    }
}

fn explanation_body(now: Explanation) -> ExplanationBody {
    let forbid = |matched: crate::policy::explain::Matched| NearBody {
        policy: policy_body(matched.policy),
        says: String::new(),
        head: Vec::new(),
        conditions: matched.because.into_iter().map(condition_body).collect(),
    };
    ExplanationBody {
        decision: word(now.decision),
        error: now.error,
        summary: now.summary,
        principal: now.question.principal,
        action: now.question.action,
        resource: now.question.resource,
        policies: now.policies.into_iter().map(policy_body).collect(),
        errors: now.errors,
        forbids: now.forbids.into_iter().map(forbid).collect(),
        nearest: now.nearest.into_iter().map(near_body).collect(),
        changes: now.changes.into_iter().map(change_body).collect(),
        alternatives: now.alternatives.into_iter().map(change_body).collect(),
        verified: now.verified,
        revision: now.revision,
        commit: now.commit,
    }
}

fn policy_body(policy: Named) -> ExplainedPolicyBody {
    ExplainedPolicyBody {
        id: policy.id,
        source: policy.source,
        effect: policy.effect.to_owned(),
        text: policy.text,
    }
}

fn near_body(near: Near) -> NearBody {
    NearBody {
        policy: policy_body(near.policy),
        says: near.says,
        head: near.head,
        conditions: near.conditions.into_iter().map(condition_body).collect(),
    }
}

fn condition_body(condition: Condition) -> ConditionBody {
    ConditionBody {
        text: condition.text,
        below: condition.below as u64,
        result: condition.result,
        values: condition.values.iter().map(|(name, value)| format!("{name} = {value}")).collect(),
    }
}

fn change_body(change: Change) -> ChangeBody {
    ChangeBody { text: change.text, place: change.place, who: change.who.to_owned() }
}
