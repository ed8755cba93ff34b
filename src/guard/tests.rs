//! The guard against good and bad tokens, keys that rotate, and an issuer that goes away.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::aws_lc;
use jsonwebtoken::{Algorithm, EncodingKey};
use poem::http::StatusCode;
use poem::{EndpointExt, Route, get, handler};
use serde_json::{Value, json};

use super::fetch::Pending;
use super::*;
use crate::oauth::jwk::PublicKeys;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keys/", $name))
    };
}

const ISSUER: &str = "https://auth.test";
const API: &str = "https://api.test";
const NOW: i64 = 1_900_000_000_000;

/// An issuer that answers what a test wants, and counts.
#[derive(Default)]
struct Issuer {
    answer: Mutex<Option<(u16, Option<String>, Value)>>,
    asked: AtomicUsize,
    /// The list of revoked tokens; none = no answer.
    list: Mutex<Option<String>>,
    /// Since when it was asked for.
    cursors: Mutex<Vec<Option<String>>>,
}

impl Issuer {
    fn says(&self, status: u16, cache_control: &str, body: Value) {
        *self.answer.lock().unwrap() = Some((status, Some(cache_control.to_owned()), body));
    }

    fn is_away(&self) {
        *self.answer.lock().unwrap() = None;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn answer(&self) -> Pending<'_> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answer.lock().unwrap().clone();
        Box::pin(async move {
            let (status, cache_control, body) = answer.ok_or(FetchError("away".to_owned()))?;
            Ok(Answer { status, cache_control, body: body.to_string().into() })
        })
    }
}

impl Fetch for Issuer {
    fn get<'a>(&'a self, _url: &'a Url) -> Pending<'a> {
        self.answer()
    }

    fn get_as<'a>(&'a self, url: &'a Url, authorization: &'a str) -> Pending<'a> {
        assert!(authorization.starts_with("Basic "));
        let cursor = url.query_pairs().find(|(name, _)| name == "since").map(|(_, value)| value.into_owned());
        self.cursors.lock().unwrap().push(cursor);
        let list = self.list.lock().unwrap().clone();
        Box::pin(async move {
            let text = list.ok_or(FetchError("away".to_owned()))?;
            Ok(Answer { status: 200, cache_control: None, body: text.into() })
        })
    }

    fn post_form<'a>(&'a self, _url: &'a Url, authorization: &'a str, form: String) -> Pending<'a> {
        assert!(authorization.starts_with("Basic ") && form.starts_with("token="));
        self.answer()
    }
}

fn jwk(pem: &str, kid: &str) -> Value {
    let mut jwk = PublicKeys::parse(pem).unwrap().to_jwks()["keys"][0].clone();
    jwk["kid"] = kid.into();
    jwk
}

fn jwks(keys: &[Value]) -> Value {
    json!({ "keys": keys })
}

fn good() -> Value {
    let now = NOW / 1_000;
    json!({ "iss": ISSUER, "aud": API, "sub": "ann", "client_id": "web", "jti": "1", "scope": "a.find a.create",
        "iat": now, "exp": now + 60 })
}

fn sign(header: &Value, claims: &Value, pem: &str) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let signer = (aws_lc::DEFAULT_PROVIDER.signer_factory)(&Algorithm::RS256, &key).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signer.try_sign(signed.as_bytes()).unwrap()))
}

fn header() -> Value {
    json!({ "alg": "RS256", "typ": "at+jwt", "kid": "a" })
}

fn token(claims: &Value) -> String {
    sign(&header(), claims, fixture!("rsa-a.pem"))
}

fn guard() -> (Guard, Arc<Issuer>) {
    let issuer = Arc::new(Issuer::default());
    issuer.says(200, "max-age=600", jwks(&[jwk(fixture!("rsa-a.pub.pem"), "a")]));
    let client: Arc<dyn Fetch> = Arc::<Issuer>::clone(&issuer);
    (Guard::keys_at(ISSUER, API, "https://auth.test/jwks", client).unwrap(), issuer)
}

