//! The `oauth2` crate, unmodified, against the server: code + PKCE, introspection, revocation.
//!
//! The crate has no jwt-bearer grant; the npm clients show that one.

use oauth2::basic::BasicClient;
use oauth2::{
    AccessToken, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse,
    IntrospectionUrl, PkceCodeChallenge, RedirectUrl, RequestTokenError, RevocationUrl, Scope,
    StandardRevocableToken, TokenIntrospectionResponse, TokenResponse, TokenUrl,
};

use crate::harness::flow::Redirect;
use crate::harness::{Authorization, Client, Http, Pkce, Server, scope};

on_both! {
    fn code_with_pkce_introspection_and_revocation(server: &Server) {
        let fixture = server.confidential_client(&[]);
        let client = BasicClient::new(ClientId::new(fixture.id.clone()))
            .set_client_secret(ClientSecret::new(fixture.secret.clone().expect("a secret")))
            .set_auth_uri(AuthUrl::new(server.endpoint("authorization_endpoint")).unwrap())
            .set_token_uri(TokenUrl::new(server.endpoint("token_endpoint")).unwrap())
            .set_introspection_url(IntrospectionUrl::new(server.endpoint("introspection_endpoint")).unwrap())
            .set_revocation_url(RevocationUrl::new(tls(&server.endpoint("revocation_endpoint"))).unwrap())
            .set_redirect_uri(RedirectUrl::new(fixture.redirect_uri.clone()).unwrap());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state) = client
            .authorize_url(CsrfToken::new_random)
            .add_scope(Scope::new(scope::FIND.to_owned()))
            .add_scope(Scope::new(scope::FIND_ONE.to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let answer = approve(server, &fixture, url.as_str());
        assert_eq!(answer.get("state").as_deref(), Some(state.secret().as_str()));

        let tokens = client
            .exchange_code(AuthorizationCode::new(answer.get("code").expect("a code")))
            .set_pkce_verifier(verifier)
            .request(&transport)
            .unwrap();
        assert!(tokens.expires_in().is_some_and(|life| !life.is_zero()));

        let seen = client.introspect(tokens.access_token()).request(&transport).unwrap();
        assert!(seen.active());
        assert_eq!(seen.client_id().map(|id| id.as_str()), Some(fixture.id.as_str()));
        assert_eq!(seen.scopes().map_or(0, Vec::len), 2);

        let token = AccessToken::new(tokens.access_token().secret().clone());
        client.revoke_token(StandardRevocableToken::AccessToken(token)).unwrap().request(&transport).unwrap();
        assert!(!client.introspect(tokens.access_token()).request(&transport).unwrap().active());
    }

    fn a_refusal_is_one_that_the_crate_understands(server: &Server) {
        let fixture = server.confidential_client(&[]);
        let client = BasicClient::new(ClientId::new(fixture.id.clone()))
            .set_client_secret(ClientSecret::new("wrong".to_owned()))
            .set_token_uri(TokenUrl::new(server.endpoint("token_endpoint")).unwrap());
        let refused =
            client.exchange_code(AuthorizationCode::new("x".to_owned())).request(&transport).unwrap_err();
        let RequestTokenError::ServerResponse(answer) = refused else {
            panic!("no RFC 6749 error: {refused:?}")
        };
        assert_eq!(answer.error().to_string(), "invalid_client");
    }
}

/// The user says yes to what the authorization URL asks.
fn approve(server: &Server, client: &Client, url: &str) -> Redirect {
    let asked = Redirect::parse(url);
    let scopes = asked.get("scope").expect("a scope");
    let scopes: Vec<&str> = scopes.split(' ').collect();
    let pkce = Pkce {
        verifier: String::new(),
        challenge: asked.get("code_challenge").expect("a challenge"),
        method: "S256",
    };
    Authorization::of(client)
        .scopes(&scopes)
        .pkce(&pkce)
        .with("state", asked.get("state").expect("a state"))
        .redirect(server, server.admin())
}

/// The crate revokes over https only; the suite's issuer is plain http, so the transport stands in for TLS.
fn tls(url: &str) -> String {
    url.replacen("http://", "https://", 1)
}

/// Carries the crate's requests.
fn transport(request: HttpRequest) -> Result<HttpResponse, std::io::Error> {
    let url = request.uri().to_string().replacen("https://", "http://", 1);
    let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes()).expect("a method");
    let mut sending = Http::request(method, url);
    for (name, value) in request.headers() {
        if name != "content-type" {
            sending = sending.header(name.as_str(), value.to_str().expect("text"));
        }
    }
    let reply = sending.raw_form(request.into_body()).send();
    let mut response = HttpResponse::new(reply.body.clone());
    *response.status_mut() = oauth2::http::StatusCode::from_u16(reply.status).expect("a status");
    for (name, value) in &reply.headers {
        let name: oauth2::http::HeaderName = name.parse().expect("a name");
        response.headers_mut().insert(name, value.parse().expect("a value"));
    }
    Ok(response)
}
