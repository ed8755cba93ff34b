//! `users`, `roles`: the management of users, and the roles that they may have.

use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::caller::Bearer;
use super::json::StrictJson;
use super::listing::{ItemBody, ListBody, ListQuery, list, timestamp};
use super::problem::ManagementError;
use super::routes::{Served, Tags};
use super::sessions::SessionBody;
use super::text::Text;
use crate::flow::users::{self, Credential, NewUser, Shown, UserInput};
use crate::flow::{Ask, roles};
use crate::oauth::reject::Reject;
use crate::store::{Page, UserFilter, UserRow, UserSort};

/// The users' endpoints.
pub struct UsersApi {
    /// The server.
    pub app: Served,
}

/// A user as administrators see them; never a password.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct ManagedUserBody {
    /// The user's id: `sub` of tokens.
    pub document_id: String,
    /// The sign-in name.
    pub username: String,
    /// The address.
    pub email: String,
    /// Names of role documents.
    pub roles: Vec<String>,
    /// Whether the user can do nothing.
    pub blocked: bool,
    /// Whether the address was confirmed.
    pub confirmed: bool,
    /// When the user was made.
    pub created_at: String,
    /// When the user was last changed.
    pub updated_at: String,
    /// The password, where it was made just now: shown this once.
    pub password: Option<String>,
    /// The page that sets a password, where it was asked for just now: works once, for a day.
    pub setup_url: Option<String>,
}

impl ManagedUserBody {
    fn of(row: UserRow) -> Self {
        Self {
            roles: serde_json::from_str(&row.roles).unwrap_or_default(),
            document_id: row.id,
            username: row.username,
            email: row.email,
            blocked: row.blocked,
            confirmed: row.confirmed,
            created_at: timestamp(row.created_at),
            updated_at: timestamp(row.updated_at),
            password: None,
            setup_url: None,
        }
    }

    fn with(self, shown: Shown) -> Self {
        Self { password: shown.password, setup_url: shown.setup_url, ..self }
    }
}

/// A user to be made.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewUserBody {
    /// 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub username: Text,
    /// An address; kept in lower case.
    pub email: Text,
    /// Names of role documents; none that permits what the caller does not hold.
    #[oai(default)]
    pub roles: Vec<Text>,
    /// Whether the address was confirmed.
    #[oai(default)]
    pub confirmed: bool,
    /// A password of 8 characters or more; absent = one is made and shown this once.
    pub password: Option<Text>,
    /// Instead of a password: a link by which the user sets one.
    #[oai(default)]
    pub setup_link: bool,
}

/// What of a user changes; what is absent stays.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserChangeBody {
    /// 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub username: Option<Text>,
    /// An address.
    pub email: Option<Text>,
    /// Names of role documents.
    pub roles: Option<Vec<Text>>,
    /// Whether the user can do nothing.
    pub blocked: Option<bool>,
    /// Whether the address was confirmed.
    pub confirmed: Option<bool>,
}

/// A new password.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResetBody {
    /// A password of 8 characters or more; absent = one is made and shown this once.
    pub password: Option<Text>,
    /// Instead of a password: a link by which the user sets one.
    #[oai(default)]
    pub setup_link: bool,
}

/// The envelope of a new user.
#[derive(Clone, Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewUserData {
    /// The user.
    pub data: NewUserBody,
}

/// The envelope of a change.
#[derive(Clone, Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct UserChangeData {
    /// What changes.
    pub data: UserChangeBody,
}

/// The envelope of a new password.
#[derive(Clone, Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct ResetData {
    /// The password.
    pub data: ResetBody,
}

/// A role.
#[derive(Clone, Debug, Object)]
pub struct RoleBody {
    /// The name of its document.
    pub name: String,
    /// What people see.
    pub title: String,
    /// What it permits, wildcards resolved.
    pub actions: Vec<String>,
    /// The file that declares it.
    pub file: String,
    /// How many users have it.
    pub users: i64,
}

/// A user that was made.
#[derive(ApiResponse)]
enum Created {
    /// Made. A password or link that was made is shown this once.
    #[oai(status = 201)]
    User(Json<ItemBody<ManagedUserBody>>),
}

