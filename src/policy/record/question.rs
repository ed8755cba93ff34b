//! A logged decision becomes the question again that it answered.

use super::{Kind, Record, UserRecord};
use crate::oauth::client::Client;
use crate::oauth::grant::GrantType;
use crate::oauth::scope::Scope;
use crate::oauth::user::User;
use crate::policy::admin;
use crate::policy::question::{HttpFacts, Owned, OwnedActor, OwnedAdmin, OwnedGrant, OwnedSignIn, OwnedUse};

/// Why a decision cannot be asked about again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// The client is in no document at hand.
    #[error("no document of client {0}")]
    Client(String),
    /// No policy refused the request.
    #[error("no policy refused it, the server did: {0}")]
    Unasked(String),
    /// The record lacks something that its question needs.
    #[error("the record has no {0}")]
    Part(&'static str),
}

impl Record {
    /// The question, with clients as they are at hand and the user as the record has them. The user's address is
    /// not in a record, so it is empty.
    ///
    /// # Errors
    /// [`Missing`]
    pub fn question(&self, find: &dyn Fn(&str) -> Option<Client>) -> Result<Owned, Missing> {
        if let Some(reason) = &self.reason {
            return Err(Missing::Unasked(reason.clone()));
        }
        let client = || {
            let id = self.client.as_deref().ok_or(Missing::Part("client"))?;
            find(id).ok_or_else(|| Missing::Client(id.to_owned()))
        };
        let user = || self.user.as_ref().map(UserRecord::user);
        Ok(match self.kind {
            Kind::Grant | Kind::Recheck => Owned::Grant(OwnedGrant {
                recheck: self.kind == Kind::Recheck,
                client: client()?,
                active: !self.client_off,
                grant: GrantType::ALL
                    .into_iter()
                    .find(|grant| grant.action() == self.action)
                    .ok_or(Missing::Part("grant type"))?,
                user: user(),
                facts: self.facts.clone().ok_or(Missing::Part("circumstances"))?,
                scope: self.scope().map(Scope::parse).transpose().map_err(|_| Missing::Part("scope"))?,
            }),
            Kind::Use => {
                let token = self.token.as_ref().ok_or(Missing::Part("token"))?;
                Owned::Use(OwnedUse {
                    user: user(),
                    client: client()?,
                    active: !self.client_off,
                    action: Scope::parse(&self.action).map_err(|_| Missing::Part("action"))?,
                    scopes: token.scopes.clone(),
                    grant: token.grant.ok_or(Missing::Part("grant type"))?,
                    age_s: token.age.unwrap_or(0),
                    now_ms: self.at_ms(),
                    ip: self.ip,
                    http: self.http.as_ref().map(|http| HttpFacts {
                        method: http.method.clone(),
                        path: http.path.clone(),
                        params: http.params.clone(),
                        headers: http.headers.clone(),
                    }),
                    stated: self.stated.as_ref().map(super::StatedRecord::stated).unwrap_or_default(),
                })
            }
            Kind::Admin => Owned::Admin(self.administration(find)?),
            Kind::SignIn => Owned::SignIn(OwnedSignIn {
                user: user().ok_or(Missing::Part("user"))?,
                ip: self.ip,
                now_ms: self.at_ms(),
            }),
        })
    }

    fn administration(&self, find: &dyn Fn(&str) -> Option<Client>) -> Result<OwnedAdmin, Missing> {
        let named = |id: &str| find(id).ok_or_else(|| Missing::Client(id.to_owned()));
        let actor = match (&self.user, &self.client) {
            (Some(user), _) => OwnedActor::User(user.user()),
            (None, Some(id)) => OwnedActor::Client(Box::new(named(id)?), !self.client_off),
            (None, None) => OwnedActor::Operator(self.actor().0),
        };
        let about = self.resource.strip_prefix("Client::\"").and_then(|rest| rest.strip_suffix('"'));
        Ok(OwnedAdmin {
            actor,
            token: self.token.as_ref().map(|token| token.scopes.clone()),
            action: admin::ALL
                .iter()
                .copied()
                .find(|action| *action == self.action)
                .ok_or(Missing::Part("administrative action"))?,
            about: about.map(named).transpose()?,
            now_ms: self.at_ms(),
            ip: self.ip,
        })
    }
}

impl UserRecord {
    fn user(&self) -> User {
        User {
            id: self.id.as_str().into(),
            username: self.name.clone(),
            email: String::new(),
            roles: self.roles.clone(),
            blocked: self.blocked,
            confirmed: self.confirmed,
        }
    }
}