#[tokio::test]
async fn good_tokens_pass_and_bad_ones_do_not() {
    let (guard, _) = guard();
    let guard = guard.scope("a.find");
    let claims = guard.check_at(&token(&good()), NOW).await.unwrap();
    assert_eq!((claims.subject(), claims.client_id(), claims.jti()), ("ann", "web", Some("1")));
    let changed = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        token(&claims)
    };
    assert!(guard.check_at(&changed("aud", json!(["x", API])), NOW).await.is_ok());
    let second = NOW / 1_000;
    for (name, value) in [
        ("iss", json!("https://evil.test")),
        ("iss", json!("https://auth.test/")),
        ("aud", json!("https://other.test")),
        ("aud", json!([])),
        ("aud", json!({ "https://api.test": 1 })),
        ("exp", json!(second - 31)),
        ("exp", json!("never")),
        ("exp", Value::Null),
        ("nbf", json!(second + 31)),
        ("iat", json!(second + 31)),
        ("sub", json!("")),
        ("client_id", Value::Null),
    ] {
        let refused = guard.check_at(&changed(name, value.clone()), NOW).await;
        assert!(matches!(refused, Err(Refusal::Token(_))), "{name} {value}");
    }
    let none = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt","kid":"a"}"#),
        URL_SAFE_NO_PAD.encode(good().to_string())
    );
    let with = |name: &str, value: Value| {
        let mut header = header();
        header[name] = value;
        sign(&header, &good(), fixture!("rsa-a.pem"))
    };
    for bad in [
        none,
        with("typ", json!("JWT")),
        with("typ", json!("id+jwt")),
        with("typ", Value::Null),
        with("alg", json!("HS256")),
        with("alg", json!("PS256")),
        with("kid", json!("b")),
        with("crit", json!(["x"])),
        with("jwk", jwk(fixture!("rsa-a.pub.pem"), "a")),
        sign(&header(), &good(), fixture!("rsa-b.pem")),
        String::new(),
        "a.b".to_owned(),
    ] {
        assert!(matches!(guard.check_at(&bad, NOW).await, Err(Refusal::Token(_))), "{bad}");
    }
    assert!(guard.check_at(&with("typ", json!("application/at+JWT")), NOW).await.is_ok());
    let missing = guard.scope("a.delete").check_at(&token(&good()), NOW).await;
    assert_eq!(missing.err(), Some(Refusal::Scope("a.delete".to_owned())));
}

#[tokio::test]
async fn keys_are_kept_asked_for_again_and_forgotten() {
    let (guard, issuer) = guard();
    let good = token(&good());
    let later = |seconds: i64| NOW + seconds * 1_000;
    let lasting = {
        let mut claims = self::good();
        claims["exp"] = json!(NOW / 1_000 + 100_000);
        token(&claims)
    };
    assert!(guard.check_at(&good, NOW).await.is_ok() && guard.check_at(&good, NOW).await.is_ok());
    assert_eq!(issuer.asked(), 1, "one answer serves many");
    // A key that nobody has: asked for, but not again within the floor.
    let unknown =
        sign(&json!({ "alg": "RS256", "typ": "at+jwt", "kid": "b" }), &self::good(), fixture!("rsa-b.pem"));
    for _ in 0..3 {
        assert!(guard.check_at(&unknown, later(6)).await.is_err());
    }
    assert_eq!(issuer.asked(), 2);
    // The issuer rotates: the new key is known after one question.
    issuer.says(
        200,
        "max-age=600",
        jwks(&[
            jwk(fixture!("rsa-a.pub.pem"), "a"),
            jwk(fixture!("rsa-b.pub.pem"), "b"),
            json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "c" }),
            json!({ "kty": "new", "kid": "d" }),
        ]),
    );
    assert!(guard.check_at(&unknown, later(12)).await.is_ok());
    assert_eq!(issuer.asked(), 3);
    // The issuer is away: what is known stands for an hour beyond its life, and no longer.
    issuer.is_away();
    assert!(guard.check_at(&lasting, later(700)).await.is_ok());
    assert!(guard.check_at(&lasting, later(12 + 600 + 3_599)).await.is_ok());
    assert_eq!(guard.check_at(&lasting, later(12 + 600 + 3_600)).await.err(), Some(Refusal::Unavailable));
    // A key that the issuer withdrew is gone with the next answer.
    issuer.says(200, "max-age=1", jwks(&[jwk(fixture!("rsa-b.pub.pem"), "b")]));
    assert!(matches!(guard.check_at(&lasting, later(5_000)).await, Err(Refusal::Token(_))));
}

