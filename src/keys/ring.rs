//! The key ring: which key signs, which keys are published, which still verify.

use std::collections::BTreeSet;
use std::fmt;

use jsonwebtoken::{DecodingKey, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{AccessClaims, Alg, KeyMaterial, SignedToken, UserClaims, generate, provider};
use crate::oauth::assertion::compact::Compact;
use crate::oauth::jwk::PublicKeys;
use crate::oauth::reject::Fault;
use crate::oauth::scope;
use crate::oauth::secret::SecretHash;
use crate::policy::permit::{IssueToken, Permit, SignIn};

/// The shortest secret for HS256, in bytes (RFC 7518 §3.2).
pub const HS256_MIN_SECRET: usize = 32;

const ACCESS_TOKEN: &str = "at+jwt";
const USER_TOKEN: &str = "user+jwt";

/// All keys of the server at one time. It never changes; a rotation makes a new one.
///
/// A key is *published* from its making to its retirement, and *signs* from `active_from` on. So a new key
/// is known to every verifier before its first use, and an old one verifies until its last token has ended
/// (attack row K5). Changing the configured algorithm leaves the keys of the old one published.
pub struct KeyRing {
    alg: Alg,
    /// Sorted: the last that fits is the newest.
    keys: Vec<Key>,
}

/// What a key does at a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, and signs from its time on.
    Next,
    /// Signs.
    Active,
    /// Signs no more; what it signed still verifies.
    Verifying,
    /// Neither signs nor verifies.
    Retired,
}

impl KeyState {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Verifying => "verifying",
            Self::Retired => "retired",
        }
    }
}

/// A signing key as people see it: nothing of its private part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// RFC 7517 §4.5.
    pub kid: String,
    /// What it signs with.
    pub alg: Alg,
    /// What it does now.
    pub state: KeyState,
    /// Whether it is in the JWKS; a symmetric key never is.
    pub published: bool,
    /// When it was made; 0 for a secret that the operator brought.
    pub created_at: i64,
    /// From when on it signs.
    pub active_from: i64,
    /// Until when it verifies; none = no end is set.
    pub retired_at: Option<i64>,
}

struct Key {
    kid: String,
    alg: Alg,
    /// None: the private part was destroyed.
    signing: Option<EncodingKey>,
    verifying: DecodingKey,
    /// None for HS256, which is never published (attack row K3).
    jwk: Option<Value>,
    created_at: i64,
    active_from: i64,
    retired_at: Option<i64>,
}

#[derive(Serialize)]
struct AccessTokenBody<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: Value,
    client_id: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct UserTokenBody {
    iss: String,
    sub: String,
    aud: String,
    iat: i64,
    exp: i64,
    jti: String,
    issued_ms: i64,
}

impl KeyRing {
    /// Reads and checks every key.
    ///
    /// A secret counts for verifying as long as it is configured, also under another `alg`; there is no
    /// fallback secret (attack row K3).
    ///
    /// # Errors
    /// [`Fault::Keys`] for a secret of less than 32 bytes, or none with HS256;
    /// [`Fault::Inconsistent`] for a key that does not fit its own record, or one that is there twice.
    pub fn new(alg: Alg, keys: Vec<KeyMaterial>, hs256_secret: Option<Vec<u8>>) -> Result<Self, Fault> {
        provider::install();
        let mut seen = BTreeSet::new();
        let mut ring = Vec::with_capacity(keys.len() + 1);
        if let Some(secret) = hs256_secret {
            ring.push(Key::from_secret(&secret)?);
        } else if alg == Alg::HS256 {
            return Err(Fault::Keys("HS256 needs a secret".to_owned()));
        }
        for material in keys {
            ring.push(Key::from_material(material)?);
        }
        for key in &ring {
            if !seen.insert(key.kid.as_str()) {
                return Err(Fault::Inconsistent(format!("signing key {} is there twice", key.kid)));
            }
        }
        ring.sort_by(|a, b| a.age().cmp(&b.age()));
        Ok(Self { alg, keys: ring })
    }

