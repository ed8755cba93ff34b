//! `keys …`: signing keys, on the database itself.

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{self, Format};
use super::{Failure, Settings, block_on, closed, opened};
use crate::app::App;

/// Subcommands of `keys`.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// List signing keys.
    List {
        /// How to print them.
        #[arg(long, default_value = "table")]
        format: Format,
    },
    /// Make a new signing key: published at once, in use after keys.overlap.
    Rotate {
        /// Use it at once. Verifiers that keep the JWKS for a while will not know it yet.
        #[arg(long)]
        now: bool,
    },
}

/// Carries a subcommand out.
pub fn keys(settings: &Settings, command: &KeysCommand) -> Result<(), Failure> {
    block_on(async {
        let app = opened(settings).await?;
        let result = carry_out(&app, command).await;
        closed(&app).await;
        result
    })
}

async fn carry_out(app: &App, command: &KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::List { format } => {
            let now_ms = app.clock.now_ms();
            let ring = app.key_ring();
            let active = ring.active(now_ms).map(ToOwned::to_owned);
            let rows: Vec<Value> = app
                .store
                .keys()
                .await?
                .into_iter()
                .map(|key| {
                    let state = match key.retired_at {
                        _ if active.as_deref() == Some(&key.kid) => "active",
                        Some(at) if at <= now_ms => "retired",
                        Some(_) => "retiring",
                        None => "next",
                    };
                    json!({
                        "kid": key.kid, "alg": key.alg, "state": state,
                        "active_from_ms": key.active_from, "retired_at_ms": key.retired_at,
                        "active_from": output::moment(key.active_from),
                        "retired_at": key.retired_at.map(output::moment),
                    })
                })
                .collect();
            output::rows(*format, &["kid", "alg", "state", "active_from", "retired_at"], &rows);
        }
        KeysCommand::Rotate { now } => {
            let overlap_ms = if *now { 0 } else { app.config.keys.overlap.millis() };
            let kid = app.rotate_keys(overlap_ms).await?;
            println!("{kid}");
            eprintln!("grantwood: published; it signs in {} s", overlap_ms / 1_000);
        }
    }
    Ok(())
}
