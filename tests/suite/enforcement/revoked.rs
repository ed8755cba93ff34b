//! The list of revoked tokens, for resource servers that verify offline.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::client::Reply;
use crate::harness::{Client, Http, Options, Server, eventually, jwt, scope};

const READ: &str = "admin:token.revoked";

/// The text's signature fits a key of the server's JWKS.
pub fn is_signed_by(server: &Server, text: &str) {
    let jwks: jsonwebtoken::jwk::JwkSet =
        serde_json::from_value(server.get("/.well-known/jwks.json").json()).expect("a JWKS");
    let kid = jwt::header(text)["kid"].as_str().expect("kid").to_owned();
    let key = jwks.find(&kid).expect("a published key");
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    rules.required_spec_claims.clear();
    rules.validate_aud = false;
    let key = jsonwebtoken::DecodingKey::from_jwk(key).expect("a key");
    jsonwebtoken::decode::<Value>(text, &key, &rules).expect("the signature holds");
}

fn ask(server: &Server, token: &str, since: Option<&str>) -> Reply {
    let request = Http::get(server.mounted("revoked-tokens")).bearer(token);
    match since {
        Some(since) => request.query(&[("since", since)]).send(),
        None => request.send(),
    }
}

fn named(claims: &Value) -> BTreeSet<String> {
    let list = claims["revoked"].as_array().expect("a list");
    list.iter().map(|row| row["jti"].as_str().expect("jti").to_owned()).collect()
}

fn jti(token: &str) -> String {
    jwt::claims(token)["jti"].as_str().expect("jti").to_owned()
}

fn reader(server: &Server) -> (Client, String) {
    let reader = server.jwt_client(&[READ]);
    let token = server.machine_token(&reader, READ);
    (reader, token)
}

/// Whole, then since its cursor; the policy says who reads it.
#[test]
fn list_and_delta() {
    let server = Server::start(Options::default().env("GRANTWOOD_TOKENS__REVOKED_MAX_AGE", "1"));
    let (_, read) = reader(&server);
    let client = server.jwt_client(&[]);
    let [first, second, live] = [(); 3].map(|()| server.machine_token(&client, scope::FIND));
    server.revoke(&client, &first).ok();
    let reply = ask(&server, &read, None).ok();
    is_signed_by(&server, &reply.text());
    assert_eq!(jwt::header(&reply.text())["typ"], "revoked-tokens+jwt");
    let claims = jwt::claims(&reply.text());
    assert_eq!(claims["iss"], server.issuer());
    assert_eq!(claims["exp"].as_i64().expect("exp") - claims["iat"].as_i64().expect("iat"), 1);
    assert!(named(&claims).contains(&jti(&first)) && !named(&claims).contains(&jti(&live)), "{claims}");
    assert_eq!(claims["more"], false);
    let cursor = claims["cursor"].as_str().expect("a cursor").to_owned();
    server.revoke(&client, &second).ok();
    let delta = jwt::claims(&ask(&server, &read, Some(&cursor)).ok().text());
    assert!(named(&delta).contains(&jti(&second)) && !named(&delta).contains(&jti(&live)), "{delta}");
    // A list may be kept for its time, and no longer.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let whole = jwt::claims(&ask(&server, &read, None).ok().text());
    assert!(named(&whole).is_superset(&[jti(&first), jti(&second)].into()), "{whole}");
    for since in ["x", "1", "-1.", "1.%00", "99999999999999999999.", "1.a b", "1.'"] {
        let reply = ask(&server, &read, Some(since));
        assert_eq!(reply.status, 400, "{since}: {reply:?}");
    }
}

/// Who may not read it, and how a kept copy is asked for.
#[test]
fn permission_and_caching() {
    let server = Server::start(Options::default().env("GRANTWOOD_TOKENS__REVOKED_MAX_AGE", "60"));
    let (_, read) = reader(&server);
    assert_eq!(Http::get(server.mounted("revoked-tokens")).send().status, 401);
    assert_eq!(ask(&server, "x", None).status, 401);
    let weak = server.machine_token(&server.jwt_client(&[]), scope::FIND);
    assert_eq!(ask(&server, &weak, None).status, 403);
    assert_eq!(ask(&server, server.reader().jwt(&server), None).status, 403);
    let reply = ask(&server, &read, None).ok();
    let control = reply.header("cache-control").expect("how long").to_owned();
    let age: u64 = control.strip_prefix("private, max-age=").and_then(|n| n.parse().ok()).expect("seconds");
    assert!((50..=60).contains(&age), "{control}");
    let etag = reply.header("etag").expect("an etag").to_owned();
    let again =
        Http::get(server.mounted("revoked-tokens")).bearer(&read).header("If-None-Match", &etag).send();
    assert_eq!((again.status, again.body.len()), (304, 0), "{again:?}");
    assert_eq!(again.header("etag"), Some(etag.as_str()));
    assert_eq!(ask(&server, &read, None).ok().body, reply.body, "one list serves everybody for its time");
}

