//! The consent API for custom pages, and the consents that a user may see and withdraw.

use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::caller::{ConsentBearer, UserBearer};
use super::json::StrictJson;
use super::listing::{ListBody, ListQuery, list, timestamp};
use super::problem::{BearerError, ManagementError};
use super::routes::{Served, Tags};
use super::text::Text;
use crate::flow::account;
use crate::flow::authorize::{self, AuthorizationRequest, AuthorizeParams};
use crate::flow::consent::{self, Choice, ConsentData};
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::store::ConsentRow;

/// The consent endpoints.
pub struct ConsentApi {
    /// The server.
    pub app: Served,
}

/// What a consent page needs.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct ConsentDataBody {
    /// The client's document id.
    pub document_id: String,
    /// The client's `client_id`.
    pub client_id: String,
    /// `CONFIDENTIAL` or `PUBLIC`.
    pub client_type: String,
    /// The name that people see.
    pub name: String,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// What this user granted this client before.
    pub granted_scopes: Vec<String>,
    /// Where answers may go.
    pub redirect_uris: Vec<String>,
    /// What is asked for, with titles and what the policy says.
    pub scope_details: Vec<ScopeDetailBody>,
}

/// A scope for a person to decide on.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct ScopeDetailBody {
    /// The scope.
    pub name: String,
    /// The catalog's title of the action.
    pub title: String,
    /// The catalog's title of the content type.
    pub group: String,
    /// Whether the policy permits it for this user and client now.
    pub permitted: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Whether the catalog marks the action as sensitive.
    pub sensitive: bool,
}

impl ConsentDataBody {
    fn of(data: &ConsentData) -> Self {
        let client = &data.client.client;
        let names = |scopes: &[Scope]| scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
        Self {
            document_id: data.client.row.document_id.clone(),
            client_id: client.id.as_str().to_owned(),
            client_type: crate::app::clients::type_name(client.kind).to_owned(),
            name: client.name.clone(),
            scopes: data.scopes.iter().map(|detail| detail.scope.as_str().to_owned()).collect(),
            granted_scopes: names(&data.granted),
            redirect_uris: client.redirect_uris.iter().map(|(uri, _)| uri.as_str().to_owned()).collect(),
            scope_details: data
                .scopes
                .iter()
                .map(|detail| ScopeDetailBody {
                    name: detail.scope.as_str().to_owned(),
                    title: detail.title.clone(),
                    group: detail.group.clone(),
                    permitted: detail.permitted,
                    reason: detail.why.map(|why| why.sentence().to_owned()),
                    sensitive: detail.sensitive,
                })
                .collect(),
        }
    }
}

/// The user's decision.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase", example)]
pub struct DecisionBody {
    /// True = yes; anything but a boolean is refused.
    pub approve: bool,
    /// The client's `client_id`.
    pub client_id: Text,
    /// One of its registered redirect URIs.
    pub redirect_uri: Text,
    /// What the user agrees to; absent = all that the client has and the policy permits; none = no.
    pub scopes: Option<Vec<String>>,
    /// Handed back as it came.
    pub state: Option<String>,
    /// RFC 7636 §4.2.
    pub code_challenge: Option<String>,
    /// `S256`.
    pub code_challenge_method: Option<String>,
}

impl Example for DecisionBody {
    fn example() -> Self {
        Self {
            approve: true,
            client_id: Text("spa".to_owned()),
            redirect_uri: Text("http://127.0.0.1/callback".to_owned()),
            scopes: Some(vec!["api::form.form.find".to_owned()]),
            state: Some("af0ifjsldkj".to_owned()),
            code_challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned()),
            code_challenge_method: Some("S256".to_owned()),
        }
    }
}

/// Where the browser goes next.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase", example)]
pub struct RedirectBody {
    /// The client's redirect URI with `code`, `state` and `iss`, or with `error`, `state` and `iss`.
    pub redirect_uri: String,
}

impl Example for RedirectBody {
    fn example() -> Self {
        Self {
            redirect_uri:
                "http://127.0.0.1/callback?code=gwc_4d1s&state=af0&iss=http%3A%2F%2F127.0.0.1%3A8080"
                    .to_owned(),
        }
    }
}

/// What a user granted a client.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct ConsentBody {
    /// The consent's id.
    pub document_id: String,
    /// The client's `client_id`.
    pub client_id: String,
    /// What was granted.
    pub scopes: Vec<String>,
    /// When it was granted first.
    pub created_at: String,
    /// When it was last added to.
    pub updated_at: String,
    /// When a token was last given by it; a few seconds late.
    pub last_used_at: Option<String>,
}

fn consent_body(row: &ConsentRow) -> ConsentBody {
    ConsentBody {
        document_id: row.document_id.clone(),
        client_id: row.client_id.clone(),
        scopes: consent::scopes_of(row).iter().map(|scope| scope.as_str().to_owned()).collect(),
        created_at: timestamp(row.created_at),
        updated_at: timestamp(row.updated_at),
        last_used_at: row.last_used_at.map(timestamp),
    }
}

