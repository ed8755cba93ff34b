//! The questions that are put to Cedar, and the answer.

mod owned;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::stated::Stated;
use crate::oauth::client::Client;
use crate::oauth::grant::GrantType;
use crate::oauth::pkce;
use crate::oauth::scope::Scope;
use crate::oauth::user::User;

pub use owned::{Owned, OwnedActor, OwnedAdmin, OwnedGrant, OwnedSignIn, OwnedUse};

/// May this client have these scopes, for this user, by this grant?
#[derive(Clone, Copy, Debug)]
pub struct GrantQuestion<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// The row's own flag; the document's is in the client.
    pub active: bool,
    /// How.
    pub grant: GrantType,
    /// For whom; none = a machine token.
    pub user: Option<&'a User>,
    /// The circumstances.
    pub facts: &'a GrantFacts,
}

/// The circumstances of a grant. Stored with every token, so that the same question can be put again later.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GrantFacts {
    /// The moment, in milliseconds since 1970, UTC.
    #[serde(rename = "t")]
    pub now_ms: i64,
    /// The caller's address.
    pub ip: IpAddr,
    /// The life that the token is about to get, in seconds.
    #[serde(rename = "ttl")]
    pub ttl_s: u64,
    /// Requested audience.
    #[serde(rename = "aud", default, skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
    /// PKCE of the authorization request (code).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pkce: Option<pkce::Method>,
    /// Host of the redirect URI (code).
    #[serde(rename = "host", default, skip_serializing_if = "Option::is_none")]
    pub redirect_host: Option<String>,
    /// Whether it is a loopback address (code).
    #[serde(rename = "loopback", default, skip_serializing_if = "std::ops::Not::not")]
    pub redirect_loopback: bool,
    /// Age of the user's sign-in in seconds (code).
    #[serde(rename = "auth", default, skip_serializing_if = "Option::is_none")]
    pub auth_age_s: Option<u64>,
    /// What the user agreed to (code); none = not asked yet.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_scopes")]
    pub consented: Option<Vec<Scope>>,
    /// The assertion's algorithm (jwt-bearer).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// The assertion's life in seconds (jwt-bearer).
    #[serde(rename = "attl", default, skip_serializing_if = "Option::is_none")]
    pub assertion_ttl_s: Option<u64>,
}

impl GrantFacts {
    /// The circumstances that every grant has.
    pub fn new(now_ms: i64, ip: IpAddr, ttl_s: u64) -> Self {
        Self {
            now_ms,
            ip,
            ttl_s,
            audience: Vec::new(),
            pkce: None,
            redirect_host: None,
            redirect_loopback: false,
            auth_age_s: None,
            consented: None,
            alg: None,
            assertion_ttl_s: None,
        }
    }

    /// The same without what differs from one request to the next: time, address, age of the sign-in.
    pub fn timeless(&self) -> Self {
        Self { now_ms: 0, ip: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), auth_age_s: None, ..self.clone() }
    }
}

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub enum Requested<'a> {
    /// No `scope`: all of the client's scopes that are permitted.
    All,
    /// These.
    Exactly(&'a [Scope]),
}

/// What becomes of a request when one of its scopes is denied (`scopes.on_denied`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDenied {
    /// The request is refused.
    Reject,
    /// The rest is granted.
    Narrow,
}

/// May this token do this now?
#[derive(Clone, Copy, Debug)]
pub struct UseQuestion<'a> {
    /// The user behind the token; none = a machine token.
    pub user: Option<&'a User>,
    /// The token's client.
    pub client: &'a Client,
    /// The row's own flag.
    pub active: bool,
    /// The action.
    pub action: &'a Scope,
    /// The token.
    pub token: TokenFacts<'a>,
    /// The moment, in milliseconds since 1970, UTC.
    pub now_ms: i64,
    /// The caller's address.
    pub ip: IpAddr,
    /// The request, where there is one.
    pub http: Option<&'a HttpFacts>,
    /// What a caller of the decision API states.
    pub stated: Stated<'a>,
}

