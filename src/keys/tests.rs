//! Signing, publishing, rotating. Rows are those of the attack catalogue.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;
use crate::oauth::assertion::compact::Compact;
use crate::oauth::client::ClientId;
use crate::oauth::grant::GrantType;
use crate::oauth::reject::Fault;
use crate::oauth::scope::Scope;
use crate::policy::permit::{IssueToken, Permit, SignIn};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keys/", $name))
    };
}

mod making;

const NOW: i64 = 1_800_000_000_500;
const ISSUER: &str = "https://as.example";
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn rsa_a() -> KeyMaterial {
    import_pem(fixture!("rsa-a.pem"), Alg::RS256, NOW - 1000).unwrap()
}

fn rsa_b() -> KeyMaterial {
    import_pem(fixture!("rsa-b.pem"), Alg::RS256, NOW - 500).unwrap()
}

fn p256() -> KeyMaterial {
    import_pem(fixture!("p256.pem"), Alg::ES256, NOW - 1000).unwrap()
}

fn ed25519() -> KeyMaterial {
    import_pem(fixture!("ed25519.pem"), Alg::EdDSA, NOW - 1000).unwrap()
}

/// A ring that signs with the algorithm, and has keys of all.
fn ring(alg: Alg) -> KeyRing {
    KeyRing::new(alg, vec![rsa_a(), p256(), ed25519()], Some(SECRET.to_vec())).unwrap()
}

fn permit(user: Option<&str>, audience: &[&str]) -> Permit<IssueToken> {
    Permit::for_test(IssueToken {
        client: ClientId::parse("reporting").unwrap(),
        user: user.map(Arc::from),
        scopes: ["api::form.form.find", "api::form.form.create"].map(|s| Scope::parse(s).unwrap()).to_vec(),
        grant: GrantType::JwtBearer,
        ttl_s: 600,
        audience: audience.iter().map(|&s| s.to_owned()).collect(),
        revision: Arc::from("0123456789ab"),
        policies: vec![],
    })
}

fn access_claims() -> AccessClaims {
    AccessClaims { issuer: ISSUER.into(), jti: "t1".into(), issued_at_ms: NOW, auth_time_ms: None }
}

fn sign_in() -> Permit<SignIn> {
    Permit::for_test(SignIn { user: Arc::from("ann"), policies: Vec::new() })
}

fn user_claims() -> UserClaims {
    UserClaims {
        user: "ann".into(),
        issued_at_ms: NOW,
        expires_at_ms: NOW - 500 + 60_000,
        session: "s1".into(),
        issuer: ISSUER.into(),
    }
}

fn access_token(ring: &KeyRing) -> SignedToken {
    ring.sign_access_token(&permit(None, &[ISSUER]), &access_claims(), NOW).unwrap()
}

fn kids(jwks: &Value) -> Vec<&str> {
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect()
}

/// Whether a verifier who knows nothing but the JWKS accepts the token.
fn verifies(token: &str, jwks: &Value) -> bool {
    let keys = PublicKeys::parse(&jwks.to_string()).unwrap();
    let compact = Compact::parse(token).unwrap();
    let key = keys.get(compact.kid().unwrap().unwrap());
    key.is_some_and(|key| compact.signature_holds(key.alg.algorithm(), key.decoding()))
}

#[test]
fn k1_an_access_token_is_what_rfc_9068_says() {
    let user = permit(Some("ann"), &["https://api.example", "https://two.example"]);
    let claims = AccessClaims { auth_time_ms: Some(NOW - 5000), ..access_claims() };
    for alg in Alg::ALL {
        let ring = ring(alg);
        let signed = ring.sign_access_token(&user, &claims, NOW).unwrap();
        let token = Compact::parse(&signed.token).unwrap();
        let header = json!({"typ": "at+jwt", "alg": alg.name(), "kid": ring.active(NOW).unwrap()});
        assert_eq!(Value::Object(token.header), header);
        let expected = json!({
            "iss": ISSUER, "sub": "ann", "aud": ["https://api.example", "https://two.example"],
            "client_id": "reporting", "iat": 1_800_000_000, "exp": 1_800_000_600, "jti": "t1",
            "scope": "api::form.form.find api::form.form.create", "auth_time": 1_799_999_995,
        });
        assert_eq!(Value::Object(token.claims), expected);
        assert_eq!(signed.hash, SecretHash::of(&signed.token));
        assert_eq!(verifies(&signed.token, &ring.jwks(NOW)), alg != Alg::HS256);
    }
}

#[test]
fn k1_a_machine_token_names_the_client_and_one_audience_is_a_string() {
    let token = Compact::parse(&access_token(&ring(Alg::RS256)).token).unwrap();
    assert_eq!((&token.claims["sub"], &token.claims["aud"]), (&json!("reporting"), &json!(ISSUER)));
    assert!(!token.claims.contains_key("auth_time"));
    for audience in [&[][..], &["reporting"]] {
        let refused = ring(Alg::RS256).sign_access_token(&permit(None, audience), &access_claims(), NOW);
        assert!(matches!(refused, Err(Fault::Inconsistent(_))), "{audience:?}");
    }
}

