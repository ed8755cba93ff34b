//! `access-tokens`: what was issued, and its end.

use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;

use super::caller::Bearer;
use super::json::StrictJson;
use super::listing::{ItemBody, ListBody, ListQuery, list, timestamp};
use super::problem::ManagementError;
use super::routes::{Served, Tags};
use super::text::Text;
use super::token::{JtiBody, RevokedBody};
use crate::flow::access_tokens;
use crate::flow::admin::tokens;
use crate::oauth::grant::GrantType;
use crate::oauth::reject::Reject;
use crate::store::{TokenFilter, TokenRow, TokenSort, TokenStatus};

/// The tokens' endpoints.
pub struct AccessTokensApi {
    /// The server.
    pub app: Served,
}

/// A token; never the token itself.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct AccessTokenBody {
    /// The row's id.
    pub document_id: String,
    /// The token's id.
    pub jti: String,
    /// The client's `client_id`.
    pub client: String,
    /// The user's document id; absent for a machine token.
    pub user: Option<String>,
    /// What it was issued with.
    pub scopes: Vec<String>,
    /// How it was obtained.
    pub grant_type: String,
    /// `Active`, `Expired` or `Revoked`.
    pub status: String,
    /// When it was issued.
    pub created_at: String,
    /// When it was last used; at most 5 seconds late.
    pub used_at: Option<String>,
    /// When it expires.
    pub expires_at: String,
    /// When it was revoked.
    pub revoked_at: Option<String>,
    /// The policy set that decided.
    pub policy_revision: String,
    /// The policies that decided.
    pub policies: Vec<String>,
}

fn body(row: TokenRow, now_ms: i64) -> AccessTokenBody {
    // A null date is no date: a live token is never shown as revoked.
    let status = match row.revoked_at {
        Some(_) => "Revoked",
        None if row.expires_at <= now_ms => "Expired",
        None => "Active",
    };
    AccessTokenBody {
        status: status.to_owned(),
        document_id: row.document_id,
        jti: row.jti,
        client: row.client_id,
        user: row.user_id,
        scopes: row.scopes.split_whitespace().map(ToOwned::to_owned).collect(),
        grant_type: row.grant_type,
        created_at: timestamp(row.created_at),
        used_at: row.used_at.map(timestamp),
        expires_at: timestamp(row.expires_at),
        revoked_at: row.revoked_at.map(timestamp),
        policy_revision: row.revision,
        policies: row.policies.split_whitespace().map(ToOwned::to_owned).collect(),
    }
}

/// A token with what decided about it.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct TokenDetailBody {
    /// The token.
    pub token: AccessTokenBody,
    /// Its header, as it was signed; the token itself is not kept.
    pub header: Value,
    /// Its claims (RFC 9068 §2.2).
    pub claims: Value,
    /// What it carries now; empty = introspection answers inactive.
    pub carries_now: Vec<String>,
    /// The policies that decided at its issue, as they stand now.
    pub deciding: Vec<DecidingPolicyBody>,
    /// Whether the set that decided is in force.
    pub same_revision: bool,
}

/// A policy that decided.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DecidingPolicyBody {
    /// Its id.
    pub id: String,
    /// File and line; absent = the set of now has no such policy.
    pub source: Option<String>,
}

/// Tokens to be revoked together.
#[derive(Clone, Debug, Object)]
#[oai(deny_unknown_fields, example)]
pub struct JtisBody {
    /// Their ids, 100 at most.
    pub jtis: Vec<Text>,
}

impl Example for JtisBody {
    fn example() -> Self {
        Self { jtis: vec![Text("0a6c5a1c-5d0f-4a35-8d1e-3f1f5a1b2c3d".to_owned())] }
    }
}

/// How many tokens were revoked.
#[derive(Clone, Debug, Object)]
pub struct RevokedManyBody {
    /// Tokens that were not revoked before.
    pub revoked: u64,
}