/// A consent that is gone.
#[derive(ApiResponse)]
enum Withdrawn {
    /// Withdrawn; its tokens have ended.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(prefix_path = "/oauth2", tag = "Tags::Consent")]
impl ConsentApi {
    /// What a consent page shows
    ///
    /// For any signed-in user. Query: `scope`, with commas between; absent = all of the client's.
    #[oai(path = "/oauth-clients-authorization/:client_id", method = "get", operation_id = "consentData")]
    async fn data(
        &self,
        request: &Request,
        bearer: ConsentBearer,
        /// The client's `client_id`.
        client_id: Path<String>,
        /// The scopes that are asked for, with commas between.
        scope: poem_openapi::param::Query<Option<String>>,
    ) -> Result<Json<ConsentDataBody>, BearerError> {
        let app = &self.app;
        let ConsentBearer { ask, signed_in } = bearer;
        ListQuery::of(request)?;
        let snapshot = app.policies.current();
        let id = crate::oauth::client::ClientId::parse(&client_id.0).ok_or(Reject::NotFound("client"))?;
        let client = app.client(&snapshot, &id).await.map_err(Stop::from)?;
        let client = client.filter(|client| client.active).ok_or(Reject::NotFound("client"))?;
        let asked = scope.0.as_deref().filter(|text| !text.is_empty()).map(comma_list).transpose()?;
        let mut data = consent::data(app, &ask, &snapshot, client, &signed_in, asked.as_deref()).await?;
        consent::tell_why(app, &ask, &mut data, &signed_in);
        Ok(Json(ConsentDataBody::of(&data)))
    }

    /// The user's decision
    ///
    /// For a consent page of your own. Client and redirect URI are checked first: if they do not belong
    /// together the answer is 400. Every later refusal is an answer to the client in `redirectUri`.
    #[oai(path = "/oauth-authorization-codes/authorize", method = "post", operation_id = "decide")]
    async fn decide(
        &self,
        bearer: ConsentBearer,
        body: StrictJson<DecisionBody>,
    ) -> Result<Json<RedirectBody>, BearerError> {
        let app = &self.app;
        let ConsentBearer { ask, signed_in } = bearer;
        let body = body.0;
        let snapshot = app.policies.current();
        let (id, uri) = (Some(body.client_id.0.as_str()), Some(body.redirect_uri.0.as_str()));
        let target = authorize::target(app, &snapshot, id, uri).await?;
        if body.state.as_deref().is_some_and(|state| state.chars().any(char::is_control)) {
            return Err(Reject::Invalid("state", "has control characters".into()).into());
        }
        let answer = match checked(&target, &body) {
            Err(reject) => authorize::error_redirect(app, &target.redirect, body.state.as_deref(), &reject),
            Ok((asked, choice)) => {
                consent::decide(app, &ask, &target, &asked, &signed_in, choice).await.map_err(Stop::from)?
            }
        };
        Ok(Json(RedirectBody { redirect_uri: answer }))
    }

    /// The consents of the signed-in user
    ///
    /// Query: `page`, `pageSize`.
    #[oai(path = "/consents", method = "get", operation_id = "listConsents")]
    async fn list(
        &self,
        request: &Request,
        bearer: UserBearer,
    ) -> Result<Json<ListBody<ConsentBody>>, ManagementError> {
        let signed_in = bearer.signed_in;
        let page = ListQuery::of(request)?.page()?;
        let found = consent::list(&self.app, &signed_in.user.id, page).await?;
        Ok(Json(list(found.rows.iter().map(consent_body).collect(), page, found.total)))
    }

    /// Withdraw a consent
    ///
    /// By its document id or the client's `client_id`. The application's tokens for this user end at once.
    #[oai(path = "/consents/:documentId", method = "delete", operation_id = "withdrawConsent")]
    async fn withdraw(
        &self,
        bearer: UserBearer,
        /// The consent's document id, or the client's `client_id`.
        #[oai(name = "documentId")]
        document_id: Path<String>,
    ) -> Result<Withdrawn, ManagementError> {
        let UserBearer { ask, signed_in } = bearer;
        let name = document_id.0;
        if name.len() > 64 || !name.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Reject::NotFound("consent").into());
        }
        account::withdraw(&self.app, &ask, &signed_in, &name).await?;
        Ok(Withdrawn::Done)
    }
}

fn comma_list(text: &str) -> Result<Vec<Scope>, Reject> {
    let words = text.split([',', ' ']).filter(|word| !word.is_empty());
    let scopes: Result<Vec<Scope>, Reject> =
        words.take(1_000).map(|word| Scope::parse(word).map_err(|_| Reject::ScopeMalformed)).collect();
    scopes
}

/// The body as the authorization request that it stands for.
fn checked(
    target: &authorize::Target,
    body: &DecisionBody,
) -> Result<(AuthorizationRequest, Choice), Reject> {
    let scopes = match &body.scopes {
        None => None,
        Some(names) => {
            let parsed: Result<Vec<Scope>, Reject> =
                names.iter().map(|name| Scope::parse(name).map_err(|_| Reject::ScopeMalformed)).collect();
            Some(parsed?)
        }
    };
    let params = AuthorizeParams {
        response_type: Some("code".to_owned()),
        state: body.state.clone(),
        code_challenge: body.code_challenge.clone().filter(|text| !text.is_empty()),
        code_challenge_method: body.code_challenge_method.clone().filter(|text| !text.is_empty()),
        ..AuthorizeParams::default()
    };
    if !body.approve {
        // A refusal needs no more than a place to go.
        return Err(Reject::AccessDenied);
    }
    let mut request = authorize::validate(target, &params)?;
    request.scopes.clone_from(&scopes);
    match scopes {
        // Nothing ticked means no (design §6).
        Some(names) if names.is_empty() => Err(Reject::AccessDenied),
        _ => Ok((request, Choice::Approve(None))),
    }
}
