//! The documents of the policy folder, as they are written. Unknown keys are errors in every one of them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::oauth::client::{AssertionStyle, ClientAuth, ClientType, PkceRule};
use crate::oauth::grant::GrantType;
use crate::oauth::pkce;

/// Who may write a document besides people with an editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ManagedBy {
    /// The admin API writes it.
    Admin,
}

/// `catalog/*.yaml`: content types, their actions, and the routes that perform them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogDocument {
    /// By name, such as `api::form.form`.
    pub content_types: BTreeMap<String, ContentTypeDocument>,
}

/// One content type.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ContentTypeDocument {
    /// What people see.
    #[serde(default)]
    pub title: Option<String>,
    /// Hosts on which its routes are served, with the port where it is not the default one; none = every host
    /// that forward-auth answers for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// By name, such as `find`.
    pub actions: BTreeMap<String, ActionDocument>,
}

/// One action.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ActionDocument {
    /// What people see, on the consent page for example.
    #[serde(default)]
    pub title: Option<String>,
    /// `METHOD /path/:parameter`, for forward-auth; the last segment may be `*`.
    #[serde(default)]
    pub routes: Vec<String>,
    /// Rules may ask more of it; `resource.sensitive` in Cedar.
    #[serde(default)]
    pub sensitive: bool,
    /// Its routes need no token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public: bool,
}

/// `global.yaml`: the ceiling of every token.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalDocument {
    /// `admin` = the admin API may write it.
    #[serde(default)]
    pub managed_by: Option<ManagedBy>,
    /// Actions and wildcards.
    pub scopes: Vec<String>,
}

/// `roles/<role>.yaml`: what the users of a role may do.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RoleDocument {
    /// What people see.
    #[serde(default)]
    pub title: Option<String>,
    /// Actions and wildcards.
    pub actions: Vec<String>,
}

/// `clients/<client_id>.yaml`, and the same form in the database.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ClientDocument {
    /// `admin` = the admin API may write this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<ManagedBy>,
    /// What people see; the id where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Confidential or public.
    #[serde(rename = "type")]
    pub kind: ClientType,
    /// Off = refused everywhere, its tokens are inactive.
    #[serde(default = "yes")]
    pub active: bool,
    /// A user's name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Default: code, and jwt-bearer for confidential clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Vec<GrantType>>,
    /// Default: none for public clients, private_key_jwt where keys are given, else client_secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<ClientAuth>,
    /// Default: S256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pkce: Option<PkceRule>,
    /// Default: rfc7523.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion_style: Option<AssertionStyle>,
    /// Whether jwt-bearer needs the client secret as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_secret: bool,
    /// `role:<name>` and `user:<name or id>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub act_for: Vec<String>,
    /// Cedar groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// In files, `{public_url}` stands for the server's own address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    /// In files: key files beside the policies; in the database: PEM or JWKS text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub public_keys: Vec<String>,
    /// `15m`, `1h`, or seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_ttl: Option<Ttl>,
    /// Actions and wildcards.
    #[serde(default)]
    pub scopes: Vec<String>,
}

impl ClientDocument {
    /// A document with everything left at its default.
    pub fn new(kind: ClientType) -> Self {
        Self {
            managed_by: None,
            name: None,
            kind,
            active: true,
            owner: None,
            grants: None,
            auth: None,
            pkce: None,
            assertion_style: None,
            require_secret: false,
            act_for: Vec::new(),
            groups: Vec::new(),
            redirect_uris: Vec::new(),
            public_keys: Vec::new(),
            access_token_ttl: None,
            scopes: Vec::new(),
        }
    }
}

/// `tests/*.yaml`: who asks what, and what the answer must be.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TestsDocument {
    /// The cases.
    pub tests: Vec<TestCase>,
}