#[OpenApi(prefix_path = "/oauth2", tag = "Tags::Tokens")]
impl AccessTokensApi {
    /// List access tokens
    ///
    /// Query: `page`, `pageSize`, `sort` (`createdAt`, `expiresAt`, `usedAt`), `search`, `client` (client id),
    /// `user` (document id), `status` (`Active`, `Expired`, `Revoked`), `grantType`. Needs `admin:token.read`.
    #[oai(path = "/access-tokens", method = "get", operation_id = "listAccessTokens")]
    async fn list(
        &self,
        request: &Request,
        bearer: Bearer,
    ) -> Result<Json<ListBody<AccessTokenBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let mut query = ListQuery::of(request)?;
        let (page, sort) = (query.page()?, query.sort(TokenSort::parse)?);
        let filter = TokenFilter {
            client: query.take(&["client", "filters[client][clientId][$eq]"]),
            user: query.take(&["user", "filters[user][documentId][$eq]"]),
            status: status(query.take(&["status"]))?,
            grant: grant(query.take(&["grantType", "grant"]))?,
            search: query.search()?,
            now: ask.now_ms,
        };
        let found = access_tokens::list(&self.app, &ask, &who, filter, sort, page).await?;
        let rows = found.rows.into_iter().map(|row| body(row, ask.now_ms)).collect();
        Ok(Json(list(rows, page, found.total)))
    }

    /// Read an access token
    ///
    /// By its `jti` or document id: claims, policy revision and deciding policies. Needs `admin:token.read`.
    #[oai(path = "/access-tokens/:documentId", method = "get", operation_id = "readAccessToken")]
    async fn read(
        &self,
        bearer: Bearer,
        /// The token's document id or `jti`.
        #[oai(name = "documentId")]
        document_id: Path<String>,
    ) -> Result<Json<ItemBody<TokenDetailBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let found = tokens::detail(&self.app, &ask, &who, &document_id.0).await?;
        let deciding = found.policies.into_iter();
        let deciding = deciding
            .map(|(id, policy)| DecidingPolicyBody { id, source: policy.map(|policy| policy.source) });
        let data = TokenDetailBody {
            token: body(found.row, ask.now_ms),
            header: found.header,
            claims: found.claims,
            carries_now: found.carries_now,
            deciding: deciding.collect(),
            same_revision: found.same_revision,
        };
        Ok(Json(ItemBody { data }))
    }

    /// Revoke several access tokens
    ///
    /// By their `jti`, 100 at most. Needs `admin:token.revoke`.
    #[oai(path = "/access-tokens/revoke-many", method = "post", operation_id = "revokeAccessTokens")]
    async fn revoke_many(
        &self,
        bearer: Bearer,
        body: StrictJson<JtisBody>,
    ) -> Result<Json<RevokedManyBody>, ManagementError> {
        let (ask, who) = bearer.parts();
        let jtis = body.0.jtis.into_iter().map(|jti| jti.0).collect();
        let revoked = tokens::revoke_many(&self.app, &ask, &who, jtis).await? as u64;
        Ok(Json(RevokedManyBody { revoked }))
    }

    /// Revoke an access token
    ///
    /// By its `jti`. Needs `admin:token.revoke`.
    #[oai(path = "/access-tokens/revoke", method = "post", operation_id = "revokeAccessToken")]
    async fn revoke(
        &self,
        bearer: Bearer,
        body: StrictJson<JtiBody>,
    ) -> Result<Json<RevokedBody>, ManagementError> {
        let (ask, who) = bearer.parts();
        let revoked = access_tokens::revoke(&self.app, &ask, &who, &body.0.jti.0).await?;
        Ok(Json(RevokedBody { revoked }))
    }
}

fn status(text: Option<String>) -> Result<Option<TokenStatus>, Reject> {
    match text.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None => Ok(None),
        Some("active") => Ok(Some(TokenStatus::Active)),
        Some("expired") => Ok(Some(TokenStatus::Expired)),
        Some("revoked") => Ok(Some(TokenStatus::Revoked)),
        Some(_) => Err(Reject::Field("status", "is Active, Expired or Revoked".to_owned())),
    }
}

fn grant(text: Option<String>) -> Result<Option<String>, Reject> {
    match text {
        None => Ok(None),
        Some(text) => GrantType::parse(&text)
            .map(|grant| Some(grant.name().to_owned()))
            .ok_or_else(|| Reject::Field("grantType", "is a grant type of this server".to_owned())),
    }
}