    /// Signs an access token (RFC 9068): the only way to one.
    ///
    /// Client, subject, scope, audience and life are the permit's, never the caller's.
    ///
    /// # Errors
    /// [`Fault::Keys`] if no key is active or signing fails; [`Fault::Inconsistent`] if the permit names no
    /// audience, or the client alone (attack row K1).
    pub fn sign_access_token(
        &self,
        permit: &Permit<IssueToken>,
        claims: &AccessClaims,
        now_ms: i64,
    ) -> Result<SignedToken, Fault> {
        let what = permit.get();
        let client = what.client.as_str();
        let iat = claims.issued_at_ms.div_euclid(1000);
        let body = AccessTokenBody {
            iss: &claims.issuer,
            sub: what.user.as_deref().unwrap_or(client),
            aud: audience(&what.audience, client)?,
            client_id: client,
            iat,
            exp: iat.saturating_add(i64::try_from(what.ttl_s).unwrap_or(i64::MAX)),
            jti: &claims.jti,
            scope: scope::join(&what.scopes),
            auth_time: claims.auth_time_ms.map(|at| at.div_euclid(1000)),
        };
        let (token, kid) = self.sign(ACCESS_TOKEN, &body, now_ms)?;
        Ok(SignedToken { hash: SecretHash::of(&token), token, kid })
    }

    /// Signs the user token of `/auth/local`. Its type and audience keep it from passing as an access token.
    /// The user is the permit's; `claims.user` is not looked at.
    ///
    /// # Errors
    /// [`Fault::Keys`] if no key is active or signing fails.
    pub fn sign_user_token(
        &self,
        permit: &Permit<SignIn>,
        claims: UserClaims,
        now_ms: i64,
    ) -> Result<String, Fault> {
        let body = UserTokenBody {
            sub: permit.get().user.as_ref().to_owned(),
            aud: user_audience(&claims.issuer),
            iss: claims.issuer,
            iat: claims.issued_at_ms.div_euclid(1000),
            exp: claims.expires_at_ms.div_euclid(1000),
            jti: claims.session,
            issued_ms: claims.issued_at_ms,
        };
        Ok(self.sign(USER_TOKEN, &body, now_ms)?.0)
    }

    /// What a user token says, if it is one of ours and lives: type, key, algorithm, signature, issuer,
    /// audience and end are all required. Whether its user and session still stand is the caller's question.
    pub fn verify_user_token(&self, token: &str, issuer: &str, now_ms: i64) -> Option<UserClaims> {
        let compact = Compact::parse(token).ok()?;
        if compact.header.get("typ")?.as_str()? != USER_TOKEN {
            return None;
        }
        let key = self.live(compact.kid().ok()??, now_ms)?;
        // One algorithm per key, and the key decides: a public key can never pass as an HMAC secret.
        if compact.alg()? != key.alg.name() || !compact.signature_holds(key.alg.algorithm(), &key.verifying) {
            return None;
        }
        let body: UserTokenBody = serde_json::from_value(Value::Object(compact.claims)).ok()?;
        let expires_at_ms = body.exp.checked_mul(1000)?;
        let ours = body.iss == issuer && body.aud == user_audience(issuer) && expires_at_ms > now_ms;
        ours.then_some(UserClaims {
            user: body.sub,
            issued_at_ms: body.issued_ms,
            expires_at_ms,
            session: body.jti,
            issuer: body.iss,
        })
    }

    /// Whether tokens under this `kid` still count: the key is in the ring and not retired.
    pub fn publishes(&self, kid: &str, now_ms: i64) -> bool {
        self.live(kid, now_ms).is_some()
    }

    /// The JWKS (RFC 7517 §5): public parts of every key that is not retired, the next one included, and
    /// no symmetric key ever (attack rows K3, K4).
    pub fn jwks(&self, now_ms: i64) -> Value {
        let live = self.keys.iter().filter(|key| !key.is_retired(now_ms));
        json!({ "keys": live.filter_map(|key| key.jwk.as_ref()).collect::<Vec<_>>() })
    }

    /// The `kid` that signs now.
    pub fn active(&self, now_ms: i64) -> Option<&str> {
        self.signer(now_ms).map(|(key, _)| key.kid.as_str())
    }

    /// The published keys with their ages in seconds.
    pub fn ages(&self, now_ms: i64) -> Vec<(&str, f64)> {
        // A secret that the operator brings has no date of its own.
        let published = self.keys.iter().filter(|key| key.jwk.is_some() && self.publishes(&key.kid, now_ms));
        published
            .map(|key| (key.kid.as_str(), now_ms.saturating_sub(key.created_at) as f64 / 1_000.0))
            .collect()
    }

    /// Every key, the newest first, for people.
    pub fn described(&self, now_ms: i64) -> Vec<KeyFacts> {
        let signer = self.active(now_ms).map(ToOwned::to_owned);
        let facts = |key: &Key| KeyFacts {
            kid: key.kid.clone(),
            alg: key.alg,
            state: match () {
                () if key.is_retired(now_ms) => KeyState::Retired,
                () if signer.as_deref() == Some(key.kid.as_str()) => KeyState::Active,
                () if key.active_from > now_ms && key.alg == self.alg => KeyState::Next,
                () => KeyState::Verifying,
            },
            published: key.jwk.is_some(),
            created_at: key.created_at,
            active_from: key.active_from,
            retired_at: key.retired_at,
        };
        self.keys.iter().rev().map(facts).collect()
    }

