//! `demo`: a guided tour on a throw-away database: a token, a refusal with its reason, an edit of a policy
//! file, the next decision.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::init::write_policies;
use super::serve::serve_on;
use super::{Failure, block_on, wire};
use crate::app::clock::new_id;
use crate::app::start::open;
use crate::app::{App, jobs};
use crate::config::{Config, Origins};
use crate::http::routes::Draining;

/// How long an edit may take to come into force before the tour gives up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The tour's stage: a folder of its own, removed at the end.
struct Stage {
    folder: PathBuf,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Shows what the server does, step by step.
pub fn demo(once: bool) -> Result<(), Failure> {
    let stage = Stage { folder: std::env::temp_dir().join(format!("grantwood-demo-{}", new_id()?)) };
    std::fs::create_dir_all(&stage.folder)?;
    block_on(tour(&stage.folder, once))
}

async fn tour(folder: &Path, once: bool) -> Result<(), Failure> {
    write_policies(&folder.join("policies"))?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut config = Config { listen: listener.local_addr()?.to_string(), ..Config::default() };
    config.data_dir = folder.join("data");
    config.policies.path = folder.join("policies");
    let (app, first) = open(config, Origins::default(), None).await?;
    let stop = CancellationToken::new();
    let jobs = jobs::start(&app, &stop);
    let (serving, draining, ended) = (Arc::clone(&app), Draining::default(), stop.clone());
    let server = tokio::spawn(async move { serve_on(&serving, listener, &draining, ended).await });
    let told = steps(&app, folder).await;
    if told.is_ok() && !once {
        println!("\nLook around: {}/docs   (ctrl-c ends it)", app.public.issuer());
        if let Some(password) = &first.admin_password {
            println!("Sign in there as admin / {password}");
        }
        tokio::signal::ctrl_c().await?;
    }
    stop.cancel();
    for job in jobs {
        let _ = job.await;
    }
    let _ = server.await;
    super::closed(&app).await;
    told
}

async fn steps(app: &App, folder: &Path) -> Result<(), Failure> {
    println!("A server runs at {} on a throw-away database; its policies are copies.\n", app.public.issuer());
    println!("1. The shipped service client `reporting` signs an assertion and asks for a scope that its");
    println!("   document lists:");
    let granted = ask(app, folder, "api::form.form.find").await?;
    println!("   -> {} scope={}\n", granted["token_type"].as_str().unwrap_or("?"), text(&granted, "scope"));
    println!("2. It asks for a scope that its document does not list:");
    let refused = ask(app, folder, "api::form.form.delete").await?;
    println!("   -> {} {}\n", text(&refused, "error"), text(&refused, "error_description"));
    let file = folder.join("policies/clients/reporting.yaml");
    println!("3. Somebody edits {}:", file.display());
    println!("   +  - api::form.form.delete");
    add_scope(&file)?;
    println!("   The server notices, validates everything and swaps once. The same request again:");
    let allowed = until_granted(app, folder).await?;
    println!("   -> {} scope={}", allowed["token_type"].as_str().unwrap_or("?"), text(&allowed, "scope"));
    Ok(())
}

/// Adds a scope to the client's list, as a person with an editor would.
fn add_scope(file: &Path) -> Result<(), Failure> {
    let document = std::fs::read_to_string(file)?;
    let edited = document.replacen("scopes:\n", "scopes:\n  - api::form.form.delete\n", 1);
    std::fs::write(file, edited)?;
    Ok(())
}

async fn until_granted(app: &App, folder: &Path) -> Result<Value, Failure> {
    let begun = app.clock.steady_ms();
    loop {
        let answer = ask(app, folder, "api::form.form.delete").await?;
        if answer["access_token"].is_string() {
            println!("   ({} ms after the edit)", app.clock.steady_ms() - begun);
            return Ok(answer);
        }
        if app.clock.steady_ms() - begun > PATIENCE.as_millis() as u64 {
            return Err(Failure::Fault(format!("the edit did not come into force: {answer}")));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn ask(app: &App, folder: &Path, scope: &str) -> Result<Value, Failure> {
    let pem = std::fs::read(folder.join("data/clients/reporting.pem"))?;
    let key = EncodingKey::from_rsa_pem(&pem).map_err(|e| Failure::Fault(e.to_string()))?;
    let now = app.clock.now_ms() / 1_000;
    let claims = json!({
        "iss": "reporting", "sub": "reporting", "aud": app.public.issuer(),
        "iat": now, "exp": now + 60, "jti": new_id()?,
    });
    let assertion = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key)
        .map_err(|e| Failure::Fault(e.to_string()))?;
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", &assertion),
        ("scope", scope),
    ];
    let answer = wire::post_form(&app.public.join("/oauth2/token"), &fields).await?;
    Ok(answer.json())
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or("")
}