/// Something that is gone.
#[derive(ApiResponse)]
enum Gone {
    /// Gone, with what hung on it.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(prefix_path = "/oauth2", tag = "Tags::Users")]
impl UsersApi {
    /// List users
    ///
    /// Query: `page`, `pageSize`, `sort` (`username`, `email`, `createdAt`, `updatedAt`, `blocked`, each with
    /// `:asc` or `:desc`), `search`, `role`, `blocked`, `confirmed`. Needs `admin:user.read`.
    #[oai(path = "/users", method = "get", operation_id = "listUsers")]
    async fn list(
        &self,
        request: &Request,
        bearer: Bearer,
    ) -> Result<Json<ListBody<ManagedUserBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let mut query = ListQuery::of(request)?;
        let (page, sort) = (query.page()?, query.sort(UserSort::parse)?);
        let filter = UserFilter {
            search: query.search()?,
            role: query.take(&["role"]).map(role_name).transpose()?,
            blocked: boolean("blocked", query.take(&["blocked", "filters[blocked][$eq]"]))?,
            confirmed: boolean("confirmed", query.take(&["confirmed", "filters[confirmed][$eq]"]))?,
        };
        let found = users::list(&self.app, &ask, &who, filter, sort, page).await?;
        let rows = found.rows.into_iter().map(ManagedUserBody::of).collect();
        Ok(Json(list(rows, page, found.total)))
    }

    /// Make a user
    ///
    /// Needs `admin:user.create`, and what each of the roles permits.
    #[oai(path = "/users", method = "post", operation_id = "createUser")]
    async fn create(
        &self,
        bearer: Bearer,
        body: StrictJson<NewUserData>,
    ) -> Result<Created, ManagementError> {
        let (ask, who) = bearer.parts();
        let body = body.0.data;
        let new = NewUser {
            username: body.username.0,
            email: body.email.0,
            roles: texts(body.roles),
            confirmed: body.confirmed,
            credential: credential(body.password, body.setup_link)?,
        };
        let (row, shown) = users::create(&self.app, &ask, &who, new).await?;
        Ok(Created::User(Json(ItemBody { data: ManagedUserBody::of(row).with(shown) })))
    }

