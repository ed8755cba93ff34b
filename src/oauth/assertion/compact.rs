//! The compact serialisation of a JWS (RFC 7515 §7.1), read so that one text has one meaning.
//!
//! Both clients' assertions and our own user tokens come in through here.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::aws_lc;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::AssertionError;
use crate::oauth::jwk::json::{self, JsonError};

/// The longest text that is looked at, in bytes.
pub const MAX_TEXT: usize = 16 * 1024;

/// Header members that are refused: they bring a key along, point at one, or change how the rest is
/// read (RFC 7515 §4.1, RFC 7797 §3, RFC 7516 §4.1; attack row G7).
const REFUSED: [&str; 10] = ["crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "enc", "epk", "p2c"];

/// A JWS in three parts, decoded; its signature is not checked.
pub struct Compact {
    /// The protected header.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
    signed: String,
    signature: Vec<u8>,
}

impl Compact {
    /// Takes a text apart.
    ///
    /// # Errors
    /// [`AssertionError`] for anything but three non-empty parts of canonical base64url, of which the
    /// first two are JSON objects without repeated members.
    pub fn parse(text: &str) -> Result<Self, AssertionError> {
        Self::parse_up_to(text, MAX_TEXT)
    }

    /// The same for texts of another length.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_up_to(text: &str, longest: usize) -> Result<Self, AssertionError> {
        if text.len() > longest {
            return Err(AssertionError::TooLong);
        }
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(AssertionError::Segments);
        };
        if header.is_empty() || claims.is_empty() || signature.is_empty() {
            return Err(AssertionError::Segments);
        }
        let signed = text[..header.len() + 1 + claims.len()].to_owned();
        let (header, claims) = (object(header)?, object(claims)?);
        let signature = decode(signature)?;
        if let Some(name) = REFUSED.into_iter().find(|name| header.contains_key(*name)) {
            return Err(AssertionError::Header(name));
        }
        Ok(Self { header, claims, signed, signature })
    }

    /// `alg`, if it is a text.
    pub fn alg(&self) -> Option<&str> {
        self.header.get("alg").and_then(Value::as_str)
    }

    /// `kid`. It is only ever compared with names of known keys (attack row G6).
    ///
    /// # Errors
    /// [`AssertionError::Kid`] if it is not a text of 1 to 255 bytes.
    pub fn kid(&self) -> Result<Option<&str>, AssertionError> {
        match self.header.get("kid") {
            None => Ok(None),
            Some(Value::String(kid)) if (1..=255).contains(&kid.len()) => Ok(Some(kid)),
            Some(_) => Err(AssertionError::Kid),
        }
    }

    /// Whether this key made the signature with this algorithm.
    ///
    /// The algorithm is the key's, never the header's; the caller has compared the two.
    pub fn signature_holds(&self, alg: Algorithm, key: &DecodingKey) -> bool {
        // Named rather than taken from the process's default, so that verifying something first cannot
        // settle the default before the signing keys install theirs.
        (aws_lc::DEFAULT_PROVIDER.verifier_factory)(&alg, key)
            .is_ok_and(|verifier| verifier.verify(self.signed.as_bytes(), &self.signature).is_ok())
    }

    /// The SHA-256 of what is signed, in hex.
    pub fn digest(&self) -> String {
        use fmt::Write as _;
        Sha256::digest(self.signed.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

fn decode(part: &str) -> Result<Vec<u8>, AssertionError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| AssertionError::Encoding)
}

fn object(part: &str) -> Result<Map<String, Value>, AssertionError> {
    json::object(&decode(part)?).map_err(|error| match error {
        JsonError::Syntax | JsonError::NotAnObject => AssertionError::Json,
        JsonError::Duplicate => AssertionError::Duplicate,
        JsonError::TooDeep => AssertionError::TooDeep,
    })
}

/// A signed token is a credential: `Debug` shows no part of it.
impl fmt::Debug for Compact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compact(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::jwk::PublicKeys;

    /// The claims of RFC 7515 §A.2.1 and §A.3.1.
    const CLAIMS: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

    fn holds(jwk: &str, header: &str, claims: &str, signature: &str) -> bool {
        let keys = PublicKeys::parse(jwk).unwrap();
        let key = keys.iter().next().unwrap();
        let (header, claims) = (header.to_owned(), claims.to_owned());
        let compact = Compact {
            header: Map::new(),
            claims: Map::new(),
            signed: format!("{header}.{claims}"),
            signature: decode(signature).unwrap(),
        };
        compact.signature_holds(key.alg.algorithm(), key.decoding())
    }

    #[test]
    fn rfc_7515_a2_rs256() {
        let jwk = r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#;
        let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        let header = "eyJhbGciOiJSUzI1NiJ9";
        assert!(holds(jwk, header, CLAIMS, signature));
        assert!(!holds(jwk, header, &CLAIMS.replace("joe", "jim").replace("eyJp", "eyJq"), signature));
        assert!(Compact::parse(&format!("{header}.{CLAIMS}.{signature}")).is_ok());
    }

    #[test]
    fn rfc_7515_a3_es256() {
        let jwk = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
        let signature =
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        assert!(holds(jwk, "eyJhbGciOiJFUzI1NiJ9", CLAIMS, signature));
        assert!(!holds(jwk, "eyJhbGciOiJFUzI1NiJ8", CLAIMS, signature));
    }

    #[test]
    fn rfc_8037_a4_eddsa() {
        let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let signature =
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let claims = "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        assert!(holds(jwk, "eyJhbGciOiJFZERTQSJ9", claims, signature));
        assert!(!holds(jwk, "eyJhbGciOiJFZERTQSJ9", CLAIMS, signature));
    }

    #[test]
    fn a_token_never_shows_in_debug() {
        let text = format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.AAAA");
        assert_eq!(format!("{:?}", Compact::parse(&text).unwrap()), "Compact(***)");
    }
}
