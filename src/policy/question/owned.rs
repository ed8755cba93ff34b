//! Questions that own what they speak of: read back from a log, typed by a person, or changed to see what then.

use std::net::IpAddr;

use super::{
    Actor, AdminQuestion, AdminResource, Asked, GrantFacts, GrantQuestion, HttpFacts, SignInQuestion,
    TokenFacts, UseQuestion,
};
use crate::oauth::client::Client;
use crate::oauth::grant::GrantType;
use crate::oauth::scope::Scope;
use crate::oauth::user::User;
use crate::policy::stated::OwnedStated;

/// Any question; [`Owned::asked`] lends it.
#[derive(Clone, Debug)]
pub enum Owned {
    /// May this client have this scope, or does it still stand.
    Grant(OwnedGrant),
    /// May this token do this now.
    Use(OwnedUse),
    /// May this actor administer.
    Admin(OwnedAdmin),
    /// May this user sign in.
    SignIn(OwnedSignIn),
}

/// See [`GrantQuestion`].
#[derive(Clone, Debug)]
pub struct OwnedGrant {
    /// Whether it is about a token that is out already.
    pub recheck: bool,
    /// Who asks.
    pub client: Client,
    /// The row's own flag.
    pub active: bool,
    /// How.
    pub grant: GrantType,
    /// For whom.
    pub user: Option<User>,
    /// The circumstances.
    pub facts: GrantFacts,
    /// Which scope; none = may it start at all.
    pub scope: Option<Scope>,
}

/// See [`UseQuestion`].
#[derive(Clone, Debug)]
pub struct OwnedUse {
    /// The user behind the token.
    pub user: Option<User>,
    /// The token's client.
    pub client: Client,
    /// The row's own flag.
    pub active: bool,
    /// The action.
    pub action: Scope,
    /// What the token carries.
    pub scopes: Vec<Scope>,
    /// How it was obtained.
    pub grant: GrantType,
    /// Seconds since it was issued.
    pub age_s: u64,
    /// The moment, in milliseconds since 1970, UTC.
    pub now_ms: i64,
    /// The caller's address.
    pub ip: IpAddr,
    /// The request.
    pub http: Option<HttpFacts>,
    /// What is stated.
    pub stated: OwnedStated,
}

/// See [`AdminQuestion`].
#[derive(Clone, Debug)]
pub struct OwnedAdmin {
    /// Who asks.
    pub actor: OwnedActor,
    /// What the token carries; none = a session.
    pub token: Option<Vec<Scope>>,
    /// One of [`crate::policy::admin`]'s constants.
    pub action: &'static str,
    /// The client that it is about; none = the server.
    pub about: Option<Client>,
    /// The moment, in milliseconds since 1970, UTC.
    pub now_ms: i64,
    /// The caller's address.
    pub ip: IpAddr,
}

/// See [`Actor`].
#[derive(Clone, Debug)]
pub enum OwnedActor {
    /// A user.
    User(User),
    /// A client and its row's flag.
    Client(Box<Client>, bool),
    /// Whoever runs the command line.
    Operator(String),
}

/// See [`SignInQuestion`].
#[derive(Clone, Debug)]
pub struct OwnedSignIn {
    /// Who.
    pub user: User,
    /// The caller's address.
    pub ip: IpAddr,
    /// The moment, in milliseconds since 1970, UTC.
    pub now_ms: i64,
}