    /// Read a user
    ///
    /// By document id, sign-in name or address. Needs `admin:user.read`.
    #[oai(path = "/users/:documentId", method = "get", operation_id = "readUser")]
    async fn read(
        &self,
        bearer: Bearer,
        /// The user's document id, name or address.
        #[oai(name = "documentId")]
        document_id: Path<String>,
    ) -> Result<Json<ItemBody<ManagedUserBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let row = users::read(&self.app, &ask, &who, &document_id.0).await?;
        Ok(Json(ItemBody { data: ManagedUserBody::of(row) }))
    }

    /// Change a user
    ///
    /// What is absent stays. A change of address, roles or blocking ends sessions and user tokens. Nobody
    /// changes their own roles, gives a role that permits what they do not hold, or takes away the last user
    /// who may administer users (409). Needs `admin:user.update`.
    #[oai(path = "/users/:documentId", method = "put", operation_id = "updateUser")]
    async fn update(
        &self,
        bearer: Bearer,
        /// The user's document id, name or address.
        #[oai(name = "documentId")]
        document_id: Path<String>,
        body: StrictJson<UserChangeData>,
    ) -> Result<Json<ItemBody<ManagedUserBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let body = body.0.data;
        let input = UserInput {
            username: body.username.map(|text| text.0),
            email: body.email.map(|text| text.0),
            roles: body.roles.map(texts),
            blocked: body.blocked,
            confirmed: body.confirmed,
        };
        let row = users::update(&self.app, &ask, &who, &document_id.0, input).await?;
        Ok(Json(ItemBody { data: ManagedUserBody::of(row) }))
    }

    /// Delete a user
    ///
    /// With sessions, consents and tokens. Needs `admin:user.delete`.
    #[oai(path = "/users/:documentId", method = "delete", operation_id = "deleteUser")]
    async fn delete(
        &self,
        bearer: Bearer,
        /// The user's document id, name or address.
        #[oai(name = "documentId")]
        document_id: Path<String>,
    ) -> Result<Gone, ManagementError> {
        let (ask, who) = bearer.parts();
        users::delete(&self.app, &ask, &who, &document_id.0).await?;
        Ok(Gone::Done)
    }

    /// Reset a user's password
    ///
    /// Sessions and user tokens end at once. Needs `admin:user.update`.
    #[oai(path = "/users/:documentId/reset-password", method = "post", operation_id = "resetPassword")]
    async fn reset_password(
        &self,
        bearer: Bearer,
        /// The user's document id, name or address.
        #[oai(name = "documentId")]
        document_id: Path<String>,
        body: StrictJson<ResetData>,
    ) -> Result<Json<ItemBody<ManagedUserBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let body = body.0.data;
        let credential = credential(body.password, body.setup_link)?;
        let (row, shown) = users::reset_password(&self.app, &ask, &who, &document_id.0, credential).await?;
        Ok(Json(ItemBody { data: ManagedUserBody::of(row).with(shown) }))
    }

    /// List a user's sessions
    ///
    /// Needs `admin:session.read`.
    #[oai(path = "/users/:documentId/sessions", method = "get", operation_id = "listUserSessions")]
    async fn sessions(
        &self,
        bearer: Bearer,
        /// The user's document id, name or address.
        #[oai(name = "documentId")]
        document_id: Path<String>,
    ) -> Result<Json<ListBody<SessionBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let rows = users::sessions(&self.app, &ask, &who, &document_id.0).await?;
        Ok(Json(super::sessions::listed(rows)))
    }

    /// End all sessions of a user
    ///
    /// And their user tokens. Needs `admin:session.end`.
    #[oai(path = "/users/:documentId/sessions", method = "delete", operation_id = "endUserSessions")]
    async fn end_sessions(
        &self,
        bearer: Bearer,
        /// The user's document id, name or address.
        #[oai(name = "documentId")]
        document_id: Path<String>,
    ) -> Result<Gone, ManagementError> {
        let (ask, who) = bearer.parts();
        users::end_sessions(&self.app, &ask, &who, &document_id.0, None).await?;
        Ok(Gone::Done)
    }

    /// End a session of a user
    ///
    /// Needs `admin:session.end`.
    #[oai(path = "/users/:documentId/sessions/:id", method = "delete", operation_id = "endUserSession")]
    async fn end_session(
        &self,
        bearer: Bearer,
        /// The user's document id, name or address.
        #[oai(name = "documentId")]
        document_id: Path<String>,
        /// The session's id.
        id: Path<String>,
    ) -> Result<Gone, ManagementError> {
        let (ask, who) = bearer.parts();
        users::end_sessions(&self.app, &ask, &who, &document_id.0, Some(&id.0)).await?;
        Ok(Gone::Done)
    }

    /// List roles
    ///
    /// The documents of `policies/roles`, each with the number of its users. Needs `admin:user.read`.
    #[oai(path = "/roles", method = "get", operation_id = "listRoles")]
    async fn roles(&self, bearer: Bearer) -> Result<Json<ListBody<RoleBody>>, ManagementError> {
        let (ask, who): (Ask, _) = bearer.parts();
        let found = roles::list(&self.app, &ask, &who).await?;
        let total = i64::try_from(found.len()).unwrap_or(i64::MAX);
        let rows: Vec<RoleBody> = found
            .into_iter()
            .map(|role| RoleBody {
                name: role.name,
                title: role.title,
                actions: role.actions,
                file: role.file,
                users: role.users,
            })
            .collect();
        let page = Page { page: 1, size: u32::try_from(rows.len()).unwrap_or(u32::MAX).max(1) };
        Ok(Json(list(rows, page, total)))
    }
}

fn texts(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(|text| text.0).collect()
}

fn credential(password: Option<Text>, link: bool) -> Result<Credential, Reject> {
    match (password, link) {
        (Some(_), true) => {
            Err(Reject::Field("setupLink", "is for users without a password of yours".to_owned()))
        }
        (Some(password), false) => Ok(Credential::Given(password.0)),
        (None, true) => Ok(Credential::Link),
        (None, false) => Ok(Credential::Made),
    }
}

fn role_name(text: String) -> Result<String, Reject> {
    match crate::oauth::client::is_name(&text) {
        true => Ok(text),
        false => Err(Reject::Field("role", "is the name of a role document".to_owned())),
    }
}

fn boolean(name: &'static str, text: Option<String>) -> Result<Option<bool>, Reject> {
    match text.as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Reject::Field(name, "is true or false".to_owned())),
    }
}
