//! The settings of forward-auth.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Forward-auth: which hosts are protected, whom it answers, and how.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ForwardAuth {
    /// Protected hosts: `api.example.com` (https), or an origin such as `http://127.0.0.1:8088`.
    pub hosts: Vec<String>,
    /// Addresses or networks of the proxies that may ask; none = `server.trusted_proxies`.
    pub trusted_proxies: Vec<String>,
    /// Request headers that rules may read as `context.http.headers`.
    pub headers: Vec<String>,
    /// Header of the answer with the token's client.
    pub client_id_header: String,
    /// Header of the answer with the user behind the token.
    pub user_id_header: String,
    /// Header of the answer with what the token carries now.
    pub scopes_header: String,
    /// Header of the answer with the token's `jti`.
    pub token_id_header: String,
    /// Where a browser without a good token is sent; `{url}` is where it wanted to go. None = 401.
    pub login_url: Option<String>,
}

impl Default for ForwardAuth {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            headers: Vec::new(),
            client_id_header: "X-Client-Id".to_owned(),
            user_id_header: "X-User-Id".to_owned(),
            scopes_header: "X-Scopes".to_owned(),
            token_id_header: "X-Token-Id".to_owned(),
            login_url: None,
        }
    }
}
