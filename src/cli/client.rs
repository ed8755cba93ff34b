//! `client …`: clients, on the database itself.

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::output::{self, Format};
use super::{Failure, Settings, block_on, closed, local_ask, opened, operator};
use crate::app::App;
use crate::app::clients::{ClientState, type_name};
use crate::flow::clients::{self, ClientInput, Credentials};
use crate::oauth::client::ClientType;
use crate::oauth::grant::GrantType;
use crate::store::{ClientFilter, ClientSort, Page};

/// Subcommands of `client`.
#[derive(Subcommand)]
pub enum ClientCommand {
    /// Make a client; secret and private key are shown this once.
    Create {
        /// The name that people see.
        #[arg(long)]
        name: String,
        /// Confidential or public.
        #[arg(long = "type", default_value = "confidential")]
        kind: Kind,
        /// A redirect URI; may be repeated.
        #[arg(long = "redirect-uri")]
        redirect_uris: Vec<String>,
        /// A scope within the global ones; may be repeated.
        #[arg(long = "scope")]
        scopes: Vec<String>,
        /// A grant type, such as code or jwt-bearer; may be repeated.
        #[arg(long = "grant")]
        grants: Vec<String>,
        /// How to print it.
        #[arg(long, default_value = "table")]
        format: Format,
    },
    /// List clients.
    List {
        /// Words in the name, the id or the owner.
        #[arg(long)]
        search: Option<String>,
        /// Which page of 100.
        #[arg(long, default_value_t = 1)]
        page: u32,
        /// How to print them.
        #[arg(long, default_value = "table")]
        format: Format,
    },
    /// Make a new secret; the former one ends now or after a grace time.
    RotateSecret {
        /// The client.
        client: String,
        /// Seconds for which the former secret still works.
        #[arg(long, default_value_t = 0)]
        grace: u64,
    },
    /// Make a new key pair; assertions by the former key are refused from now on.
    RotateKeys {
        /// The client.
        client: String,
    },
    /// Let a client work again.
    Activate {
        /// The client.
        client: String,
    },
    /// Stop a client: it is refused everywhere and its tokens are inactive.
    Deactivate {
        /// The client.
        client: String,
    },
    /// Delete a client with its codes, consents and tokens.
    Delete {
        /// The client.
        client: String,
    },
}

/// Client type.
#[derive(Clone, Copy, ValueEnum)]
pub enum Kind {
    /// Can keep a credential.
    Confidential,
    /// Cannot.
    Public,
}

/// Carries a subcommand out.
pub fn client(settings: &Settings, command: ClientCommand) -> Result<(), Failure> {
    block_on(async {
        let app = opened(settings).await?;
        let result = carry_out(&app, command).await;
        closed(&app).await;
        result
    })
}

async fn carry_out(app: &std::sync::Arc<App>, command: ClientCommand) -> Result<(), Failure> {
    let (ask, who) = (local_ask(app), operator());
    match command {
        ClientCommand::Create { name, kind, redirect_uris, scopes, grants, format } => {
            let input = ClientInput {
                name: Some(name),
                client_type: Some(match kind {
                    Kind::Confidential => ClientType::Confidential,
                    Kind::Public => ClientType::Public,
                }),
                redirect_uris: Some(redirect_uris),
                scopes: Some(scopes),
                grant_types: grant_types(&grants)?,
                ..ClientInput::default()
            };
            let (state, made) = clients::create(app, &ask, &who, input).await?;
            show(format, &state, &made);
        }
        ClientCommand::List { search, page, format } => {
            let filter = ClientFilter { search, ..ClientFilter::default() };
            let page = Page { page, size: 100 };
            let found = clients::list(app, &ask, &who, filter, ClientSort::default(), page).await?;
            let rows: Vec<Value> = found.rows.iter().map(|state| row(state)).collect();
            output::rows(format, &["clientId", "name", "type", "origin", "active", "scopes"], &rows);
        }
        ClientCommand::RotateSecret { client, grace } => {
            let (state, made) = clients::rotate_secret(app, &ask, &who, &client, grace).await?;
            show(Format::Table, &state, &made);
        }
        ClientCommand::RotateKeys { client } => {
            let (state, made) = clients::regenerate_keypair(app, &ask, &who, &client).await?;
            show(Format::Table, &state, &made);
        }
        ClientCommand::Activate { client } => switch(app, &client, true).await?,
        ClientCommand::Deactivate { client } => switch(app, &client, false).await?,
        ClientCommand::Delete { client } => clients::delete(app, &ask, &who, &client).await?,
    }
    Ok(())
}

fn grant_types(names: &[String]) -> Result<Option<Vec<GrantType>>, Failure> {
    if names.is_empty() {
        return Ok(None);
    }
    let known = |name: &String| {
        GrantType::parse(name).ok_or_else(|| Failure::Usage(format!("--grant {name} is no grant type")))
    };
    names.iter().map(known).collect::<Result<Vec<_>, _>>().map(Some)
}

async fn switch(app: &std::sync::Arc<App>, client: &str, active: bool) -> Result<(), Failure> {
    let input = ClientInput { active: Some(active), ..ClientInput::default() };
    clients::update(app, &local_ask(app), &operator(), client, input).await?;
    eprintln!("grantwood: client {client} is {}", if active { "active" } else { "inactive" });
    Ok(())
}

fn row(state: &ClientState) -> Value {
    let scopes: Vec<&str> = state.client.scopes.iter().map(|scope| scope.as_str()).collect();
    json!({
        "documentId": state.row.document_id, "clientId": state.client.id.as_str(), "name": state.client.name,
        "type": type_name(state.client.kind), "origin": state.row.origin, "active": state.active, "scopes": scopes,
    })
}

fn show(format: Format, state: &ClientState, made: &Credentials) {
    output::item(
        format,
        &[
            ("documentId", json!(state.row.document_id)),
            ("clientId", json!(state.client.id.as_str())),
            ("name", json!(state.client.name)),
            ("clientSecret", json!(made.secret.as_ref().map(|secret| secret.reveal()))),
            ("publicKey", json!(made.public_key)),
            ("privateKey", json!(made.private_key.as_ref().map(|key| &key.0))),
        ],
    );
}
