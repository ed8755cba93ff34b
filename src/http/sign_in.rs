//! `POST /auth/local`: a user token for custom pages and for the management API.

use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};

use super::caller;
use super::json::StrictJson;
use super::problem::ManagementError;
use super::routes::{Served, Tags};
use super::text::Text;
use crate::flow::sign_in;

/// Sign-in with a password.
pub struct SignInApi {
    /// The server.
    pub app: Served,
}

/// Who signs in.
#[derive(Clone, Debug, Object)]
#[oai(example)]
pub struct SignInBody {
    /// User name or e-mail address.
    pub identifier: Text,
    /// The password.
    pub password: Text,
}

impl Example for SignInBody {
    fn example() -> Self {
        Self { identifier: Text("admin".to_owned()), password: Text("tq4m-r7vd-k2xa-9hfz".to_owned()) }
    }
}

/// A signed-in user.
#[derive(Clone, Debug, Object)]
#[oai(example)]
pub struct SignedInBody {
    /// The user token. It is no access token, and ends with blocking and with a change of password.
    pub jwt: String,
    /// Who it is.
    pub user: UserBody,
}

/// A user.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct UserBody {
    /// The user's id: `sub` of tokens.
    pub document_id: String,
    /// The sign-in name.
    pub username: String,
    /// The address.
    pub email: String,
    /// Names of role documents.
    pub roles: Vec<String>,
    /// Whether the address was confirmed.
    pub confirmed: bool,
    /// Whether the user is blocked.
    pub blocked: bool,
}

impl Example for SignedInBody {
    fn example() -> Self {
        let user = UserBody {
            document_id: "0a6c5a1c-5d0f-4a35-8d1e-3f1f5a1b2c3d".to_owned(),
            username: "admin".to_owned(),
            email: "admin@localhost".to_owned(),
            roles: vec!["administrator".to_owned()],
            confirmed: true,
            blocked: false,
        };
        Self { jwt: "eyJ0eXAiOiJ1c2VyK2p3dCJ9.e30.c2ln".to_owned(), user }
    }
}

#[OpenApi(tag = "Tags::Consent")]
impl SignInApi {
    /// Sign in with a password
    ///
    /// Answers a user token for the consent API and, where the policy permits `admin:*`, for the management
    /// API. One answer for every failure; too many are refused with 429.
    #[oai(path = "/auth/local", method = "post", operation_id = "signIn")]
    async fn local(
        &self,
        request: &Request,
        body: StrictJson<SignInBody>,
    ) -> Result<Json<SignedInBody>, ManagementError> {
        let ask = caller::ask(&self.app, request);
        let made = sign_in::local(&self.app, &ask, &body.0.identifier.0, &body.0.password.0).await?;
        let user = &made.signed_in.user;
        let user = UserBody {
            document_id: user.id.as_ref().to_owned(),
            username: user.username.clone(),
            email: user.email.clone(),
            roles: user.roles.clone(),
            confirmed: user.confirmed,
            blocked: user.blocked,
        };
        Ok(Json(SignedInBody { jwt: made.jwt, user }))
    }
}