#[test]
fn k3_hs256_needs_a_secret_of_32_bytes() {
    assert!(matches!(KeyRing::new(Alg::HS256, vec![rsa_a()], None), Err(Fault::Keys(_))));
    for alg in Alg::ALL {
        for length in [0, 31] {
            let short = KeyRing::new(alg, vec![rsa_a()], Some(vec![b'x'; length]));
            assert!(matches!(short, Err(Fault::Keys(_))), "{alg} {length}");
        }
    }
    assert!(KeyRing::new(Alg::HS256, vec![], Some(vec![b'x'; 32])).is_ok());
}

#[test]
fn k3_the_secret_is_never_published_nor_told_by_its_name() {
    let ring = KeyRing::new(Alg::HS256, vec![], Some(SECRET.to_vec())).unwrap();
    assert_eq!(ring.jwks(NOW), json!({"keys": []}));
    let kid = ring.active(NOW).unwrap();
    assert_eq!(kid.len(), "hs256-".len() + 16);
    assert!(ring.publishes(kid, NOW));
    assert_eq!(
        ring.active(NOW),
        KeyRing::new(Alg::HS256, vec![], Some(SECRET.to_vec())).unwrap().active(NOW)
    );
    let other = KeyRing::new(Alg::HS256, vec![], Some(vec![b'x'; 32])).unwrap();
    assert_ne!(other.active(NOW), Some(kid));
    assert_eq!(
        other.verify_user_token(&ring.sign_user_token(&sign_in(), user_claims(), NOW).unwrap(), ISSUER, NOW),
        None
    );
}

#[test]
fn k3_a_public_key_is_no_hmac_secret() {
    use aws_lc_rs::hmac;
    let ring = ring(Alg::RS256);
    let kid = rsa_a().kid;
    let good = ring.sign_user_token(&sign_in(), user_claims(), NOW).unwrap();
    let claims = good.split('.').nth(1).unwrap();
    let pem = fixture!("rsa-a.pub.pem");
    for secret in [pem, pem.trim_end()] {
        for alg in ["HS256", "RS256", "none"] {
            let header = json!({"typ": "user+jwt", "alg": alg, "kid": kid}).to_string();
            let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
            let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
            assert_eq!(ring.verify_user_token(&forged, ISSUER, NOW), None, "{alg}");
        }
    }
}

#[test]
fn k4_the_jwks_has_public_parts_only() {
    let jwks = ring(Alg::RS256).jwks(NOW);
    let list = jwks["keys"].as_array().unwrap();
    assert_eq!(list.len(), 3);
    for key in list {
        let members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        let known = ["kty", "n", "e", "crv", "x", "y", "kid", "use", "alg"];
        assert!(members.iter().all(|name| known.contains(name)), "{members:?}");
        assert_eq!(key["use"], "sig");
    }
    let mut unique = kids(&jwks);
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), 3);
    // A record whose "public" part carries more is not served, it is an error.
    let mut leaky = rsa_a();
    leaky.public_jwk["d"] = "AQAB".into();
    assert!(matches!(KeyRing::new(Alg::RS256, vec![leaky], None), Err(Fault::Inconsistent(_))));
}

#[test]
fn k5_a_rotation_overlaps() {
    let (old, mut new) = (rsa_a(), rsa_b());
    new.active_from = NOW + 10_000;
    let ring_at = |retired_at| {
        let old = KeyMaterial { retired_at, ..old.clone() };
        KeyRing::new(Alg::RS256, vec![new.clone(), old], None).unwrap()
    };
    let before = ring_at(None);
    assert_eq!(before.active(NOW), Some(old.kid.as_str()), "the new key waits");
    assert_eq!(kids(&before.jwks(NOW)).len(), 2, "and is published before its first use");
    let token = access_token(&before);
    assert_eq!(token.kid, old.kid);

    let later = NOW + 10_000;
    assert_eq!(before.active(later - 1), Some(old.kid.as_str()));
    assert_eq!(before.active(later), Some(new.kid.as_str()), "the newest key whose time has come");
    assert!(verifies(&token.token, &before.jwks(later)), "tokens across the change verify");

    let after = ring_at(Some(later + 1000));
    assert!(after.publishes(&old.kid, later + 999));
    assert!(!after.publishes(&old.kid, later + 1000));
    assert!(!verifies(&token.token, &after.jwks(later + 1000)));
    assert_eq!(kids(&after.jwks(later + 1000)), [new.kid.as_str()]);
    assert!(!after.publishes("unknown", NOW));
}

#[test]
fn k5_changing_the_algorithm_keeps_old_tokens() {
    let (old, new) = (ring(Alg::RS256), ring(Alg::ES256));
    let token = access_token(&old);
    assert!(verifies(&token.token, &new.jwks(NOW)) && new.publishes(&token.kid, NOW));
    assert_eq!(access_token(&new).kid, p256().kid);
    let user = old.sign_user_token(&sign_in(), user_claims(), NOW).unwrap();
    assert_eq!(new.verify_user_token(&user, ISSUER, NOW), Some(user_claims()));
}

