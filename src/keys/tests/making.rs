//! Making and importing keys, and how fast they sign.

use super::*;

#[test]
fn generated_keys_sign_and_are_named_by_thumbprint() {
    for alg in [Alg::RS256, Alg::ES256, Alg::EdDSA] {
        let made = generate(alg, 2048, NOW, NOW + 5).unwrap();
        assert_eq!((made.created_at, made.active_from, made.retired_at), (NOW, NOW + 5, None));
        let keys = PublicKeys::parse(&made.public_jwk.to_string()).unwrap();
        assert_eq!(keys.get(&made.kid).unwrap().params().thumbprint(), made.kid);
        assert_eq!(import_pem(&made.private_pem, alg, NOW).unwrap().private_pem, made.private_pem);
        let ring = KeyRing::new(alg, vec![made.clone()], None).unwrap();
        assert_eq!(ring.active(NOW + 5), Some(made.kid.as_str()));
        assert_ne!(generate(Alg::EdDSA, 0, NOW, NOW).unwrap().kid, made.kid);
    }
    for refused in [generate(Alg::HS256, 2048, NOW, NOW), generate(Alg::RS256, 1024, NOW, NOW)] {
        assert!(matches!(refused, Err(Fault::Keys(_))));
    }
    assert!(generate(Alg::RS256, 16_384, NOW, NOW).is_err());
}

#[test]
fn imports_read_the_common_forms() {
    assert_eq!(import_pem(fixture!("rsa-a.pkcs1.pem"), Alg::RS256, NOW).unwrap().kid, rsa_a().kid);
    assert_eq!(import_pem(fixture!("p256.sec1.pem"), Alg::ES256, NOW).unwrap().kid, p256().kid);
    let registered = PublicKeys::parse(fixture!("rsa-a.pub.pem")).unwrap();
    assert!(registered.get(&rsa_a().kid).is_some(), "the same name on both sides");
    let wrong = [
        (fixture!("rsa-a.pem"), Alg::ES256),
        (fixture!("p256.pem"), Alg::RS256),
        (fixture!("p256.pem"), Alg::EdDSA),
        (fixture!("rsa-a.pub.pem"), Alg::RS256),
        (fixture!("rsa-a.pem"), Alg::HS256),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----", Alg::RS256),
        ("-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----", Alg::RS256),
        ("-----BEGIN PRIVATE KEY-----", Alg::RS256),
        ("-----BEGIN ", Alg::RS256),
        ("", Alg::RS256),
    ];
    for (pem, alg) in wrong {
        assert!(matches!(import_pem(pem, alg, NOW), Err(Fault::Keys(_))), "{alg}");
    }
}

#[test]
fn a_clients_key_pair_fits() {
    let pair = client_keypair(2048).unwrap();
    let private = import_pem(&pair.private_pem, Alg::RS256, NOW).unwrap();
    assert!(pair.keys.get(&private.kid).is_some());
    assert_eq!(PublicKeys::parse(&pair.public_pem).unwrap().to_jwks(), pair.keys.to_jwks());
    assert!(client_keypair(1024).is_err());
}

/// Figures, not a check: `cargo test --lib signatures_a_second -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn signatures_a_second() {
    use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
    let (key, _) = generate::read(fixture!("rsa-a.pem"), Alg::RS256).unwrap();
    let pair = RsaKeyPair::from_der(key.as_bytes()).unwrap();
    let (random, mut signature) = (aws_lc_rs::rand::SystemRandom::new(), vec![0; 256]);
    let start = std::time::Instant::now();
    (0..2000).for_each(|_| pair.sign(&RSA_PKCS1_SHA256, &random, b"x", &mut signature).unwrap());
    println!("bare RSA-2048: {:.0} signatures a second", 2000.0 / start.elapsed().as_secs_f64());
    for alg in Alg::ALL {
        let ring = ring(alg);
        let token = ring.sign_user_token(&sign_in(), user_claims(), NOW).unwrap();
        let count = 4000;
        let start = std::time::Instant::now();
        (0..count).for_each(|_| drop(access_token(&ring)));
        let sign = f64::from(count) / start.elapsed().as_secs_f64();
        let start = std::time::Instant::now();
        (0..count).for_each(|_| assert!(ring.verify_user_token(&token, ISSUER, NOW).is_some()));
        let verify = f64::from(count) / start.elapsed().as_secs_f64();
        println!("{alg}: {sign:.0} signed, {verify:.0} verified a second");
    }
}