/// One case: a grant question (`grant`), or a use or administration question (`action`).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TestCase {
    /// What it shows.
    pub name: String,
    /// A client of the folder.
    #[serde(default)]
    pub client: Option<String>,
    /// The grant type of a grant question.
    #[serde(default)]
    pub grant: Option<GrantType>,
    /// The scope asked for; absent = may the grant start at all.
    #[serde(default)]
    pub scope: Option<String>,
    /// The action of a use or administration question.
    #[serde(default)]
    pub action: Option<String>,
    /// The client that an administration question is about; absent = the server.
    #[serde(default)]
    pub about: Option<String>,
    /// The user; absent = a machine.
    #[serde(default)]
    pub user: Option<TestUser>,
    /// What the token carries; absent = the action itself.
    #[serde(default)]
    pub token: Option<Vec<String>>,
    /// What differs from the ordinary request.
    #[serde(default)]
    pub context: TestContext,
    /// `allow` or `deny`.
    pub expect: Expected,
    /// The deciding policies, exactly.
    #[serde(default)]
    pub policies: Option<Vec<String>>,
    /// The error code of a denial.
    #[serde(default)]
    pub error: Option<String>,
}

/// What a test expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// Permitted.
    Allow,
    /// Not permitted.
    Deny,
}

/// The user of a test.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TestUser {
    /// Default: `ann`.
    #[serde(default)]
    pub username: Option<String>,
    /// Default: none.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Default: no.
    #[serde(default)]
    pub blocked: bool,
}

/// What a test changes in the context. Everything has an ordinary value.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TestContext {
    /// Default: 127.0.0.1.
    #[serde(default)]
    pub ip: Option<std::net::IpAddr>,
    /// RFC 3339; default: a Monday at noon, UTC.
    #[serde(default)]
    pub time: Option<String>,
    /// Default: 15m.
    #[serde(default)]
    pub ttl: Option<Ttl>,
    /// Default: none.
    #[serde(default)]
    pub audience: Vec<String>,
    /// `S256`, `plain`, or `none`; default: S256 for the code grant.
    #[serde(default)]
    pub pkce: Option<TestPkce>,
    /// Scopes that the user agreed to; default: the one asked for.
    #[serde(default)]
    pub consented: Option<Vec<String>>,
    /// Age of the sign-in.
    #[serde(default)]
    pub auth_age: Option<Ttl>,
    /// The assertion's algorithm; default: RS256.
    #[serde(default)]
    pub alg: Option<String>,
    /// The assertion's life; default: 60 s.
    #[serde(default)]
    pub assertion_ttl: Option<Ttl>,
}

/// PKCE in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum TestPkce {
    /// With S256.
    S256,
    /// With plain.
    #[serde(rename = "plain")]
    Plain,
    /// Without.
    #[serde(rename = "none")]
    None,
}

impl TestPkce {
    /// The fact that it stands for.
    pub fn method(self) -> Option<pkce::Method> {
        match self {
            Self::S256 => Some(pkce::Method::S256),
            Self::Plain => Some(pkce::Method::Plain),
            Self::None => None,
        }
    }
}

/// A length of time in seconds: a number, or a number with `s`, `m`, `h` or `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttl(pub u64);

impl Ttl {
    /// Reads `900`, `900s`, `15m`, `1h`, `2d`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let factor = match &text[digits.len()..] {
            "" | "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        if digits.is_empty() || digits.len() > 10 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse::<u64>().ok()?.checked_mul(factor).map(Self)
    }
}

impl Serialize for Ttl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TtlVisitor;
        impl de::Visitor<'_> for TtlVisitor {
            type Value = Ttl;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time such as 900, 900s, 15m, 1h")
            }
            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Ttl, E> {
                Ok(Ttl(seconds))
            }
            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Ttl, E> {
                u64::try_from(seconds).map(Ttl).map_err(|_| E::custom("a length of time is not negative"))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Ttl, E> {
                Ttl::parse(text)
                    .ok_or_else(|| E::custom("a length of time is written as 900, 900s, 15m, 1h or 2d"))
            }
        }
        deserializer.deserialize_any(TtlVisitor)
    }
}

fn yes() -> bool {
    true
}