/// Disabled clients and blocked users are named as a whole.
#[test]
fn marks() {
    let server = Server::start(Options::default().env("GRANTWOOD_TOKENS__REVOKED_MAX_AGE", "1"));
    let (_, read) = reader(&server);
    let (off, on) = (server.jwt_client(&[]), server.jwt_client(&[]));
    server.update_client(&off, &json!({ "active": false })).ok();
    let editor = server.editor();
    let id = editor.id(&server);
    server.block_user(&editor);
    std::fs::write(
        server.policies().join("clients/asleep.yaml"),
        "type: public\nactive: false\nscopes: []\nredirect_uris: [\"https://a.test/cb\"]\n",
    )
    .expect("written");
    eventually("the list names them", std::time::Duration::from_secs(3), || {
        let claims = jwt::claims(&ask(&server, &read, None).ok().text());
        let has =
            |list: &str, word: &str| claims[list].as_array().is_some_and(|all| all.contains(&json!(word)));
        assert!(!has("clients", &on.id), "{claims}");
        has("clients", &off.id) && has("clients", "asleep") && has("users", &id)
    });
}

/// HS256: nobody could verify it, so it is not offered.
#[test]
fn not_with_a_shared_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef").expect("written");
    let options = Options::default()
        .env("GRANTWOOD_TOKENS__ALG", "HS256")
        .env("GRANTWOOD_KEYS__SIGNING_KEY_FILE", "")
        .env("GRANTWOOD_KEYS__HS256_SECRET_FILE", &secret.display().to_string());
    let server = Server::start(options);
    assert!(server.metadata()["introspection_signing_alg_values_supported"].is_null());
    assert!(server.metadata()["revoked_tokens_endpoint"].is_null());
    let (_, read) = reader(&server);
    assert_eq!(ask(&server, &read, None).status, 503);
}

/// What the policies of now took from tokens that are out: named with what is left, as long as it is so.
#[test]
fn lost_scopes() {
    let server = Server::start(Options::default().env("GRANTWOOD_TOKENS__REVOKED_MAX_AGE", "1"));
    let (_, read) = reader(&server);
    let delegate = server.delegate();
    let (token, other) =
        (server.machine_token(&delegate, ""), server.machine_token(&server.jwt_client(&[]), ""));
    let left = || {
        let claims = jwt::claims(&ask(&server, &read, None).ok().text());
        assert_eq!(claims["lost_complete"], true);
        let list = claims["lost"].as_array().expect("a list").clone();
        assert!(list.iter().all(|row| row["jti"] != jti(&other).as_str()), "{claims}");
        let row = list.iter().find(|row| row["jti"] == jti(&token).as_str()).cloned();
        row.map(|row| row["scope"].as_str().expect("a text").to_owned())
    };
    let limit = std::time::Duration::from_secs(4);
    assert_eq!(left(), None);
    let path = server.policies().join("clients/suite_delegate.yaml");
    let text = std::fs::read_to_string(&path).expect("the document");
    crate::harness::policies::write(&path, text.replace("api::form.form.*", scope::FIND_ONE));
    eventually("one scope is left", limit, || left().as_deref() == Some(scope::FIND_ONE));
    assert_eq!(server.introspect(&delegate, &token).scopes(), [scope::FIND_ONE], "as introspection says");
    crate::harness::policies::write(
        &path,
        text.replace("  - api::form.form.*", "  []").replace("scopes:\n  []", "scopes: []"),
    );
    eventually("nothing is left", limit, || left().as_deref() == Some(""));
    assert!(!server.is_active(&delegate, &token));
    crate::harness::policies::write(&path, text);
    eventually("it is given back", limit, || left().is_none());
}

/// A resource server may show its client's secret instead of a token; the policy decides all the same.
#[test]
fn by_secret() {
    let server = Server::start(Options::default());
    let get = |client: &Client, secret: &str| {
        Http::get(server.mounted("revoked-tokens")).basic(&client.id, secret).send()
    };
    let allowed = server.confidential_client(&[READ, scope::FIND]);
    let secret = allowed.secret.as_deref().expect("a secret");
    is_signed_by(&server, &get(&allowed, secret).ok().text());
    let wrong = get(&allowed, "wrong");
    assert_eq!(wrong.status, 401, "{wrong:?}");
    assert!(wrong.header("www-authenticate").is_some_and(|text| text.starts_with("Basic ")), "{wrong:?}");
    let weak = server.confidential_client(&[scope::FIND]);
    assert_eq!(get(&weak, weak.secret.as_deref().expect("a secret")).status, 403);
}
