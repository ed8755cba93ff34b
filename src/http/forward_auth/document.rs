//! Forward-auth in the API document. It answers proxies in their dialects, so it is no part of the generated API.

use serde_json::{Value, json};

/// Adds the endpoints to the document.
pub(in crate::http) fn document(document: &mut Value) {
    let header = |name: &str, text: &str| json!({ "name": name, "in": "header", "required": true, "description": text, "schema": { "type": "string" } });
    let forwarded = vec![
        header("X-Forwarded-Method", "In upper case."),
        header("X-Forwarded-Proto", "`https` or `http`."),
        header("X-Forwarded-Host", "One of `forward_auth.hosts`."),
        header("X-Forwarded-Uri", "The path with its query, as it came."),
    ];
    let original = vec![
        header("X-Original-URL", "Scheme, host, path and query, as they came."),
        header("X-Original-Method", "In upper case."),
    ];
    let rows = [
        ("/forward-auth/nginx", "nginx", "nginx: auth_request", original, false),
        ("/forward-auth/traefik", "traefik", "Traefik: ForwardAuth", forwarded.clone(), true),
        ("/forward-auth/caddy", "caddy", "Caddy: forward_auth", forwarded, true),
    ];
    for (path, proxy, summary, parameters, redirects) in rows {
        document["paths"][path] = json!({ "get": operation(proxy, summary, &parameters, redirects) });
    }
    let path = json!([{
        "name": "path", "in": "path", "required": true, "schema": { "type": "string" },
        "description": "The path of the request, with its query; its method is the method of this one.",
    }]);
    let parameters = path.as_array().cloned().unwrap_or_default();
    let mut item = json!({});
    for method in ["get", "post", "put", "patch", "delete"] {
        let id = format!("envoy-{method}");
        item[method] = operation(&id, "Envoy: HTTP ext_authz", &parameters, true);
    }
    document["paths"]["/forward-auth/envoy/{path}"] = item;
    document["paths"]["/.well-known/oauth-protected-resource"] = json!({ "get": {
        "tags": ["Server"],
        "summary": "Metadata of a protected resource",
        "description": "RFC 9728, of the protected host that the request names; the proxy passes this path on.",
        "operationId": "protectedResource",
        "responses": {
            "200": { "description": "Resource, authorization server, scopes.",
                     "content": { "application/json": { "schema": { "type": "object" } } } },
            "404": { "description": "No such host is protected." },
        },
    } });
}

fn operation(id: &str, summary: &str, parameters: &[Value], redirects: bool) -> Value {
    let named = |text: &str| json!({ "description": text, "schema": { "type": "string" } });
    let mut responses = json!({
        "200": {
            "description": "The request may pass. The names of the headers are `forward_auth.*_header`.",
            "headers": {
                "X-Client-Id": named("The token's client."),
                "X-User-Id": named("The user behind the token; empty for a machine."),
                "X-Scopes": named("What the token carries now."),
                "X-Token-Id": named("The token's `jti`."),
            },
        },
        "400": { "description": "The request has more than one reading: it is refused, never normalised." },
        "401": { "description": "No token, or no good one; `WWW-Authenticate` of RFC 6750 and RFC 9728, and for \
                                 a browser `Location` where `forward_auth.login_url` is set." },
        "403": { "description": "The token does not carry the action, a policy forbids it, no route performs it, \
                                 the host is not protected, or the peer is not a trusted proxy." },
        "503": { "description": "A fault of the server. Nothing passes." },
    });
    if redirects {
        responses["302"] = json!({ "description": "A browser without a good token is sent to sign in." });
    }
    json!({
        "tags": ["Protocol"],
        "summary": summary,
        "description": "May the request that the proxy holds pass? The token is a bearer token in `Authorization`.",
        "operationId": format!("forwardAuth-{id}"),
        "parameters": parameters,
        "responses": responses,
    })
}
