//! `policies/reloads`: what became of each attempt to load another policy set.

use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;

use super::caller::Bearer;
use super::listing::{ItemBody, ListBody, ListQuery, list, timestamp};
use super::problem::ManagementError;
use super::routes::{Served, Tags};
use crate::flow::policies;
use crate::store::ReloadRow;

/// The history of the policy set.
pub struct PolicyReloadsApi {
    /// The server.
    pub app: Served,
}

/// An attempt to load a policy set.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct ReloadBody {
    /// Its id.
    pub document_id: String,
    /// When.
    pub at: String,
    /// The replica: the machine's name and the address that it listens on.
    pub instance: String,
    /// `started`, `loaded` or `failed`.
    pub outcome: String,
    /// The revision that was tried; null where nothing could be read.
    pub revision: Option<String>,
    /// The revision that was in force before; null at the start.
    pub previous: Option<String>,
    /// The git commit, where there is one.
    pub commit: Option<CommitBody>,
    /// Why it was not loaded, as `grantwood check` prints it.
    pub error: Option<String>,
    /// `documents` and `policies`, each with `added`, `removed`, `changed` and `count`.
    pub changes: Value,
    /// The lines that differ from the set in force before, as a unified diff; only when one attempt is read.
    #[oai(skip_serializing_if_is_none)]
    pub diff: Option<String>,
}

/// A git commit. What is not known is null.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct CommitBody {
    /// Its id.
    pub id: String,
    /// Name and address of its author.
    pub author: Option<String>,
    /// The first line of its message.
    pub subject: Option<String>,
    /// When it was committed.
    pub committed_at: Option<String>,
}

fn body(row: ReloadRow, with_diff: bool) -> ReloadBody {
    let some = |text: String| (!text.is_empty()).then_some(text);
    let commit = some(row.commit_id).map(|id| CommitBody {
        id,
        author: some(row.author),
        subject: some(row.subject),
        committed_at: (row.committed_at > 0).then(|| timestamp(row.committed_at)),
    });
    ReloadBody {
        document_id: row.id,
        at: timestamp(row.at),
        instance: row.instance,
        outcome: row.outcome,
        revision: some(row.revision),
        previous: some(row.previous),
        commit,
        error: some(row.error),
        changes: serde_json::from_str(&row.changes).unwrap_or_default(),
        diff: with_diff.then_some(row.diff),
    }
}

#[OpenApi(prefix_path = "/oauth2", tag = "Tags::Policies")]
impl PolicyReloadsApi {
    /// The history of the policy set
    ///
    /// Every attempt to load another set, the latest first: its commit, what differed, and the error where it was
    /// not loaded. The last 500 are kept. Query: `page`, `pageSize`. Needs `admin:policy.read`.
    #[oai(path = "/policies/reloads", method = "get", operation_id = "listPolicyReloads")]
    async fn list(
        &self,
        bearer: Bearer,
        request: &Request,
    ) -> Result<Json<ListBody<ReloadBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let page = ListQuery::of(request)?.page()?;
        let found = policies::reloads(&self.app, &ask, &who, page).await?;
        let rows = found.rows.into_iter().map(|row| body(row, false)).collect();
        Ok(Json(list(rows, page, found.total)))
    }

    /// One attempt to load a policy set
    ///
    /// With the lines that differed. Needs `admin:policy.read`.
    #[oai(path = "/policies/reloads/:documentId", method = "get", operation_id = "readPolicyReload")]
    async fn read(
        &self,
        bearer: Bearer,
        /// Its id.
        #[oai(name = "documentId")]
        document_id: Path<String>,
    ) -> Result<Json<ItemBody<ReloadBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let row = policies::attempt(&self.app, &ask, &who, &document_id.0).await?;
        Ok(Json(ItemBody { data: body(row, true) }))
    }
}
