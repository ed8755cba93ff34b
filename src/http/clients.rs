//! `clients`, `clients-rotate`, `clients-keypair`: the management of clients.

use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::caller::Bearer;
use super::client_body::{ClientBody, ClientData};
use super::json::StrictJson;
use super::listing::{ItemBody, ListBody, ListQuery, list};
use super::problem::ManagementError;
use super::routes::{Served, Tags};
use crate::flow::clients;
use crate::oauth::reject::Reject;
use crate::store::{ClientFilter, ClientSort};

/// The clients' endpoints.
pub struct ClientsApi {
    /// The server.
    pub app: Served,
}

/// A client that was made.
#[derive(ApiResponse)]
enum Created {
    /// Made. The credentials are shown this once.
    #[oai(status = 201)]
    Client(Json<ItemBody<ClientBody>>),
}

/// A client that is gone.
#[derive(ApiResponse)]
enum Deleted {
    /// Deleted, with its codes, consents and tokens.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(prefix_path = "/oauth2", tag = "Tags::Clients")]
impl ClientsApi {
    /// List clients
    ///
    /// Query: `page`, `pageSize` (or `pagination[page]`, `pagination[pageSize]`), `sort`
    /// (`name`, `clientId`, `createdAt`, `updatedAt`, `lastUsedAt`, each with `:asc` or `:desc`), `search`,
    /// `clientType`, `active`, `owner`. Needs `admin:client.read`.
    #[oai(path = "/clients", method = "get", operation_id = "listClients")]
    async fn list(
        &self,
        request: &Request,
        bearer: Bearer,
    ) -> Result<Json<ListBody<ClientBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let mut query = ListQuery::of(request)?;
        let (page, sort) = (query.page()?, query.sort(ClientSort::parse)?);
        let filter = ClientFilter {
            search: query.search()?,
            kind: client_type(query.take(&["clientType", "filters[clientType][$eq]"]))?,
            active: boolean(query.take(&["active", "filters[active][$eq]"]))?,
            owner: query.take(&["owner", "user"]),
            ..ClientFilter::default()
        };
        let found = clients::list(&self.app, &ask, &who, filter, sort, page).await?;
        let rows = found.rows.iter().map(|state| ClientBody::of(&self.app, state)).collect();
        Ok(Json(list(rows, page, found.total)))
    }

    /// Make a client
    ///
    /// Needs `admin:client.create`, and each administrative scope that it gives. Answers `clientSecret` and
    /// `privateKey` this once; a client may register its own `publicKey` or `jwks` instead.
    #[oai(path = "/clients", method = "post", operation_id = "createClient")]
    async fn create(&self, bearer: Bearer, body: StrictJson<ClientData>) -> Result<Created, ManagementError> {
        let (ask, who) = bearer.parts();
        let input = body.0.data.input()?;
        let (state, credentials) = clients::create(&self.app, &ask, &who, input).await?;
        let body = ClientBody::of(&self.app, &state).with(&credentials);
        Ok(Created::Client(Json(ItemBody { data: body })))
    }

    /// Read a client
    ///
    /// By document id or client id. Needs `admin:client.read` on the client.
    #[oai(path = "/clients/:documentId", method = "get", operation_id = "readClient")]
    async fn read(
        &self,
        bearer: Bearer,
        /// The client's document id or client id.
        #[oai(name = "documentId")]
        document_id: Path<String>,
    ) -> Result<Json<ItemBody<ClientBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let state = clients::read(&self.app, &ask, &who, &document_id.0).await?;
        Ok(Json(ItemBody { data: ClientBody::of(&self.app, &state) }))
    }

    /// Change a client
    ///
    /// What is absent stays. A client of the policy folder can be activated and deactivated here; for the
    /// rest the answer is 409 with the file to edit. Needs `admin:client.update`.
    #[oai(path = "/clients/:documentId", method = "put", operation_id = "updateClient")]
    async fn update(
        &self,
        bearer: Bearer,
        /// The client's document id or client id.
        #[oai(name = "documentId")]
        document_id: Path<String>,
        body: StrictJson<ClientData>,
    ) -> Result<Json<ItemBody<ClientBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let input = body.0.data.input()?;
        let state = clients::update(&self.app, &ask, &who, &document_id.0, input).await?;
        Ok(Json(ItemBody { data: ClientBody::of(&self.app, &state) }))
    }

    /// Delete a client
    ///
    /// With its codes, consents and tokens. Needs `admin:client.delete`.
    #[oai(path = "/clients/:documentId", method = "delete", operation_id = "deleteClient")]
    async fn delete(
        &self,
        bearer: Bearer,
        /// The client's document id or client id.
        #[oai(name = "documentId")]
        document_id: Path<String>,
    ) -> Result<Deleted, ManagementError> {
        let (ask, who) = bearer.parts();
        clients::delete(&self.app, &ask, &who, &document_id.0).await?;
        Ok(Deleted::Done)
    }

    /// Rotate a client's secret
    ///
    /// The new secret is shown this once. The former one is refused from now on, or after `grace` seconds.
    /// Needs `admin:client.rotate_secret`.
    #[oai(path = "/clients-rotate/:documentId", method = "put", operation_id = "rotateClientSecret")]
    async fn rotate(
        &self,
        bearer: Bearer,
        /// The client's document id or client id.
        #[oai(name = "documentId")]
        document_id: Path<String>,
        /// Seconds for which the former secret still works.
        grace: poem_openapi::param::Query<Option<u64>>,
    ) -> Result<Json<ItemBody<ClientBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let grace = grace.0.unwrap_or(0);
        let (state, credentials) =
            clients::rotate_secret(&self.app, &ask, &who, &document_id.0, grace).await?;
        Ok(Json(ItemBody { data: ClientBody::of(&self.app, &state).with(&credentials) }))
    }

    /// Regenerate a client's key pair
    ///
    /// The private key is shown this once and never kept; assertions by the former key are refused from now
    /// on. Needs `admin:client.rotate_keys`.
    #[oai(path = "/clients-keypair/:documentId", method = "put", operation_id = "regenerateClientKeypair")]
    async fn keypair(
        &self,
        bearer: Bearer,
        /// The client's document id or client id.
        #[oai(name = "documentId")]
        document_id: Path<String>,
    ) -> Result<Json<ItemBody<ClientBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let (state, credentials) = clients::regenerate_keypair(&self.app, &ask, &who, &document_id.0).await?;
        Ok(Json(ItemBody { data: ClientBody::of(&self.app, &state).with(&credentials) }))
    }
}

fn client_type(text: Option<String>) -> Result<Option<String>, Reject> {
    match text.as_deref() {
        None | Some("CONFIDENTIAL" | "PUBLIC") => Ok(text),
        Some(_) => Err(Reject::Field("clientType", "is CONFIDENTIAL or PUBLIC".to_owned())),
    }
}

fn boolean(text: Option<String>) -> Result<Option<bool>, Reject> {
    match text.as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Reject::Field("active", "is true or false".to_owned())),
    }
}
