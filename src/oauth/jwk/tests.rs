//! Keys that may and may not be registered. Rows are those of the attack catalogue.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keys/", $name))
    };
}

const RSA: &str = fixture!("rsa-a.pub.pem");
const RSA_B: &str = fixture!("rsa-b.pub.pem");
const P256: &str = fixture!("p256.pub.pem");
const ED25519: &str = fixture!("ed25519.pub.pem");

fn refused(text: &str) -> KeyError {
    PublicKeys::parse(text).expect_err(text)
}

fn jwk_of(pem: &str) -> Value {
    PublicKeys::parse(pem).unwrap().to_jwks()["keys"][0].clone()
}

/// The JWK of a PEM without the members that are ours, and with others set or (null) taken away.
fn changed(pem: &str, changes: Value) -> String {
    let mut jwk = jwk_of(pem);
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(jwk.as_object_mut().unwrap().remove(name)),
            value => jwk[name] = value.clone(),
        }
    }
    jwk.to_string()
}

#[test]
fn pem_pins_the_default_algorithm_and_names_by_thumbprint() {
    for (pem, alg) in [(RSA, KeyAlg::Rs256), (P256, KeyAlg::Es256), (ED25519, KeyAlg::EdDsa)] {
        let keys = PublicKeys::parse(pem).unwrap();
        let key = keys.iter().next().unwrap();
        assert_eq!((keys.len(), key.alg), (1, alg));
        assert_eq!(key.kid, key.params().thumbprint());
        let again = PublicKeys::parse(&keys.to_jwks().to_string()).unwrap();
        assert_eq!(again.get(&key.kid).unwrap().to_jwk(), key.to_jwk());
    }
}

#[test]
fn several_pem_blocks_and_windows_line_ends() {
    let text = format!("\n{RSA}\n{}\n{ED25519}", P256.replace('\n', "\r\n"));
    let keys = PublicKeys::parse(&text).unwrap();
    assert_eq!(keys.iter().map(|key| key.alg.name()).collect::<Vec<_>>(), ["RS256", "ES256", "EdDSA"]);
    assert_eq!(refused(&format!("{RSA}{RSA}")), KeyError::DuplicateKid);
}

/// RFC 7638 §3.1.
const THUMBPRINT_N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_B\
    JECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8\
    KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1\
    jF44-csFCur-kEgU8awapJzKnqDKgw";

