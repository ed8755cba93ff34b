//! The management API that the admin pages show and that has no better place: audit log, keys, policies.

use poem::{Body, Request};
use poem_openapi::payload::{Binary, Json, Response};
use poem_openapi::{Object, OpenApi};
use serde_json::Value;

use super::audit::{exported, json_of, moment};
use super::links::{stretch, written};
use crate::flow::admin::{audit, keys, policies};
use crate::http::caller::Bearer;
use crate::http::listing::{ItemBody, ListQuery, timestamp};
use crate::http::problem::ManagementError;
use crate::http::routes::{Served, Tags};
use crate::oauth::reject::Reject;
use crate::policy::Diagnostic;
use crate::store::{AuditFilter, KIND_ADMIN, KIND_GRANT, KIND_SIGN_IN};

/// The order of the audit log, as positions name it.
const ORDER: &str = "at:desc";

/// Endpoints of administration.
pub struct AdminApi {
    /// The server.
    pub app: Served,
}

/// Entries of the audit log, the latest first.
#[derive(Clone, Debug, Object)]
pub struct AuditListBody {
    /// `{id, at, kind, actor, actorKind, action, target, decision, policies, revision, requestId, ip, jti, detail}`.
    pub data: Vec<Value>,
    /// Where this part stands.
    pub meta: AuditMeta,
}

/// Where a part of the audit log stands.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct AuditMeta {
    /// Rows of a part.
    pub page_size: u32,
    /// `after` of the next part; absent = this is the last.
    pub after: Option<String>,
    /// `before` of the part before; absent = this is the first.
    pub before: Option<String>,
    /// How many entries match among the latest 10,000.
    pub found: i64,
    /// Whether there may be more.
    pub or_more: bool,
}

/// A signing key; nothing of its private part.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct KeyBody {
    /// RFC 7517 §4.5.
    pub kid: String,
    /// RFC 7518 §3.1.
    pub alg: String,
    /// `next`, `active`, `verifying` or `retired`.
    pub state: String,
    /// Whether it is in the JWKS; a symmetric key never is.
    pub published: bool,
    /// When it was made.
    pub created_at: Option<String>,
    /// From when on it signs.
    pub active_from: Option<String>,
    /// Until when it verifies; absent = no end is set.
    pub verifies_until: Option<String>,
}

/// The policy set in force.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct PoliciesBody {
    /// The digest of its content.
    pub revision: String,
    /// The git commit, where there is one.
    pub commit: Option<String>,
    /// When it was loaded.
    pub loaded_at: String,
    /// Its documents.
    pub documents: Vec<DocumentBody>,
    /// Its policies, of one document if `file` is given.
    pub policies: Vec<PolicyBody>,
    /// Why the folder's content is not in force; empty = it is.
    pub errors: Vec<DiagnosticBody>,
    /// What somebody should look at.
    pub warnings: Vec<DiagnosticBody>,
}

/// A document of the policy folder.
#[derive(Clone, Debug, Object)]
pub struct DocumentBody {
    /// The path under the folder.
    pub file: String,
    /// `kernel`, `base`, `global`, `client`, `role`, `rules`, `catalog` or `tests`.
    pub kind: String,
    /// How many policies come of it.
    pub policies: u64,
    /// How many warnings name it.
    pub warnings: u64,
}

/// A policy.
#[derive(Clone, Debug, Object)]
pub struct PolicyBody {
    /// Its id.
    pub id: String,
    /// `permit` or `forbid`.
    pub effect: String,
    /// File and line.
    pub source: String,
    /// The Cedar text.
    pub text: String,
}

/// A finding about a file.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DiagnosticBody {
    /// The file.
    pub file: String,
    /// Line, from 1; 0 = the file as a whole.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl From<&Diagnostic> for DiagnosticBody {
    fn from(found: &Diagnostic) -> Self {
        Self {
            file: found.file.clone(),
            line: found.line as u64,
            column: found.column as u64,
            message: found.message.clone(),
            hint: found.hint.as_deref().map(str::to_owned),
        }
    }
}

fn filter(query: &mut ListQuery) -> Result<AuditFilter, Reject> {
    let one_of = |name: &'static str, text: Option<String>, known: &[&str]| match text {
        Some(text) if !known.contains(&text.as_str()) => {
            Err(Reject::Field(name, format!("is one of {}", known.join(", "))))
        }
        text => Ok(text),
    };
    let (since, until) = (query.take(&["since"]), query.take(&["until"]));
    Ok(AuditFilter {
        actor: query.take(&["actor"]),
        action: query.take(&["action"]),
        target: query.take(&["target"]),
        decision: one_of("decision", query.take(&["decision"]), &["allow", "deny"])?,
        since: since.map(|text| moment("since", &text, false)).transpose()?,
        until: until.map(|text| moment("until", &text, true)).transpose()?,
        kind: one_of("kind", query.take(&["kind"]), &[KIND_ADMIN, KIND_GRANT, KIND_SIGN_IN])?,
    })
}

