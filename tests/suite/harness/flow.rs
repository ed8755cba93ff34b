//! The protocol as a client speaks it; endpoints come from the server's own metadata (RFC 8414).

use serde_json::{Value, json};
use url::Url;

use super::client::{Http, Reply};
use super::fixtures::{Client, User};
use super::pkce::Pkce;
use super::server::Server;
use super::{Assertion, JWT_BEARER};

impl Server {
    /// `/.well-known/oauth-authorization-server`, read once.
    pub fn metadata(&self) -> &Value {
        self.metadata.get_or_init(|| {
            let reply = self.get("/.well-known/oauth-authorization-server");
            assert_eq!(reply.status, 200, "metadata: {reply:?}");
            reply.json()
        })
    }

    /// The path of an endpoint, such as `token_endpoint`.
    pub fn path(&self, name: &str) -> String {
        let url = self.metadata()[name].as_str().unwrap_or_else(|| panic!("metadata has no {name}"));
        let path = url.strip_prefix(self.issuer());
        path.unwrap_or_else(|| panic!("{name} {url} is outside the issuer {}", self.issuer())).to_owned()
    }

    /// An endpoint on this very process, also where the issuer is another replica's address.
    pub fn endpoint(&self, name: &str) -> String {
        self.url(&self.path(name))
    }

    /// A path under the mount that the token endpoint is in.
    pub fn mounted(&self, path: &str) -> String {
        let token = self.path("token_endpoint");
        let mount = token.rsplit_once('/').expect("a path").0;
        self.url(&format!("{mount}/{path}"))
    }

    /// `POST token` with parameters exactly as given and no other authentication.
    pub fn token(&self, pairs: &[(&str, &str)]) -> Reply {
        Http::post(self.endpoint("token_endpoint")).form(pairs).send()
    }

    /// `POST` to an endpoint with the client's own authentication added.
    pub fn post_as(&self, client: &Client, endpoint: &str, pairs: &[(&str, &str)]) -> Reply {
        let credentials = client.credentials(self);
        let mut all = pairs.to_vec();
        all.extend(credentials.iter().map(|(name, value)| (*name, value.as_str())));
        let request = Http::post(self.endpoint(endpoint)).form(&all);
        match &client.secret {
            Some(secret) => request.basic(&client.id, secret).send(),
            None => request.send(),
        }
    }

    /// Redeems a code.
    pub fn redeem(&self, client: &Client, code: &str, pkce: &Pkce) -> Reply {
        self.redeem_with(client, code, &[("code_verifier", &pkce.verifier)])
    }

    /// Redeems a code with these further parameters instead of a verifier.
    pub fn redeem_with(&self, client: &Client, code: &str, further: &[(&str, &str)]) -> Reply {
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", client.redirect_uri.as_str()),
        ];
        pairs.extend_from_slice(further);
        self.post_as(client, "token_endpoint", &pairs)
    }

    /// Presents an assertion as a grant (RFC 7523 §2.1), with nothing else.
    pub fn present(&self, assertion: &str) -> Reply {
        self.token(&[("grant_type", JWT_BEARER), ("assertion", assertion)])
    }

    /// Presents an assertion and asks for scopes.
    pub fn present_for(&self, assertion: &str, scope: &str) -> Reply {
        self.token(&[("grant_type", JWT_BEARER), ("assertion", assertion), ("scope", scope)])
    }

    /// A token by jwt-bearer for a client with a key; `scope` empty = all.
    pub fn machine_token(&self, client: &Client, scope: &str) -> String {
        self.present_for(&client.assertion(self).sign(), scope).access_token()
    }

    /// A token by the code grant, of the administrator.
    pub fn user_token(&self, client: &Client, scopes: &[&str]) -> String {
        let (code, pkce) = self.code(client, scopes);
        self.redeem(client, &code, &pkce).access_token()
    }

    /// An assertion for a client, addressed to the issuer.
    pub fn assertion(&self, client: &Client) -> Assertion {
        client.assertion(self)
    }

    /// Introspection as a client.
    pub fn introspect(&self, caller: &Client, token: &str) -> Reply {
        self.post_as(caller, "introspection_endpoint", &[("token", token)])
    }

    /// Whether a client sees a token as active.
    pub fn is_active(&self, caller: &Client, token: &str) -> bool {
        let reply = self.introspect(caller, token);
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["active"].as_bool().unwrap_or_else(|| panic!("active is no boolean: {reply:?}"))
    }

    /// Revocation as a client.
    pub fn revoke(&self, caller: &Client, token: &str) -> Reply {
        self.post_as(caller, "revocation_endpoint", &[("token", token)])
    }

    /// `GET authorize` as a browser without a session.
    pub fn authorize(&self, pairs: &[(&str, &str)]) -> Reply {
        Http::get(self.endpoint("authorization_endpoint")).query(pairs).send()
    }
}

