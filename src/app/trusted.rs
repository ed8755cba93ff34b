//! Issuers of other applications whose users this server recognises at its consent calls: keys from local files,
//! algorithm, issuer and audience pinned.

use std::path::Path;

use crate::config::{Config, TrustedIssuer, UserMatch};
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
    /// The keys; each is pinned to one algorithm.
    pub keys: PublicKeys,
    /// The algorithms that count.
    pub algorithms: Vec<KeyAlg>,
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
    let (mut trusted, mut problems) = (Vec::new(), Vec::new());
    for issuer in &config.trusted_issuers {
        match read(issuer) {
            Ok(one) => trusted.push(one),
            Err(why) => problems.push(format!("trusted_issuers {}: {why}", issuer.issuer)),
        }
    }
    if problems.is_empty() { Ok(trusted) } else { Err(problems) }
}

fn read(issuer: &TrustedIssuer) -> Result<Trusted, String> {
    let keys = keys(&issuer.keys_file).map_err(|why| format!("{}: {why}", issuer.keys_file.display()))?;
    let known = |name: &String| KeyAlg::parse(name).ok_or_else(|| format!("algorithm {name} is not known"));
    let algorithms = issuer.algorithms.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    if algorithms.is_empty() || issuer.issuer.is_empty() || issuer.audience.is_empty() {
        return Err("issuer, audience and algorithms must be given".to_owned());
    }
    Ok(Trusted {
        issuer: issuer.issuer.clone(),
        audience: issuer.audience.clone(),
        keys,
        algorithms,
        claim: issuer.claim.clone(),
        matches: issuer.matches,
        max_ttl_s: issuer.max_ttl.0,
    })
}

fn keys(path: &Path) -> Result<PublicKeys, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > LARGEST {
        return Err("is larger than 64 KiB".to_owned());
    }
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    PublicKeys::parse(&text).map_err(|e| e.to_string())
}
