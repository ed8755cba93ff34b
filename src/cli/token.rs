//! `token` and `assertion`: what a client does, from the command line.

use std::path::PathBuf;

use clap::Args;
use jsonwebtoken::{Algorithm, EncodingKey, Header};

use super::{Failure, Settings, block_on, wire};
use crate::app::clock::{Clock, new_id};
use crate::config::Config;
use crate::oauth::client::is_name;

/// How long an assertion of the command line lives, in seconds.
const LIFE_S: i64 = 120;

/// Arguments of `token`.
#[derive(Args)]
pub struct TokenArgs {
    #[command(flatten)]
    signer: AssertionArgs,
    /// What to ask for, with one space between; absent = all that the policy permits.
    #[arg(long)]
    scope: Option<String>,
    /// The server; absent = the one of this configuration.
    #[arg(long)]
    server: Option<String>,
    /// Print the whole answer instead of the token alone.
    #[arg(long)]
    json: bool,
}

/// Arguments of `assertion`.
#[derive(Args)]
pub struct AssertionArgs {
    /// The client.
    #[arg(long)]
    client: String,
    /// Its private key in PEM; absent = data/clients/<client>.pem, which the first start makes.
    #[arg(long)]
    key: Option<PathBuf>,
    /// The user whom the token is for; absent = the client itself.
    #[arg(long)]
    subject: Option<String>,
}

/// Obtains a token by JWT bearer and prints it.
pub fn token(settings: &Settings, args: &TokenArgs) -> Result<(), Failure> {
    let (config, _) = settings.load()?;
    let assertion = signed(&config, &args.signer)?;
    let server = match &args.server {
        Some(server) => server.trim_end_matches('/').to_owned(),
        None => format!("http://{}", config.listen_address()?),
    };
    let mut fields = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", assertion.as_str()),
    ];
    if let Some(scope) = &args.scope {
        fields.push(("scope", scope));
    }
    let answer = block_on(wire::post_form(&format!("{server}/oauth2/token"), &fields))?;
    let body = answer.json();
    match body["access_token"].as_str() {
        Some(_) if args.json => println!("{}", serde_json::to_string_pretty(&body).unwrap_or_default()),
        Some(token) => println!("{token}"),
        None => {
            let (error, why) = (&body["error"], &body["error_description"]);
            let text = format!("{} {}", error.as_str().unwrap_or("no answer"), why.as_str().unwrap_or(""));
            return Err(if answer.status < 500 { Failure::Usage(text) } else { Failure::Fault(text) });
        }
    }
    Ok(())
}

/// Prints a signed assertion.
pub fn assertion(settings: &Settings, args: &AssertionArgs) -> Result<(), Failure> {
    let (config, _) = settings.load()?;
    println!("{}", signed(&config, args)?);
    Ok(())
}

/// Signs an assertion in RFC 7523's shape.
fn signed(config: &Config, args: &AssertionArgs) -> Result<String, Failure> {
    if !is_name(&args.client) {
        return Err(Failure::Usage("--client is a client id".to_owned()));
    }
    let path = match &args.key {
        Some(path) => path.clone(),
        None => config.data_dir.join("clients").join(format!("{}.pem", args.client)),
    };
    let pem = std::fs::read(&path).map_err(|e| Failure::Usage(format!("{}: {e}", path.display())))?;
    let unreadable = |_| Failure::Usage(format!("{} holds no usable private key", path.display()));
    let (alg, key) = EncodingKey::from_rsa_pem(&pem)
        .map(|key| (Algorithm::RS256, key))
        .or_else(|_| EncodingKey::from_ec_pem(&pem).map(|key| (Algorithm::ES256, key)))
        .or_else(|_| EncodingKey::from_ed_pem(&pem).map(|key| (Algorithm::EdDSA, key)))
        .map_err(unreadable)?;
    let now = Clock::start().now_ms() / 1_000;
    let claims = serde_json::json!({
        "iss": args.client,
        "sub": args.subject.as_deref().unwrap_or(&args.client),
        "aud": config.public_url()?.issuer(),
        "iat": now,
        "exp": now + LIFE_S,
        "jti": new_id()?,
    });
    jsonwebtoken::encode(&Header::new(alg), &claims, &key).map_err(|e| Failure::Fault(e.to_string()))
}