    /// The configured algorithm.
    pub fn alg(&self) -> Alg {
        self.alg
    }

    fn live(&self, kid: &str, now_ms: i64) -> Option<&Key> {
        self.keys.iter().find(|key| key.kid == kid && !key.is_retired(now_ms))
    }

    /// The newest key of the configured algorithm whose time has come. Every replica picks the same one.
    fn signer(&self, now_ms: i64) -> Option<(&Key, &EncodingKey)> {
        let fits = |key: &&Key| key.alg == self.alg && key.active_from <= now_ms && !key.is_retired(now_ms);
        self.keys.iter().rev().filter(fits).find_map(|key| Some((key, key.signing.as_ref()?)))
    }

    pub(super) fn sign(
        &self,
        typ: &str,
        body: &impl Serialize,
        now_ms: i64,
    ) -> Result<(String, String), Fault> {
        let (key, signing) =
            self.signer(now_ms).ok_or_else(|| Fault::Keys(format!("no active key for {}", self.alg)))?;
        let mut header = Header::new(key.alg.algorithm());
        header.typ = Some(typ.to_owned());
        header.kid = Some(key.kid.clone());
        let token = jsonwebtoken::encode(&header, body, signing).map_err(|e| Fault::Keys(e.to_string()))?;
        Ok((token, key.kid.clone()))
    }
}

impl Key {
    fn from_material(material: KeyMaterial) -> Result<Self, Fault> {
        let KeyMaterial { kid, alg, private_pem, public_jwk, created_at, active_from, retired_at } = material;
        let broken = |why: &str| Fault::Inconsistent(format!("signing key {kid}: {why}"));
        let public = PublicKeys::parse(&public_jwk.to_string())
            .map_err(|error| broken(&format!("its public JWK: {error}")))?;
        let public = public.get(&kid).ok_or_else(|| broken("its public JWK has another kid"))?;
        if alg.public() != Some(public.alg) || public.params().thumbprint() != kid {
            return Err(broken("its public JWK belongs to another key or algorithm"));
        }
        let signing = if private_pem.is_empty() {
            None
        } else {
            let (signing, params) = generate::read(&private_pem, alg)?;
            // A key that signs under the name of another would make tokens that nobody can verify.
            if params.thumbprint() != kid {
                return Err(broken("its private part belongs to another key"));
            }
            Some(signing)
        };
        let (jwk, verifying) = (Some(public.to_jwk()), public.decoding().clone());
        Ok(Self { kid, alg, signing, verifying, jwk, created_at, active_from, retired_at })
    }

    fn from_secret(secret: &[u8]) -> Result<Self, Fault> {
        if secret.len() < HS256_MIN_SECRET {
            return Err(Fault::Keys(format!("the HS256 secret needs at least {HS256_MIN_SECRET} bytes")));
        }
        Ok(Self {
            kid: secret_kid(secret),
            alg: Alg::HS256,
            signing: Some(EncodingKey::from_secret(secret)),
            verifying: DecodingKey::from_secret(secret),
            jwk: None,
            created_at: i64::MIN,
            active_from: i64::MIN,
            retired_at: None,
        })
    }

    fn is_retired(&self, now_ms: i64) -> bool {
        self.retired_at.is_some_and(|at| at <= now_ms)
    }

    fn age(&self) -> (i64, i64, &str) {
        (self.active_from, self.created_at, &self.kid)
    }
}

/// A name for the secret that tells two secrets apart and helps nobody to find one: 64 bits of a hash of its hash.
fn secret_kid(secret: &[u8]) -> String {
    let outer = Sha256::digest([b"grantwood hs256 kid".as_slice(), &Sha256::digest(secret)].concat());
    let short: String = outer[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("hs256-{short}")
}

fn user_audience(issuer: &str) -> String {
    format!("{}/auth/local", issuer.trim_end_matches('/'))
}

/// One audience as a string, several as an array (RFC 7519 §4.1.3).
fn audience(audience: &[String], client: &str) -> Result<Value, Fault> {
    match audience {
        [] => Err(Fault::Inconsistent("a token without an audience".to_owned())),
        [one] if one == client => {
            Err(Fault::Inconsistent("a token whose only audience is its client".to_owned()))
        }
        [one] => Ok(one.as_str().into()),
        several => Ok(several.into()),
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<&str> = self.keys.iter().map(|key| key.kid.as_str()).collect();
        f.debug_struct("KeyRing").field("alg", &self.alg).field("kids", &kids).finish()
    }
}
