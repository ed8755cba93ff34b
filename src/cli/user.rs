//! `user …`: local users, on the database itself.

use std::io::Read;

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{self, Format};
use super::{Failure, Settings, block_on, closed, local_ask, opened};
use crate::app::App;
use crate::flow::users::{self, NewUser};
use crate::store::{Page, UserRow};

/// Subcommands of `user`.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Make a user; without --password-stdin a password is made and shown this once.
    Create {
        /// Sign-in name.
        #[arg(long)]
        username: String,
        /// E-mail address.
        #[arg(long)]
        email: String,
        /// A role of policies/roles; may be repeated.
        #[arg(long = "role")]
        roles: Vec<String>,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
        /// How to print it.
        #[arg(long, default_value = "table")]
        format: Format,
    },
    /// List users.
    List {
        /// Words in the name or the address.
        #[arg(long)]
        search: Option<String>,
        /// Which page of 100.
        #[arg(long, default_value_t = 1)]
        page: u32,
        /// How to print them.
        #[arg(long, default_value = "table")]
        format: Format,
    },
    /// Block a user: sign-in and tokens end at once.
    Block {
        /// Name, address or id.
        user: String,
    },
    /// Let a blocked user in again.
    Unblock {
        /// Name, address or id.
        user: String,
    },
    /// Delete a user: sessions, consents and tokens end at once.
    Delete {
        /// Name, address or id.
        user: String,
    },
    /// Set a new password; sessions and user tokens end at once.
    ResetPassword {
        /// Name, address or id.
        user: String,
        /// Read the password from standard input; otherwise one is made and shown this once.
        #[arg(long)]
        password_stdin: bool,
    },
}

/// Carries a subcommand out.
pub fn user(settings: &Settings, command: UserCommand) -> Result<(), Failure> {
    block_on(async {
        let app = opened(settings).await?;
        let result = carry_out(&app, command).await;
        closed(&app).await;
        result
    })
}

async fn carry_out(app: &App, command: UserCommand) -> Result<(), Failure> {
    let ask = local_ask(app);
    match command {
        UserCommand::Create { username, email, roles, password_stdin, format } => {
            let password = read_password(password_stdin)?;
            let (row, made) = users::create(app, NewUser { username, email, roles, password }).await?;
            output::item(
                format,
                &[
                    ("documentId", json!(row.id)),
                    ("username", json!(row.username)),
                    ("email", json!(row.email)),
                    ("password", json!(made)),
                ],
            );
        }
        UserCommand::List { search, page, format } => {
            let found = users::list(app, search, Page { page, size: 100 }).await?;
            let rows: Vec<Value> = found.rows.iter().map(shown).collect();
            output::rows(format, &["documentId", "username", "email", "roles", "blocked"], &rows);
        }
        UserCommand::Block { user } => {
            let row = users::set_blocked(app, &ask, &user, true).await?;
            eprintln!("grantwood: {} is blocked", row.username);
        }
        UserCommand::Unblock { user } => {
            let row = users::set_blocked(app, &ask, &user, false).await?;
            eprintln!("grantwood: {} may sign in again", row.username);
        }
        UserCommand::Delete { user } => {
            let row = users::delete(app, &ask, &user).await?;
            eprintln!("grantwood: {} is deleted", row.username);
        }
        UserCommand::ResetPassword { user, password_stdin } => {
            let password = read_password(password_stdin)?;
            match users::reset_password(app, &ask, &user, password).await? {
                Some(made) => println!("{made}"),
                None => eprintln!("grantwood: the password is set"),
            }
        }
    }
    Ok(())
}

fn read_password(from_stdin: bool) -> Result<Option<String>, Failure> {
    if !from_stdin {
        return Ok(None);
    }
    let mut text = String::new();
    std::io::stdin().take(4_096).read_to_string(&mut text)?;
    Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()))
}

fn shown(row: &UserRow) -> Value {
    let roles: Value = serde_json::from_str(&row.roles).unwrap_or_default();
    json!({
        "documentId": row.id, "username": row.username, "email": row.email, "roles": roles,
        "blocked": row.blocked, "confirmed": row.confirmed,
    })
}
