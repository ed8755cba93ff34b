//! Authorization server metadata (RFC 8414): exactly what works, from settings alone.

use serde_json::{Value, json};

use super::forward_auth::Hosts;
use crate::app::App;
use crate::oauth::client::PkceRule;
use crate::oauth::grant::GrantType;

/// The metadata document. Nothing in it comes from the request (attack row L5).
pub fn metadata(app: &App) -> Value {
    let url = |path: &str| app.public.join(path);
    let snapshot = app.policies.current();
    let plain = snapshot.clients().any(|client| client.pkce == PkceRule::Plain);
    let credentials = snapshot.clients().any(|client| client.grants.contains(&GrantType::ClientCredentials));
    let grants: Vec<&str> = GrantType::ALL
        .into_iter()
        .filter(|grant| *grant != GrantType::ClientCredentials || credentials)
        .map(GrantType::name)
        .collect();
    let scopes: Vec<&str> = snapshot.global().scopes.iter().map(|scope| scope.as_str()).collect();
    let methods = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
    let algorithms = ["RS256", "PS256", "ES256", "EdDSA"];
    let ring = app.key_ring();
    let signed = ring.is_public().then(|| vec![ring.alg().name()]);
    let mut document = json!({
        "issuer": app.public.issuer(),
        "authorization_endpoint": url("/oauth2/authorize"),
        "token_endpoint": url("/oauth2/token"),
        "jwks_uri": url("/oauth2/jwks"),
        "introspection_endpoint": url("/oauth2/introspect"),
        "revocation_endpoint": url("/oauth2/revoke"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": grants,
        "code_challenge_methods_supported": if plain { vec!["S256", "plain"] } else { vec!["S256"] },
        "token_endpoint_auth_methods_supported":
            methods.iter().copied().chain(["none"]).collect::<Vec<_>>(),
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported":
            methods.iter().copied().chain(["none"]).collect::<Vec<_>>(),
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "authorization_response_iss_parameter_supported": true,
    });
    if app.config.docs.enabled {
        document["service_documentation"] = json!(url("/docs"));
    }
    // RFC 9701 §7; with a shared secret nobody could verify what is signed.
    if let Some(signed) = signed {
        document["introspection_signing_alg_values_supported"] = json!(signed);
        document["revoked_tokens_endpoint"] = json!(url("/oauth2/revoked-tokens"));
    }
    // RFC 9728 §4.
    let hosts = Hosts::parse(&app.config.forward_auth.hosts).unwrap_or_default();
    if hosts.resources().next().is_some() {
        document["protected_resources"] = json!(hosts.resources().collect::<Vec<_>>());
    }
    document
}
