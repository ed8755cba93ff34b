//! `sessions`: where the signed-in user is signed in, and the end of it.

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::caller::UserBearer;
use super::listing::{ListBody, list, timestamp};
use super::problem::ManagementError;
use super::routes::{Served, Tags};
use crate::flow::session;
use crate::store::{Page, SessionRow};

/// The endpoints of a user's own sessions.
pub struct SessionsApi {
    /// The server.
    pub app: Served,
}

/// A browser session; never its cookie.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct SessionBody {
    /// Its id.
    pub id: String,
    /// The browser's name for itself.
    pub agent: String,
    /// Where it signed in from.
    pub ip: String,
    /// When it began.
    pub created_at: String,
    /// When it was last used; a few seconds late.
    pub last_seen_at: String,
    /// When it ends in any case.
    pub expires_at: String,
}

/// All of a user's sessions as one page.
pub(super) fn listed(rows: Vec<SessionRow>) -> ListBody<SessionBody> {
    let bodies: Vec<SessionBody> = rows
        .into_iter()
        .map(|row| SessionBody {
            id: row.id,
            agent: row.agent,
            ip: row.ip,
            created_at: timestamp(row.created_at),
            last_seen_at: timestamp(row.last_seen_at),
            expires_at: timestamp(row.expires_at),
        })
        .collect();
    let total = bodies.len();
    let size = u32::try_from(total).unwrap_or(u32::MAX).max(1);
    list(bodies, Page { page: 1, size }, i64::from(size).min(i64::try_from(total).unwrap_or(i64::MAX)))
}

/// A session that is gone.
#[derive(ApiResponse)]
enum Ended {
    /// Ended.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(prefix_path = "/oauth2", tag = "Tags::Users")]
impl SessionsApi {
    /// The browser sessions of the signed-in user
    #[oai(path = "/sessions", method = "get", operation_id = "listSessions")]
    async fn list(&self, bearer: UserBearer) -> Result<Json<ListBody<SessionBody>>, ManagementError> {
        let UserBearer { ask, signed_in } = bearer;
        let rows = session::of_user(&self.app, &ask, &signed_in.user.id).await?;
        Ok(Json(listed(rows)))
    }

    /// End all browser sessions of the signed-in user
    #[oai(path = "/sessions", method = "delete", operation_id = "endSessions")]
    async fn end_all(&self, bearer: UserBearer) -> Result<Ended, ManagementError> {
        let UserBearer { ask, signed_in } = bearer;
        session::end_others(&self.app, &ask, &signed_in.user.id, None).await?;
        Ok(Ended::Done)
    }

    /// End a browser session of the signed-in user
    #[oai(path = "/sessions/:id", method = "delete", operation_id = "endSession")]
    async fn end(
        &self,
        bearer: UserBearer,
        /// The session's id.
        id: Path<String>,
    ) -> Result<Ended, ManagementError> {
        let UserBearer { ask, signed_in } = bearer;
        session::end_own(&self.app, &ask, &signed_in.user.id, &id.0).await?;
        Ok(Ended::Done)
    }
}
