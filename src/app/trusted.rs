//! Issuers of other applications whose users this server recognises at its consent calls: keys or a shared secret
//! from local files, algorithm, issuer and audience pinned.

use std::path::Path;

use crate::config::{Config, TrustedIssuer, UserMatch};
use crate::oauth::assertion::user::{SharedSecret, UserKeys};
use crate::oauth::jwk::{KeyAlg, PublicKeys};

/// Largest key file, in bytes.
const LARGEST: u64 = 64 * 1024;

/// An issuer with its keys read.
#[derive(Clone, Debug)]
pub struct Trusted {
    /// `iss`, exactly.
    pub issuer: String,
    /// `aud`, exactly.
    pub audience: String,
    /// Its keys with their algorithms, or its secret.
    pub keys: UserKeys,
    /// The claim that names the user.
    pub claim: String,
    /// What of a local user it names.
    pub matches: UserMatch,
    /// Longest life of a token, in seconds.
    pub max_ttl_s: u64,
}

/// Reads the keys of all trusted issuers.
///
/// # Errors
/// What is wrong, with the file.
pub fn load(config: &Config) -> Result<Vec<Trusted>, Vec<String>> {
    let (mut trusted, mut problems) = (Vec::<Trusted>::new(), Vec::new());
    for issuer in &config.trusted_issuers {
        let twice = trusted.iter().any(|one| one.issuer == issuer.issuer);
        match read(issuer) {
            // Two entries would be keys and secret of one issuer after all.
            Ok(_) if twice => problems.push(format!("trusted_issuers {}: stands twice", issuer.issuer)),
            Ok(one) => trusted.push(one),
            Err(why) => problems.push(format!("trusted_issuers {}: {why}", issuer.issuer)),
        }
    }
    if problems.is_empty() { Ok(trusted) } else { Err(problems) }
}

fn read(issuer: &TrustedIssuer) -> Result<Trusted, String> {
    if [&issuer.issuer, &issuer.audience, &issuer.claim].into_iter().any(String::is_empty) {
        return Err("issuer, audience and claim must be given".to_owned());
    }
    let keys = match (&issuer.keys_file, &issuer.secret_file) {
        (Some(file), None) => public(file, &issuer.algorithms)?,
        (None, Some(file)) => {
            if issuer.algorithms.iter().any(|name| name != "HS256") {
                return Err("a secret signs HS256 only".to_owned());
            }
            let bytes = bytes(file)?;
            let secret = SharedSecret::new(&bytes).map_err(|why| format!("{}: {why}", file.display()))?;
            UserKeys::Shared(secret)
        }
        _ => return Err("keys_file or secret_file must be given, and not both".to_owned()),
    };
    Ok(Trusted {
        issuer: issuer.issuer.clone(),
        audience: issuer.audience.clone(),
        keys,
        claim: issuer.claim.clone(),
        matches: issuer.matches,
        max_ttl_s: issuer.max_ttl.0,
    })
}

fn public(file: &Path, algorithms: &[String]) -> Result<UserKeys, String> {
    let known = |name: &String| KeyAlg::parse(name).ok_or_else(|| format!("algorithm {name} is not known"));
    let algorithms = algorithms.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    if algorithms.is_empty() {
        return Err("algorithms must be given".to_owned());
    }
    let read = String::from_utf8(bytes(file)?).map_err(|_| "is no text".to_owned());
    let keys = read.and_then(|text| PublicKeys::parse(&text).map_err(|why| why.to_string()));
    let keys = keys.map_err(|why| format!("{}: {why}", file.display()))?;
    if !keys.iter().any(|key| algorithms.contains(&key.alg)) {
        return Err(format!("{}: has no key for these algorithms", file.display()));
    }
    Ok(UserKeys::Public(keys, algorithms))
}

fn bytes(file: &Path) -> Result<Vec<u8>, String> {
    let failed = |why: String| format!("{}: {why}", file.display());
    let size = std::fs::metadata(file).map_err(|error| failed(error.to_string()))?.len();
    if size > LARGEST {
        return Err(failed("is larger than 64 KiB".to_owned()));
    }
    std::fs::read(file).map_err(|error| failed(error.to_string()))
}
