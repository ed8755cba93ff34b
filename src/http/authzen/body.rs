//! Bodies of the decision API as they are documented. They are read late: a stranger learns nothing from what
//! is wrong with a body, and unknown members are ignored, as the specification asks.

use std::marker::PhantomData;

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::{Example, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object};
use serde_json::{Value, json};

use crate::http::form::media_type;
use crate::http::json;
use crate::oauth::reject::{Reject, Stop};

/// A JSON object that is documented as a `T`, and read when the endpoint asks for it.
pub struct LateJson<T>(Result<Value, Reject>, PhantomData<fn() -> T>);

impl<T> LateJson<T> {
    /// The object.
    ///
    /// # Errors
    /// 400 for what is no JSON, no object, or of another content type.
    pub fn read(self) -> Result<Value, Stop> {
        match self.0? {
            value @ Value::Object(_) => Ok(value),
            _ => Err(Reject::Field("body", "must be an object".to_owned()).into()),
        }
    }
}

impl<'a, T: Type> ApiExtractor<'a> for LateJson<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if !request.content_type().is_some_and(|kind| media_type(kind, "application/json")) {
            let why = Reject::Malformed("the body must be application/json");
            return Ok(Self(Err(why), PhantomData));
        }
        let bytes = body.take()?.into_bytes().await?;
        Ok(Self(json::parse(&bytes), PhantomData))
    }
}

/// A subject, action or resource. Which members it has depends on what it is.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct EntityBody {
    /// Subjects: `user` or `client`. Resources: a content type or its `resource_type`, `content_type`, or `route`.
    #[oai(rename = "type")]
    pub kind: Option<String>,
    /// A user's id, name or address; a client's id; the resource's id; a route's path.
    pub id: Option<String>,
    /// Actions: `find`, or in full `api::form.form.find`; for a route its method.
    pub name: Option<String>,
    /// Texts, numbers, booleans, lists and objects of them.
    pub properties: Option<Value>,
}

impl EntityBody {
    fn thing(kind: &str, id: &str) -> Self {
        Self { kind: Some(kind.to_owned()), id: Some(id.to_owned()), name: None, properties: None }
    }

    fn action(name: &str) -> Self {
        Self { kind: None, id: None, name: Some(name.to_owned()), properties: None }
    }
}

/// The circumstances of a question.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ContextBody {
    /// An access token or its `jti`: the question is about what it may do.
    pub token: Option<String>,
    /// A client id: the question is about the user through that client.
    pub client: Option<String>,
    /// The subject's address.
    pub ip: Option<String>,
    /// The moment (RFC 3339 §5.6; seconds may be absent).
    pub time: Option<String>,
    /// The request: `method`, `path`, `params`, `headers`.
    pub http: Option<Value>,
}

/// A question (AuthZEN, "Access Evaluation API Request").
#[derive(Clone, Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
pub struct EvaluationBody {
    /// Whom it is about.
    pub subject: EntityBody,
    /// What is to be done.
    pub action: EntityBody,
    /// To what.
    pub resource: EntityBody,
    /// Under which circumstances.
    pub context: Option<ContextBody>,
}

impl Example for EvaluationBody {
    fn example() -> Self {
        Self {
            subject: EntityBody::thing("user", "alice"),
            action: EntityBody::action("findOne"),
            resource: EntityBody::thing("api::form.form", "42"),
            context: None,
        }
    }
}

/// Many questions (AuthZEN, "Access Evaluations API Request").
#[derive(Clone, Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
pub struct EvaluationsBody {
    /// For items that have none.
    pub subject: Option<EntityBody>,
    /// For items that have none.
    pub action: Option<EntityBody>,
    /// For items that have none.
    pub resource: Option<EntityBody>,
    /// For items that have none.
    pub context: Option<ContextBody>,
    /// Each with what differs.
    pub evaluations: Option<Vec<Value>>,
    /// `evaluations_semantic`: `execute_all`, `deny_on_first_deny`, `permit_on_first_permit`.
    pub options: Option<Value>,
}

impl Example for EvaluationsBody {
    fn example() -> Self {
        let item = |id: &str| json!({ "resource": { "type": "api::form.form", "id": id } });
        Self {
            subject: Some(EntityBody::thing("user", "alice")),
            action: Some(EntityBody::action("findOne")),
            resource: None,
            context: None,
            evaluations: Some(vec![item("1"), item("2")]),
            options: Some(json!({ "evaluations_semantic": "execute_all" })),
        }
    }
}

/// A search (AuthZEN, "Search APIs"): what is searched for has no id; a search for actions has no action.
#[derive(Clone, Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
pub struct SearchQuery {
    /// The subject, or its type.
    pub subject: EntityBody,
    /// The action.
    pub action: Option<EntityBody>,
    /// The resource, or its type.
    pub resource: EntityBody,
    /// Under which circumstances.
    pub context: Option<ContextBody>,
    /// `limit`: most results, 500 at most; `token`: the `next_token` of the page before.
    pub page: Option<Value>,
}

impl Example for SearchQuery {
    fn example() -> Self {
        Self {
            subject: EntityBody { id: None, ..EntityBody::thing("user", "") },
            action: Some(EntityBody::action("findOne")),
            resource: EntityBody::thing("api::form.form", "42"),
            context: None,
            page: Some(json!({ "limit": 10 })),
        }
    }
}
