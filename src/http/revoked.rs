//! `GET revoked-tokens`: the signed list for resource servers that verify tokens offline.

use poem::Request;
use poem::http::header;
use poem_openapi::payload::PlainText;
use poem_openapi::{ApiResponse, OpenApi};

use super::caller::Bearer;
use super::pairs::Pairs;
use super::problem::BearerError;
use super::routes::{Served, Tags};
use crate::flow::revoked::list;

/// The list's endpoint.
pub struct RevokedApi {
    /// The server.
    pub app: Served,
}

/// The list, or the word that the reader's own is still the same.
#[derive(ApiResponse)]
enum RevokedResponse {
    /// A JWT of type `revoked-tokens+jwt`: `revoked` (`jti`, `exp`), `clients` and `users` all of whose tokens
    /// are dead, `cursor` for the next delta, `more` = ask again with it at once, `exp` = not to be used after.
    #[oai(status = 200, content_type = "application/jwt")]
    List(
        PlainText<String>,
        /// Names this text.
        #[oai(header = "ETag")]
        String,
        /// How long it may be kept.
        #[oai(header = "Cache-Control")]
        String,
    ),
    /// The list that `If-None-Match` names is still good.
    #[oai(status = 304)]
    Same(
        /// Names the text.
        #[oai(header = "ETag")]
        String,
        /// How long it may be kept.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

#[OpenApi(prefix_path = "/oauth2", tag = "Tags::Tokens")]
impl RevokedApi {
    /// List revoked tokens
    ///
    /// For resource servers that verify tokens offline: tokens that were revoked before they expired, clients that
    /// are disabled and users who are blocked. Query: `since`, the cursor of a former list, for what came after it.
    /// Needs `admin:token.revoked`.
    #[oai(path = "/revoked-tokens", method = "get", operation_id = "revokedTokens")]
    async fn revoked(&self, request: &Request, bearer: Bearer) -> Result<RevokedResponse, BearerError> {
        let (ask, who) = bearer.parts();
        let mut query = Pairs::from_query(request)?;
        query.once()?;
        let found = list(&self.app, &ask, &who, query.take("since").as_deref()).await?;
        let kept = format!("private, max-age={}", found.max_age);
        let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        let same = known.is_some_and(|list| list.split(',').any(|etag| etag.trim() == found.etag));
        Ok(match same {
            true => RevokedResponse::Same(found.etag, kept),
            false => RevokedResponse::List(PlainText(found.jwt.as_ref().to_owned()), found.etag, kept),
        })
    }
}