#[test]
fn k5_without_an_active_key_nothing_is_signed() {
    let early = KeyMaterial { active_from: NOW + 1, ..rsa_a() };
    let retired = KeyMaterial { retired_at: Some(NOW), ..rsa_a() };
    let destroyed = KeyMaterial { private_pem: String::new(), ..rsa_a() };
    for (material, published) in [(early, true), (retired, false), (destroyed, true), (p256(), true)] {
        let kid = material.kid.clone();
        let ring = KeyRing::new(Alg::RS256, vec![material], None).unwrap();
        assert_eq!(ring.active(NOW), None);
        assert_eq!(ring.publishes(&kid, NOW), published);
        let refused = ring.sign_access_token(&permit(None, &[ISSUER]), &access_claims(), NOW);
        assert!(matches!(refused, Err(Fault::Keys(_))));
        assert!(ring.sign_user_token(&sign_in(), user_claims(), NOW).is_err());
    }
}

#[test]
fn a_record_that_does_not_fit_itself_is_refused() {
    let other_name = KeyMaterial { kid: rsa_b().kid, ..rsa_a() };
    let other_private = KeyMaterial { private_pem: rsa_b().private_pem, ..rsa_a() };
    let other_public = KeyMaterial { public_jwk: rsa_b().public_jwk, ..rsa_a() };
    let other_alg = KeyMaterial { alg: Alg::ES256, ..rsa_a() };
    let symmetric = KeyMaterial { alg: Alg::HS256, ..rsa_a() };
    let broken = KeyMaterial { private_pem: "x".into(), ..rsa_a() };
    for material in [other_name, other_private, other_public, other_alg, symmetric, broken] {
        assert!(KeyRing::new(Alg::RS256, vec![material], None).is_err());
    }
    assert!(matches!(KeyRing::new(Alg::RS256, vec![rsa_a(), rsa_a()], None), Err(Fault::Inconsistent(_))));
}

#[test]
fn user_tokens_come_back_as_they_went() {
    for alg in Alg::ALL {
        let ring = ring(alg);
        let token = ring.sign_user_token(&sign_in(), user_claims(), NOW).unwrap();
        assert_eq!(ring.verify_user_token(&token, ISSUER, NOW), Some(user_claims()), "{alg}");
        assert_eq!(ring.verify_user_token(&token, ISSUER, NOW - 500 + 59_999), Some(user_claims()));
        assert_eq!(ring.verify_user_token(&token, ISSUER, NOW - 500 + 60_000), None, "no leeway");
        assert_eq!(ring.verify_user_token(&token, "https://other.example", NOW), None);
        assert_eq!(ring.verify_user_token(&format!("{token}x"), ISSUER, NOW), None);
        let mallory = Permit::for_test(SignIn { user: Arc::from("mallory"), policies: Vec::new() });
        let token = ring.sign_user_token(&mallory, user_claims(), NOW).unwrap();
        assert_eq!(ring.verify_user_token(&token, ISSUER, NOW).unwrap().user, "mallory", "the permit's user");
    }
}

#[test]
fn k2_an_access_token_is_no_user_token_even_with_its_audience() {
    let ring = ring(Alg::RS256);
    let audience = format!("{ISSUER}/auth/local");
    let token = ring.sign_access_token(&permit(Some("ann"), &[&audience]), &access_claims(), NOW).unwrap();
    assert_eq!(ring.verify_user_token(&token.token, ISSUER, NOW), None);
    for noise in ["", ".", "a.b.c", "e30.e30.AAAA"] {
        assert_eq!(ring.verify_user_token(noise, ISSUER, NOW), None);
    }
}

#[test]
fn k2_a_retired_key_ends_its_user_tokens() {
    let token = ring(Alg::RS256).sign_user_token(&sign_in(), user_claims(), NOW).unwrap();
    let retired = KeyMaterial { retired_at: Some(NOW), ..rsa_a() };
    let ring = KeyRing::new(Alg::RS256, vec![retired, rsa_b()], None).unwrap();
    assert_eq!(ring.verify_user_token(&token, ISSUER, NOW), None);
}

#[test]
fn k6_debug_shows_no_secret() {
    let ring = ring(Alg::HS256);
    let shown =
        format!("{:?} {:?} {ring:?} {:?}", rsa_a(), client_keypair(2048).unwrap(), access_token(&ring));
    assert!(
        !shown.contains("PRIVATE") && !shown.contains("0123456789abcdef") && !shown.contains("eyJ"),
        "{shown}"
    );
}

#[test]
fn algorithms_have_one_spelling() {
    for alg in Alg::ALL {
        assert_eq!(alg.name().parse(), Ok(alg));
        assert_eq!(serde_json::to_value(alg).unwrap(), alg.name());
    }
    for other in ["rs256", "none", "RS384", "HS512", ""] {
        assert!(other.parse::<Alg>().is_err());
    }
}

#[test]
fn the_caching_provider_is_installed_once_and_from_any_thread() {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(provider::install()));
        }
    });
    let ring = ring(Alg::RS256);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..5).for_each(|_| assert!(verifies(&access_token(&ring).token, &ring.jwks(NOW))))
            });
        }
    });
}
