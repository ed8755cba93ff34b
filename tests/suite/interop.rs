//! Stock client libraries from npm, unmodified, against the server: `tests/interop/`.

use crate::harness::fixtures::NewClient;
use crate::harness::{Server, keys, node, scope};

on_both! {
    fn openid_client(server: &Server) {
        run(server, "openid-client.mjs");
    }

    fn oauth4webapi(server: &Server) {
        run(server, "oauth4webapi.mjs");
    }
}

fn run(server: &Server, script: &str) {
    let Some(folder) = node::packages("interop") else { return };
    let confidential = server.confidential_client(&[]);
    let public = server.public_client(&[]);
    let service = server.client(&NewClient::jwt(keys::CLIENT));
    let env = [
        ("ISSUER", server.issuer()),
        ("CONSENT_URL", &server.mounted("oauth-authorization-codes/authorize")),
        ("USER_TOKEN", server.admin().jwt(server)),
        ("SCOPE", &format!("{} {}", scope::FIND, scope::FIND_ONE)),
        ("REDIRECT_URI", &confidential.redirect_uri),
        ("CONFIDENTIAL_ID", &confidential.id),
        ("CONFIDENTIAL_SECRET", confidential.secret.as_deref().expect("a secret")),
        ("PUBLIC_ID", &public.id),
        ("SERVICE_ID", &service.id),
        ("SERVICE_KEY", keys::CLIENT.private),
    ];
    node::run(&folder, script, &env);
}