#[tokio::test]
async fn introspection_is_asked_each_time_or_each_second() {
    let issuer = Arc::new(Issuer::default());
    let client = || -> Arc<dyn Fetch> { Arc::<Issuer>::clone(&issuer) };
    let guard = |keep: Duration| {
        let url = address("https://auth.test/oauth2/introspect").unwrap();
        let way = Introspection::new(url, "api", "se:cret", keep, client());
        Guard::new(ISSUER, API, Way::Introspection(way)).unwrap().scope("a.find")
    };
    let mut active = good();
    active["active"] = true.into();
    issuer.says(200, "no-store", active);
    let (each, kept) = (guard(Duration::ZERO), guard(Duration::from_secs(60)));
    for guard in [&each, &kept] {
        assert!(guard.check_at("t", NOW).await.is_ok() && guard.check_at("t", NOW).await.is_ok());
    }
    assert_eq!(issuer.asked(), 3);
    issuer.says(200, "no-store", json!({ "active": false }));
    assert!(each.check_at("t", NOW).await.is_err());
    assert!(kept.check_at("t", NOW + 999).await.is_ok());
    assert!(matches!(kept.check_at("t", NOW + 1_000).await, Err(Refusal::Token(_))));
    for odd in [(401, json!({})), (200, json!([])), (200, json!({ "active": "true" }))] {
        issuer.says(odd.0, "no-store", odd.1);
        assert_eq!(each.check_at("t", NOW).await.err(), Some(Refusal::Unavailable));
    }
}

#[handler]
fn show(claims: Claims) -> String {
    claims.subject().to_owned()
}

async fn status(endpoint: &impl Endpoint<Output = Response>, values: &[&str]) -> (StatusCode, String) {
    let mut request = Request::builder().uri_str("/").finish();
    for value in values {
        request.headers_mut().append(header::AUTHORIZATION, value.parse().unwrap());
    }
    let response = endpoint.get_response(request).await;
    let challenge = response.headers().get(header::WWW_AUTHENTICATE);
    (response.status(), challenge.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default())
}

#[tokio::test]
async fn s02_refusals_are_told_as_rfc_6750_asks() {
    let (guard, _) = guard();
    let guard =
        guard.resource_metadata("https://api.test/.well-known/oauth-protected-resource").scope("a.delete");
    let routes = Route::new().at("/", get(show).with(guard)).map_to_response();
    let metadata = "resource_metadata=\"https://api.test/.well-known/oauth-protected-resource\"";
    let (code, challenge) = status(&routes, &[]).await;
    assert_eq!((code, challenge), (StatusCode::UNAUTHORIZED, format!("Bearer {metadata}")));
    let (code, challenge) = status(&routes, &["Bearer x"]).await;
    assert_eq!(code, StatusCode::UNAUTHORIZED);
    assert!(challenge.contains("error=\"invalid_token\"") && challenge.ends_with(metadata), "{challenge}");
    let mut claims = good();
    let now = now_ms() / 1_000;
    (claims["iat"], claims["exp"]) = (json!(now), json!(now + 60));
    let (code, challenge) = status(&routes, &[&format!("Bearer {}", token(&claims))]).await;
    assert_eq!(code, StatusCode::FORBIDDEN);
    assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"a.delete\""));
    claims["scope"] = json!("a.delete");
    let good = format!("bearer {}", token(&claims));
    assert_eq!(status(&routes, &[&good]).await.0, StatusCode::OK);
    assert_eq!(status(&routes, &[&good, &good]).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(status(&routes, &["Basic eDp5"]).await.0, StatusCode::UNAUTHORIZED);
    // Without a guard there are no claims, and the handler does not run.
    let bare = Route::new().at("/", get(show)).map_to_response();
    assert_eq!(status(&bare, &[&good]).await.0, StatusCode::UNAUTHORIZED);
}

#[test]
fn a_guard_needs_an_audience_and_addresses() {
    assert!(matches!(Guard::keys(ISSUER, ""), Err(SetupError::Audience)));
    for bad in ["", "auth.test", "ftp://auth.test", "file:///keys"] {
        assert!(matches!(Guard::keys(bad, API), Err(SetupError::Url(_))), "{bad}");
    }
}

/// A list as the issuer signs it.
fn list(changes: &Value) -> String {
    let now = NOW / 1_000;
    let mut body = json!({ "iss": ISSUER, "iat": now, "exp": now + 10, "cursor": "1.", "more": false, "revoked": [],
        "clients": [], "users": [], "lost": [], "lost_complete": true });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    let header = json!({ "alg": "RS256", "typ": "revoked-tokens+jwt", "kid": "a" });
    sign(&header, &body, fixture!("rsa-a.pem"))
}