#[OpenApi(prefix_path = "/oauth2", tag = "Tags::Server")]
impl AdminApi {
    /// Read the audit log
    ///
    /// The latest first. Query: `actor` (id or name), `action`, `target`, `decision` (`allow`, `deny`), `kind`
    /// (`admin`, `grant`, `sign-in`), `since` and `until` (a day, or RFC 3339), `pageSize`, and `after` or `before`
    /// of an earlier answer. Needs `admin:audit.read`.
    #[oai(path = "/audit", method = "get", operation_id = "listAudit")]
    async fn audit(&self, request: &Request, bearer: Bearer) -> Result<Json<AuditListBody>, ManagementError> {
        let (ask, who) = bearer.parts();
        let mut query = ListQuery::of(request)?;
        let size = query.page()?.size;
        let filter = filter(&mut query)?;
        let stretch = stretch(ORDER, query.take(&["after"]), query.take(&["before"]), size)?;
        let found = audit::find(&self.app, &ask, &who, filter, stretch).await?;
        let meta = AuditMeta {
            page_size: size,
            after: found.part.after.as_ref().map(|position| written(ORDER, position)),
            before: found.part.before.as_ref().map(|position| written(ORDER, position)),
            found: found.counted.found,
            or_more: found.counted.or_more,
        };
        Ok(Json(AuditListBody { data: found.part.rows.iter().map(json_of).collect(), meta }))
    }

    /// Export the audit log
    ///
    /// Everything that the filters of `audit` find, as `format=jsonl` (default) or `format=csv`. Needs
    /// `admin:audit.read`.
    #[oai(path = "/audit/export", method = "get", operation_id = "exportAudit")]
    async fn export(
        &self,
        request: &Request,
        bearer: Bearer,
    ) -> Result<Response<Binary<Body>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let mut query = ListQuery::of(request)?;
        let csv = match query.take(&["format"]).as_deref() {
            None | Some("jsonl") => false,
            Some("csv") => true,
            Some(_) => return Err(Reject::Field("format", "is jsonl or csv".to_owned()).into()),
        };
        let filter = filter(&mut query)?;
        let file = exported(&self.app, &ask, &who, filter, csv).await?;
        let name =
            if csv { "attachment; filename=\"audit.csv\"" } else { "attachment; filename=\"audit.jsonl\"" };
        Ok(Response::new(Binary(file.into_body())).header("Content-Disposition", name))
    }

    /// List signing keys
    ///
    /// The newest first; nothing of the private parts. Needs `admin:key.read`.
    #[oai(path = "/keys", method = "get", operation_id = "listKeys")]
    async fn keys(&self, bearer: Bearer) -> Result<Json<ItemBody<Vec<KeyBody>>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let dated = |ms: i64| (ms > 0).then(|| timestamp(ms));
        let found = keys::list(&self.app, &ask, &who)?;
        let data = found.into_iter().map(|key| KeyBody {
            alg: key.alg.name().to_owned(),
            state: key.state.name().to_owned(),
            published: key.published,
            created_at: dated(key.created_at),
            active_from: dated(key.active_from),
            verifies_until: key.retired_at.map(timestamp),
            kid: key.kid,
        });
        Ok(Json(ItemBody { data: data.collect() }))
    }

    /// Read the policies
    ///
    /// Documents of the set in force, and the policies of the one that `file` names. Needs `admin:policy.read`.
    #[oai(path = "/policies", method = "get", operation_id = "readPolicies")]
    async fn policies(
        &self,
        bearer: Bearer,
        /// The document whose policies are answered with their text.
        file: poem_openapi::param::Query<Option<String>>,
    ) -> Result<Json<ItemBody<PoliciesBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let set = policies::documents(&self.app, &ask, &who)?;
        let of_file = match &file.0 {
            Some(file) => policies::of_document(&self.app, &ask, &who, file)?,
            None => Vec::new(),
        };
        let data = PoliciesBody {
            revision: set.status.revision,
            commit: set.status.commit.map(|commit| commit.id),
            loaded_at: timestamp(set.status.loaded_at_ms),
            documents: set
                .documents
                .into_iter()
                .map(|document| DocumentBody {
                    file: document.file,
                    kind: document.kind.to_owned(),
                    policies: document.policies as u64,
                    warnings: document.warnings as u64,
                })
                .collect(),
            policies: of_file
                .into_iter()
                .map(|policy| PolicyBody {
                    id: policy.id,
                    effect: policy.effect.to_owned(),
                    source: policy.source,
                    text: policy.text,
                })
                .collect(),
            errors: set.status.held_back.iter().map(DiagnosticBody::from).collect(),
            warnings: set.status.warnings.iter().map(DiagnosticBody::from).collect(),
        };
        Ok(Json(ItemBody { data }))
    }
}
