//! What assertions must say. Rows are those of the attack catalogue.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::aws_lc;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keys/", $name))
    };
}

mod hostile;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://as.example";
const TOKEN_URL: &str = "https://as.example/oauth2/token";

/// What client authentication demands (attack row D9).
const STRICT: Expectation<'static> = Expectation {
    now_ms: NOW * 1000,
    max_ttl_s: 300,
    skew_s: 60,
    audiences: &[ISSUER],
    allow_audience_array: false,
    require_jti: true,
};

/// What the grant demands.
const GRANT: Expectation<'static> =
    Expectation { audiences: &[ISSUER, TOKEN_URL], allow_audience_array: true, require_jti: false, ..STRICT };

fn signer(alg: Algorithm) -> EncodingKey {
    match alg {
        Algorithm::ES256 => EncodingKey::from_ec_pem(fixture!("p256.pem").as_bytes()).unwrap(),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(fixture!("ed25519.pem").as_bytes()).unwrap(),
        _ => EncodingKey::from_rsa_pem(fixture!("rsa-a.pem").as_bytes()).unwrap(),
    }
}

/// The client's keys: RSA (RS256), P-256 and Ed25519.
fn keys() -> PublicKeys {
    let texts = [fixture!("rsa-a.pub.pem"), fixture!("p256.pub.pem"), fixture!("ed25519.pub.pem")];
    PublicKeys::parse(&texts.concat()).unwrap()
}