#[test]
fn rfc_7638_3_1_and_rfc_8037_a3_thumbprints() {
    let rsa = json!({"kty": "RSA", "n": THUMBPRINT_N, "e": "AQAB", "alg": "RS256"});
    let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    for (jwk, thumbprint) in [
        (rsa, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        (ed, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
    ] {
        let keys = PublicKeys::parse(&jwk.to_string()).unwrap();
        assert_eq!(keys.iter().next().unwrap().kid, thumbprint);
    }
}

#[test]
fn a_leading_zero_does_not_change_the_thumbprint() {
    let padded = URL_SAFE_NO_PAD.encode([&[0], &URL_SAFE_NO_PAD.decode(THUMBPRINT_N).unwrap()[..]].concat());
    let keys = PublicKeys::parse(&json!({"kty": "RSA", "n": padded, "e": "AQAB"}).to_string()).unwrap();
    assert!(keys.get("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs").is_some());
}

#[test]
fn a_jwk_may_pin_ps256_and_carry_its_own_kid() {
    let text = changed(RSA, json!({"alg": "PS256", "kid": "mine", "use": null, "x5u": "https://evil.test/"}));
    let keys = PublicKeys::parse(&text).unwrap();
    assert_eq!(keys.get("mine").unwrap().alg, KeyAlg::Ps256);
    assert!(!keys.to_jwks().to_string().contains("x5u"));
}

#[test]
fn g16_weak_rsa_keys_are_refused() {
    assert_eq!(refused(fixture!("rsa-1024.pub.pem")), KeyError::RsaTooShort);
    let n = |first: u8, len: usize, last: u8| {
        let mut n = vec![0xff; len];
        (n[0], n[len - 1]) = (first, last);
        URL_SAFE_NO_PAD.encode(n)
    };
    let key = |n: String, e: &str| refused(&json!({"kty": "RSA", "n": n, "e": e}).to_string());
    assert_eq!(key(n(0x7f, 256, 0xff), "AQAB"), KeyError::RsaTooShort, "2047 bits");
    assert_eq!(key(n(0x01, 1025, 0xff), "AQAB"), KeyError::RsaTooLong, "8193 bits");
    assert_eq!(key(n(0xff, 256, 0xfe), "AQAB"), KeyError::RsaNumbers, "even modulus");
    for (what, e) in [("1", "AQ"), ("3", "Aw"), ("even", "AQAC"), ("none", ""), ("40 bits", "______8")] {
        assert_eq!(key(n(0xff, 256, 0xff), e), KeyError::RsaNumbers, "exponent {what}");
    }
}

#[test]
fn g16_points_off_the_curve_and_of_small_order_are_refused() {
    let zero = URL_SAFE_NO_PAD.encode([0; 32]);
    assert_eq!(refused(&changed(P256, json!({"x": zero, "y": zero}))), KeyError::Point);
    assert_eq!(refused(&changed(P256, json!({"x": "AAAA"}))), KeyError::Point);
    assert_eq!(refused(&changed(ED25519, json!({"x": "AAAA"}))), KeyError::Point);
    for (first, rest) in [(0_u8, 0_u8), (1, 0)] {
        let mut x = [rest; 32];
        x[0] = first;
        for sign in [0, 0x80] {
            x[31] = sign;
            let x = URL_SAFE_NO_PAD.encode(x);
            assert_eq!(refused(&changed(ED25519, json!({ "x": x }))), KeyError::Point);
        }
    }
}

/// The list is right if nothing that anybody could forge for is missing from the check: with a key of
/// small order, a signature that knows no private key verifies for one message in eight at least.
#[test]
fn g16_every_refused_ed25519_point_is_one_that_lets_anybody_sign() {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
    let mut forged = [0_u8; 64];
    forged[0] = 1;
    let order_eight = read::SMALL_ORDER[2..4].iter();
    for y in order_eight {
        assert!(read::check(&Params::Ed25519 { x: y.to_vec() }).is_err());
        let key = UnparsedPublicKey::new(&ED25519, y);
        assert!((0_u16..400).any(|message| key.verify(&message.to_be_bytes(), &forged).is_ok()));
    }
}

#[test]
fn q2_private_and_symmetric_keys_are_refused() {
    for pem in [fixture!("rsa-a.pem"), fixture!("p256.pem"), fixture!("ed25519.pem")] {
        assert_eq!(refused(pem), KeyError::Private);
        assert_eq!(refused(&format!("{RSA}{pem}")), KeyError::Private);
    }
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let key = changed(RSA, json!({ member: "AQAB" }));
        assert_eq!(refused(&key), KeyError::Private, "{member}");
        assert_eq!(refused(&format!("{{\"keys\":[{key}]}}")), KeyError::Private, "{member}");
    }
    assert_eq!(refused(r#"{"kty":"oct","k":"c2VjcmV0"}"#), KeyError::Symmetric);
    assert_eq!(refused(r#"{"kty":"oct","alg":"HS256"}"#), KeyError::Symmetric);
}

#[test]
fn q2_other_types_and_curves_are_refused() {
    assert_eq!(refused(fixture!("p384.pub.pem")), KeyError::Curve);
    assert_eq!(refused(&changed(P256, json!({"crv": "P-384"}))), KeyError::Curve);
    assert_eq!(refused(&changed(P256, json!({"crv": "secp256k1"}))), KeyError::Curve);
    assert_eq!(refused(&changed(ED25519, json!({"crv": "X25519"}))), KeyError::Curve);
    assert_eq!(refused(&changed(RSA, json!({"kty": "rsa"}))), KeyError::Type);
    assert_eq!(refused(&changed(P256, json!({"crv": null}))), KeyError::Member("crv"));
}

#[test]
fn q2_wrong_use_and_alg_are_refused() {
    for changes in
        [json!({"use": "enc"}), json!({"use": 1}), json!({"key_ops": ["sign"]}), json!({"key_ops": "verify"})]
    {
        assert_eq!(refused(&changed(RSA, changes)), KeyError::Use);
    }
    assert!(PublicKeys::parse(&changed(RSA, json!({"key_ops": ["verify"]}))).is_ok());
    for alg in ["RS384", "HS256", "none", "ES256", "EdDSA", "rs256", ""] {
        assert_eq!(refused(&changed(RSA, json!({ "alg": alg }))), KeyError::Alg, "{alg}");
    }
    assert_eq!(refused(&changed(P256, json!({"alg": "RS256"}))), KeyError::Alg);
    assert_eq!(refused(&changed(ED25519, json!({"alg": "ES256"}))), KeyError::Alg);
}

#[test]
fn q2_malformed_members_are_refused() {
    assert_eq!(refused(&changed(RSA, json!({"n": null}))), KeyError::Member("n"));
    assert_eq!(refused(&changed(RSA, json!({"e": 65537}))), KeyError::Member("e"));
    assert_eq!(refused(&changed(RSA, json!({"e": "AQAB="}))), KeyError::Member("e"));
    assert_eq!(refused(&changed(RSA, json!({"e": "AQB"}))), KeyError::Member("e"), "not canonical");
    for kid in [json!(""), json!(1), json!("a\nb"), json!("é"), json!("x".repeat(256))] {
        assert_eq!(refused(&changed(RSA, json!({ "kid": kid }))), KeyError::Kid, "{kid}");
    }
}

#[test]
fn q2_sets() {
    let key = |kid: &str| changed(RSA, json!({ "kid": kid }));
    let set = |keys: Vec<String>| format!("{{\"keys\":[{}]}}", keys.join(","));
    assert_eq!(PublicKeys::parse(&set(vec![key("a"), key("b")])).unwrap().len(), 2);
    assert_eq!(refused(&set(vec![key("a"), key("a")])), KeyError::DuplicateKid);
    assert_eq!(refused(&set(vec![])), KeyError::None);
    assert_eq!(refused(&set((0..21).map(|n| key(&n.to_string())).collect())), KeyError::TooMany);
    assert_eq!(refused(r#"{"keys":{}}"#), KeyError::Member("keys"));
    assert_eq!(refused(r#"{"keys":[1]}"#), KeyError::Member("keys"));
    assert_eq!(refused(r#"{"keys":[],"kty":"RSA"}"#), KeyError::Json);
    assert_eq!(refused(r#"{"kty":"RSA","kty":"EC"}"#), KeyError::Json);
}

#[test]
fn q2_texts_that_are_something_else() {
    assert_eq!(refused(""), KeyError::None);
    assert_eq!(refused("ssh-rsa AAAA"), KeyError::Unreadable);
    assert_eq!(refused(&" ".repeat(MAX_TEXT + 1)), KeyError::TooLong);
    assert_eq!(refused(&RSA.replace("PUBLIC KEY", "CERTIFICATE")), KeyError::PemKind);
    assert_eq!(refused(&format!("{RSA}something else")), KeyError::PemKind);
    assert_eq!(refused(&RSA.replace("MII", "MIJ")), KeyError::Der);
    assert_eq!(refused("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----"), KeyError::Der);
}

#[test]
fn merging_keeps_both_and_prefers_the_first() {
    let (a, b) = (PublicKeys::parse(RSA).unwrap(), PublicKeys::parse(RSA_B).unwrap());
    let kids = |keys: &PublicKeys| keys.iter().map(|key| key.kid.clone()).collect::<Vec<_>>();
    assert_eq!(kids(&a.merged(&b)), [kids(&a), kids(&b)].concat());
    assert_eq!(kids(&a.merged(&a)), kids(&a));
    assert_eq!(kids(&PublicKeys::default().merged(&a)), kids(&a));
    assert!(PublicKeys::default().is_empty());
}

#[test]
fn k6_debug_shows_names_only() {
    let keys = PublicKeys::parse(RSA).unwrap();
    assert_eq!(format!("{keys:?}"), format!("[{:?} (RS256)]", keys.iter().next().unwrap().kid));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC*", bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = PublicKeys::parse(&text);
        let _ = PublicKeys::parse(&format!("{{{text}"));
        let _ = read::from_spki(&bytes);
        let block = base64::engine::general_purpose::STANDARD.encode(&bytes);
        let _ = PublicKeys::parse(&format!("-----BEGIN PUBLIC KEY-----\n{block}\n-----END PUBLIC KEY-----"));
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0_usize..400, with in any::<u8>(), which in 0_usize..3) {
        let mut bytes = [RSA, P256, ED25519][which].as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = with;
        let _ = PublicKeys::parse(&String::from_utf8_lossy(&bytes));
    }
}
