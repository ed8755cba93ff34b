//! The decision API: OpenID AuthZEN Authorization API 1.0.
//!
//! `body` reads JSON after the caller is known, `read` makes questions of it, `answer` what the wire sees,
//! `page` the tokens between the pages of a search.

use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde_json::{Value, json};

mod answer;
mod body;
mod page;
mod read;

use answer::{EvaluatedBody, EvaluatedManyBody, FoundBody};
use body::{EvaluationBody, EvaluationsBody, LateJson, SearchQuery};

use super::caller::{self, EitherCaller};
use super::problem::BearerError;
use super::routes::{Served, Tags};
use crate::flow::Ask;
use crate::flow::authzen::{self, Asker, Semantic, asker, search};
use crate::oauth::reject::{Reject, Stop};
use crate::policy::{Snapshot, admin};
use std::sync::Arc;

/// The decision API's endpoints.
pub struct AuthZenApi {
    /// The server.
    pub app: Served,
}

/// Metadata that may be kept for a while.
#[derive(ApiResponse)]
enum Metadata {
    /// The document.
    #[oai(status = 200)]
    Document(
        Json<DecisionPointBody>,
        /// How long it may be kept.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

/// Metadata of the policy decision point (AuthZEN, "Policy Decision Point Metadata").
#[derive(Clone, Debug, Object)]
pub struct DecisionPointBody {
    /// The public URL.
    pub policy_decision_point: String,
    /// Where one question is answered.
    pub access_evaluation_endpoint: String,
    /// Where many are.
    pub access_evaluations_endpoint: String,
    /// Where subjects are searched.
    pub search_subject_endpoint: String,
    /// Where resources are searched.
    pub search_resource_endpoint: String,
    /// Where actions are searched.
    pub search_action_endpoint: String,
}

#[OpenApi(tag = "Tags::Decisions")]
impl AuthZenApi {
    /// Metadata of the policy decision point
    #[oai(path = "/.well-known/authzen-configuration", method = "get", operation_id = "authzenConfiguration")]
    async fn metadata(&self) -> Metadata {
        let url = |path: &str| self.app.public.join(path);
        let document = DecisionPointBody {
            policy_decision_point: self.app.public.issuer().to_owned(),
            access_evaluation_endpoint: url("/access/v1/evaluation"),
            access_evaluations_endpoint: url("/access/v1/evaluations"),
            search_subject_endpoint: url("/access/v1/search/subject"),
            search_resource_endpoint: url("/access/v1/search/resource"),
            search_action_endpoint: url("/access/v1/search/action"),
        };
        Metadata::Document(Json(document), "public, max-age=300".to_owned())
    }

    /// Ask for a decision
    ///
    /// Answers what the policies permit this subject now. A no is 200 with `decision: false`. The caller is a
    /// client with its secret, or an access token, that carries `admin:decision.evaluate`. What is stated about
    /// the subject, `context.ip`, `context.time` and `context.http` count only with `admin:decision.assert`.
    #[oai(path = "/access/v1/evaluation", method = "post", operation_id = "evaluate")]
    async fn evaluation(
        &self,
        request: &Request,
        caller: EitherCaller,
        body: LateJson<EvaluationBody>,
    ) -> Result<Json<EvaluatedBody>, BearerError> {
        let asked = self.asked(request, caller, admin::DECISION_EVALUATE).await?;
        let body = body.read()?;
        Ok(Json(self.one(&asked, &body).await?))
    }

    /// Ask for many decisions
    ///
    /// `subject`, `action`, `resource` and `context` of the request stand in for what an item leaves out. An item
    /// that cannot be read is a no with `context.error`. Without items it is one evaluation. At most 500 items.
    #[oai(path = "/access/v1/evaluations", method = "post", operation_id = "evaluateMany")]
    async fn evaluations(
        &self,
        request: &Request,
        caller: EitherCaller,
        body: LateJson<EvaluationsBody>,
    ) -> Result<Json<EvaluatedManyBody>, BearerError> {
        let asked = self.asked(request, caller, admin::DECISION_EVALUATE).await?;
        let body = body.read()?;
        let Some((questions, semantic)) = read::questions(&body, asked.asker.asserts)? else {
            let one = self.one(&asked, &body).await?;
            return Ok(Json(EvaluatedManyBody {
                decision: Some(one.decision),
                context: one.context,
                evaluations: None,
            }));
        };
        let answers =
            authzen::decide(&self.app, &asked.ask, &asked.snapshot, &asked.asker, &questions, semantic)
                .await?;
        let shown = answers.iter().map(|answer| answer::body(answer, &asked.asker, semantic)).collect();
        Ok(Json(EvaluatedManyBody { decision: None, context: None, evaluations: Some(shown) }))
    }

    /// Search subjects
    ///
    /// Users by name, or clients by id, who may do the action on the resource. Needs `admin:decision.search`.
    #[oai(path = "/access/v1/search/subject", method = "post", operation_id = "searchSubjects")]
    async fn search_subject(
        &self,
        request: &Request,
        caller: EitherCaller,
        body: LateJson<SearchQuery>,
    ) -> Result<Json<FoundBody>, BearerError> {
        Ok(self.search(request, caller, body, page::Kind::Subject).await?)
    }

    /// Search resources
    ///
    /// Content types (`content_type`), or the resources that the catalog lists of one. Needs `admin:decision.search`.
    #[oai(path = "/access/v1/search/resource", method = "post", operation_id = "searchResources")]
    async fn search_resource(
        &self,
        request: &Request,
        caller: EitherCaller,
        body: LateJson<SearchQuery>,
    ) -> Result<Json<FoundBody>, BearerError> {
        Ok(self.search(request, caller, body, page::Kind::Resource).await?)
    }

    /// Search actions
    ///
    /// The actions of the resource's content type that the subject may do. Needs `admin:decision.search`.
    #[oai(path = "/access/v1/search/action", method = "post", operation_id = "searchActions")]
    async fn search_action(
        &self,
        request: &Request,
        caller: EitherCaller,
        body: LateJson<SearchQuery>,
    ) -> Result<Json<FoundBody>, BearerError> {
        Ok(self.search(request, caller, body, page::Kind::Action).await?)
    }
}

/// A request whose caller may make it.
struct Asked {
    ask: Ask,
    snapshot: Arc<Snapshot>,
    asker: Asker,
}

impl AuthZenApi {
    async fn asked(
        &self,
        request: &Request,
        caller: EitherCaller,
        action: &'static str,
    ) -> Result<Asked, Stop> {
        let ask = caller::ask(&self.app, request);
        let snapshot = self.app.policies.current();
        let asker = asker(&self.app, &ask, &snapshot, caller.credential(), action).await?;
        Ok(Asked { ask, snapshot, asker })
    }

    async fn one(&self, asked: &Asked, body: &Value) -> Result<EvaluatedBody, Stop> {
        let question = read::question(body, asked.asker.asserts)?;
        let semantic = Semantic::ExecuteAll;
        let questions = [Ok(question)];
        let answers =
            authzen::decide(&self.app, &asked.ask, &asked.snapshot, &asked.asker, &questions, semantic)
                .await?;
        Ok(answers
            .first()
            .map_or_else(EvaluatedBody::no, |answer| answer::body(answer, &asked.asker, semantic)))
    }

    async fn search(
        &self,
        request: &Request,
        caller: EitherCaller,
        body: LateJson<SearchQuery>,
        kind: page::Kind,
    ) -> Result<Json<FoundBody>, Stop> {
        let asked = self.asked(request, caller, admin::DECISION_SEARCH).await?;
        let body = body.read()?;
        let (wanted, context) = read::wanted(&body, kind, asked.asker.asserts)?;
        let place = page::Place::of(&body, kind, asked.asker.client.client.id.as_str())?;
        let range = (place.from, place.limit);
        let found =
            search::search(&self.app, &asked.ask, &asked.snapshot, &asked.asker, &wanted, &context, range)
                .await?;
        let result = |id: &String| match &wanted {
            search::Wanted::Subjects { kind, .. } | search::Wanted::Resources { kind, .. } => {
                json!({ "type": kind, "id": id })
            }
            search::Wanted::Actions { .. } => json!({ "name": id }),
        };
        let results: Vec<Value> = found.ids.iter().map(result).collect();
        Ok(Json(FoundBody::new(results, found.next.map(|next| place.token(next)))))
    }
}

/// A refusal of a field.
fn field(name: &'static str, why: impl Into<String>) -> Reject {
    Reject::Field(name, why.into())
}