impl Owned {
    /// Takes a copy of a question.
    pub fn of(asked: &Asked<'_>) -> Self {
        match asked {
            Asked::Grant(question, scope) | Asked::Recheck(question, scope) => Self::Grant(OwnedGrant {
                recheck: matches!(asked, Asked::Recheck(..)),
                client: question.client.clone(),
                active: question.active,
                grant: question.grant,
                user: question.user.cloned(),
                facts: question.facts.clone(),
                scope: scope.cloned(),
            }),
            Asked::Use(question) => Self::Use(OwnedUse {
                user: question.user.cloned(),
                client: question.client.clone(),
                active: question.active,
                action: question.action.clone(),
                scopes: question.token.scopes.to_vec(),
                grant: question.token.grant,
                age_s: question.token.age_s,
                now_ms: question.now_ms,
                ip: question.ip,
                http: question.http.cloned(),
                stated: OwnedStated::of(question.stated),
            }),
            Asked::Admin(question) => Self::Admin(OwnedAdmin {
                actor: match question.actor {
                    Actor::User(user) => OwnedActor::User(user.clone()),
                    Actor::Client(client, active) => OwnedActor::Client(Box::new(client.clone()), active),
                    Actor::Operator(name) => OwnedActor::Operator(name.to_owned()),
                },
                token: question.token.map(<[Scope]>::to_vec),
                action: question.action,
                about: match question.resource {
                    AdminResource::Server => None,
                    AdminResource::Client(client) => Some(client.clone()),
                },
                now_ms: question.now_ms,
                ip: question.ip,
            }),
            Asked::SignIn(question) => Self::SignIn(OwnedSignIn {
                user: question.user.clone(),
                ip: question.ip,
                now_ms: question.now_ms,
            }),
        }
    }

    /// Lends the question.
    pub fn asked(&self) -> Asked<'_> {
        match self {
            Self::Grant(own) => {
                let question = GrantQuestion {
                    client: &own.client,
                    active: own.active,
                    grant: own.grant,
                    user: own.user.as_ref(),
                    facts: &own.facts,
                };
                let scope = own.scope.as_ref();
                if own.recheck { Asked::Recheck(question, scope) } else { Asked::Grant(question, scope) }
            }
            Self::Use(own) => Asked::Use(UseQuestion {
                user: own.user.as_ref(),
                client: &own.client,
                active: own.active,
                action: &own.action,
                token: TokenFacts { scopes: &own.scopes, grant: own.grant, age_s: own.age_s },
                now_ms: own.now_ms,
                ip: own.ip,
                http: own.http.as_ref(),
                stated: own.stated.lend(),
            }),
            Self::Admin(own) => Asked::Admin(AdminQuestion {
                actor: match &own.actor {
                    OwnedActor::User(user) => Actor::User(user),
                    OwnedActor::Client(client, active) => Actor::Client(client, *active),
                    OwnedActor::Operator(name) => Actor::Operator(name),
                },
                token: own.token.as_deref(),
                action: own.action,
                resource: own.about.as_ref().map_or(AdminResource::Server, AdminResource::Client),
                now_ms: own.now_ms,
                ip: own.ip,
            }),
            Self::SignIn(own) => {
                Asked::SignIn(SignInQuestion { user: &own.user, ip: own.ip, now_ms: own.now_ms })
            }
        }
    }

    /// The client that asks, or that the token belongs to.
    pub fn client_mut(&mut self) -> Option<&mut Client> {
        match self {
            Self::Grant(own) => Some(&mut own.client),
            Self::Use(own) => Some(&mut own.client),
            Self::Admin(OwnedAdmin { actor: OwnedActor::Client(client, _), .. }) => Some(client),
            Self::Admin(_) | Self::SignIn(_) => None,
        }
    }

    /// The user who asks, or for whom something is asked.
    pub fn user_mut(&mut self) -> Option<&mut User> {
        match self {
            Self::Grant(own) => own.user.as_mut(),
            Self::Use(own) => own.user.as_mut(),
            Self::Admin(OwnedAdmin { actor: OwnedActor::User(user), .. }) => Some(user),
            Self::Admin(_) => None,
            Self::SignIn(own) => Some(&mut own.user),
        }
    }

    /// The row's flag of the client that asks.
    pub fn active_mut(&mut self) -> Option<&mut bool> {
        match self {
            Self::Grant(own) => Some(&mut own.active),
            Self::Use(own) => Some(&mut own.active),
            Self::Admin(OwnedAdmin { actor: OwnedActor::Client(_, active), .. }) => Some(active),
            Self::Admin(_) | Self::SignIn(_) => None,
        }
    }
}