#[tokio::test]
async fn the_list_of_revoked_tokens_is_followed() {
    let (guard, issuer) = guard();
    let every = Duration::from_secs(10);
    let guard = guard.scope("a.find").following_revocations("api", "secret", every).unwrap();
    let token = token(&good());
    let says = |changes: &Value| *issuer.list.lock().unwrap() = Some(list(changes));
    // Before the first list nothing is let through.
    assert_eq!(guard.check_at(&token, NOW).await.unwrap_err(), Refusal::Unavailable);
    says(&json!({}));
    assert_eq!(
        guard.check_at(&token, NOW + 999).await.unwrap_err(),
        Refusal::Unavailable,
        "asked once in a while"
    );
    assert!(guard.check_at(&token, NOW + 10_000).await.is_ok());
    // What the list names is refused after the next look, and stays so: deltas name a token once.
    says(&json!({ "cursor": "2.", "revoked": [{ "jti": "1", "exp": NOW / 1_000 + 61 }] }));
    assert!(guard.check_at(&token, NOW + 19_999).await.is_ok());
    assert!(matches!(guard.check_at(&token, NOW + 20_000).await, Err(Refusal::Token(_))));
    says(&json!({ "cursor": "3." }));
    assert!(matches!(guard.check_at(&token, NOW + 30_000).await, Err(Refusal::Token(_))));
    let cursors = issuer.cursors.lock().unwrap().clone();
    assert_eq!(cursors, [None, None, Some("1.".to_owned()), Some("2.".to_owned())]);
}

#[tokio::test]
async fn clients_users_and_lost_scopes_are_as_of_now() {
    let every = Duration::from_secs(10);
    for (changes, wanted) in [
        (json!({ "clients": ["web"] }), Err(())),
        (json!({ "users": ["ann"] }), Err(())),
        (json!({ "lost": [{ "jti": "1", "exp": 1, "scope": "" }] }), Err(())),
        (json!({ "lost": [{ "jti": "1", "exp": 1, "scope": "a.create" }] }), Err(())),
        (json!({ "lost": [{ "jti": "1", "exp": 1, "scope": "a.find" }] }), Ok("a.find")),
        (json!({ "lost": [{ "jti": "2", "exp": 1, "scope": "" }], "clients": ["x"] }), Ok("a.find a.create")),
    ] {
        let (guard, issuer) = guard();
        let guard = guard.scope("a.find").following_revocations("api", "secret", every).unwrap();
        *issuer.list.lock().unwrap() = Some(list(&changes));
        let checked = guard.check_at(&token(&good()), NOW).await;
        let scopes = checked.map(|claims| claims.scopes().collect::<Vec<_>>().join(" ")).map_err(drop);
        assert_eq!(scopes.as_deref().map_err(|_| ()), wanted, "{changes}");
        // The next list counts alone.
        *issuer.list.lock().unwrap() = Some(list(&json!({})));
        assert!(guard.check_at(&token(&good()), NOW + 10_000).await.is_ok(), "{changes}");
    }
}

#[tokio::test]
async fn a_list_that_is_none_does_not_count() {
    let every = Duration::from_secs(10);
    let header = json!({ "alg": "RS256", "typ": "revoked-tokens+jwt", "kid": "a" });
    let body = json!({ "iss": ISSUER, "exp": NOW / 1_000, "cursor": "", "more": false, "revoked": [], "clients": [],
        "users": [], "lost": [] });
    let without = |name: &str| {
        let mut body = body.clone();
        body.as_object_mut().unwrap().remove(name);
        sign(&header, &body, fixture!("rsa-a.pem"))
    };
    for bad in [
        "x".to_owned(),
        token(&good()),
        list(&json!({ "iss": "https://evil.test" })),
        list(&json!({ "exp": NOW / 1_000 - 31 })),
        list(&json!({ "revoked": [{ "jti": 1 }] })),
        sign(&header, &body, fixture!("rsa-b.pem")),
        without("revoked"),
        without("clients"),
        without("lost"),
        without("more"),
        without("cursor"),
    ] {
        let (guard, issuer) = guard();
        let guard = guard.following_revocations("api", "secret", every).unwrap();
        *issuer.list.lock().unwrap() = Some(bad.clone());
        assert_eq!(guard.check_at(&token(&good()), NOW).await.unwrap_err(), Refusal::Unavailable, "{bad}");
    }
    // A list stands for three times its interval while no other comes.
    let (guard, issuer) = guard();
    let guard = guard.following_revocations("api", "secret", every).unwrap();
    *issuer.list.lock().unwrap() = Some(list(&json!({})));
    assert!(guard.check_at(&token(&good()), NOW).await.is_ok());
    *issuer.list.lock().unwrap() = None;
    assert!(guard.check_at(&token(&good()), NOW + 30_000).await.is_ok());
    assert_eq!(guard.check_at(&token(&good()), NOW + 45_000).await.unwrap_err(), Refusal::Unavailable);
}