/// An authorization through the consent API, as a custom consent page makes it (design §7).
#[derive(Clone, Debug)]
pub struct Authorization {
    body: Value,
}

impl Authorization {
    /// Approves for a client: its first redirect URI, all of its scopes, state `s`, no proof key yet.
    pub fn of(client: &Client) -> Self {
        Self {
            body: json!({
                "approve": true,
                "clientId": client.id,
                "redirectUri": client.redirect_uri,
                "state": "s",
            }),
        }
    }

    /// Asks for these scopes; empty leaves the member out.
    pub fn scopes(mut self, scopes: &[&str]) -> Self {
        if !scopes.is_empty() {
            self.body["scopes"] = json!(scopes);
        }
        self
    }

    /// With a proof key.
    pub fn pkce(mut self, pkce: &Pkce) -> Self {
        self.body["codeChallenge"] = json!(pkce.challenge);
        self.body["codeChallengeMethod"] = json!(pkce.method);
        self
    }

    /// Another value for a member of the body.
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.body[member] = value.into();
        self
    }

    /// Without a member.
    pub fn without(mut self, member: &str) -> Self {
        self.body.as_object_mut().expect("an object").remove(member);
        self
    }

    /// The body, for a test that sends it itself.
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// Sends it as a user, whatever comes of it.
    pub fn send(&self, server: &Server, user: &User) -> Reply {
        Http::post(server.mounted("oauth-authorization-codes/authorize"))
            .bearer(user.jwt(server))
            .json(&self.body)
            .send()
    }

    /// Sends it as a user and answers the redirect's parameters.
    pub fn redirect(&self, server: &Server, user: &User) -> Redirect {
        let reply = self.send(server, user);
        assert_eq!(reply.status, 200, "a redirect was expected: {reply:?}");
        Redirect::parse(&reply.member("redirectUri"))
    }

    /// Sends it as a user and answers the error code, whether it came by a redirect or as JSON.
    pub fn refusal(&self, server: &Server, user: &User) -> String {
        let reply = self.send(server, user);
        if reply.status == 200 {
            let redirect = Redirect::parse(&reply.member("redirectUri"));
            assert!(redirect.get("code").is_none(), "a code was given: {reply:?}");
            return redirect.error();
        }
        super::check::is_well_formed_error(&reply);
        reply.error()
    }

    /// Sends it as a user and answers the code.
    pub fn code(&self, server: &Server, user: &User) -> String {
        let redirect = self.redirect(server, user);
        redirect.get("code").unwrap_or_else(|| panic!("no code: {redirect:?}"))
    }
}

/// Where an answer of the authorization endpoint goes, and with what.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// The whole URI.
    pub uri: String,
    pairs: Vec<(String, String)>,
}

impl Redirect {
    /// Reads a `Location` or `redirectUri`.
    pub fn parse(uri: &str) -> Self {
        let url = Url::parse(uri).unwrap_or_else(|e| panic!("no URI ({e}): {uri}"));
        Self { uri: uri.to_owned(), pairs: url.query_pairs().into_owned().collect() }
    }

    /// A parameter; fails the test if it stands twice.
    pub fn get(&self, name: &str) -> Option<String> {
        let mut values = self.pairs.iter().filter(|(n, _)| n == name).map(|(_, value)| value.clone());
        let first = values.next();
        assert!(values.next().is_none(), "{name} stands twice: {}", self.uri);
        first
    }

    /// The `error`, or an empty text.
    pub fn error(&self) -> String {
        self.get("error").unwrap_or_default()
    }
}
