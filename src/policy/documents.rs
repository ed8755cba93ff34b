//! The documents of the policy folder, as they are written. Unknown keys are errors in every one of them.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::oauth::client::{AssertionStyle, ClientAuth, ClientType, PkceRule};
use crate::oauth::grant::GrantType;

/// Who may write a document besides people with an editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ManagedBy {
    /// The admin API writes it.
    Admin,
}

/// `catalog/*.yaml`: content types, their actions, and the routes that perform them.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogDocument {
    /// By name, such as `api::form.form`.
    pub content_types: BTreeMap<String, ContentTypeDocument>,
}

/// One content type.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
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
    /// A short name for callers of the decision API, such as `form`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Resources that the decision API knows by itself: id, then properties. For few and lasting ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, serde_json::Map<String, serde_json::Value>>,
}

/// One action.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
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
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GlobalDocument {
    /// `admin` = the admin API may write it.
    #[serde(default)]
    pub managed_by: Option<ManagedBy>,
    /// Actions and wildcards.
    pub scopes: Vec<String>,
}

/// `roles/<role>.yaml`: what the users of a role may do.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleDocument {
    /// What people see.
    #[serde(default)]
    pub title: Option<String>,
    /// Actions and wildcards.
    pub actions: Vec<String>,
}

/// `clients/<client_id>.yaml`, and the same form in the database.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
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

impl JsonSchema for Ttl {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ttl".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        crate::config::duration_schema()
    }
}

fn yes() -> bool {
    true
}
