//! `scopes`, `global-settings`: the catalog, and the ceiling over it.

use std::collections::BTreeMap;

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;

use super::caller::Bearer;
use super::json::StrictJson;
use super::listing::ItemBody;
use super::problem::ManagementError;
use super::routes::{Served, Tags};
use crate::flow::scopes::GlobalSettings;
use crate::flow::{global_settings, scopes};
use crate::oauth::reject::Reject;

/// The catalog's and the ceiling's endpoints.
pub struct ScopesApi {
    /// The server.
    pub app: Served,
}

/// A scope of the catalog.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct ScopeBody {
    /// Its name.
    pub name: String,
    /// The action's own name.
    pub action: String,
    /// What people read.
    pub title: String,
    /// Whether the catalog marks it as sensitive.
    pub sensitive: bool,
    /// Whether the global scopes hold it.
    pub global: bool,
}

/// Scopes by content type.
#[derive(Clone, Debug, Object)]
pub struct ScopesBody {
    /// By the name of the content type.
    pub data: BTreeMap<String, Vec<ScopeBody>>,
}

/// The global scopes.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct GlobalBody {
    /// The id that `PUT` takes.
    pub document_id: String,
    /// Wildcards resolved.
    pub scopes: Vec<String>,
    /// `admin`: may be written here. `git`: edit the file.
    pub managed_by: String,
    /// The file that holds them.
    pub file: String,
}

/// New global scopes.
#[derive(Clone, Debug, Object)]
#[oai(example, deny_unknown_fields)]
pub struct GlobalData {
    /// The list.
    pub data: GlobalFields,
}

/// A list of scopes.
#[derive(Clone, Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct GlobalFields {
    /// Names and wildcards: strings, or the plugin's `{"name"}` objects.
    pub scopes: Vec<Value>,
}

impl Example for GlobalData {
    fn example() -> Self {
        let scopes = vec![Value::from("api::form.form.find"), Value::from("api::form.form.findOne")];
        Self { data: GlobalFields { scopes } }
    }
}

fn body(settings: GlobalSettings) -> Json<ItemBody<GlobalBody>> {
    Json(ItemBody {
        data: GlobalBody {
            document_id: settings.document_id.to_owned(),
            scopes: settings.scopes,
            managed_by: settings.managed_by.to_owned(),
            file: settings.file,
        },
    })
}

#[OpenApi(prefix_path = "/oauth2", tag = "Tags::Policies")]
impl ScopesApi {
    /// The catalog
    ///
    /// Every scope there is, by content type. Needs `admin:scope.read`.
    #[oai(path = "/scopes", method = "get", operation_id = "listScopes")]
    async fn scopes(&self, bearer: Bearer) -> Result<Json<ScopesBody>, ManagementError> {
        let (ask, who) = bearer.parts();
        let groups = scopes::list(&self.app, &ask, &who)?;
        let entry = |entry: scopes::ScopeEntry| ScopeBody {
            name: entry.name,
            action: entry.action,
            title: entry.title,
            sensitive: entry.sensitive,
            global: entry.global,
        };
        let data = groups.into_iter().map(|(name, list)| (name, list.into_iter().map(entry).collect()));
        Ok(Json(ScopesBody { data: data.collect() }))
    }

    /// The global scopes
    ///
    /// The ceiling of every token. Needs `admin:settings.read`.
    #[oai(path = "/global-settings", method = "get", operation_id = "readGlobalSettings")]
    async fn global(&self, bearer: Bearer) -> Result<Json<ItemBody<GlobalBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        Ok(body(scopes::global(&self.app, &ask, &who)?))
    }

    /// Replace the global scopes
    ///
    /// Writes `policies/global.yaml` where it says `managed_by: admin`, otherwise 409 with the file to edit.
    /// Answered when the new set is in force. Needs `admin:settings.update`.
    #[oai(path = "/global-settings/:documentId", method = "put", operation_id = "updateGlobalSettings")]
    async fn update(
        &self,
        bearer: Bearer,
        /// The document id that `GET` answers.
        #[oai(name = "documentId")]
        document_id: Path<String>,
        data: StrictJson<GlobalData>,
    ) -> Result<Json<ItemBody<GlobalBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let names = super::client_body::names("scopes", Some(data.0.data.scopes))?.unwrap_or_default();
        if names.len() > 10_000 {
            return Err(Reject::Field("scopes", "has at most 10000 entries".to_owned()).into());
        }
        Ok(body(global_settings::update(&self.app, &ask, &who, &document_id.0, names).await?))
    }
}