/// What a policy may know about a token.
#[derive(Clone, Copy, Debug)]
pub struct TokenFacts<'a> {
    /// What it carries.
    pub scopes: &'a [Scope],
    /// How it was obtained.
    pub grant: GrantType,
    /// Seconds since it was issued.
    pub age_s: u64,
}

/// What a policy may know about a request (`context.http`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpFacts {
    /// In upper case.
    pub method: String,
    /// Without query.
    pub path: String,
    /// Parameters of the route's path.
    pub params: Vec<(String, String)>,
    /// Chosen headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

/// May this actor do this administrative action?
#[derive(Clone, Copy, Debug)]
pub struct AdminQuestion<'a> {
    /// Who asks.
    pub actor: Actor<'a>,
    /// The scopes of the access token that came with the request; none = a session of our own pages.
    pub token: Option<&'a [Scope]>,
    /// One of [`super::admin`]'s constants.
    pub action: &'static str,
    /// What it is about.
    pub resource: AdminResource<'a>,
    /// The moment, in milliseconds since 1970, UTC.
    pub now_ms: i64,
    /// The caller's address.
    pub ip: IpAddr,
}

/// Who administers.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// A user.
    User(&'a User),
    /// A client with a machine token, and its row's flag.
    Client(&'a Client, bool),
    /// Whoever runs the command line on the server's own machine, by the name of the system's user.
    Operator(&'a str),
}

/// What is administered.
#[derive(Clone, Copy, Debug)]
pub enum AdminResource<'a> {
    /// The server as a whole.
    Server,
    /// One client.
    Client(&'a Client),
}

/// Any question, for the decision log and for explanations.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// May this client have this scope; none = may it start this grant at all.
    Grant(GrantQuestion<'a>, Option<&'a Scope>),
    /// Does this scope of a live token still stand; none = its whole grant.
    Recheck(GrantQuestion<'a>, Option<&'a Scope>),
    /// May this token do this now.
    Use(UseQuestion<'a>),
    /// May this actor administer.
    Admin(AdminQuestion<'a>),
    /// May this user sign in.
    SignIn(SignInQuestion<'a>),
}

/// May this user sign in?
#[derive(Clone, Copy, Debug)]
pub struct SignInQuestion<'a> {
    /// Who.
    pub user: &'a User,
    /// The caller's address.
    pub ip: IpAddr,
    /// The moment, in milliseconds since 1970, UTC.
    pub now_ms: i64,
}

/// The answer to one question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Yes or no.
    pub allowed: bool,
    /// Ids of the deciding policies, sorted: the permits of a yes, the forbids of a no; none = nothing permits it.
    pub policies: Vec<String>,
    /// The `@error` of the forbid that decided.
    pub error: Option<String>,
    /// Policies that could not be evaluated. Any of them makes the answer a no (attack row Y1).
    pub errors: Vec<String>,
}

mod optional_scopes {
    //! Scopes as a list of texts.

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    use crate::oauth::scope::Scope;

    /// Writes the texts.
    pub fn serialize<S: Serializer>(scopes: &Option<Vec<Scope>>, serializer: S) -> Result<S::Ok, S::Error> {
        let texts: Option<Vec<&str>> = scopes.as_ref().map(|list| list.iter().map(Scope::as_str).collect());
        texts.serialize(serializer)
    }

    /// Reads and parses the texts.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Scope>>, D::Error> {
        let texts = Option::<Vec<String>>::deserialize(deserializer)?;
        let parse =
            |list: Vec<String>| list.iter().map(|text| Scope::parse(text)).collect::<Result<Vec<_>, _>>();
        texts.map(parse).transpose().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_small_and_come_back() {
        let mut facts = GrantFacts::new(1_700_000_000_000, "127.0.0.1".parse().unwrap(), 900);
        let json = serde_json::to_string(&facts).unwrap();
        assert_eq!(json, r#"{"t":1700000000000,"ip":"127.0.0.1","ttl":900}"#);
        facts.consented = Some(vec![Scope::parse("a.b").unwrap()]);
        facts.pkce = Some(pkce::Method::S256);
        let json = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<GrantFacts>(&json).unwrap(), facts);
    }
}
