//! Forged, bent and broken assertions. Rows are those of the attack catalogue.

use aws_lc_rs::hmac;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

#[test]
fn g5_only_the_four_algorithms_in_their_exact_spelling() {
    for alg in
        ["none", "None", "NONE", "", "HS256", "HS384", "RS384", "RS512", "PS512", "ES384", "es256", "ES256K"]
    {
        assert_eq!(with_header(&format!(r#"{{"alg":"{alg}"}}"#)), Err(AssertionError::Alg), "{alg}");
    }
    for header in ["{}", r#"{"alg":null}"#, r#"{"alg":["ES256"]}"#, r#"{"Alg":"ES256"}"#] {
        assert_eq!(with_header(header), Err(AssertionError::Alg), "{header}");
    }
}

#[test]
fn g5_a_public_key_is_no_hmac_secret() {
    let pem = fixture!("rsa-a.pub.pem");
    let jwk = PublicKeys::parse(pem).unwrap().to_jwks()["keys"][0].clone();
    let body: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
    let der = STANDARD.decode(body).unwrap();
    let n = jwk["n"].as_str().unwrap().as_bytes();
    for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), &der, n] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        for alg in ["HS256", "RS256", "ES256"] {
            let signed = format!("{}.{}", b64(format!(r#"{{"alg":"{alg}"}}"#)), b64(good().to_string()));
            let text = format!("{signed}.{}", b64(hmac::sign(&key, signed.as_bytes())));
            let refused = judge(&text, &STRICT).unwrap_err();
            assert!(matches!(refused, AssertionError::Alg | AssertionError::Signature), "{alg}: {refused:?}");
        }
    }
}

#[test]
fn g5_the_key_decides_the_algorithm() {
    let rsa = kid(KeyAlg::Rs256);
    assert_eq!(with_header(&format!(r#"{{"alg":"ES256","kid":"{rsa}"}}"#)), Err(AssertionError::AlgMismatch));
    let ps256 = sign_with(
        &format!(r#"{{"alg":"PS256","kid":"{rsa}"}}"#),
        &good().to_string(),
        Algorithm::PS256,
        &signer(Algorithm::PS256),
    );
    assert_eq!(judge(&ps256, &STRICT), Err(AssertionError::AlgMismatch));
    // The signature is RS384 under a header that says RS256.
    let rs384 =
        sign_with(r#"{"alg":"RS256"}"#, &good().to_string(), Algorithm::RS384, &signer(Algorithm::RS384));
    assert_eq!(judge(&rs384, &STRICT), Err(AssertionError::Signature));
}

#[test]
fn g6_kid_selects_among_this_clients_keys_only() {
    let own = kid(KeyAlg::Es256);
    assert!(with_header(&format!(r#"{{"alg":"ES256","kid":"{own}"}}"#)).is_ok());
    let other = PublicKeys::parse(fixture!("rsa-b.pub.pem")).unwrap();
    let foreign = other.iter().next().unwrap().kid.clone();
    for kid in ["../../etc/passwd", "' OR 1=1--", "a\u{0}b", &foreign, &format!("{own} ")] {
        let header = json!({"alg": "ES256", "kid": kid}).to_string();
        assert_eq!(with_header(&header), Err(AssertionError::UnknownKid), "{kid}");
    }
    for kid in [json!(""), json!(1), json!(null), json!(["x"]), json!("k".repeat(256))] {
        let header = json!({"alg": "ES256", "kid": kid}).to_string();
        assert_eq!(with_header(&header), Err(AssertionError::Kid));
    }
    let long = json!({"alg": "ES256", "kid": "k".repeat(100_000)}).to_string();
    assert_eq!(with_header(&long), Err(AssertionError::TooLong));
    // Another client's signature, without and with a kid of ours.
    let b = EncodingKey::from_rsa_pem(fixture!("rsa-b.pem").as_bytes()).unwrap();
    for header in
        [r#"{"alg":"RS256"}"#.to_owned(), json!({"alg": "RS256", "kid": kid(KeyAlg::Rs256)}).to_string()]
    {
        let text = sign_with(&header, &good().to_string(), Algorithm::RS256, &b);
        assert_eq!(judge(&text, &STRICT), Err(AssertionError::Signature));
    }
    let text = es256(r#"{"alg":"ES256"}"#, &good().to_string());
    let none = UnverifiedAssertion::parse(&text).unwrap().verify(&PublicKeys::default(), &STRICT);
    assert_eq!(none, Err(AssertionError::AlgMismatch), "a client without keys");
}

#[test]
fn g6_every_key_of_the_algorithm_is_tried() {
    let keys = PublicKeys::parse(&[fixture!("rsa-b.pub.pem"), fixture!("rsa-a.pub.pem")].concat()).unwrap();
    let text =
        sign_with(r#"{"alg":"RS256"}"#, &good().to_string(), Algorithm::RS256, &signer(Algorithm::RS256));
    assert!(UnverifiedAssertion::parse(&text).unwrap().verify(&keys, &STRICT).is_ok());
}

#[test]
fn g7_header_members_that_smuggle_are_refused() {
    let smuggled = [
        ("jwk", json!({"kty": "RSA"})),
        ("jku", json!("http://127.0.0.1:1/jwks")),
        ("x5c", json!(["MIIB"])),
        ("x5u", json!("http://127.0.0.1:1/cert")),
        ("crit", json!(["x"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
    ];
    for (member, value) in smuggled {
        let header = json!({"alg": "ES256", member: value}).to_string();
        assert_eq!(with_header(&header), Err(AssertionError::Header(member)));
    }
    let jwe = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA";
    assert_eq!(judge(jwe, &STRICT), Err(AssertionError::Segments));
    assert_eq!(judge(r#"{"payload":"e30","signatures":[]}"#, &STRICT), Err(AssertionError::Segments));
    let detached = es256(r#"{"alg":"ES256"}"#, "");
    assert_eq!(judge(&detached, &STRICT), Err(AssertionError::Segments));
}

#[test]
fn g12_the_type_is_checked_and_told() {
    for (typ, for_authentication) in [("JWT", false), ("jwt", false), ("client-authentication+jwt", true)] {
        let verified = with_header(&json!({"alg": "ES256", "typ": typ}).to_string()).unwrap();
        assert_eq!(verified.client_authentication, for_authentication);
    }
    for typ in [json!("at+jwt"), json!("user+jwt"), json!(""), json!(1), json!(null), json!("dpop+jwt")] {
        let header = json!({"alg": "ES256", "typ": typ}).to_string();
        assert_eq!(with_header(&header), Err(AssertionError::Typ), "{typ}");
    }
}

#[test]
fn g15_the_compact_form_is_strict() {
    let good = es256(r#"{"alg":"ES256"}"#, &good().to_string());
    let parts: Vec<&str> = good.split('.').collect();
    let (head, sign) = (format!("{}.{}", parts[0], parts[1]), parts[2]);
    for bad in
        [&head, &format!("{head}."), &format!("{good}."), &format!("{good}.{sign}"), "", ".", "..", "a.b"]
    {
        assert_eq!(judge(bad, &STRICT), Err(AssertionError::Segments), "{bad}");
    }
    let odd = format!("{head}.{}", &sign[..sign.len() - 1]);
    for bad in [
        format!("{good}="),
        format!("{good}=="),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{head}. {sign}"),
        format!("{head}.{}+", &sign[1..]),
        odd,
    ] {
        assert_eq!(judge(&bad, &STRICT), Err(AssertionError::Encoding), "{bad}");
    }
    // 64 bytes make 86 characters, whose last carries four unused bits.
    let last = sign.chars().last().unwrap();
    for other in "BCDEFGHIJKLMNOPRSTUVWXYZ".chars().filter(|other| !"AQgw".contains(*other) && *other != last)
    {
        let text = format!("{head}.{}{other}", &sign[..85]);
        assert_eq!(judge(&text, &STRICT), Err(AssertionError::Encoding));
    }
    assert_eq!(judge(&"a".repeat(1 << 20), &STRICT), Err(AssertionError::TooLong));
}

#[test]
fn g15_nesting_is_bounded() {
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(with_claims(&deep), Err(AssertionError::TooDeep));
    let deeper = format!("{{\"x\":{}", "[".repeat(10_000));
    assert_eq!(judge(&format!("{}.e30.AAAA", b64(deeper)), &STRICT), Err(AssertionError::TooDeep));
}

#[test]
fn g16_ecdsa_signatures_of_zeros_are_refused() {
    let head = format!("{}.{}", b64(r#"{"alg":"ES256"}"#), b64(good().to_string()));
    let mut one_one = [0; 64];
    (one_one[31], one_one[63]) = (1, 1);
    for signature in
        [vec![0; 64], vec![0xff; 64], one_one.to_vec(), vec![0], vec![0; 63], vec![0; 65], vec![0; 128]]
    {
        assert_eq!(judge(&format!("{head}.{}", b64(signature)), &STRICT), Err(AssertionError::Signature));
    }
}

/// The order of P-256 (FIPS 186-4 §D.1.2.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

#[test]
fn g16_the_other_s_is_the_same_assertion() {
    let text = es256(r#"{"alg":"ES256"}"#, &claims(json!({"jti": null})));
    let (head, signature) = text.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0;
    for at in (0..32).rev() {
        let difference = i32::from(ORDER[at]) - i32::from(signature[32 + at]) - borrow;
        borrow = i32::from(difference < 0);
        signature[32 + at] = difference.rem_euclid(256) as u8;
    }
    let other = format!("{head}.{}", b64(signature));
    assert_ne!(other, text);
    let keys = [&text, &other].map(|text| judge(text, &GRANT).unwrap().replay_key);
    assert_eq!(keys[0], keys[1], "a replay by altering the signature");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_never_passes(text in "\\PC*", parts in proptest::collection::vec("[A-Za-z0-9_-]{0,40}", 0..5)) {
        let parts = parts.join(".");
        let under_a_header = [b64(r#"{"alg":"EdDSA"}"#), parts.clone()].join(".");
        let under_noise = [b64(&text), b64(good().to_string()), "AAAA".to_owned()].join(".");
        for noise in [text, parts, under_a_header, under_noise] {
            prop_assert!(judge(&noise, &GRANT).is_err());
        }
    }

    #[test]
    fn a_damaged_assertion_never_passes(alg in 0_usize..3, at in any::<prop::sample::Index>(), with in any::<char>(), how in 0..4) {
        let (name, alg) = [("RS256", Algorithm::RS256), ("ES256", Algorithm::ES256), ("EdDSA", Algorithm::EdDSA)][alg];
        let good = sign_with(&format!(r#"{{"alg":"{name}"}}"#), &good().to_string(), alg, &signer(alg));
        let at = at.index(good.len());
        let (before, after) = good.split_at(at);
        let near = char::from(b"ABCDefgh0189-_.="[with as usize % 16]);
        let bad = match how {
            0 => format!("{before}{near}{}", &after[1..]),
            1 => format!("{before}{with}{after}"),
            2 => format!("{before}{}", &after[1..]),
            _ => before.to_owned(),
        };
        prop_assume!(bad != good);
        prop_assert!(judge(&bad, &GRANT).is_err(), "{bad}");
    }
}