fn kid(alg: KeyAlg) -> String {
    keys().iter().find(|key| key.alg == alg).unwrap().kid.clone()
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn sign_with(header: &str, claims: &str, alg: Algorithm, key: &EncodingKey) -> String {
    let signed = format!("{}.{}", b64(header), b64(claims));
    let signature = (aws_lc::DEFAULT_PROVIDER.signer_factory)(&alg, key).unwrap();
    format!("{signed}.{}", b64(signature.try_sign(signed.as_bytes()).unwrap()))
}

fn good() -> Value {
    json!({"iss": "j1", "sub": "j1", "aud": ISSUER, "exp": NOW + 60, "iat": NOW, "jti": "one"})
}

/// Good claims with some set or (null) taken away.
fn claims(changes: Value) -> String {
    let mut claims = good();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims.to_string()
}

fn es256(header: &str, claims: &str) -> String {
    sign_with(header, claims, Algorithm::ES256, &signer(Algorithm::ES256))
}

fn judge(text: &str, expect: &Expectation<'_>) -> Result<VerifiedAssertion, AssertionError> {
    UnverifiedAssertion::parse(text)?.verify(&keys(), expect)
}

fn with_claims(text: &str) -> Result<VerifiedAssertion, AssertionError> {
    judge(&es256(r#"{"alg":"ES256"}"#, text), &GRANT)
}

fn with(changes: Value) -> Result<VerifiedAssertion, AssertionError> {
    with_claims(&claims(changes))
}

fn with_header(header: &str) -> Result<VerifiedAssertion, AssertionError> {
    judge(&es256(header, &good().to_string()), &STRICT)
}

#[test]
fn good_assertions_of_every_algorithm_pass() {
    for (alg, name) in [(Algorithm::RS256, "RS256"), (Algorithm::ES256, "ES256"), (Algorithm::EdDSA, "EdDSA")]
    {
        let header = format!(r#"{{"alg":"{name}","typ":"jwt"}}"#);
        let text = sign_with(&header, &claims(json!({"scope": "a b"})), alg, &signer(alg));
        let unverified = UnverifiedAssertion::parse(&text).unwrap();
        assert_eq!((unverified.unverified_issuer(), unverified.unverified_subject()), ("j1", "j1"));
        let verified = unverified.verify(&keys(), &STRICT).unwrap();
        let expected = VerifiedAssertion {
            issuer: "j1".into(),
            subject: "j1".into(),
            jti: Some("one".into()),
            expires_ms: (NOW + 60) * 1000,
            ttl_s: 60,
            scope: Some("a b".into()),
            alg: name,
            replay_key: "one".into(),
            client_authentication: false,
        };
        assert_eq!(verified, expected);
    }
}

#[test]
fn a_key_pinned_to_ps256_verifies_ps256_and_not_rs256() {
    let mut jwk = PublicKeys::parse(fixture!("rsa-a.pub.pem")).unwrap().to_jwks()["keys"][0].clone();
    jwk["alg"] = "PS256".into();
    let keys = PublicKeys::parse(&jwk.to_string()).unwrap();
    let try_alg = |name: &str, alg| {
        let text = sign_with(&format!(r#"{{"alg":"{name}"}}"#), &good().to_string(), alg, &signer(alg));
        UnverifiedAssertion::parse(&text).unwrap().verify(&keys, &STRICT)
    };
    assert_eq!(try_alg("PS256", Algorithm::PS256).unwrap().alg, "PS256");
    assert_eq!(try_alg("RS256", Algorithm::RS256), Err(AssertionError::AlgMismatch));
}

#[test]
fn g1_required_claims() {
    for claim in ["iss", "sub", "aud", "exp"] {
        assert_eq!(with(json!({ claim: null })), Err(AssertionError::Missing(claim)));
    }
    let without = es256(r#"{"alg":"ES256"}"#, &claims(json!({"jti": null})));
    assert_eq!(judge(&without, &STRICT), Err(AssertionError::Missing("jti")));
    let verified = judge(&without, &GRANT).unwrap();
    assert_eq!((verified.jti, verified.replay_key.len()), (None, 64));
    assert!(with(json!({"iat": null})).is_ok());
}

#[test]
fn g2_g11_times_and_their_leeway() {
    let exp = |exp: i64| with(json!({"exp": exp, "iat": NOW - 200})).map(drop);
    assert_eq!(exp(NOW + 1), Ok(()));
    assert_eq!(exp(NOW - 9), Ok(()), "inside the leeway");
    for past in [10, 11, 60, 61] {
        assert_eq!(exp(NOW - past), Err(AssertionError::Expired), "{past} s");
    }
    assert_eq!(with(json!({"exp": NOW - 300, "iat": NOW - 400})), Err(AssertionError::Expired));
    for (ahead, fine) in [(0, true), (8, true), (10, true), (60, true), (61, false), (300, false)] {
        let iat = with(json!({"iat": NOW + ahead, "exp": NOW + ahead + 10})).map(drop);
        assert_eq!(iat, if fine { Ok(()) } else { Err(AssertionError::IssuedAhead) }, "iat {ahead}");
        let nbf = with(json!({"nbf": NOW + ahead})).map(drop);
        assert_eq!(nbf, if fine { Ok(()) } else { Err(AssertionError::NotYet) }, "nbf {ahead}");
    }
    // Somebody who allows no skew allows no leeway either.
    let exact = Expectation { skew_s: 0, ..GRANT };
    let text = es256(r#"{"alg":"ES256"}"#, &claims(json!({"exp": NOW, "iat": NOW - 1})));
    assert_eq!(judge(&text, &exact), Err(AssertionError::Expired));
}

#[test]
fn g11_the_replay_key_outlives_the_leeway() {
    let verified = with(json!({})).unwrap();
    let last_accepted_ms = verified.expires_ms + 1000 * i64::try_from(EXPIRY_LEEWAY_S).unwrap();
    assert!(verified.remember_until_ms() > last_accepted_ms);
}

#[test]
fn g3_long_lives_are_refused() {
    let life = |iat: i64, exp: i64| with(json!({"iat": iat, "exp": exp})).map(|verified| verified.ttl_s);
    assert_eq!(life(NOW, NOW + 300), Ok(300));
    assert_eq!(life(NOW, NOW + 301), Err(AssertionError::TooLongLived));
    assert_eq!(life(NOW - 290, NOW + 20), Err(AssertionError::TooLongLived));
    assert_eq!(life(NOW + 5, NOW + 5), Err(AssertionError::Backwards));
    assert_eq!(life(NOW + 60, NOW + 5), Err(AssertionError::Backwards));
    let no_iat = |exp: i64| with(json!({"iat": null, "exp": exp})).map(|verified| verified.ttl_s);
    assert_eq!(no_iat(NOW + 300), Ok(300));
    assert_eq!(no_iat(NOW + 361), Err(AssertionError::TooLongLived));
    assert_eq!(no_iat(NOW + 48 * 3600), Err(AssertionError::TooLongLived));
    assert_eq!(no_iat(NOW - 5), Ok(0), "never negative");
}

#[test]
fn g4_wrong_types_are_refused_and_never_absent() {
    let cases = [
        ("exp", json!("99999999999")),
        ("exp", json!(1e40)),
        ("exp", json!(-1)),
        ("exp", json!(-0.5)),
        ("exp", json!(true)),
        ("exp", json!([])),
        ("exp", json!(253_402_300_800_u64)),
        ("exp", json!(u64::MAX)),
        ("nbf", json!("x")),
        ("nbf", json!({})),
        ("iat", json!({})),
        ("iat", json!("0")),
        ("iat", json!(-5)),
        ("aud", json!([1])),
        ("aud", json!([])),
        ("aud", json!({})),
        ("aud", json!("")),
        ("aud", json!([""])),
        ("aud", json!([ISSUER, 1])),
        ("aud", json!(vec![ISSUER; 21])),
        ("sub", json!(["a"])),
        ("sub", json!("")),
        ("sub", json!("a\u{0}b")),
        ("sub", json!("x".repeat(256))),
        ("iss", json!(1)),
        ("iss", json!("a\nb")),
        ("jti", json!(5)),
        ("jti", json!("")),
        ("jti", json!("x".repeat(256))),
        ("jti", json!("\u{0}")),
        ("scope", json!(["a"])),
        ("scope", json!(1)),
    ];
    for (claim, value) in cases {
        assert_eq!(with(json!({ claim: value })), Err(AssertionError::Claim(claim)), "{claim}: {value}");
    }
    for claim in ["exp", "iat", "nbf", "aud", "iss", "sub", "jti", "scope"] {
        let mut claims = good();
        claims[claim] = Value::Null;
        assert_eq!(with_claims(&claims.to_string()), Err(AssertionError::Claim(claim)), "{claim}: null");
    }
    assert!(with(json!({"exp": NOW as f64 + 60.5, "iat": NOW as f64 + 0.25})).is_ok(), "RFC 7519 §2");
}

#[test]
fn g4_headers_and_claims_are_objects_without_repeats() {
    for bad in ["null", "[]", "1", "\"x\"", "", "{", "{}{}", "\u{feff}{}"] {
        let header = es256(bad, &good().to_string());
        assert!(
            matches!(judge(&header, &GRANT), Err(AssertionError::Json | AssertionError::Segments)),
            "{bad}"
        );
        assert!(matches!(with_claims(bad), Err(AssertionError::Json | AssertionError::Segments)), "{bad}");
    }
    let twice = good().to_string().replacen('{', &format!("{{\"exp\":{},", NOW + 60), 1);
    assert_eq!(with_claims(&twice), Err(AssertionError::Duplicate));
    assert_eq!(with_header(r#"{"alg":"ES256","alg":"ES256"}"#), Err(AssertionError::Duplicate));
}

#[test]
fn g8_d9_audience() {
    let strict =
        |aud: Value| judge(&es256(r#"{"alg":"ES256"}"#, &claims(json!({ "aud": aud }))), &STRICT).map(drop);
    assert_eq!(strict(json!(ISSUER)), Ok(()));
    for aud in [
        TOKEN_URL,
        "https://as.example/",
        "https://as.example/oauth2/par",
        "https://AS.example",
        "https://other.example",
    ] {
        assert_eq!(strict(json!(aud)), Err(AssertionError::Audience), "{aud}");
    }
    for aud in [json!([ISSUER]), json!([ISSUER, TOKEN_URL])] {
        assert_eq!(strict(aud), Err(AssertionError::AudienceArray));
    }
    let grant = |aud: Value| with(json!({ "aud": aud })).map(drop);
    for aud in [json!(ISSUER), json!(TOKEN_URL), json!([ISSUER]), json!(["https://other.example", TOKEN_URL])]
    {
        assert_eq!(grant(aud), Ok(()));
    }
    assert_eq!(grant(json!(["https://other.example"])), Err(AssertionError::Audience));
    let nobody = Expectation { audiences: &[], ..GRANT };
    let text = es256(r#"{"alg":"ES256"}"#, &good().to_string());
    assert_eq!(judge(&text, &nobody), Err(AssertionError::Audience));
}

#[test]
fn g9_without_a_jti_the_signed_text_is_the_replay_key() {
    // ECDSA signatures differ each time: the same text signed twice is still the same assertion.
    let keys = [0, 1].map(|_| with(json!({"jti": null})).unwrap().replay_key);
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[0], with(json!({"jti": null, "exp": NOW + 61})).unwrap().replay_key);
}

#[test]
fn a16_the_texts_fit_error_description() {
    let texts = [
        AssertionError::Header("x5c"),
        AssertionError::Claim("exp"),
        AssertionError::TooLong,
        AssertionError::Typ,
    ];
    for text in texts.map(|error| error.to_string()) {
        assert!(text.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E)), "{text}");
    }
}
