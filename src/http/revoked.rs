//! `GET revoked-tokens`: the signed list for resource servers that verify tokens offline.

use poem::Request;
use poem::http::header;
use poem_openapi::payload::PlainText;
use poem_openapi::{ApiResponse, OpenApi};

use super::caller::{self, EitherCaller};
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
    /// are dead, `lost` (`jti`, `exp`, `scope`): tokens from which the policies of now took scopes, with what is left
    /// (`lost_complete: false` = too many, more are affected), `cursor` for the next delta of `revoked`, `more` = ask
    /// again with it at once, `exp` = not to be used after.
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
    /// are disabled, users who are blocked, and tokens that carry less than they were issued with. Query: `since`, the
    /// cursor of a former list, for what was revoked after it. The caller is a client with its secret, or a bearer,
    /// that carries `admin:token.revoked`.
    #[oai(path = "/revoked-tokens", method = "get", operation_id = "revokedTokens")]
    async fn revoked(&self, request: &Request, caller: EitherCaller) -> Result<RevokedResponse, BearerError> {
        let ask = caller::ask(&self.app, request);
        let mut query = Pairs::from_query(request)?;
        query.once()?;
        let since = query.take("since");
        let found = list(&self.app, &ask, caller.credential(), since.as_deref()).await?;
        let kept = format!("private, max-age={}", found.max_age);
        let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        let same = known.is_some_and(|list| list.split(',').any(|etag| etag.trim() == found.etag));
        Ok(match same {
            true => RevokedResponse::Same(found.etag, kept),
            false => RevokedResponse::List(PlainText(found.jwt.as_ref().to_owned()), found.etag, kept),
        })
    }
}
