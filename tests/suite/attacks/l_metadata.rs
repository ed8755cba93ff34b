//! Section L: metadata (RFC 8414).

use serde_json::Value;

use crate::harness::{Http, JWT_BEARER};

fn list(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap_or_else(|_| panic!("no list of texts: {value}"))
}

on_both! {
    /// L1, L5: the issuer is the configured one, byte by byte, whatever Host says.
    fn l01_l05_issuer(server: &Server) {
        assert_eq!(server.metadata()["issuer"], server.issuer());
        let reply = Http::get(server.url("/.well-known/oauth-authorization-server"))
            .header("X-Forwarded-Host", "evil.test")
            .send();
        assert_eq!(&reply.json(), server.metadata());
        for (name, value) in server.metadata().as_object().expect("an object") {
            if name.ends_with("_endpoint") || name == "jwks_uri" {
                let url = value.as_str().expect("a URL");
                assert!(url.starts_with(server.issuer()) && !url.contains(['?', '#']), "{name}: {url}");
            }
        }
    }

    /// L2, L3: what is advertised works, and nothing else is advertised.
    fn l02_what_is_advertised(server: &Server) {
        let metadata = server.metadata();
        assert_eq!(list(&metadata["response_types_supported"]), ["code"]);
        let grants = list(&metadata["grant_types_supported"]);
        assert!(
            grants.contains(&"authorization_code".to_owned()) && grants.contains(&JWT_BEARER.to_owned()),
            "{grants:?}"
        );
        for never in ["password", "implicit", "refresh_token"] {
            assert!(!grants.contains(&never.to_owned()), "{never}");
        }
        let methods = list(&metadata["token_endpoint_auth_methods_supported"]);
        for method in ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"] {
            assert!(methods.contains(&method.to_owned()), "{method}: {methods:?}");
        }
        let algorithms = list(&metadata["token_endpoint_auth_signing_alg_values_supported"]);
        assert!(algorithms.contains(&"RS256".to_owned()), "{algorithms:?}");
        assert!(algorithms.iter().all(|alg| alg != "none" && !alg.starts_with("HS")), "{algorithms:?}");
        for endpoint in
            ["introspection_endpoint", "revocation_endpoint", "authorization_endpoint", "jwks_uri"]
        {
            assert_ne!(Http::get(server.endpoint(endpoint)).send().status, 404, "{endpoint}");
        }
        // L3, L4: not offered, so not advertised.
        assert!(metadata.get("signed_metadata").is_none());
        assert!(metadata.get("registration_endpoint").is_none());
    }
}
